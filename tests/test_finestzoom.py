"""The finest zoom is that of the weights, in every document and at every address of the server."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import generator
from generator.cascade import checkpoint
from generator.cascade.weightsheader import finest_zoom
from generator.grid.errors import TileError, WeightsError
from generator.grid.tile import Tile
from generator.nets.config import SamplerConfig
from tests.archives import write_archive
from tests.fakes import FINEST, FakeRenderer, draw
from tests.networks import tiny_network
from tests.site import Site, site
from tileserver.commands.basics import check_zoom
from tileserver.rendering.client.service import TileService
from tileserver.serving.tiles import TileEndpoint
from tileserver.settings import Settings

DEEP = SamplerConfig(augmentation=(0.5,) * 6, contrast=(1.0,) * 6)


def weights(path: Path, sampler: SamplerConfig) -> Path:
    checkpoint.save(path, tiny_network(), sampler, {})
    return path


@pytest.mark.parametrize("finest", [15, 17])
def test_every_document_names_the_finest_zoom(tmp_path: Path, finest: int) -> None:
    async def inside(here: Site) -> None:
        await check_documents(here, finest)
        assert (await here.get("/api/info")).json()["stages"][-1]["kind"] == "stage"

    run(tmp_path, finest, inside)


async def check_documents(here: Site, finest: int) -> None:
    """Check that every document of a site names the finest zoom."""
    assert (await here.get("/tilejson.json")).json()["maxzoom"] == finest
    limits = (await here.get("/tiles/WebMercatorQuad")).json()["tileMatrixSetLimits"]
    assert (len(limits), limits[-1]["maxTileRow"]) == (finest + 1, 2**finest - 1)
    info = (await here.get("/api/info")).json()
    assert (info["max_zoom"], len(info["stages"])) == (finest, finest + 1)
    for path, pattern in (
        ("/wmts", r"MatrixWidth>(\d+)<"),
        ("/gdal.xml", r"TileLevel>(\d+)<"),
        ("/qgis.xml", r'zmax="(\d+)"'),
        ("/qgis.qlr", r"zmax=(\d+)"),
        ("/tms/tilemapresource.xml", r'order="(\d+)"'),
    ):
        *_, last = re.findall(pattern, (await here.get(path)).text)
        assert int(last) == (2**finest if path == "/wmts" else finest), path
    api = (await here.get("/openapi.json")).json()["components"]
    assert api["parameters"]["z"]["schema"]["maximum"] == finest
    assert api["parameters"]["tileCol"]["schema"]["maximum"] == 2**finest - 1
    assert api["schemas"]["TileJson"]["properties"]["maxzoom"]["maximum"] == finest


@pytest.mark.parametrize("finest", [15, 17])
def test_every_address_ends_at_the_finest_zoom(tmp_path: Path, finest: int) -> None:
    last, column = Tile(finest, 2**finest - 1, 2**finest - 3), 2**finest - 1

    async def inside(here: Site) -> None:
        found = await here.get(f"/{last}.png")
        assert found.status_code == 200
        assert (await here.get(f"/tms/{finest}/{column}/2.png")).content == found.content
        key = f"TILEMATRIX={finest}&TILEROW={last.y}&TILECOL={last.x}"
        layer = "LAYER=elsewhere&STYLE=default&TILEMATRIXSET=GoogleMapsCompatible&FORMAT=image/png"
        answer = await here.get(f"/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&{layer}&{key}")
        assert answer.content == found.content
        path = f"/tiles/WebMercatorQuad/{finest}/{last.y}/{last.x}?f=png"
        assert (await here.get(path)).content == found.content
        # Of the finest zoom there is no double size but an enlarged one.
        with Image.open(io.BytesIO((await here.get(f"/{last}@2x.png")).content)) as double:
            assert double.size == (512, 512)
        assert {block.top.z for _, block in here.fake.calls} <= set(range(finest))
        # Beyond it there is nothing.
        for path in (f"/{finest + 1}/0/0.png", f"/tms/{finest + 1}/0/0.png"):
            beyond = await here.get(path)
            assert beyond.status_code == 404
            assert f"zoom is {finest + 1}, expected 0 to {finest}" in beyond.json()["detail"]
        beyond = await here.get(f"/static/7,46,{finest + 0.5}/64x64.png")
        assert f"the zoom is {finest + 0.5}, expected 0 to {finest}" in beyond.json()["detail"]
        assert (await here.get(f"/static/7,46,{finest}/64x64.png")).status_code == 200

    run(tmp_path, finest, inside)


def test_an_archive_alone_ends_at_its_own_finest_zoom(tmp_path: Path) -> None:
    written = write_archive(tmp_path / "a.pmtiles")

    async def inside(here: Site) -> None:
        await check_documents(here, 3)
        double = await here.get("/3/4/2@2x.png")  # enlarged: below it there is nothing
        with Image.open(io.BytesIO(double.content)) as image:
            assert (double.status_code, image.size) == (200, (512, 512))
        # A map is enlarged too, of a box within a tile.
        answer = await here.get("/map?bbox=7,46,7.1,46.1&width=64&height=64&f=png")
        with Image.open(io.BytesIO(answer.content)) as image:
            assert (answer.status_code, image.size) == (200, (64, 64))
        # What is stored below it, from a server that made tiles, is beyond it as well.
        deep = Tile(4, 0, 0)
        here.service.cache.put_many(here.service.world(0), [(deep, written[Tile(3, 0, 0)])])
        endpoint = TileEndpoint(here.service)
        assert endpoint.hot_response(b"GET", b"/4/0/0.png", []) is None
        assert endpoint.hot_response(b"GET", b"/3/0/0.png", []) is not None
        for path in ("/4/0/0.png", "/tms/4/0/0.png"):
            beyond = await here.get(path)
            assert beyond.status_code == 404
            assert beyond.json()["detail"] == "zoom is 4, expected 0 to 3"
        beyond = await here.get("/static/7,46,3.5/64x64.png")
        assert (beyond.status_code, "expected 0 to 3" in beyond.json()["detail"]) == (400, True)

    async def alone() -> None:
        file = str(tmp_path / "a.pmtiles")
        async with site(tmp_path / "cache", archive=file, archive_only=True) as here:
            await inside(here)

    asyncio.run(alone())


def test_beside_an_archive_the_finest_zoom_is_that_of_the_weights(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.pmtiles")

    async def inside(here: Site) -> None:
        await check_documents(here, 17)
        assert (await here.get("/17/0/0.png")).status_code == 200
        assert (await here.get("/3/4/2.png")).status_code == 200
        assert here.service.metrics.archived.value > 0

    run(tmp_path, 17, inside, archive=str(tmp_path / "a.pmtiles"))


def run(folder: Path, finest: int, check: Callable[[Site], Awaitable[None]], **values: Any) -> None:
    """Run a check against a site whose renderer tells of a finest zoom."""

    async def inside() -> None:
        async with site(folder, FakeRenderer(max_zoom=finest), **values) as here:
            await check(here)

    asyncio.run(inside())


def test_a_tile_of_zoom_17_has_its_own_pixels(tmp_path: Path) -> None:
    tile = Tile(17, 100_000, 70_000)

    async def inside(here: Site) -> None:
        with Image.open(io.BytesIO((await here.get(f"/{tile}.png")).content)) as image:
            made = np.asarray(image)
        assert made.shape == (256, 256, 3)
        assert not np.array_equal(made, draw(0, tile))  # a trace of its parents is in it

    run(tmp_path, 17, inside)


def test_weights_tell_their_finest_zoom_before_they_are_loaded(tmp_path: Path) -> None:
    assert finest_zoom(weights(tmp_path / "six", DEEP)) == 17
    assert finest_zoom(weights(tmp_path / "five", SamplerConfig())) == 15
    Image.new("RGB", (64, 32)).save(tmp_path / "base.png")
    assert finest_zoom() == generator.load(tmp_path / "base.png").max_zoom == FINEST
    (tmp_path / "none").write_text("no weights")
    with pytest.raises(WeightsError, match="cannot read the weights"):
        finest_zoom(tmp_path / "none")


def test_the_renderer_s_word_counts_before_the_file_s(tmp_path: Path) -> None:
    told: dict[str, object] = {}

    class Client:
        def model(self) -> dict[str, object]:
            return told

    service = TileService.__new__(TileService)
    service.client = Client()  # type: ignore[assignment]
    service.settings = Settings(cache=tmp_path, weights=weights(tmp_path / "six", DEEP))
    assert service.max_zoom == 17
    told |= json.loads('{"max_zoom": 15}')
    assert service.max_zoom == 15


def test_commands_refuse_a_zoom_that_the_weights_do_not_serve(tmp_path: Path) -> None:
    deep = Settings(cache=tmp_path, weights=weights(tmp_path / "six", DEEP))
    check_zoom(17, deep)
    check_zoom(FINEST, Settings(cache=tmp_path))
    common = Settings(cache=tmp_path, weights=weights(tmp_path / "five", SamplerConfig()))
    check_zoom(15, common)
    with pytest.raises(TileError, match="zoom is 16, expected 0 to 15 with these weights"):
        check_zoom(16, common)
