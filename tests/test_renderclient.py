"""The generator process as seen from a web process, here both in one: asking, leaving, deaths."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from generator.grid.block import Block
from generator.grid.tile import Tile
from generator.grid.world import fingerprint
from tests.fakes import FakeRenderer
from tests.waiting import until
from tileserver.cache.tilecache import TileCache
from tileserver.errors import BudgetError, GenerationError, UnavailableError
from tileserver.rendering.client import renderclient as module
from tileserver.rendering.client.renderclient import RenderClient
from tileserver.rendering.engine.engine import RenderEngine
from tileserver.rendering.engine.server import RenderServer
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.models import Model
from tileserver.rendering.request import RequestOptions
from tileserver.settings import Settings

DEEP = Tile(13, 4000, 4001)
STRANGER = RequestOptions(client="9.9.9.9", free=False)


class Generator:
    """A generator process without the process: it can die and come back."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.path = directory / "socket"
        self.settings = Settings(cache=directory / "cache", **settings)
        self.fake = FakeRenderer()
        self.cache = TileCache.open(self.settings.cache)
        self.connections: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        self.engine = RenderEngine.open(self.settings, Metrics(), self.cache, self.fake)
        server = RenderServer(self.engine)

        async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections.append(writer)
            await server.connected(reader, writer)

        self.server = await asyncio.start_unix_server(welcome, str(self.path))

    async def die(self) -> None:
        """Close without an answer to anybody."""
        self.server.close()
        for writer in self.connections:
            writer.transport.abort()
        self.connections.clear()
        self.engine.refuse()  # at most the running block is finished, however slow the machine
        self.fake.gate.set()
        await asyncio.to_thread(self.engine.close)


@contextlib.asynccontextmanager
async def running(tmp_path: Path, **settings: Any) -> AsyncIterator[tuple[Generator, RenderClient]]:
    generator = Generator(tmp_path, **settings)
    await generator.open()
    client = RenderClient(generator.path)
    client.start()
    try:
        async with asyncio.timeout(20):
            await client.known()
            yield generator, client
    finally:
        client.close()
        await generator.die()
        generator.cache.close()


