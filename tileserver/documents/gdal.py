"""Service descriptions that GDAL opens: its own XML, and OSGeo's Tile Map Service."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element, SubElement

from generator.grid.tile import TILE_SIZE
from tileserver.documents.about import abstract, title
from tileserver.documents.grid import EDGE, cell_size
from tileserver.documents.links import Links
from tileserver.documents.xml import serialize
from tileserver.settings import Settings

MAX_CONNECTIONS = 4
"""Tiles that GDAL asks for at once: a few blocks ahead, far from the queue's limit."""


def gdal_xml(links: Links, settings: Settings, max_zoom: int) -> bytes:
    """Return a file for GDAL's WMS driver (and so for rasterio, gdalwarp and QGIS).

    GDAL waits longer than a request is held. No HTTP status is read as an empty block: a tile that
    is refused must fail the read, not blacken the picture. GDAL's own cache is left out, since it
    would never ask again after a change of the model.
    """
    root = Element("GDAL_WMS")
    service = SubElement(root, "Service", name="TMS")
    template = links.tiles().replace("{", "${")
    SubElement(service, "ServerUrl").text = template
    _fill(
        SubElement(root, "DataWindow"),
        UpperLeftX=repr(-EDGE),
        UpperLeftY=repr(EDGE),
        LowerRightX=repr(EDGE),
        LowerRightY=repr(-EDGE),
        TileLevel=max_zoom,
        TileCountX=1,
        TileCountY=1,
        YOrigin="top",
    )
    _fill(
        root,
        Projection="EPSG:3857",
        BlockSizeX=TILE_SIZE,
        BlockSizeY=TILE_SIZE,
        BandsCount=3,
        MaxConnections=MAX_CONNECTIONS,
        Timeout=math.ceil(3 * settings.hold_seconds),
    )
    return serialize(root, declaration=False)


def tile_map(links: Links, settings: Settings, max_zoom: int) -> bytes:
    """Return the map of the Tile Map Service, which counts rows from the south."""
    root = Element("TileMap", version="1.0.0", tilemapservice=links("tms/"))
    _fill(root, Title=title(links.seed), Abstract=abstract(settings), SRS="EPSG:3857")
    corners = {"minx": -EDGE, "miny": -EDGE, "maxx": EDGE, "maxy": EDGE}
    SubElement(root, "BoundingBox", {name: repr(value) for name, value in corners.items()})
    SubElement(root, "Origin", x=repr(-EDGE), y=repr(-EDGE))
    SubElement(
        root,
        "TileFormat",
        {
            "width": str(TILE_SIZE),
            "height": str(TILE_SIZE),
            "mime-type": "image/png",
            "extension": "png",
        },
    )
    sets = SubElement(root, "TileSets", profile="global-mercator")
    for zoom in range(max_zoom + 1):
        units = repr(cell_size(zoom))
        SubElement(
            sets,
            "TileSet",
            {"href": links.bare(f"tms/{zoom}"), "units-per-pixel": units, "order": str(zoom)},
        )
    return serialize(root)


def tile_map_service(links: Links, settings: Settings) -> bytes:
    """Return the root of the Tile Map Service, which names its only map."""
    root = Element("TileMapService", version="1.0.0", services=links.root)
    _fill(root, Title=title(links.seed), Abstract=abstract(settings))
    maps = SubElement(root, "TileMaps")
    SubElement(
        maps,
        "TileMap",
        title=title(links.seed),
        srs="EPSG:3857",
        profile="global-mercator",
        href=links("tms/tilemapresource.xml"),
    )
    return serialize(root)


def _fill(parent: Element, **texts: object) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = str(text)
