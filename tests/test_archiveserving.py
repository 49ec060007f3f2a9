"""Servers of an archive: its bytes as they are, the rest made or refused, never other pixels."""

from __future__ import annotations

import asyncio
import functools
import io
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generator.grid.block import Block
from generator.grid.tile import Tile
from tests.archives import TILES, file_server, payload, write_archive
from tests.fake_server import load
from tests.fakes import FakeRenderer, draw
from tests.servers import needs_proc, server
from tests.site import Site, site
from tileserver.address import version_of
from tileserver.errors import ArchiveError, StartError
from tileserver.processes.supervisor import serve
from tileserver.rendering.client import archived as module
from tileserver.settings import Settings

Check = Callable[[Site], Coroutine[Any, Any, None]]


def run(tmp_path: Path, check: Check, **values: Any) -> None:
    """Check a site with the archive `a.pmtiles` of the fake world."""

    async def inside() -> None:
        values.setdefault("archive", str(tmp_path / "a.pmtiles"))
        async with site(tmp_path / "cache", **values) as here:
            await check(here)

    asyncio.run(inside())


def test_what_the_archive_has_is_served_and_the_rest_is_made(tmp_path: Path) -> None:
    written = write_archive(tmp_path / "a.pmtiles")

    async def check(here: Site) -> None:
        for tile in (TILES[0], TILES[-1]):
            answer = await here.get(f"/{tile}.png")
            assert (answer.status_code, answer.content) == (200, written[tile])
            assert answer.headers["content-type"] == "image/png"
            known = {"if-none-match": answer.headers["etag"]}
            assert (await here.get(f"/0/{tile}.png", headers=known)).status_code == 304
            head = await here.head(f"/{tile}.png")
            assert head.headers["content-length"] == str(len(written[tile]))
        assert here.fake.calls == []
        assert here.service.metrics.archived.value > 0
        made = await here.get("/5/1/1.png")
        assert made.content == payload(Tile(5, 1, 1))
        assert len(here.fake.calls) == 1
        assert (await here.get("/7/3/1/1.png")).content == payload(Tile(3, 1, 1), seed=7)

    run(tmp_path, check)


def test_what_is_made_below_the_archive_is_made_from_its_tiles(tmp_path: Path) -> None:
    file = tmp_path / "a.pmtiles"
    deep = Tile(7, 70, 50)
    inputs = FakeRenderer().needs(Block.of(deep))
    written = write_archive(file, inputs)

    async def check(here: Site) -> None:
        made = (await here.get(f"/{deep}.png")).content
        assert here.fake.calls == [(0, Block.of(deep))]
        async with site(tmp_path / "other") as other:
            assert (await other.get(f"/{deep}.png")).content == made
            assert len(other.fake.calls) > 1

    run(tmp_path, check)
    # A damaged input is made, and the tile is the same.
    data = bytearray(file.read_bytes())
    data[data.index(written[inputs[0]]) + 300] ^= 1
    file.write_bytes(data)

    async def check_damaged(here: Site) -> None:
        made = (await here.get(f"/{deep}.png")).content
        assert {block for _, block in here.fake.calls} == {Block.of(deep), Block.of(inputs[0])}
        async with site(tmp_path / "third") as other:
            assert (await other.get(f"/{deep}.png")).content == made

    (tmp_path / "cache").rename(tmp_path / "before")
    run(tmp_path, check_damaged)


