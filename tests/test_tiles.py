"""The tiles over HTTP: encodings, conditions, versions, and the short cut past the application."""

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generator.grid.tile import Tile
from tests.archives import write_archive
from tests.fakes import FINEST, draw
from tests.site import Site, on_site, site
from tileserver.address import version_of
from tileserver.errors import CacheError
from tileserver.serving.http import OPEN
from tileserver.serving.tiles import TileEndpoint


def picture(answer: httpx.Response) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(answer.content)) as image:
        return np.asarray(image.convert("RGB"))


@on_site
async def test_each_extension_is_a_picture_of_its_kind(here: Site) -> None:
    sizes = {}
    for name, kind in (("png", "png"), ("webp", "webp"), ("jpg", "jpeg"), ("jpeg", "jpeg")):
        for mark, size in (("", 256), ("@2x", 512)):
            answer = await here.get(f"/3/1/2{mark}.{name}")
            assert answer.headers["content-type"] == f"image/{kind}"
            with Image.open(io.BytesIO(answer.content)) as image:
                assert (image.format or "").lower() == kind
                assert image.size == (size, size)
            sizes[mark, name] = answer.content
    assert sizes["", "jpg"] == sizes["", "jpeg"]
    assert len(here.fake.calls) == 1 + 4


@on_site
async def test_twice_the_size_shows_the_four_tiles_below(here: Site) -> None:
    large = picture(await here.get("/3/1/2@2x.png"))
    for n, tile in enumerate(Tile(3, 1, 2).children()):
        part = large[256 * (n // 2) :][:256, 256 * (n % 2) :][:, :256]
        assert np.array_equal(part, draw(0, tile))


@on_site
async def test_the_last_zoom_is_enlarged(here: Site) -> None:
    large = picture(await here.get(f"/{FINEST}/8/9@2x.png"))
    small = picture(await here.get(f"/{FINEST}/8/9.png"))
    assert large.shape == (512, 512, 3)
    shrunk = np.asarray(Image.fromarray(large).resize((256, 256), Image.Resampling.BOX))
    assert np.abs(shrunk.astype(int) - small).mean() < 6


@on_site
async def test_tms_rows_are_turned(here: Site) -> None:
    plain = await here.get("/3/1/2.png")
    assert (await here.get("/tms/3/1/5.png")).content == plain.content
    assert (await here.get("/0/tms/3/1/5.webp")).content == (
        await here.get("/0/3/1/2.webp")
    ).content
    assert (await here.get("/tms/3/1/8.png")).status_code == 404
    assert (await here.get("/tms/3/1/x.png")).status_code == 400


@on_site
async def test_an_address_with_the_worlds_version_is_kept_for_ever(here: Site) -> None:
    version = version_of(here.fake.fingerprint(0))
    answer = await here.get(f"/3/1/2.png?v={version}&t=1")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = await here.get(
        f"/3/1/2.png?v={version}", headers={"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    assert again.headers["cache-control"] == answer.headers["cache-control"]
    usual = (await here.get("/3/1/2.png")).headers["cache-control"]
    assert usual == "public, max-age=3600, s-maxage=600"


@on_site
async def test_under_another_version_nothing_is_kept_unasked(here: Site) -> None:
    version = version_of(here.fake.fingerprint(0))
    for path in ("/3/1/2.png?v=000000000000", f"/1/3/1/2.png?v={version}"):
        answer = await here.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@on_site
async def test_what_has_not_changed_since_is_not_sent(here: Site) -> None:
    first = await here.get("/3/1/2.webp")
    date = first.headers["last-modified"]
    answer = await here.get("/3/1/2.webp", headers={"if-modified-since": date})
    assert (answer.status_code, answer.content) == (304, b"")
    for name in ("etag", "cache-control", "last-modified"):
        assert answer.headers[name] == first.headers[name]
    old = {"if-modified-since": "Sun, 06 Nov 1994 08:49:37 GMT"}
    assert (await here.get("/3/1/2.webp", headers=old)).status_code == 200


@on_site
async def test_head_never_makes_a_picture(here: Site) -> None:
    for path in ("/3/1/2.webp", "/3/1/2@2x.png"):
        answer = await here.head(path)
        assert (answer.status_code, "etag" in answer.headers) == (200, False)
    assert not here.fake.calls
    await here.get("/3/1/2.webp")
    warm = await here.head("/3/1/2.webp")
    assert int(warm.headers["content-length"]) > 100
    assert warm.content == b""


@on_site
async def test_a_broken_tile_is_told_in_every_encoding(here: Site) -> None:
    here.fake.broken.add(Tile(4, 3, 5))
    answer = await here.get("/3/1/2@2x.webp")
    assert answer.status_code == 500
    assert "4/3/5" in answer.json()["detail"]
    here.fake.broken.clear()
    assert (await here.get("/3/1/2@2x.webp")).status_code == 200


def endpoint(here: Site) -> TileEndpoint:
    return TileEndpoint(here.service)


async def stored(here: Site, *paths: str) -> None:
    """Have tiles made, and wait until the cache holds them."""
    for path in paths:
        await here.get(path)
    while not all(endpoint(here).hot_response(b"GET", path.encode(), []) for path in paths):
        await asyncio.sleep(0.005)


@on_site
async def test_the_short_cut_says_the_same_as_the_application(here: Site) -> None:
    version = version_of(here.fake.fingerprint(0))
    await stored(here, "/3/1/2.png", "/3/1/2.webp", "/3/1/2@2x.jpg")
    tag = (await here.get("/3/1/2.png")).headers["etag"]
    for path in ("/3/1/2.png", "/0/3/1/2.png", "/tms/3/1/5.png?x=1", f"/3/1/2.webp?v={version}"):
        for method in ("GET", "HEAD"):
            for fields in ({}, {"if-none-match": tag}, {"if-none-match": "*"}):
                answer = await here.request(method, path, headers=fields)
                pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
                ready = endpoint(here).hot_response(method.encode(), path.encode(), pairs)
                assert ready is not None
                assert ready.status == answer.status_code
                assert ready.body == answer.content
                lines = [line.split(b": ", 1) for line in ready.head.split(b"\r\n") if line]
                assert sorted(map(tuple, lines)) == sorted(answer.headers.raw)
    assert set(OPEN) <= {(name, value) for name, value in answer.headers.raw}


@on_site
async def test_the_short_cut_leaves_all_else_to_the_application(here: Site) -> None:
    await stored(here, "/3/1/2.png")
    tiles = endpoint(here)
    for method, target in (
        (b"POST", b"/3/1/2.png"),
        (b"OPTIONS", b"/3/1/2.png"),
        (b"GET", b"/3/1/3.png"),
        (b"GET", b"/3/1/2.webp"),
        (b"GET", b"/3/1/9.png"),
        (b"GET", b"/3/1/2.gif"),
        (b"GET", b"/tilejson.json"),
        (b"GET", b"/"),
        (b"GET", b"http://a/3/1/2.png"),
        (b"GET", b"/3/1/2%2Epng"),
    ):
        assert tiles.hot_response(method, target, []) is None

    def fail(*args: object) -> None:
        raise CacheError("the disk is gone")

    here.service.cache.entry = fail  # type: ignore[method-assign,assignment]
    assert endpoint(here).hot_response(b"GET", b"/3/1/2.png", []) is None


@on_site
async def test_a_remembered_answer_is_forgotten_soon(
    here: Site,
) -> None:
    await stored(here, "/3/1/2.png")
    tiles = endpoint(here)
    assert tiles.hot_response(b"GET", b"/3/1/2.png", []) is not None
    here.service.cache.remove()
    assert tiles.hot_response(b"GET", b"/3/1/2.png", []) is not None
    tiles._hot_until = 0.0
    assert tiles.hot_response(b"GET", b"/3/1/2.png", []) is None


@on_site
async def test_hits_are_counted_once_whichever_way_they_take(here: Site) -> None:
    await stored(here, "/3/1/2.png")
    metrics = here.service.metrics

    def hits() -> float:
        text = metrics.text().decode()
        line = next(x for x in text.splitlines() if x.startswith("elsewhere_tile_hits_total"))
        return float(line.split()[1])

    before = hits()
    endpoint(here).hot_response(b"GET", b"/3/1/2.png", [])
    endpoint(here).hot_response(b"GET", b"/3/1/2.png", [(b"if-none-match", b"*")])
    await here.get("/3/1/2.png")
    assert hits() == before + 3


Request = tuple[bytes, bytes, list[tuple[bytes, bytes]], str]


async def call(app: Any, request: Request) -> int:
    """Send a request past any client's own checks; return the answer's status."""
    path, query, headers, method = request
    statuses = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Any:
        await asyncio.sleep(60)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method}
    scope |= {"path": unquote(path.decode("latin-1")), "raw_path": path, "query_string": query}
    scope |= {"headers": headers, "scheme": "http", "root_path": "", "client": ("1.2.3.4", 5)}
    await app({**scope, "server": ("127.0.0.1", 80), "state": {}}, receive, send)
    (status,) = statuses
    return int(status)


class Fuzzed:
    """One site for all the requests of a test."""

    def __init__(self, directory: Path, **values: Any) -> None:
        self.runner = asyncio.Runner()
        self.site = site(directory, **values)
        self.app = self.runner.run(self.site.__aenter__()).app

    def status(self, request: Request) -> int:
        return self.runner.run(call(self.app, request))

    def close(self) -> None:
        self.runner.run(self.site.__aexit__(None, None, None))
        self.runner.close()


@pytest.fixture(scope="module", params=["made", "archived", "archived only"])
def fuzzed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fuzzed]:
    folder, values = tmp_path_factory.mktemp("fuzz"), {}
    if request.param != "made":
        write_archive(folder / "a.pmtiles")
        only = request.param == "archived only"
        values = {"archive": str(folder / "a.pmtiles"), "archive_only": only}
    made = Fuzzed(folder, **values)
    yield made
    made.close()


def quoted(data: bytes) -> bytes:
    return quote(data).encode()


NAMES = st.sampled_from(
    [b"if-none-match", b"if-modified-since", b"host", b"accept", b"range", b"purpose", b"x-api-key"]
    + [b"access-control-request-headers", b"x-forwarded-for", b"content-length", b"cookie"]
)
WORDS = st.sampled_from(
    [b"3", b"1", b"2.png", b"2@2x.webp", b"tms", b"-1", b"", b"..", b"%00", b"%ff", b"9" * 30]
    + [
        b"tilejson.json",
        b"static",
        b"wmts",
        b"tiles",
        b"WebMercatorQuad",
        b"api",
        b"info",
        b"1.0.0",
    ]
)
RANDOM = st.tuples(
    st.lists(st.one_of(WORDS, st.binary(max_size=8)), max_size=6).map(
        lambda parts: b"/" + b"/".join(parts)
    ),
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b"service=WMTS&request=GetTile", b"f=json", b"v=0123456789ab", b"key=\xff"]
        ),
    ),
    st.lists(st.tuples(NAMES, st.binary(max_size=30)), max_size=4),
    st.sampled_from(["GET", "HEAD", "OPTIONS", "POST"]),
)


