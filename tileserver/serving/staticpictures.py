"""The endpoint of static pictures: any piece of the map in any size, by its centre or a box.

Under each world's prefix stand `/static/{longitude},{latitude},{zoom}/{width}x{height}.png` and
`/static/{west},{south},{east},{north}/{width}x{height}.png`, also `.webp`, `.jpg` and `.jpeg`, with
`@2x` before the extension for twice the pixels.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from generator.grid.errors import GeneratorError
from generator.grid.tile import MAX_ZOOM
from tileserver.address import parse_seed
from tileserver.cache.tilecache import CachedTile
from tileserver.documents.about import attribution
from tileserver.encode import compress
from tileserver.encoding import EXTENSIONS
from tileserver.errors import BadRequestError, ServerError, problem, shortened
from tileserver.regions.view import MapView
from tileserver.rendering.client.service import TileService
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


class StaticPictures:
    """The static pictures, as a bare ASGI application. HEAD never makes one."""

    def __init__(self, service: TileService) -> None:
        self.service = service
        self._access = Access(service.settings)
        self._credit = attribution(service.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its path has the parts place, file and perhaps seed."""
        method = scope["method"]
        if await refuse_method(scope, send):
            return
        params, service = scope["path_params"], self.service
        try:
            seed = parse_seed(params["seed"]) if "seed" in params else service.settings.seed
            view, format = parse(params["place"], params["file"], service.max_zoom)
            media_type = f"image/{format}"
            if method == "HEAD":
                return await send_plain(send, 200, unmade(media_type))
            await service.known()
            options = self._access.options(scope)
            encode = partial(compress, format=format, credit=self._credit)
            work = service.pictures.render(seed, view, encode, options)
            await PictureAnswer(service, media_type)(scope, receive, send, work)
        except (ServerError, GeneratorError) as error:
            await send_problem(send, problem(error))


class PictureAnswer:
    """Answers with a picture that is made for one request. extra: headers beside the usual ones."""

    def __init__(self, service: TileService, media_type: str, extra: Sequence[Pair] = ()) -> None:
        self.service, self.media_type, self.extra = service, media_type, extra

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, work: Coroutine[Any, Any, bytes]
    ) -> None:
        """Send what the work returns, unless the client goes away meanwhile or has it already."""
        picture = await unless_left(work, receive)
        if picture is None:
            return
        entry = CachedTile.now(picture)
        about = (entry.digest, entry.modified, CACHE_CONTROL)
        if is_unchanged(scope["headers"], tag_of(entry.digest), entry.modified):
            return await send_plain(send, 304, [*described(*about), *self.extra])
        self.service.metrics.bytes.inc(len(picture))
        pairs = [*described(*about, self.media_type, len(picture)), *self.extra]
        await send_plain(send, 200, pairs, picture)


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
