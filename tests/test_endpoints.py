"""The HTTP interface in one process: addresses, conditions, methods, errors and documents."""

import asyncio
import io
import json
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from generator.grid.tile import Tile
from tests.fakes import FINEST, FakeRenderer, draw
from tests.site import BASE, Site, fetch, on_site, site
from tileserver.errors import CacheError
from tileserver.serving import endpoints


@on_site
async def test_a_tile_is_a_png_with_tag_age_and_cors(here: Site) -> None:
    answer = await here.get("/3/1/2.png")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "public, max-age=3600, s-maxage=600"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-length"] == str(len(answer.content))
    with Image.open(io.BytesIO(answer.content)) as image:
        assert np.array_equal(np.asarray(image), draw(0, Tile(3, 1, 2)))
    again = await here.get("/3/1/2.png")
    assert again.content == answer.content
    assert again.headers["etag"] == answer.headers["etag"]
    assert len(here.fake.calls) == 1


@on_site
async def test_each_seed_is_a_world_of_its_own(here: Site) -> None:
    default, zero, other, last = [
        (await here.get(f"{prefix}/9/8/7.png")).content
        for prefix in ("", "/0", "/1", f"/{2**64 - 1}")
    ]
    assert default == zero
    assert len({default, other, last}) == 3


@on_site
async def test_a_known_tag_is_answered_without_the_tile(here: Site) -> None:
    tag = (await here.get("/3/1/2.png")).headers["etag"]
    for value in (tag, f"W/{tag}", "*", f'"other", {tag}'):
        answer = await here.get("/3/1/2.png", headers={"if-none-match": value})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
        assert answer.headers["cache-control"] == "public, max-age=3600, s-maxage=600"
        assert answer.headers["access-control-allow-origin"] == "*"
    answer = await here.get("/3/1/2.png", headers={"if-none-match": '"other"'})
    assert answer.status_code == 200


@on_site
async def test_head_tells_what_get_would_and_never_makes_a_tile(here: Site) -> None:
    cold = await here.head("/3/1/2.png")
    assert (cold.status_code, cold.content) == (200, b"")
    assert "etag" not in cold.headers
    assert "content-length" not in cold.headers
    assert cold.headers["cache-control"] == "no-store"
    assert not here.fake.calls
    got = await here.get("/3/1/2.png")
    warm = await here.head("/3/1/2.png")
    assert warm.content == b""
    for name in ("etag", "content-length", "content-type", "cache-control"):
        assert warm.headers[name] == got.headers[name]
    assert (await here.head("/3/9/2.png")).status_code == 404


