"""What all documents have in common: worlds, caching, hostile headers, the way to the viewer."""

import json
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.site import Site, fetch, on_site

WORLDLY = (
    "/tilejson.json",
    "/gdal.xml",
    "/qgis.xml",
    "/qgis.qlr",
    "/tms/",
    "/tms/tilemapresource.xml",
    "/wmts?service=WMTS&request=GetCapabilities",
    "/wmts/1.0.0/WMTSCapabilities.xml",
    "/collections",
    "/collections/imagery",
    "/tileMatrixSets",
    "/tiles",
    "/tiles/WebMercatorQuad",
)


def parse(answer: httpx.Response) -> None:
    if answer.headers["content-type"] == "application/xml":
        ElementTree.fromstring(answer.content)
    else:
        json.loads(answer.content)


@pytest.mark.parametrize("path", WORLDLY)
def test_a_document_speaks_of_its_world_only(tmp_path: Path, path: str) -> None:
    own, other = fetch(tmp_path, path), fetch(tmp_path, "/12345" + path)
    for answer in (own, other):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
        parse(answer)
    assert "http://tiles.example/12345/" in unquote(other.text)
    assert "12345" not in own.text


@pytest.mark.parametrize("path", WORLDLY)
def test_a_seed_beyond_the_last_is_refused(tmp_path: Path, path: str) -> None:
    assert fetch(tmp_path, f"/{2**64}{path}").status_code == 400


@on_site
async def test_every_document_refuses_other_methods(here: Site) -> None:
    for path in WORLDLY:
        answer = await here.request("POST", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert (await here.head(path)).status_code == 200


@on_site
async def test_behind_a_proxy_the_documents_name_the_public_address(here: Site) -> None:
    headers = {"x-forwarded-host": "maps.example", "x-forwarded-prefix": "/earth"}
    assert "maps.example" not in (await here.get("/gdal.xml", headers=headers)).text
    object.__setattr__(here.service.settings, "trust_proxy", True)
    assert "http://maps.example/earth/" in (await here.get("/gdal.xml", headers=headers)).text


HOSTS = st.one_of(
    st.sampled_from(["a", "a:1", "[::1]", "<x>", '"', "a&b", "${z}", "{z}", "]]>", "a\tb"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
)


@given(HOSTS, st.sampled_from(WORLDLY), st.sampled_from(["", "/7"]))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_host_header_breaks_a_document(
    tmp_path_factory: pytest.TempPathFactory, host: str, path: str, prefix: str
) -> None:
    answer = fetch(tmp_path_factory.getbasetemp() / "hosts", prefix + path, headers={"host": host})
    assert answer.status_code in (200, 400)
    parse(answer)
    assert "<x>" not in answer.text


@on_site
async def test_a_world_in_a_browser_is_its_map(here: Site) -> None:
    for path in ("/7", "/7/"):
        answer = await here.get(path, headers={"accept": "text/html,*/*;q=0.8"})
        assert answer.status_code == 303
        assert answer.headers["location"] == "http://tiles.example/#seed=7"
    assert (await here.get("/robots.txt")).status_code == 404
    assert (await here.get("/7", headers={"accept": "text/csv"})).status_code == 406


@on_site
async def test_the_viewer_and_the_landing_page_share_the_root(here: Site) -> None:
    browser = await here.get("/", headers={"accept": "text/html,*/*;q=0.8"})
    assert browser.headers["content-type"].startswith("text/html")
    assert browser.headers["vary"] == "Accept"
    client = await here.get("/?f=json")
    assert client.json()["title"].startswith("Elsewhere, world 0")
