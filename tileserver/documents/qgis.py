"""Files for QGIS: XYZ connections for its browser, and a layer definition to drop on its map."""

from __future__ import annotations

from urllib.parse import urlencode
from xml.etree.ElementTree import Element, SubElement

from generator.tile import MAX_ZOOM
from tileserver.documents.about import abstract, attribution, title
from tileserver.documents.grid import EDGE
from tileserver.documents.links import Links
from tileserver.documents.xml import serialize
from tileserver.settings import Settings

_DOCTYPE = b"<!DOCTYPE %s>\n"


def connections(links: Links) -> bytes:
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
                "zmax": str(MAX_ZOOM),
                "tilePixelRatio": str(scale),
                "username": "",
                "password": "",
                "authcfg": "",
                "referer": "",
            },
        )
    return _DOCTYPE % b"connections" + serialize(root, declaration=False)


def layer_definition(links: Links, settings: Settings) -> bytes:
    """Return a .qlr file: one raster layer of the world, ready to be dragged into a project."""
    identifier = f"elsewhere_{links.seed}"
    root = Element("qlr")
    group = SubElement(root, "layer-tree-group", name="", expanded="1", checked="Qt::Checked")
    source = urlencode(
        {"type": "xyz", "url": links.tiles(), "zmin": 0, "zmax": MAX_ZOOM, "tilePixelRatio": 1}
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
    SubElement(reference, "authid").text = "EPSG:3857"
    SubElement(layer, "provider").text = "wms"
    metadata = SubElement(layer, "resourceMetadata")
    SubElement(metadata, "abstract").text = abstract(settings)
    SubElement(metadata, "rights").text = attribution(settings)
    return _DOCTYPE % b"qgis-layer-definition" + serialize(root, declaration=False)