NUMBERS = st.one_of(
    st.sampled_from([b"0", b"1", b"-180", b"85.06", b"1e9", b"-0", b"", b"nan", b"1e999", b"5,6"]),
    st.floats(-200, 200).map(lambda number: b"%.3f" % number),
)
SIDES = st.sampled_from([b"1", b"64", b"65", b"0", b"-1", b"2049", b"9" * 12, b"1.5", b""])
WORLDS = st.sampled_from([b"", b"", b"/7", b"/0", b"/18446744073709551616", b"/x"])
SYSTEMS = st.sampled_from(
    [b"[EPSG:3857]", b"[EPSG:3035]", b"[EPSG:4326]", b"[EPSG:3413]", b"[OGC:CRS84]", b"[EPSG:4978]"]
    + [b"http://www.opengis.net/def/crs/EPSG/0/3031", b"[EPSG:0]", b"+proj=merc", b"[", b"%00"]
)
BOX = st.lists(NUMBERS, min_size=3, max_size=5).map(b",".join)
PAIRS = st.one_of(
    st.tuples(st.just(b"bbox"), BOX),
    st.tuples(st.sampled_from([b"crs", b"bbox-crs"]), SYSTEMS),
    st.tuples(st.sampled_from([b"width", b"height"]), SIDES),
    st.tuples(st.just(b"f"), st.sampled_from([b"png", b"webp", b"jpg", b"tiff", b"gif", b""])),
    st.tuples(st.sampled_from([b"v", b"key", b"subset"]), st.binary(max_size=12).map(quoted)),
)
MAPS = st.builds(
    lambda world, path, pairs: (world + path, b"&".join(map(b"=".join, pairs)), [], "GET"),
    WORLDS,
    st.sampled_from([b"/map", b"/collections/imagery/map"]),
    # Small ones, but where a pair says otherwise.
    st.lists(PAIRS, max_size=4).map(lambda pairs: [(b"width", b"32"), *pairs]),
)
STATIC = st.builds(
    lambda world, place, width, height, end: (
        b"%b/static/%b/%bx%b%b" % (world, place, width, height, end), b"", [], "GET",
    ),
    WORLDS,
    st.one_of(BOX, st.text(",.-+e19é%", max_size=12).map(str.encode).map(quoted)),
    SIDES,
    SIDES,
    st.sampled_from([b".png", b"@2x.webp", b".jpeg", b".gif", b""]),
)  # fmt: skip
FILES = st.builds(
    lambda folder, name, ranges: (b"/static/" + folder + name, b"", [(b"range", ranges)], "GET"),
    st.sampled_from([b"web/", b"leaflet/", b"", b"../", b"web/..%2f", b"%2e%2e/", b"web//etc/"]),
    st.one_of(
        st.sampled_from(
            [b"app.js", b"leaflet.js", b"__init__.py", b"places.py", b"pyproject.toml"]
        ),
        st.binary(max_size=8).map(quoted),
    ),
    st.sampled_from([b"bytes=0-1", b"bytes=5-", b"bytes=9-1", b"bytes=" + b"0-," * 900, b"x"]),
)
VERSIONED = st.builds(
    lambda world, z, xy, end, version: (
        b"%b/%d/%d/%d%b" % (world, z, xy, xy, end), b"v=" + version, [], "GET",
    ),
    WORLDS,
    st.integers(0, 5),
    st.integers(0, 9),
    st.sampled_from([b".png", b".webp", b"@2x.jpg"]),
    st.one_of(st.just(b"0123456789ab"), st.binary(max_size=12).map(quoted)),
)  # fmt: skip
REQUESTS = st.one_of(RANDOM, RANDOM, MAPS, STATIC, FILES, VERSIONED)


@given(REQUESTS)
@settings(max_examples=150, deadline=None)
def test_no_request_is_an_internal_error(fuzzed: Fuzzed, request_: Request) -> None:
    assert fuzzed.status(request_) < 500


@pytest.mark.slow
@given(REQUESTS)
@settings(max_examples=int(os.environ.get("ELSEWHERE_SOAK_FUZZ", "20000")), deadline=None)
def test_no_request_of_many_is_an_internal_error(fuzzed: Fuzzed, request_: Request) -> None:
    assert fuzzed.status(request_) < 500
