"""The service: cached or made, and the same bytes for everybody in whatever order."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from generator.grid.block import Block
from generator.grid.tile import Tile
from tests.caches import damaged
from tests.fakes import FakeRenderer
from tests.local import LocalService, local_service
from tests.waiting import until
from tileserver.cache.tilecache import TileCache
from tileserver.errors import GenerationError, UnavailableError
from tileserver.rendering.client.renderclient import RenderClient
from tileserver.rendering.client.service import TileService
from tileserver.rendering.metrics import Metrics
from tileserver.settings import Settings

DEEP = Tile(13, 4000, 4001)


@asynccontextmanager
async def running(
    directory: Path, renderer: FakeRenderer | None = None, **settings: Any
) -> AsyncIterator[tuple[LocalService, FakeRenderer]]:
    """Run a service over a cache directory."""
    fake = renderer or FakeRenderer()
    service = local_service(Settings(cache=directory, **settings), fake)
    try:
        yield service, fake
    finally:
        fake.gate.set()
        await asyncio.to_thread(service.close)


def queued(service: LocalService) -> float:
    return service.client.engine.metrics.queue_length.value


def test_a_thousand_requests_for_one_cold_tile_make_it_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, FakeRenderer(delay=0.01)) as (service, fake):
            entries = await asyncio.gather(*(service.get(0, DEEP) for _ in range(1000)))
            assert len(set(entries)) == 1
            assert fake.calls.count((0, Block.of(DEEP))) == 1
            assert len(fake.calls) == len(set(fake.calls))
            found = service.lookup(0, DEEP)
            assert found is not None
            assert found.payload == entries[0].payload

    asyncio.run(run())


def test_any_order_and_company_gives_the_same_bytes(tmp_path: Path) -> None:
    block = [Tile(z, x, y) for z in (10, 11, 12, 13) for x in range(60, 64) for y in range(60, 64)]

    async def fetch(name: str, order: int, together: int) -> dict[Tile, bytes]:
        tiles = random.Random(order).sample(block, len(block))
        found: dict[Tile, bytes] = {}
        async with running(tmp_path / name) as (service, _):
            for start in range(0, len(tiles), together):
                part = tiles[start : start + together]
                entries = await asyncio.gather(*(service.get(5, tile) for tile in part))
                found |= {tile: entry.payload for tile, entry in zip(part, entries, strict=True)}
        stored = TileCache.open(tmp_path / name)
        assert damaged(stored) == []
        assert found == {tile: stored.get(FakeRenderer().fingerprint(5), tile) for tile in tiles}
        stored.close()
        return found

    async def run() -> None:
        singly = await fetch("a", 1, 1)
        assert singly == await fetch("b", 2, 64)
        assert singly == await fetch("c", 3, 5)

    asyncio.run(run())


def test_a_second_start_makes_nothing_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (service, _):
            first = await service.get(3, DEEP)
        async with running(tmp_path) as (service, fake):
            assert (await service.get(3, DEEP)).payload == first.payload
            assert not fake.calls

    asyncio.run(run())


def test_another_model_never_gets_the_tiles_of_the_first(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, FakeRenderer(name="old")) as (service, _):
            await service.get(0, DEEP)
        async with running(tmp_path, FakeRenderer(name="new")) as (service, fake):
            assert service.lookup(0, DEEP) is None
            await service.get(0, DEEP)
            assert (0, Block.of(DEEP)) in fake.calls
            await until(lambda: len(service.cache.worlds.about()) == 2)
            worlds = service.cache.worlds.about()
        assert {about["name"] for about in worlds.values()} == {"old", "new"}

    asyncio.run(run())


def test_a_failure_answers_all_waiters_and_the_next_request_works(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (service, fake):
            fake.broken.add(DEEP)
            waiters = [service.get(0, DEEP) for _ in range(20)]
            results = await asyncio.gather(*waiters, return_exceptions=True)
            assert {type(result) for result in results} == {GenerationError}
            fake.broken.clear()
            assert await service.get(0, DEEP)

    asyncio.run(run())


def test_a_request_is_held_only_so_long(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, hold_seconds=0.1) as (service, fake):
            fake.gate.clear()
            with pytest.raises(UnavailableError, match=r"was not made within 0.1 s"):
                await service.get(0, DEEP)
            fake.gate.set()
            await until(lambda: queued(service) == 0)
            assert (0, Block.of(DEEP)) not in fake.calls

    asyncio.run(run())


def test_a_request_that_is_given_up_drops_its_work(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (service, fake):
            fake.gate.clear()
            first = asyncio.create_task(service.get(0, Tile(0, 0, 0)))
            await until(lambda: len(fake.calls) == 1)
            second = asyncio.create_task(service.get(0, DEEP))
            await until(lambda: queued(service) > 1)
            second.cancel()
            await until(lambda: queued(service) == 1)
            fake.gate.set()
            assert await first
            assert fake.calls == [(0, Block(Tile(0, 0, 0)))]

    asyncio.run(run())


def test_until_worlds_can_be_named_a_request_is_held_and_turned_away(tmp_path: Path) -> None:
    async def run() -> None:
        settings, metrics = Settings(cache=tmp_path, hold_seconds=0.05), Metrics()
        client = RenderClient(tmp_path / "nobody-listens-here")
        service = TileService(settings, metrics, TileCache.open(tmp_path), client)
        service.start()
        with pytest.raises(UnavailableError, match="still being loaded"):
            await service.known()
        with pytest.raises(UnavailableError, match="is being started"):
            service.lookup(0, DEEP)
        assert service.problem() == "the process that makes tiles is being started"
        assert b"elsewhere_ready 0.0" in metrics.text()
        await asyncio.to_thread(service.close)

    asyncio.run(run())


def test_gauges_follow_the_cache(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (service, _):
            await service.get(0, Tile(6, 5, 5))
            await until(lambda: service.cache.count() == 9)
            text = service.metrics.text().decode()
            assert "elsewhere_tiles_stored 9.0" in text
            assert "elsewhere_ready 1.0" in text
            assert 'elsewhere_encode_seconds_count{zoom="7"} 4.0' in text
            assert 'elsewhere_generation_seconds_count{zoom="5"} 4.0' in text
            assert 'elsewhere_generation_seconds_count{zoom="6"} 1.0' in text
            assert 'elsewhere_tile_misses_total{zoom="6"} 1.0' in text

    asyncio.run(run())