def test_other_formats_and_pictures_are_made_of_its_png(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.pmtiles")

    async def check(here: Site) -> None:
        assert (await here.get("/3/1/2.webp")).content == payload(Tile(3, 1, 2), "webp")
        assert (await here.get("/2/1/2@2x.png")).status_code == 200
        picture = await here.get("/static/22.5,21.943,3/256x256.png")
        shown = np.asarray(Image.open(io.BytesIO(picture.content)))
        assert np.array_equal(shown, draw(0, Tile(3, 4, 3)))
        assert (await here.get("/map?width=64")).status_code == 200
        assert here.fake.calls == []

    run(tmp_path, check)


def test_an_archive_of_webp_serves_webp_and_png_is_made(tmp_path: Path) -> None:
    written = write_archive(tmp_path / "a.pmtiles", format="webp")

    async def check(here: Site) -> None:
        assert (await here.get("/3/1/2.webp")).content == written[Tile(3, 1, 2)]
        assert here.fake.calls == []
        assert (await here.get("/3/1/2.png")).content == payload(Tile(3, 1, 2))
        assert len(here.fake.calls) == 1

    run(tmp_path, check)


def test_tiles_of_another_world_are_not_taken_from_it(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.pmtiles", world=b"x" * 16)

    async def check(here: Site) -> None:
        assert (await here.get("/3/1/2.png")).status_code == 200
        assert here.service.metrics.archived.value == 0
        assert len(here.fake.calls) == 1

    run(tmp_path, check)


def test_an_archive_alone_makes_nothing(tmp_path: Path) -> None:
    tiles = [tile for tile in TILES if tile != Tile(3, 4, 2)]
    written = write_archive(tmp_path / "a.pmtiles", tiles, seed=7)

    async def check(here: Site) -> None:
        assert (await here.get("/3/1/2.png")).content == written[Tile(3, 1, 2)]
        assert (await here.get("/7/3/1/2.png")).content == written[Tile(3, 1, 2)]
        assert (await here.get("/3/1/2.webp")).content == payload(Tile(3, 1, 2), "webp", 7)
        for path, sentence in (
            ("/3/4/2.png", "not in the archive, which holds png tiles of zooms 0 to 3"),
            ("/3/4/2.webp", "not in the archive"),
            ("/2/2/1@2x.png", "not in the archive"),
            ("/3/3/1/1.png", "has the tiles of world 7 only"),
            ("/3/tilejson.json", "has the tiles of world 7 only"),
            ("/map?bbox=7,46,8,47&width=900", "not in the archive"),
            ("/static/7,46,3/64x64.png", "not in the archive"),
        ):
            refused = await here.get(path)
            assert (refused.status_code, refused.headers["cache-control"]) == (404, "no-store")
            assert sentence in refused.json()["detail"], path
        assert (await here.get("/readyz")).status_code == 200
        document = (await here.get("/tilejson.json")).json()
        assert (document["minzoom"], document["maxzoom"]) == (0, 3)
        assert document["bounds"] == [-180.0, -85.0, 180.0, 85.0]
        (template,) = document["tiles"]
        tile = await here.get(template.format(z=2, x=1, y=1))
        assert (tile.content, "immutable" in tile.headers["cache-control"]) == (
            written[Tile(2, 1, 1)],
            True,
        )
        assert (await here.get("/api/info")).json()["ready"] is True
        assert here.fake.calls == []

    run(tmp_path, check, archive_only=True, seed=7)


def test_the_tilejson_of_an_archive_alone_names_its_format(tmp_path: Path) -> None:
    written = write_archive(tmp_path / "a.pmtiles", format="jpg")

    async def check(here: Site) -> None:
        (template,) = (await here.get("/tilejson.json")).json()["tiles"]
        assert (await here.get(template.format(z=2, x=1, y=1))).content == written[Tile(2, 1, 1)]
        assert "holds jpeg tiles" in (await here.get("/2/1/1.png")).json()["detail"]

    run(tmp_path, check, archive_only=True)


@pytest.mark.parametrize("only", [False, True])
def test_a_damaged_tile_is_made_or_a_503_and_the_others_are_served(
    tmp_path: Path, only: bool
) -> None:
    file = tmp_path / "a.pmtiles"
    written = write_archive(file)
    data = bytearray(file.read_bytes())
    data[data.index(written[Tile(3, 1, 2)]) + 300] ^= 1
    file.write_bytes(data)

    async def check(here: Site) -> None:
        answer = await here.get("/3/1/2.png")
        if only:
            assert answer.status_code == 503
            assert "its tile 3/1/2 is no whole image/png" in answer.json()["detail"]
            assert "retry-after" in answer.headers
        else:
            assert answer.content == written[Tile(3, 1, 2)]
        assert (await here.get("/3/2/2.png")).content == written[Tile(3, 2, 2)]
        assert (await here.get("/readyz")).status_code == 200
        assert here.service.metrics.archive_failures.value > 0

    run(tmp_path, check, archive_only=only)


def test_a_remote_archive_is_read_once_for_all_who_ask_together(tmp_path: Path) -> None:
    written = write_archive(tmp_path / "a.pmtiles")

    async def check(here: Site) -> None:
        before = len(handler.asked)
        tile = TILES[-1]
        answers = await asyncio.gather(*(here.get(f"/{tile}.png") for _ in range(30)))
        assert {answer.content for answer in answers} == {written[tile]}
        assert len(handler.asked) == before + 1
        assert (await here.get("/3/1/2.webp")).content == payload(Tile(3, 1, 2), "webp")
        assert here.fake.calls == []

    with file_server(tmp_path) as (root, handler):
        run(tmp_path, check, archive=f"{root}/a.pmtiles")


@pytest.mark.parametrize("only", [False, True])
def test_a_remote_archive_that_fails_is_left_alone_for_a_while(tmp_path: Path, only: bool) -> None:
    written = write_archive(tmp_path / "a.pmtiles")

    async def check(here: Site) -> None:
        handler.status = 500
        asked = len(handler.asked)
        for tile in TILES[-3:]:
            answer = await here.get(f"/{tile}.png")
            if only:
                assert (answer.status_code, "status 500" in answer.text) == (503, True)
            else:
                assert answer.content == written[tile]
        assert len(handler.asked) == asked + 1
        assert (await here.get("/readyz")).status_code == (503 if only else 200)
        handler.status = 0
        assert here.service.archived is not None
        here.service.archived._rests_until = 0
        assert (await here.get("/3/0/0.png")).content == written[Tile(3, 0, 0)]
        assert (await here.get("/readyz")).status_code == 200

    with file_server(tmp_path) as (root, handler):
        run(tmp_path, check, archive=f"{root}/a.pmtiles", archive_only=only)


def test_more_than_may_wait_for_a_remote_archive_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKLOG", 1)
    write_archive(tmp_path / "a.pmtiles")
    gate = threading.Event()

    async def check(here: Site) -> None:
        archived = here.service.archived
        assert archived is not None
        monkeypatch.setattr(archived.archive, "payload", lambda tile: gate.wait(10) and None)
        first = asyncio.create_task(here.get("/3/1/1.png"))
        while not archived._running:
            await asyncio.sleep(0.001)
        refused = await here.get("/3/1/2.png")
        assert (refused.status_code, "as many as may be" in refused.text) == (503, True)
        gate.set()
        assert (await first).status_code == 404

    with file_server(tmp_path) as (root, _):
        run(tmp_path, check, archive=f"{root}/a.pmtiles", archive_only=True)


def test_two_servers_share_one_archive_and_answer_with_the_same_bytes(tmp_path: Path) -> None:
    written = write_archive(tmp_path / "a.pmtiles")
    words = (f"archive={tmp_path / 'a.pmtiles'}", "workers=2")
    with (
        server(tmp_path / "one", *words) as one,
        server(tmp_path / "two", *words, "archive_only=1") as two,
    ):
        assert set(two.children()) <= {"worker-1", "worker-2"}
        version = version_of(FakeRenderer().fingerprint(0))
        for tile in TILES[::7]:
            answers = [each.get(f"/{tile}.png?v={version}") for each in (one, two)]
            assert {answer.content for answer in answers} == {written[tile]}
            assert len({answer.headers["etag"] for answer in answers}) == 1
            assert all("immutable" in answer.headers["cache-control"] for answer in answers)
        assert one.get("/5/1/1.png").content == payload(Tile(5, 1, 1))
        assert two.get("/5/1/1.png").status_code == 404
        for each in (one, two):
            each.process.terminate()
            assert each.process.wait(20) == 0


def test_an_archive_that_cannot_be_served_ends_the_start(tmp_path: Path) -> None:
    file = tmp_path / "a.pmtiles"
    write_archive(file, seed=7)
    for values, sentence in (
        ({"archive": str(tmp_path / "none.pmtiles")}, "cannot be read"),
        ({"archive": str(file)}, "holds world 7 and this server's is 0"),
        ({"archive_only": True}, "expected --archive FILE"),
    ):
        with pytest.raises(ArchiveError, match=sentence):
            serve(Settings(port=0, cache=tmp_path / "cache", **values))  # type: ignore[arg-type]


def test_an_archive_of_another_world_ends_the_start(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.pmtiles", world=b"x" * 16)
    fake = functools.partial(load, delay=0.0, loading=0.0, gate="", broken="")
    settings = Settings(port=0, cache=tmp_path / "cache", archive=str(tmp_path / "a.pmtiles"))
    with pytest.raises(StartError, match="holds another world of seed 0 than this server makes"):
        serve(settings, fake)


@needs_proc
def test_an_archive_alone_needs_no_network_in_memory(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.pmtiles")
    with server(tmp_path / "c", f"archive={tmp_path / 'a.pmtiles'}", "archive_only=1") as running:
        for pid in running.children().values():
            assert "libtorch" not in Path(f"/proc/{pid}/maps").read_text()
