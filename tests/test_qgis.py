"""The files for QGIS, as far as they can be checked without QGIS."""

from urllib.parse import parse_qs
from xml.etree import ElementTree

from tests.test_endpoints import BASE, Site, on_site


@on_site
async def test_the_connections_are_what_qgis_imports(here: Site) -> None:
    answer = await here.get("/7/qgis.xml")
    assert answer.content.startswith(b"<!DOCTYPE connections>")
    root = ElementTree.fromstring(answer.content)
    assert (root.tag, root.get("version")) == ("qgsXYZTilesConnections", "1.0")
    plain, double = root.findall("xyztiles")
    assert plain.get("url") == BASE + "/7/{z}/{x}/{y}.png"
    assert double.get("url") == BASE + "/7/{z}/{x}/{y}@2x.png"
    assert (plain.get("tilePixelRatio"), double.get("tilePixelRatio")) == ("1", "2")
    assert (plain.get("zmin"), plain.get("zmax")) == ("0", "15")
    for connection in (plain, double):
        url = connection.get("url") or ""
        assert (await here.get(url.format(z=3, x=2, y=1))).status_code == 200


@on_site
async def test_the_layer_definition_names_the_same_source_twice(here: Site) -> None:
    answer = await here.get("/7/qgis.qlr")
    assert answer.headers["content-disposition"] == "attachment; filename=elsewhere-7.qlr"
    root = ElementTree.fromstring(answer.content)
    in_tree, layer = root.find(".//layer-tree-layer"), root.find(".//maplayer")
    assert in_tree is not None
    assert layer is not None
    assert in_tree.get("id") == layer.findtext("id") == "elsewhere_7"
    assert in_tree.get("source") == layer.findtext("datasource")
    source = parse_qs(layer.findtext("datasource") or "")
    assert source["url"] == [BASE + "/7/{z}/{x}/{y}.png"]
    assert (source["type"], source["zmax"]) == (["xyz"], ["15"])
