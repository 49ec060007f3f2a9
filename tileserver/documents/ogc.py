"""OGC API - Tiles and Maps: landing page, conformance, tile matrix set and tileset of one world."""

from __future__ import annotations

from typing import Any

from generator.grid.tile import MAX_LATITUDE, TILE_SIZE
from tileserver.documents.about import FORMATS, NAME, abstract, attribution, title
from tileserver.documents.grid import EDGE, LAST_MATRIX, cell_size, scale_denominator
from tileserver.documents.links import Links
from tileserver.settings import Settings

Document = dict[str, Any]

MATRIX_SET = "WebMercatorQuad"
COLLECTION = "imagery"
"""The only collection of a world."""
_OGC_CRS = "http://www.opengis.net/def/crs/"
CRS = f"{_OGC_CRS}EPSG/0/3857"
_SYSTEMS = (4326, 3035, 3395, 3413, 3031, 3832, 8857, *range(32601, 32662), *range(32701, 32762))
"""Codes that the landing page names; `/map` takes every code of EPSG that pyproj knows."""

_EXTENT = [-180.0, -MAX_LATITUDE, 180.0, MAX_LATITUDE]
MATRIX_SET_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{MATRIX_SET}"
SCALE_SET = "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible"
OPENAPI = "application/vnd.oai.openapi+json;version=3.1"

_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_SPEC = "http://www.opengis.net/spec/"
_CONFORMANCE = (
    "ogcapi-common-1/1.0/conf/core",
    "ogcapi-common-1/1.0/conf/landing-page",
    "ogcapi-common-1/1.0/conf/json",
    "ogcapi-common-2/1.0/conf/collections",
    "ogcapi-tiles-1/1.0/conf/core",
    "ogcapi-tiles-1/1.0/conf/tileset",
    "ogcapi-tiles-1/1.0/conf/tilesets-list",
    "ogcapi-tiles-1/1.0/conf/dataset-tilesets",
    "ogcapi-tiles-1/1.0/conf/png",
    "ogcapi-tiles-1/1.0/conf/jpeg",
    "ogcapi-maps-1/1.0/conf/core",
    "ogcapi-maps-1/1.0/conf/dataset-map",
    "ogcapi-maps-1/1.0/conf/collection-map",
    "ogcapi-maps-1/1.0/conf/crs",
    "ogcapi-maps-1/1.0/conf/png",
    "ogcapi-maps-1/1.0/conf/jpeg",
    "tms/2.0/conf/tilematrixset",
    "tms/2.0/conf/json-tilematrixset",
)


def landing_page(links: Links, settings: Settings) -> Document:
    """Return the landing page of a world; its extent lets GDAL open the page itself."""
    viewer = f"{links.root}?f=html#seed={links.seed}"
    return {
        "title": title(links.seed),
        "description": abstract(settings),
        "attribution": attribution(settings),
        **_systems(),
        "links": [
            _link("self", links("?f=json"), "This document"),
            _link("alternate", viewer, "The map in a browser", "text/html"),
            _link("service-desc", links.root + "openapi.json", "The API", OPENAPI),
            _link("service-doc", links.root + "connect", "How to connect", "text/html"),
            _link("conformance", links("conformance"), "Conformance classes"),
            _link(_REL + "data", links("collections"), "Collections"),
            _map(links, "map"),
            _link(_REL + "tilesets-map", links("tiles"), "Tilesets"),
            _link(_REL + "tiling-schemes", links("tileMatrixSets"), "Tile matrix sets"),
        ],
    }


def conformance() -> Document:
    """Return the conformance classes that the server keeps to."""
    return {"conformsTo": [_SPEC + name for name in _CONFORMANCE]}


def collections(links: Links, settings: Settings) -> Document:
    """Return the list of a world's collections: the one there is."""
    found = [collection(links, settings)]
    return {"collections": found, "links": [_link("self", links("collections"))]}


def collection(links: Links, settings: Settings) -> Document:
    """Return the collection that a world is: its imagery."""
    path = f"collections/{COLLECTION}"
    return {
        "id": COLLECTION,
        "title": title(links.seed),
        "description": abstract(settings),
        "attribution": attribution(settings),
        **_systems(),
        "links": [_link("self", links(path)), _map(links, f"{path}/map")],
    }


