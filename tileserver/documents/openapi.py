"""The description of the API in OpenAPI 3.1: every path, what it takes and all it may answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tileserver.documents.about import FORMATS, NAME, abstract, version
from tileserver.documents.links import Links
from tileserver.documents.ogc import COLLECTION
from tileserver.documents.openapiparts import STATUSES, components, reference
from tileserver.settings import Settings

Part = dict[str, Any]

JSON, XML, HTML = "application/json", "application/xml", "text/html"

_TAGS = ("tiles", "clients", "OGC API - Tiles", "OGC API - Maps", "server")
_OPENAPI = "application/vnd.oai.openapi+json"
_WMTS_KEYS = (
    "SERVICE",
    "REQUEST",
    "VERSION",
    "LAYER",
    "STYLE",
    "FORMAT",
    "TILEMATRIXSET",
    "TILEMATRIX",
    "TILEROW",
    "TILECOL",
    "ACCEPTVERSIONS",
)


def description(links: Links, settings: Settings, max_zoom: int) -> Part:
    """Return the whole document, with this server's URL in it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": NAME,
            "summary": "An infinite generated Earth, served as map tiles.",
            "description": f"{abstract(settings)} Every number from 0 to 2^64 - 1 is a world of "
            "its own; addresses without a seed mean the server's own world. Who has the server's "
            "API key sends it as X-API-Key or as ?key=, which documents then write into their "
            "addresses.",
            "version": version(),
        },
        "servers": [{"url": links.root.rstrip("/")}],
        "tags": [{"name": name} for name in _TAGS],
        "paths": dict([*_worldly(), *_server()]),
        "components": components(max_zoom),
    }


def _worldly() -> Iterator[tuple[str, Part]]:
    """Yield each path of a world, without and with its seed."""
    for path, operation in (*_tiles(), *_pictures(), *_maps(), *_documents(), *_ogc()):
        yield path, {"get": operation}
        seeded = dict(operation, operationId=operation["operationId"] + "OfWorld")
        seeded["parameters"] = [reference("parameters", "seed"), *operation["parameters"]]
        seeded["responses"] = {"400": reference("responses", "Wrong"), **operation["responses"]}
        yield "/{seed}" + path, {"get": seeded}
    landing = _get(
        "getLandingPageOfWorld",
        "Landing page of a world (OGC API - Tiles), or the way to the viewer",
        "OGC API - Tiles",
        (JSON, "LandingPage"),
        ("seed", "f-page"),
        *("Wrong", "Missing", "Unacceptable"),
    )
    landing["responses"]["303"] = {"description": "The viewer's page for this world."}
    yield "/{seed}", {"get": landing}


def _tiles() -> Iterator[tuple[str, Part]]:
    errors = ("Wrong", "Missing", "TooMany", "Failed", "Later")
    for prefix, what in (("", "A tile"), ("/tms", "A tile, rows counted from the south")):
        for mark, size in (("", 256), ("@2x", 512)):
            name = f"get{'Tms' if prefix else ''}Tile{'2x' if mark else ''}"
            parameters = ("z", "x", "y", "extension", "v")
            operation = _get(
                name, f"{what}, {size} pixels wide", "tiles", (None, None), parameters, *errors
            )
            operation["responses"] |= _picture()
            yield f"{prefix}/{{z}}/{{x}}/{{y}}{mark}.{{extension}}", operation
    operation = _get(
        ".dataset.map.getTile",
        "A tile as OGC API - Tiles addresses it: row before column",
        "OGC API - Tiles",
        (None, None),
        ("tileMatrix", "tileRow", "tileCol", "f-tile"),
        *(*errors, "Unacceptable"),
    )
    operation["responses"] |= _picture()
    yield "/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}", operation


def _pictures() -> Iterator[tuple[str, Part]]:
    errors = ("Wrong", "Missing", "TooMany", "Failed", "Later")
    for name, what, places in (
        ("getPictureOfPlace", "A picture about a place", ("longitude", "latitude", "zoom")),
        ("getPictureOfBox", "A picture of all of a box", ("west", "south", "east", "north")),
    ):
        for mark, scale in (("", ""), ("@2x", "-2x")):
            parameters = (*places, f"width{scale}", f"height{scale}", "extension")
            summary = f"{what}{', twice the pixels' if mark else ''}"
            operation = _get(
                name + mark.strip("@"), summary, "tiles", (None, None), parameters, *errors
            )
            operation["responses"] |= _picture()
            place = ",".join(f"{{{part}}}" for part in places)
            yield f"/static/{place}/{{width}}x{{height}}{mark}.{{extension}}", operation


def _maps() -> Iterator[tuple[str, Part]]:
    for path, name in (
        ("/map", ".dataset.getMap"),
        (f"/collections/{COLLECTION}/map", ".collection.getMap"),
    ):
        operation = _get(
            name,
            "A map of a box in any reference system (OGC API - Maps)",
            "OGC API - Maps",
            (None, None),
            ("bbox", "bbox-crs", "crs", "map-width", "map-height", "f-map"),
            *("Wrong", "Missing", "TooMany", "Failed", "Later", "Unacceptable"),
        )
        operation["responses"] |= _picture()
        operation["responses"]["200"]["content"] |= {"image/tiff": {}}
        operation["responses"]["200"]["headers"] |= {
            header: reference("headers", header) for header in ("Content-Crs", "Content-Bbox")
        }
        yield path, operation


