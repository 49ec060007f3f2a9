"""The documents that GIS clients read, and the tiles under the addresses of their standards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tileserver.address import version_of
from tileserver.documents import gdal, kvp, ogc, openapi, qgis, wmts
from tileserver.documents.about import FORMATS
from tileserver.documents.accept import preferred
from tileserver.documents.links import Links
from tileserver.documents.tilejson import tilejson
from tileserver.documents.xml import MEDIA_TYPE
from tileserver.errors import (
    BadRequestError,
    NotAcceptableError,
    NotFoundError,
    UnavailableError,
)
from tileserver.rendering.client.service import TileService

JSON, HTML = "application/json", "text/html"
PAGES = {"json": JSON, "html": HTML}
"""What a world's root is to a program, which takes anything, and to a browser, which names HTML."""

Endpoint = Callable[[Request], Awaitable[Response | ASGIApp]]

_FRESH = {"cache-control": "no-cache"}


class _Digits(StringConvertor):
    """A part of a path that may be a seed, so that /robots.txt is none."""

    regex = "[0-9]{1,20}"


register_url_convertor("digits", _Digits())


class Documents:
    """Endpoints of every document. tiles: the application that answers for a tile's address."""

    def __init__(self, service: TileService, tiles: ASGIApp) -> None:
        self.service = service
        self.settings = service.settings
        self.tiles = tiles

    def links(self, request: Request) -> Links:
        """Return the absolute URLs for a request. Raises BadRequestError."""
        return Links.of(request, self.settings)

    async def landing(self, request: Request) -> Response:
        """Answer for a world's root: OGC's landing page, or the way to the viewer."""
        links = self.links(request)
        if wanted(request, PAGES) == "json":
            return _json(ogc.landing_page(links, self.settings), vary=True)
        url = f"{links.root}#seed={links.seed}"
        return RedirectResponse(url, 303, headers={**_FRESH, "vary": "Accept"})

    async def tilejson(self, request: Request) -> Response:
        """Answer with TileJSON 3.0.0."""
        links = self.links(request)
        try:
            edition = version_of(self.service.world(links.seed))
        except UnavailableError:  # the model is still being loaded
            edition = ""
        query, finest, only = request.query_params, self.service.max_zoom, self.service.only_archive
        return _json(tilejson(links, self.settings, query, finest, edition, only))

    async def layer_definition(self, request: Request) -> Response:
        """Answer with a layer to drop on QGIS's map."""
        links = self.links(request)
        name = f"attachment; filename=elsewhere-{links.seed}.qlr"
        document = qgis.layer_definition(links, self.settings, self.service.max_zoom)
        return _xml(document, headers={**_FRESH, "content-disposition": name})

    def capabilities(self, links: Links) -> bytes:
        """Return the capabilities of WMTS."""
        return wmts.capabilities(links, self.settings, self.service.max_zoom)

    async def wmts(self, request: Request) -> ASGIApp:
        """Answer a WMTS request in keys and values: capabilities, a tile or an exception report."""
        links = self.links(request)
        try:
            tile = kvp.parse(request.query_params.multi_items(), self.service.max_zoom)
        except kvp.WmtsError as error:
            report = wmts.exception_report(error.code, str(error), error.locator)
            return _xml(report, 400, {"cache-control": "no-store"})
        if tile is None:
            return _xml(self.capabilities(links))
        return self._tile(request, tile.z, tile.x, f"{tile.y}.{tile.extension}")

    async def ogc_tile(self, request: Request) -> ASGIApp:
        """Answer with an OGC tile: row before column, format by f= or Accept."""
        _expect_matrix_set(request)
        extension = wanted(request, {**FORMATS, "jpeg": "image/jpeg"})
        params = request.path_params
        return self._tile(
            request,
            params["matrix"],
            params["column"],
            f"{params['row']}.{extension}",
            vary="f" not in request.query_params,
        )

    async def openapi(self, request: Request) -> Response:
        """Answer with the description of the API."""
        document = openapi.description(self.links(request), self.settings, self.service.max_zoom)
        return JSONResponse(document, headers=_FRESH, media_type=ogc.OPENAPI)

    def xml(self, make: Callable[[Links], bytes]) -> Endpoint:
        """Return the endpoint of an XML document."""

        async def answer(request: Request) -> Response:
            return _xml(make(self.links(request)))

        return answer

    def ogc(self, make: Callable[[Links], dict[str, Any]]) -> Endpoint:
        """Return the endpoint of one of OGC's documents; they are there as JSON only."""

        async def answer(request: Request) -> Response:
            if "set" in request.path_params:
                _expect_matrix_set(request)
            if request.query_params.get("f", "json") != "json":
                raise BadRequestError("the format asked for with f= is not here, expected json")
            return _json(make(self.links(request)))

        return answer

    def _tile(
        self, request: Request, z: object, x: object, file: str, vary: bool = False
    ) -> ASGIApp:
        """Return what answers as the plain address z/x/file of the request's world does."""
        params = {"z": str(z), "x": str(x), "y": file}
        if "seed" in request.path_params:
            params["seed"] = request.path_params["seed"]

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            async def sending(message: Message) -> None:
                if vary and message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], (b"vary", b"Accept")]
                await send(message)

            await self.tiles({**scope, "path_params": params}, receive, sending)

        return answer


