"""The endpoint of static pictures: any piece of the map in any size, by its centre or a box.

Under each world's prefix stand `/static/{longitude},{latitude},{zoom}/{width}x{height}.png` and
`/static/{west},{south},{east},{north}/{width}x{height}.png`, also `.webp`, `.jpg` and `.jpeg`, with
`@2x` before the extension for twice the pixels.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from generator.grid.errors import GeneratorError
from generator.grid.pixels import Pixels
from generator.grid.tile import MAX_ZOOM
from tileserver.address import parse_seed
from tileserver.cache.tilecache import CachedTile
from tileserver.documents.about import attribution
from tileserver.encode import compress
from tileserver.encoding import EXTENSIONS
from tileserver.errors import BadRequestError, ServerError, problem, shortened
from tileserver.regions.view import MapView
from tileserver.rendering.client.pictures import Drawable
from tileserver.rendering.client.service import TileService
from tileserver.rendering.request import RequestOptions
from tileserver.serving.access import Access
from tileserver.serving.http import (
    CACHE_CONTROL,
    Pair,
    described,
    is_unchanged,
    refuse_method,
    send_plain,
    send_problem,
    tag_of,
    unless_left,
    unmade,
)

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?", re.ASCII | re.I)
_FILE = re.compile(r"([0-9]{1,9})x([0-9]{1,9})(@2x)?\.([a-z]{1,5})", re.ASCII)
_LONGEST = 30


class _Place(StringConvertor):
    """Numbers with commas between them, so that /static/web/app.js is none."""

    regex = "[^/]*,[^/]*"


register_url_convertor("place", _Place())


class RequestedPicture(NamedTuple):
    """What a request asks for: what is drawn, its media type, what writes it, further headers."""

    view: Drawable
    media_type: str
    encode: Callable[[Pixels], bytes]
    extra: Sequence[Pair] = ()


class PictureEndpoint(ABC):
    """Pictures that are made for one request, as a bare ASGI application. HEAD never makes one."""

    def __init__(self, service: TileService) -> None:
        self.service = service
        self.credit = attribution(service.settings)
        self._access = Access(service.settings)

    @abstractmethod
    async def find(self, scope: Scope, options: RequestOptions) -> RequestedPicture:
        """Read what a request asks for. Raises ServerError and GeneratorError."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its path may have the part seed."""
        if await refuse_method(scope, send):
            return
        params, service = scope["path_params"], self.service
        try:
            seed = parse_seed(params["seed"]) if "seed" in params else service.settings.seed
            options = self._access.options(scope)
            asked = await self.find(scope, options)
            if scope["method"] == "HEAD":
                return await send_plain(send, 200, [*unmade(asked.media_type), *asked.extra])
            await service.known()
            work = service.pictures.render(seed, asked.view, asked.encode, options)
            picture = await unless_left(work, receive)
            if picture is not None:
                await self._send(scope, send, picture, asked)
        except (ServerError, GeneratorError) as error:
            await send_problem(send, problem(error))

    async def _send(
        self, scope: Scope, send: Send, picture: bytes, asked: RequestedPicture
    ) -> None:
        """Send a picture, unless the client has it already."""
        entry = CachedTile.now(picture)
        about = (entry.digest, entry.modified, CACHE_CONTROL)
        if is_unchanged(scope["headers"], tag_of(entry.digest), entry.modified):
            return await send_plain(send, 304, [*described(*about), *asked.extra])
        self.service.metrics.bytes.inc(len(picture))
        pairs = [*described(*about, asked.media_type, len(picture)), *asked.extra]
        await send_plain(send, 200, pairs, picture)


class StaticPictures(PictureEndpoint):
    """The static pictures; their path has the parts place and file."""

    async def find(self, scope: Scope, options: RequestOptions) -> RequestedPicture:
        """Read what a request asks for. Raises BadRequestError."""
        params = scope["path_params"]
        view, format = parse(params["place"], params["file"], self.service.max_zoom)
        encode = partial(compress, format=format, credit=self.credit)
        return RequestedPicture(view, f"image/{format}", encode)


def parse(place: str, file: str, max_zoom: int = MAX_ZOOM) -> tuple[MapView, str]:
    """Read the two parts of a static picture's address: what it shows, and its format.

    max_zoom: the finest that there is. Raises BadRequestError.
    """
    found = _FILE.fullmatch(file)
    if found is None or found[4] not in EXTENSIONS:
        raise BadRequestError(
            f"the picture is '{shortened(file, 40)}', expected its size and format, such as "
            "800x600.png, 800x600.webp or 800x600@2x.jpg"
        )
    size, scale = (int(found[1]), int(found[2])), 2 if found[3] else 1
    match [_number(part) for part in place.split(",")]:
        case [longitude, latitude, zoom]:
            view = MapView.centred((longitude, latitude), zoom, size, scale, max_zoom)
        case [west, south, east, north]:
            view = MapView.fitted((west, south, east, north), size, scale, max_zoom)
        case _:
            raise BadRequestError(
                f"the place is '{shortened(place, 40)}', expected longitude,latitude,zoom or "
                "west,south,east,north"
            )
    return view, EXTENSIONS[found[4]]


def routes(service: TileService) -> list[BaseRoute]:
    """Return the routes of static pictures."""
    pictures = StaticPictures(service)
    path = "/static/{place:place}/{file}"
    return [Route(path, pictures), Route("/{seed}" + path, pictures)]


def _number(text: str) -> float:
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        raise BadRequestError(
            f"the place has '{shortened(text, 40)}', expected a number of at most {_LONGEST} digits"
        )
    return float(text)