def _picture() -> Part:
    """Return the answers that carry a picture, or say that the client's is still right."""
    content: Part = {media_type: {} for media_type in FORMATS.values()}
    return {
        "200": {
            "description": "A picture. Tiles not stored yet are made first: that takes seconds.",
            "headers": {
                name: reference("headers", name)
                for name in ("ETag", "Last-Modified", "Cache-Control")
            },
            "content": content,
        },
        "304": {"description": "Unchanged since the ETag or date that the client named."},
    }


def _documents() -> Iterator[tuple[str, Part]]:
    for path, name, summary, kind, parameters in (
        (
            "/tilejson.json",
            "getTileJson",
            "TileJSON 3.0.0",
            (JSON, "TileJson"),
            ("format", "scale"),
        ),
        ("/gdal.xml", "getGdalFile", "Service description for GDAL", (XML, None), ()),
        ("/qgis.xml", "getQgisConnections", "XYZ connections for QGIS", (XML, None), ()),
        ("/qgis.qlr", "getQgisLayer", "Layer definition for QGIS", (XML, None), ()),
        ("/tms/", "getTileMapService", "Tile Map Service", (XML, None), ()),
        ("/tms/tilemapresource.xml", "getTileMap", "Map of the service", (XML, None), ()),
        ("/wmts/1.0.0/WMTSCapabilities.xml", "getWmts", "WMTS capabilities", (XML, None), ()),
    ):
        errors = ("Wrong", "Missing") if parameters else ()
        yield path, _get(name, summary, "clients", kind, parameters, *errors)
    operation = _get(
        "getWmtsByKeys",
        "WMTS 1.0.0 in keys and values, in any case: GetCapabilities (also without keys), GetTile",
        "clients",
        (None, None),
        (),
        *("Missing", "TooMany", "Failed", "Later"),
    )
    operation["parameters"] = [_key(name) for name in _WMTS_KEYS]
    operation["responses"] |= _picture()
    operation["responses"]["200"]["content"] |= {XML: {}}
    operation["responses"]["400"] = reference("responses", "ExceptionReport")
    yield "/wmts", operation


def _key(name: str) -> Part:
    schema: Part = {"type": "string"}
    if name == "SERVICE":
        schema["enum"] = ["WMTS"]
    if name == "REQUEST":
        schema["enum"] = ["GetCapabilities", "GetTile"]
    return {"name": name, "in": "query", "schema": schema}


def _ogc() -> Iterator[tuple[str, Part]]:
    for path, name, summary, schema in (
        ("/conformance", "getConformance", "Conformance classes", "Conformance"),
        ("/collections", "getCollections", "Collections", "Collections"),
        (f"/collections/{COLLECTION}", "getCollection", "The collection", "Collection"),
        ("/tileMatrixSets", "getTileMatrixSetsList", "Tile matrix sets", "TileMatrixSets"),
        (
            "/tileMatrixSets/WebMercatorQuad",
            "getTileMatrixSet",
            "The tile matrix set",
            "TileMatrixSet",
        ),
        ("/tiles", ".dataset.map.getTileSetsList", "Tilesets", "TileSets"),
        ("/tiles/WebMercatorQuad", ".dataset.map.getTileSet", "The tileset", "TileSet"),
    ):
        yield path, _get(name, summary, "OGC API - Tiles", (JSON, schema), ("f-json",), "Wrong")


def _server() -> Iterator[tuple[str, Part]]:
    root = _get(
        "getLandingPage",
        "The viewer, or the landing page of OGC API - Tiles as JSON",
        "server",
        (JSON, "LandingPage"),
        ("f-page",),
        *("Wrong", "Unacceptable"),
    )
    root["responses"]["200"]["content"][HTML] = {}
    yield "/", {"get": root}
    for path, name, summary, kind, errors in (
        ("/connect", "getConnectPage", "How to connect each client", (HTML, None), ()),
        ("/openapi.json", "getApi", "This document", (_OPENAPI, "Any"), ()),
        ("/api/info", "getInfo", "The server, its model, its zooms", (JSON, "Any"), ()),
        ("/livez", "getLiveness", "Whether the process answers", (JSON, "Status"), ()),
        ("/readyz", "getReadiness", "Whether tiles can be made", (JSON, "Status"), ("Later",)),
        ("/metrics", "getMetrics", "Prometheus metrics", ("text/plain", None), ("Forbidden",)),
    ):
        yield path, {"get": _get(name, summary, "server", kind, (), *errors)}


def _get(
    name: str,
    summary: str,
    tag: str,
    kind: tuple[str | None, str | None],
    parameters: tuple[str, ...],
    *errors: str,
) -> Part:
    """Return a GET operation. kind: media type and schema of its 200. errors: shared answers."""
    media_type, schema = kind
    body = {} if schema is None else {"schema": reference("schemas", schema)}
    good: Part = {"description": summary}
    if media_type is not None:
        good["content"] = {media_type: body}
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "parameters": [reference("parameters", parameter) for parameter in parameters],
        "responses": {
            "200": good,
            **{STATUSES[error]: reference("responses", error) for error in errors},
        },
    }