def routes(documents: Documents) -> list[BaseRoute]:
    """Return the routes of all documents; those of a world also below its seed."""
    service, settings, xml, json = (
        documents.service, documents.settings, documents.xml, documents.ogc
    )  # fmt: skip
    worldly = {
        "/tilejson.json": documents.tilejson,
        "/gdal.xml": xml(lambda links: gdal.gdal_xml(links, settings, service.max_zoom)),
        "/qgis.xml": xml(lambda links: qgis.connections(links, service.max_zoom)),
        "/qgis.qlr": documents.layer_definition,
        "/tms/": xml(lambda links: gdal.tile_map_service(links, settings)),
        "/tms/tilemapresource.xml": xml(
            lambda links: gdal.tile_map(links, settings, service.max_zoom)
        ),
        "/wmts": documents.wmts,
        f"/{wmts.CAPABILITIES}": xml(documents.capabilities),
        "/conformance": json(lambda links: ogc.conformance()),
        "/collections": json(lambda links: ogc.collections(links, settings)),
        f"/collections/{ogc.COLLECTION}": json(lambda links: ogc.collection(links, settings)),
        "/tileMatrixSets": json(ogc.matrix_sets),
        "/tileMatrixSets/{set}": json(lambda links: ogc.matrix_set()),
        "/tiles": json(ogc.tilesets),
        "/tiles/{set}": json(lambda links: ogc.tileset(links, settings, service.max_zoom)),
        "/tiles/{set}/{matrix}/{row}/{column}": documents.ogc_tile,
    }
    found: list[BaseRoute] = []
    for path, endpoint in worldly.items():
        found += [Route(path, endpoint), Route("/{seed}" + path, endpoint)]
    return [
        *found,
        Route("/{seed:digits}", documents.landing),
        Route("/{seed:digits}/", documents.landing),
        Route("/openapi.json", documents.openapi),
    ]


def wanted(request: Request, formats: Mapping[str, str]) -> str:
    """Return which of several formats (name to media type) a request wants: by f=, else by Accept.

    Raises BadRequestError for an unknown name, NotAcceptableError if Accept takes none of them.
    """
    name = request.query_params.get("f")
    if name is not None:
        if name not in formats:
            expected = ", ".join(formats)
            raise BadRequestError(f"the format asked for with f= is unknown, expected {expected}")
        return name
    media_type = preferred(request.headers.get("accept"), list(formats.values()))
    if media_type is None:
        expected = ", ".join(dict.fromkeys(formats.values()))
        raise NotAcceptableError(f"Accept takes nothing that is here: {expected}")
    return next(name for name, offered in formats.items() if offered == media_type)


def _expect_matrix_set(request: Request) -> None:
    if request.path_params["set"] != ogc.MATRIX_SET:
        raise NotFoundError(f"the tile matrix set is unknown, expected {ogc.MATRIX_SET}")


def _json(document: dict[str, Any], *, vary: bool = False) -> Response:
    return JSONResponse(document, headers={**_FRESH, "vary": "Accept"} if vary else _FRESH)


def _xml(document: bytes, status: int = 200, headers: Mapping[str, str] = _FRESH) -> Response:
    return Response(document, status, headers, MEDIA_TYPE)