def _systems() -> Document:
    """Return where a world lies and in which systems its maps can be asked for."""
    return {
        "extent": {"spatial": {"bbox": [_EXTENT]}},
        "crs": [CRS, _OGC_CRS + "OGC/1.3/CRS84", *(f"{_OGC_CRS}EPSG/0/{n}" for n in _SYSTEMS)],
        "storageCrs": CRS,
        "storageCrsExtent": {"spatial": {"bbox": [[-EDGE, -EDGE, EDGE, EDGE]], "crs": CRS}},
    }


def matrix_sets(links: Links) -> Document:
    """Return the list of tile matrix sets: the one there is."""
    item = {
        "id": MATRIX_SET,
        "title": "Web Mercator, 256 px tiles",
        "uri": MATRIX_SET_URI,
        "crs": CRS,
        "links": [_link("self", links(f"tileMatrixSets/{MATRIX_SET}"), "Definition")],
    }
    return {"tileMatrixSets": [item], "links": [_link("self", links("tileMatrixSets"))]}


def matrix_set() -> Document:
    """Return the definition of WebMercatorQuad with all its registered zooms."""
    matrices = [
        {
            "id": str(zoom),
            "scaleDenominator": scale_denominator(zoom),
            "cellSize": cell_size(zoom),
            "cornerOfOrigin": "topLeft",
            "pointOfOrigin": [-EDGE, EDGE],
            "tileWidth": TILE_SIZE,
            "tileHeight": TILE_SIZE,
            "matrixWidth": 1 << zoom,
            "matrixHeight": 1 << zoom,
        }
        for zoom in range(LAST_MATRIX + 1)
    ]
    return {
        "id": MATRIX_SET,
        "title": "Web Mercator, 256 px tiles",
        "uri": MATRIX_SET_URI,
        "crs": CRS,
        "orderedAxes": ["X", "Y"],
        "boundingBox": {"lowerLeft": [-EDGE, -EDGE], "upperRight": [EDGE, EDGE]},
        "wellKnownScaleSet": SCALE_SET,
        "tileMatrices": matrices,
    }


def tilesets(links: Links) -> Document:
    """Return the list of a world's tilesets: the one there is."""
    item = _summary(links)
    item["links"] = [
        _link("self", links(f"tiles/{MATRIX_SET}"), "Tileset"),
        _scheme(links),
    ]
    return {"tilesets": [item], "links": [_link("self", links("tiles"), "This document")]}


def tileset(links: Links, settings: Settings, max_zoom: int) -> Document:
    """Return a world's tileset: where its tiles are and which there are."""
    path = f"tiles/{MATRIX_SET}"
    limits = [
        {
            "tileMatrix": str(zoom),
            "minTileRow": 0,
            "maxTileRow": (1 << zoom) - 1,
            "minTileCol": 0,
            "maxTileCol": (1 << zoom) - 1,
        }
        for zoom in range(max_zoom + 1)
    ]
    items = [
        {
            **_link(
                "item",
                links(f"{path}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f={extension}"),
                f"Tiles as {media_type}",
                media_type,
            ),
            "templated": True,
        }
        for extension, media_type in FORMATS.items()
    ]
    return {
        **_summary(links),
        "description": abstract(settings),
        "keywords": ["synthetic", "imagery", NAME],
        "attribution": attribution(settings),
        "mediaTypes": list(FORMATS.values()),
        "boundingBox": {"lowerLeft": [-EDGE, -EDGE], "upperRight": [EDGE, EDGE], "crs": CRS},
        "tileMatrixSetLimits": limits,
        "links": [
            _link("self", links(path), "This document"),
            _scheme(links),
            *items,
            _link("alternate", links("tilejson.json"), "TileJSON"),
        ],
    }


def _summary(links: Links) -> Document:
    return {
        "title": title(links.seed),
        "dataType": "map",
        "crs": CRS,
        "tileMatrixSetURI": MATRIX_SET_URI,
    }


def _map(links: Links, path: str) -> Document:
    return _link(_REL + "map", links(path), "Map of any box", "image/png")


def _scheme(links: Links) -> Document:
    href = links(f"tileMatrixSets/{MATRIX_SET}")
    return _link(_REL + "tiling-scheme", href, "Tile matrix set")


def _link(
    rel: str, href: str, name: str = "This document", media_type: str = "application/json"
) -> Document:
    return {"rel": rel, "href": href, "type": media_type, "title": name}
