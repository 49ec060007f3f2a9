"""Files for QGIS: XYZ connections for its browser, and a layer definition to drop on its map."""

from __future__ import annotations

from urllib.parse import urlencode
from xml.etree.ElementTree import Element, SubElement

from tileserver.documents.about import abstract, attribution, title
from tileserver.documents.grid import EDGE
from tileserver.documents.links import Links
from tileserver.documents.xml import serialize
from tileserver.settings import Settings

_DOCTYPE = b"<!DOCTYPE %s>\n"

_CRS = {
    "proj4": "+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m "
    "+nadgrids=@null +wktext +no_defs",
    "srsid": "3857",
    "srid": "3857",
    "authid": "EPSG:3857",
    "description": "WGS 84 / Pseudo-Mercator",
    "geographicflag": "false",
}
"""EPSG:3857 as QGIS writes it: without srsid, its number in QGIS's own list, it reads no authid."""


def connections(links: Links, max_zoom: int) -> bytes:
    """Return what QGIS's browser takes at XYZ Tiles > Load Connections: PNG and double size."""
    root = Element("qgsXYZTilesConnections", version="1.0")
    for name, scale in ((title(links.seed), 1), (f"{title(links.seed)} (512 px)", 2)):
        SubElement(
            root,
            "xyztiles",
            {
                "name": name,
                "url": links.tiles(scale=scale),
                "zmin": "0",
                "zmax": str(max_zoom),
                "tilePixelRatio": str(scale),
                "username": "",
                "password": "",
                "authcfg": "",
                "referer": "",
            },
        )
    return _DOCTYPE % b"connections" + serialize(root, declaration=False)


def layer_definition(links: Links, settings: Settings, max_zoom: int) -> bytes:
    """Return a .qlr file: one raster layer of the world, ready to be dragged into a project."""
    identifier = f"elsewhere_{links.seed}"
    root = Element("qlr")
    group = SubElement(root, "layer-tree-group", name="", expanded="1", checked="Qt::Checked")
    source = urlencode(
        {"type": "xyz", "url": links.tiles(), "zmin": 0, "zmax": max_zoom, "tilePixelRatio": 1}
    )
    SubElement(
        group,
        "layer-tree-layer",
        {
            "id": identifier,
            "name": title(links.seed),
            "source": source,
            "providerKey": "wms",
            "checked": "Qt::Checked",
            "expanded": "1",
        },
    )
    layer = SubElement(SubElement(root, "maplayers"), "maplayer", type="raster")
    extent = SubElement(layer, "extent")
    corners = {"xmin": -EDGE, "ymin": -EDGE, "xmax": EDGE, "ymax": EDGE}
    texts: dict[Element, dict[str, object]] = {
        extent: {name: repr(value) for name, value in corners.items()},
        layer: {"id": identifier, "datasource": source, "layername": title(links.seed)},
    }
    for parent, children in texts.items():
        for name, text in children.items():
            SubElement(parent, name).text = str(text)
    reference = SubElement(SubElement(layer, "srs"), "spatialrefsys")
    for name, text in _CRS.items():
        SubElement(reference, name).text = text
    SubElement(layer, "provider").text = "wms"
    metadata = SubElement(layer, "resourceMetadata")
    SubElement(metadata, "abstract").text = abstract(settings)
    SubElement(metadata, "rights").text = attribution(settings)
    return _DOCTYPE % b"qgis-layer-definition" + serialize(root, declaration=False)
