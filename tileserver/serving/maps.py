"""The endpoint of OGC API - Maps: `/map?bbox=…&width=…&height=…&crs=…&bbox-crs=…` of each world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from generator.grid.pixels import Pixels
from generator.rasters import Georeference, find_rasterio
from generator.rasters.writing import tiff_bytes
from tileserver.documents.about import FORMATS
from tileserver.documents.ogc import COLLECTION
from tileserver.documents.routes import wanted
from tileserver.encode import compress
from tileserver.regions.gridblock import GridPicture
from tileserver.regions.mapquery import ordered, parse_map
from tileserver.rendering.client.service import TileService
from tileserver.rendering.request import RequestOptions
from tileserver.serving.http import Pair
from tileserver.serving.staticpictures import PictureEndpoint, RequestedPicture


def formats() -> Mapping[str, str]:
    """Return the formats that a map can have: name to media type."""
    found = {**FORMATS, "jpeg": "image/jpeg"}
    return found if find_rasterio() is None else {**found, "tiff": "image/tiff"}


class Maps(PictureEndpoint):
    """The maps."""

    async def find(self, scope: Scope, options: RequestOptions) -> RequestedPicture:
        """Read what a request asks for. Raises BadRequestError and NotAcceptableError."""
        request, offered = Request(scope), formats()
        media_type = offered[wanted(request, offered)]
        find = partial(parse_map, request.query_params, self.service.max_zoom)
        picture = await self.service.pictures.place(find, options)
        extra = described_map(picture, "f" not in request.query_params)
        return RequestedPicture(
            picture, media_type, encoder(picture, media_type, self.credit), extra
        )


def described_map(picture: GridPicture, negotiated: bool) -> list[Pair]:
    """Return the headers of a map: its system, its box, and whether Accept chose its format."""
    grid = picture.grid
    box = ",".join(f"{edge:.16g}" for edge in ordered(grid.bounds, grid.crs))
    pairs = [(b"content-crs", grid.crs.uri.encode()), (b"content-bbox", box.encode())]
    return [*pairs, (b"vary", b"Accept")] if negotiated else pairs


def encoder(picture: GridPicture, media_type: str, credit: str) -> Callable[[Pixels], bytes]:
    """Return what writes the pixels of a map: white off the Earth where a format has no alpha.

    credit: whom the picture says to name.
    """
    if media_type == "image/tiff":
        place = Georeference(picture.grid.crs.name, picture.grid.transform)
        return partial(tiff_bytes, place=place, credit=credit)
    format = media_type.removeprefix("image/")

    def encode(pixels: Pixels) -> bytes:
        if format == "jpeg" and pixels.shape[2] == 4:
            pixels = np.where(pixels[..., 3:] == 0, 255, pixels[..., :3]).astype(np.uint8)
        return compress(pixels, format, credit)

    return encode


def routes(service: TileService) -> list[BaseRoute]:
    """Return the routes of maps."""
    maps, paths = Maps(service), ("/map", f"/collections/{COLLECTION}/map")
    return [Route(prefix + path, maps) for path in paths for prefix in ("", "/{seed}")]
