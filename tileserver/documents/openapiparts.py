"""The parts that the API's description shares: parameters, answers, headers and schemas."""

from __future__ import annotations

from typing import Any

from tileserver.documents.about import FORMATS
from tileserver.regions.view import MAX_SIDE
from tileserver.settings import MAX_SEED

Part = dict[str, Any]

STATUSES = {
    "Wrong": "400",
    "ExceptionReport": "400",
    "Forbidden": "403",
    "Missing": "404",
    "Unacceptable": "406",
    "TooMany": "429",
    "Failed": "500",
    "Later": "503",
}
"""Shared answer to its HTTP status."""


def reference(kind: str, name: str) -> Part:
    """Return a reference to a shared part. kind: parameters, responses, headers or schemas."""
    return {"$ref": f"#/components/{kind}/{name}"}


def _parameter(name: str, place: str, schema: Part, text: str) -> Part:
    needed = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, "schema": schema, "description": text, **needed}


def _whole(high: int) -> Part:
    return {"type": "integer", "minimum": 0, "maximum": high}


def _degrees(limit: int) -> Part:
    return {"type": "number", "minimum": -limit, "maximum": limit}


_NAMES = [*FORMATS, "jpeg"]
_CRS = "Reference system, as http://www.opengis.net/def/crs/EPSG/0/3035 or [EPSG:3035]."
_PARAMETERS = {
    "seed": _parameter("seed", "path", _whole(MAX_SEED), "Number of the world."),
    "extension": _parameter("extension", "path", {"enum": _NAMES}, "Picture format."),
    "v": _parameter("v", "query", {"type": "string"}, "The world's version: cacheable for ever."),
    "longitude": _parameter("longitude", "path", _degrees(180), "Of the middle, degrees."),
    "latitude": _parameter("latitude", "path", _degrees(90), "Of the middle, degrees."),
    "west": _parameter("west", "path", _degrees(180), "Above east, the box crosses the dateline."),
    "south": _parameter("south", "path", _degrees(90), "Not above north."),
    "east": _parameter("east", "path", _degrees(180), "Degrees of longitude."),
    "north": _parameter("north", "path", _degrees(90), "Degrees of latitude."),
    **{
        f"{name}{mark}": _parameter(
            name, "path", {"type": "integer", "minimum": 1, "maximum": most}, "Pixels."
        )
        for name in ("width", "height")
        for mark, most in (("", MAX_SIDE), ("-2x", MAX_SIDE // 2))
    },
    "bbox": {
        **_parameter(
            "bbox",
            "query",
            {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
            "Lower left and upper right corner, axes in the order of bbox-crs. Default: the world.",
        ),
        "style": "form",
        "explode": False,
    },
    "bbox-crs": _parameter("bbox-crs", "query", {"type": "string"}, f"{_CRS} Default: CRS84."),
    "crs": _parameter("crs", "query", {"type": "string"}, f"{_CRS} Default: EPSG:3857."),
    **{
        f"map-{name}": _parameter(
            name,
            "query",
            {"type": "integer", "minimum": 1, "maximum": MAX_SIDE},
            "Pixels; what is not given follows from the shape of the box.",
        )
        for name in ("width", "height")
    },
    "f-map": _parameter("f", "query", {"enum": [*_NAMES, "tiff"]}, "Format; else Accept decides."),
    "format": _parameter("format", "query", {"enum": list(FORMATS)}, "The tiles' format."),
    "scale": _parameter("scale", "query", {"enum": ["1", "2"]}, "2 for tiles of 512 pixels."),
    "f-json": _parameter("f", "query", {"enum": ["json"]}, "Format of the document."),
    "f-page": _parameter("f", "query", {"enum": ["html", "json"]}, "Format; else Accept decides."),
    "f-tile": _parameter("f", "query", {"enum": _NAMES}, "Format; else Accept decides."),
}


def _tile_parameters(max_zoom: int) -> Part:
    """Return the parameters that depend on the finest zoom of the worlds."""
    last = (1 << max_zoom) - 1
    scale = {"type": "number", "minimum": 0, "maximum": max_zoom}
    return {
        name: _parameter(name, "path", schema, text)
        for name, schema, text in (
            ("z", _whole(max_zoom), "Zoom."),
            ("x", _whole(last), "Column, from the west; below 2^z."),
            ("y", _whole(last), "Row, from the north unless said so; below 2^z."),
            ("tileMatrix", _whole(max_zoom), "Zoom."),
            ("tileRow", _whole(last), "Row, from the north."),
            ("tileCol", _whole(last), "Column, from the west."),
            (
                "zoom",
                scale,
                "Scale of the picture; at a whole number it has the tiles' own pixels.",
            ),
        )
    }


_STRING: Part = {"type": "string"}
_LINKS: Part = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["rel", "href"],
        "properties": {
            "rel": _STRING,
            "href": _STRING,
            "type": _STRING,
            "title": _STRING,
            "templated": {"type": "boolean"},
        },
    },
}


def _object(required: list[str], **properties: Part) -> Part:
    return {"type": "object", "required": required, "properties": properties}


def _list(item: Part) -> Part:
    return {"type": "array", "items": item}


_NUMBERS = _list({"type": "number"})
_SCHEMAS = {
    "Any": {"type": "object"},
    "Problem": _object(
        ["type", "title", "status", "detail"],
        type=_STRING,
        title=_STRING,
        status={"type": "integer"},
        detail=_STRING,
    ),
    "Status": _object(["status"], status=_STRING),
    "LandingPage": _object(["links"], title=_STRING, description=_STRING, links=_LINKS),
    "Conformance": _object(["conformsTo"], conformsTo=_list(_STRING)),
    "Collections": _object(
        ["collections", "links"],
        collections=_list(reference("schemas", "Collection")),
        links=_LINKS,
    ),
    "Collection": _object(
        ["id", "links"], id=_STRING, title=_STRING, crs=_list(_STRING), links=_LINKS
    ),
    "TileMatrixSets": _object(["tileMatrixSets"], tileMatrixSets=_list({"type": "object"})),
    "TileMatrixSet": _object(
        ["id", "crs", "tileMatrices"],
        id=_STRING,
        crs=_STRING,
        tileMatrices=_list(
            _object(
                ["id", "scaleDenominator", "cellSize", "pointOfOrigin", "matrixWidth"],
                id=_STRING,
                scaleDenominator={"type": "number"},
                cellSize={"type": "number"},
                pointOfOrigin=_NUMBERS,
                matrixWidth={"type": "integer"},
                matrixHeight={"type": "integer"},
                tileWidth={"type": "integer"},
                tileHeight={"type": "integer"},
            )
        ),
    ),
    "TileSets": _object(["tilesets"], tilesets=_list(reference("schemas", "TileSet"))),
    "TileSet": _object(
        ["dataType", "crs", "links"],
        dataType={"const": "map"},
        crs=_STRING,
        tileMatrixSetURI=_STRING,
        links=_LINKS,
    ),
}


def _problem(text: str, **headers: str) -> Part:
    content = {"application/problem+json": {"schema": reference("schemas", "Problem")}}
    answer: Part = {"description": text, "content": content}
    if headers:
        answer["headers"] = {"Retry-After": reference("headers", headers["retry"])}
    return answer


_RESPONSES = {
    "Wrong": _problem("The request cannot be read; the detail says what was expected."),
    "ExceptionReport": {
        "description": "OGC's report of what is wrong with the keys and values.",
        "content": {"application/xml": {}, "application/problem+json": {}},
    },
    "Forbidden": _problem("Only for the operator."),
    "Missing": _problem("There is no such tile or world."),
    "Unacceptable": _problem("Accept takes none of the formats there are."),
    "TooMany": _problem("The client's share of new tiles is used up.", retry="Retry-After"),
    "Failed": _problem("The tile could not be made."),
    "Later": _problem("Not now: loading, full or stopping.", retry="Retry-After"),
}

_HEADERS: Part = {
    "ETag": {"description": "Digest of the picture.", "schema": _STRING},
    "Last-Modified": {"description": "When the tile was stored.", "schema": _STRING},
    "Cache-Control": {"description": "For ever with the version in ?v=.", "schema": _STRING},
    "Content-Crs": {"description": "Reference system of the map.", "schema": _STRING},
    "Content-Bbox": {"description": "Box of the map, in that system.", "schema": _STRING},
    "Retry-After": {"description": "Seconds.", "schema": _whole(1 << 20)},
}


def _tile_json(max_zoom: int) -> Part:
    return _object(
        ["tilejson", "tiles", "vector_layers"],
        tilejson={"const": "3.0.0"},
        tiles=_list(_STRING),
        vector_layers={"type": "array", "maxItems": 0},
        bounds=_NUMBERS,
        center=_NUMBERS,
        minzoom=_whole(max_zoom),
        maxzoom=_whole(max_zoom),
        scheme={"const": "xyz"},
        attribution=_STRING,
        version=_STRING,
    )


def components(max_zoom: int) -> Part:
    """Return all shared parts; max_zoom: the finest of the worlds."""
    return {
        "parameters": _PARAMETERS | _tile_parameters(max_zoom),
        "responses": _RESPONSES,
        "headers": _HEADERS,
        "schemas": _SCHEMAS | {"TileJson": _tile_json(max_zoom)},
    }