@on_site
async def test_preflight_is_granted_everywhere(here: Site) -> None:
    for path in ("/3/1/2.png", "/tilejson.json", "/nowhere"):
        answer = await here.request("OPTIONS", path, headers={"origin": "http://a.example"})
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "GET" in answer.headers["access-control-allow-methods"]
        assert answer.headers["access-control-allow-headers"] == "*"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/a/0/0.png", 400),
        ("/1.0/0/0.png", 400),
        ("/0/0/0.gif", 400),
        ("/0/0/0", 400),
        ("/0/0/99999999999999999999.png", 400),
        ("/1/99999999999999999999/0.png", 400),
        ("/18446744073709551616/0/0/0.png", 400),
        ("/-1/0/0/0.png", 400),
        ("/sea/0/0/0.png", 400),
        ("/sea/tilejson.json", 400),
        ("/%00/%ff/%0a.png", 400),
        (f"/{FINEST + 1}/0/0.png", 404),
        ("/3/8/0.png", 404),
        ("/3/0/8.png", 404),
        ("/3/-1/0.png", 404),
        ("/7/3/0/8.png", 404),
        ("/nowhere", 404),
        ("/0/0/0.png/", 404),
        ("/static/leaflet/nothing.js", 404),
        ("/static/leaflet/../../secret", 404),
        ("/static/web/__init__.py", 404),
    ],
)
def test_bad_input_is_told_in_one_sentence(tmp_path: Path, path: str, status: int) -> None:
    answer = fetch(tmp_path, path)
    body = answer.json()
    assert answer.status_code == body["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "expected" in body["detail"]
    assert len(body["detail"]) < 250


@pytest.mark.parametrize("path", ["/3/1/2.png", "/5/3/1/2.png", "/tilejson.json", "/readyz"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(tmp_path: Path, path: str, method: str) -> None:
    answer = fetch(tmp_path, path, method)
    assert answer.status_code == answer.json()["status"] == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@on_site
async def test_a_failing_generator_is_a_500_for_all_and_not_for_ever(here: Site) -> None:
    here.fake.broken.add(Tile(5, 1, 1))
    answers = await asyncio.gather(*(here.get("/5/1/1.png") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {500}
    assert answers[0].json()["detail"].startswith("block 5/1/1 of seed 0 could not be made")
    assert answers[0].headers["cache-control"] == "no-store"
    here.fake.broken.clear()
    assert (await here.get("/5/1/1.png")).status_code == 200


def test_a_full_queue_is_a_503_that_says_when_to_come_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with site(tmp_path, max_queue=1) as here:
            here.fake.gate.clear()
            first = asyncio.create_task(here.get("/5/1/1.png"))
            while not here.service.metrics.queue_length.value:
                await asyncio.sleep(0.001)
            refused = await here.get("/5/1/2.png")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.headers["cache-control"] == "no-store"
            assert "Retry-After" in refused.headers["access-control-expose-headers"]
            here.fake.gate.set()
            assert (await first).status_code == 200

    asyncio.run(run())


@on_site
async def test_an_unforeseen_error_is_a_500_without_detail(here: Site) -> None:
    def fail() -> None:
        raise LookupError("secret")

    here.service.problem = fail  # type: ignore[method-assign]
    answer = await here.get("/readyz")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"


@on_site
async def test_health_follows_the_cache(here: Site) -> None:
    assert (await here.get("/livez")).json() == {"status": "alive"}
    assert (await here.get("/readyz")).json() == {"status": "ready"}

    def full(tiles: object) -> None:
        raise CacheError("the disk is full")

    put, here.service.cache.put_batch = here.service.cache.put_batch, full  # type: ignore[method-assign]
    served = await here.get("/5/1/1.png")
    assert served.status_code == 200
    while (await here.get("/readyz")).status_code == 200:
        await asyncio.sleep(0.005)
    answer = await here.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "the disk is full")
    assert (await here.get("/5/1/1.png")).content == served.content
    here.service.cache.put_batch = put  # type: ignore[method-assign]
    while (await here.get("/readyz")).status_code == 503:
        await asyncio.sleep(0.02)


def test_the_api_describes_the_server(tmp_path: Path) -> None:
    async def run() -> None:
        async with site(tmp_path, seed=2**64 - 1) as here:
            info = (await here.get("/api/info")).json()
        assert info["seed"] == "18446744073709551615"
        assert info["model"] == {"name": "fake", "steps": 1}
        kinds = [zoom["kind"] for zoom in info["stages"]]
        assert kinds == ["base map"] * 6 + ["average", "stage"] * ((FINEST - 5) // 2)
        assert [zoom["zoom"] for zoom in info["stages"]] == list(range(info["max_zoom"] + 1))
        assert info["stages"][15]["nominal_m_per_px"] == pytest.approx(4.777, abs=0.001)

    asyncio.run(run())


def test_zooms_of_a_deep_base_map_are_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeRenderer, "describe", lambda _: {"base_zoom": 7})

    async def run() -> None:
        async with site(tmp_path) as here:
            info = (await here.get("/api/info")).json()
        kinds = [zoom["kind"] for zoom in info["stages"]]
        assert kinds == ["base map"] * 8 + ["average", "stage"] * ((FINEST - 7) // 2)

    asyncio.run(run())


@on_site
async def test_metrics_count_what_happened(here: Site) -> None:
    for path in ("/5/1/1.png", "/5/1/1.png", "/9/9/9.gif"):
        await here.get(path)
    answer = await here.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'elsewhere_http_requests_total{status="200"} 2.0',
        'elsewhere_http_requests_total{status="400"} 1.0',
        'elsewhere_tile_hits_total{zoom="5"} 1.0',
        'elsewhere_tile_misses_total{zoom="5"} 1.0',
    ):
        assert line in answer.text.splitlines()


@on_site
async def test_leaflet_comes_from_here(here: Site) -> None:
    script = await here.get("/static/leaflet/leaflet.js")
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert (await here.get("/static/leaflet/leaflet.css")).status_code == 200
    assert (await here.get("/static/leaflet/images/layers.png")).status_code == 200


def test_the_viewer_is_served_with_a_check_for_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = tmp_path / "web"
    web.mkdir()
    (web / "index.html").write_text("<p>viewer</p>")
    (web / "app.js").write_text("1")
    monkeypatch.setattr(endpoints, "web_directory", lambda: web)
    page = fetch(tmp_path / "a", "/?f=html")
    assert (page.text, page.headers["cache-control"]) == ("<p>viewer</p>", "no-cache")
    script = fetch(tmp_path / "b", "/static/web/app.js")
    assert (script.text, script.headers["cache-control"]) == ("1", "no-cache")
    assert "etag" in script.headers


def test_without_the_viewer_a_page_leads_to_the_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "web_directory", lambda: None)
    page = fetch(tmp_path, "/?f=html")
    assert page.status_code == 200
    assert "tilejson.json" in page.text


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "x" * 300, "<script>", ""])
def test_a_strange_host_header_does_no_harm(tmp_path: Path, host: str) -> None:
    answer = fetch(tmp_path, "/tilejson.json", headers={"host": host})
    assert answer.status_code in (200, 400)
    json.loads(answer.text)


PARTS = st.one_of(
    st.integers(-2, 40).map(str),
    st.sampled_from(["", ".", "..", "0x1", "1e1", "9" * 20, "9" * 5000, "%00", "%2f", "é", "*"]),
    st.text(max_size=5),
)


@given(
    st.lists(PARTS, min_size=1, max_size=5).map("/".join),
    st.sampled_from([".png", "", ".jpg", ".png.png", "?x=1"]),
    st.sampled_from(["GET", "HEAD", "POST"]),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_path_is_an_internal_error(
    tmp_path_factory: pytest.TempPathFactory, path: str, end: str, method: str
) -> None:
    raw = "/" + quote(path.encode("utf-8", "surrogatepass"), safe="/%*.") + end

    async def inside() -> int:
        async with site(tmp_path_factory.getbasetemp() / "fuzz") as here:
            url = httpx.URL(BASE).copy_with(raw_path=raw.encode())
            return (await here.request(method, url)).status_code

    assert asyncio.run(inside()) in (200, 303, 400, 404, 405)