def test_a_tile_comes_with_bytes_and_world_as_made_there(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (generator, client):
            entry = await client.render(5, DEEP, RequestOptions())
            world = generator.fake.fingerprint(5)
            assert client.world(5) == world
            await until(lambda: generator.cache.get(world, DEEP) == entry.payload)
            assert client.model() == generator.fake.describe()
            assert client.problem() is None

    asyncio.run(run())


def test_a_thousand_requests_make_one_block(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (generator, client):
            entries = await asyncio.gather(
                *(client.render(0, DEEP, RequestOptions()) for _ in range(1000))
            )
            assert len({entry.payload for entry in entries}) == 1
            assert generator.fake.calls.count((0, Block.of(DEEP))) == 1

    asyncio.run(run())


def test_who_leaves_takes_the_queued_work_along(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (generator, client):
            generator.fake.gate.clear()
            first = asyncio.create_task(client.render(0, Tile(0, 0, 0), RequestOptions()))
            await until(lambda: len(generator.fake.calls) == 1)
            second = asyncio.create_task(client.render(0, DEEP, RequestOptions()))
            await until(lambda: generator.engine.metrics.queue_length.value > 1)
            second.cancel()
            await until(lambda: generator.engine.metrics.queue_length.value == 1)
            generator.fake.gate.set()
            assert await first

    asyncio.run(run())


def test_a_web_process_that_dies_takes_its_queued_work_along(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (generator, client):
            generator.fake.gate.clear()
            asking = asyncio.create_task(client.render(0, DEEP, RequestOptions()))
            await until(lambda: len(generator.fake.calls) == 1)
            client.close()
            generator.connections[0].transport.abort()
            await until(lambda: generator.engine.metrics.queue_length.value == 1)
            asking.cancel()

    asyncio.run(run())


def test_errors_come_as_they_are(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, max_queue=2, render_budget=1) as (generator, client):
            generator.fake.broken.add(Tile(3, 1, 1))
            with pytest.raises(GenerationError, match="3/1/1 is broken"):
                await client.render(0, Tile(3, 1, 1), RequestOptions())
            await client.render(0, Tile(3, 1, 2), STRANGER)
            with pytest.raises(BudgetError, match="used up") as refusal:
                await client.render(0, Tile(3, 1, 3), STRANGER)
            assert refusal.value.retry > 50
            generator.fake.gate.clear()
            busy = [
                asyncio.create_task(client.render(0, Tile(2, n, 0), RequestOptions()))
                for n in (0, 1)
            ]
            await until(lambda: generator.engine.metrics.queue_length.value == 2)
            with pytest.raises(UnavailableError, match="2 blocks of tiles are waiting"):
                await client.render(0, Tile(2, 2, 0), RequestOptions())
            generator.fake.gate.set()
            assert await asyncio.gather(*busy)

    asyncio.run(run())


def test_a_death_only_delays_those_who_wait(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (generator, client):
            generator.fake.gate.clear()
            asking = asyncio.create_task(client.render(0, DEEP, RequestOptions()))
            await until(lambda: len(generator.fake.calls) == 1)
            await generator.die()
            await until(lambda: client.problem() == module.STARTING)
            assert client.world(0) == generator.fake.fingerprint(0)
            assert not asking.done()
            await generator.open()
            assert (await asking).payload
            assert client.problem() is None

    asyncio.run(run())


def test_a_tile_that_kills_its_maker_is_given_up_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)

    async def run() -> None:
        async with running(tmp_path) as (generator, client):
            asking = asyncio.create_task(client.render(0, DEEP, RequestOptions()))
            for _ in range(module.MAX_ATTEMPTS):
                generator.fake.gate.clear()
                made = len(generator.fake.calls)
                await until(lambda made=made: len(generator.fake.calls) > made)  # type: ignore[misc]
                await generator.die()
                await generator.open()
            with pytest.raises(UnavailableError, match="ended 3 times meanwhile"):
                await asking

    asyncio.run(run())


def test_another_model_after_a_restart_means_other_worlds(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (generator, client):
            before = client.world(0)
            await generator.die()
            generator.fake.name = "new"
            await generator.open()
            await until(lambda: client.world(0) != before)
            assert client.world(0) == generator.fake.fingerprint(0)

    asyncio.run(run())


def test_refusing_answers_all_and_lets_nobody_in(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (generator, client):
            generator.fake.gate.clear()
            asking = asyncio.create_task(client.render(0, DEEP, RequestOptions()))
            await until(lambda: generator.engine.metrics.queue_length.value > 0)
            client.refuse()
            for waiting in (asking, client.render(0, DEEP, RequestOptions())):
                with pytest.raises(UnavailableError, match="is stopping"):
                    await waiting

    asyncio.run(run())


def test_silence_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with running(tmp_path) as (_, client):
            monkeypatch.setattr(module, "SILENCE_SECONDS", -1.0)
            assert client.problem() == "the process that makes tiles does not answer"

    asyncio.run(run())


def test_a_recalled_model_names_worlds_until_the_real_one_speaks(tmp_path: Path) -> None:
    async def run() -> None:
        generator = Generator(tmp_path)
        client = RenderClient(generator.path, Model(b"recalled", {"steps": 9}))
        client.start()
        await client.known()
        assert client.world(3) == fingerprint(b"recalled", 3)
        assert client.model() == {"steps": 9}
        assert client.problem() == module.STARTING
        await generator.open()
        async with asyncio.timeout(20):
            await client.greeted()
        assert client.world(3) == generator.fake.fingerprint(3)
        assert client.model() == generator.fake.describe()
        assert client.problem() is None
        client.close()
        await generator.die()
        generator.cache.close()

    asyncio.run(run())


def test_without_a_recalled_model_no_world_has_a_name(tmp_path: Path) -> None:
    async def run() -> None:
        client = RenderClient(tmp_path / "socket")
        client.start()
        with pytest.raises(UnavailableError, match="is being started"):
            client.world(0)
        assert client.model() == {}
        waiting = asyncio.create_task(client.known())
        await asyncio.sleep(0)
        assert not waiting.done()
        client.refuse()
        with pytest.raises(UnavailableError, match="is stopping"):
            await waiting
        client.close()

    asyncio.run(run())


def test_a_generator_that_loads_for_long_is_not_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", -1.0)

    async def run() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        client = RenderClient(tmp_path / "socket")
        client.start()
        await until(lambda: client._writer is not None)
        assert client.problem() == module.STARTING
        client.close()
        listening.close()

    asyncio.run(run())
