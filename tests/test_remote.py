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
from tests.test_service import until
from tileserver.cache.tilecache import TileCache
from tileserver.errors import BudgetError, GenerationError, UnavailableError
from tileserver.processes.generating import Counter
from tileserver.rendering.client import remote as module
from tileserver.rendering.client.remote import RemoteBackend
from tileserver.rendering.engine.jobs import Ask
from tileserver.rendering.engine.workshop import Workshop
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.models import Model
from tileserver.settings import Settings

DEEP = Tile(13, 4000, 4001)
STRANGER = Ask(client="9.9.9.9", free=False)


class Office:
    """A generator process without the process: it can die and come back."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.path = directory / "socket"
        self.settings = Settings(cache=directory / "cache", **settings)
        self.fake = FakeRenderer()
        self.cache = TileCache.open(self.settings.cache)
        self.connections: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        self.workshop = Workshop(self.settings, Metrics(), self.cache, self.fake)
        counter = Counter(self.workshop)

        async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections.append(writer)
            await counter._welcome(reader, writer)

        self.server = await asyncio.start_unix_server(welcome, str(self.path))

    async def die(self) -> None:
        """Close without an answer to anybody."""
        self.server.close()
        for writer in self.connections:
            writer.transport.abort()
        self.connections.clear()
        self.workshop.refuse()  # at most the running block is finished, however slow the machine
        self.fake.gate.set()
        await asyncio.to_thread(self.workshop.close)


@contextlib.asynccontextmanager
async def running(tmp_path: Path, **settings: Any) -> AsyncIterator[tuple[Office, RemoteBackend]]:
    office = Office(tmp_path, **settings)
    await office.open()
    backend = RemoteBackend(office.path)
    try:
        async with asyncio.timeout(20):
            await backend.known()
            yield office, backend
    finally:
        backend.close()
        await office.die()
        office.cache.close()


def test_a_tile_comes_with_bytes_and_world_as_made_there(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (office, backend):
            entry = await backend.make(5, DEEP, Ask())
            world = office.fake.fingerprint(5)
            assert backend.world(5) == world
            await until(lambda: office.cache.get(world, DEEP) == entry.payload)
            assert backend.model() == office.fake.describe()
            assert backend.problem() is None

    asyncio.run(run())


def test_a_thousand_requests_make_one_block(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (office, backend):
            entries = await asyncio.gather(*(backend.make(0, DEEP, Ask()) for _ in range(1000)))
            assert len({entry.payload for entry in entries}) == 1
            assert office.fake.calls.count((0, Block.of(DEEP))) == 1

    asyncio.run(run())


def test_who_leaves_takes_the_queued_work_along(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (office, backend):
            office.fake.gate.clear()
            first = asyncio.create_task(backend.make(0, Tile(0, 0, 0), Ask()))
            await until(lambda: len(office.fake.calls) == 1)
            second = asyncio.create_task(backend.make(0, DEEP, Ask()))
            await until(lambda: len(office.workshop) > 1)
            second.cancel()
            await until(lambda: len(office.workshop) == 1)
            office.fake.gate.set()
            assert await first

    asyncio.run(run())


def test_a_web_process_that_dies_takes_its_queued_work_along(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (office, backend):
            office.fake.gate.clear()
            asking = asyncio.create_task(backend.make(0, DEEP, Ask()))
            await until(lambda: len(office.fake.calls) == 1)
            backend.close()
            office.connections[0].transport.abort()
            await until(lambda: len(office.workshop) == 1)
            asking.cancel()

    asyncio.run(run())


def test_errors_come_as_they_are(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, max_queue=2, render_budget=1) as (office, backend):
            office.fake.broken.add(Tile(3, 1, 1))
            with pytest.raises(GenerationError, match="3/1/1 is broken"):
                await backend.make(0, Tile(3, 1, 1), Ask())
            await backend.make(0, Tile(3, 1, 2), STRANGER)
            with pytest.raises(BudgetError, match="used up") as refusal:
                await backend.make(0, Tile(3, 1, 3), STRANGER)
            assert refusal.value.retry > 50
            office.fake.gate.clear()
            busy = [asyncio.create_task(backend.make(0, Tile(2, n, 0), Ask())) for n in (0, 1)]
            await until(lambda: len(office.workshop) == 2)
            with pytest.raises(UnavailableError, match="2 blocks of tiles are waiting"):
                await backend.make(0, Tile(2, 2, 0), Ask())
            office.fake.gate.set()
            assert await asyncio.gather(*busy)

    asyncio.run(run())


def test_a_death_only_delays_those_who_wait(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (office, backend):
            office.fake.gate.clear()
            asking = asyncio.create_task(backend.make(0, DEEP, Ask()))
            await until(lambda: len(office.fake.calls) == 1)
            await office.die()
            await until(lambda: backend.problem() == module.STARTING)
            assert backend.world(0) == office.fake.fingerprint(0)
            assert not asking.done()
            await office.open()
            assert (await asking).payload
            assert backend.problem() is None

    asyncio.run(run())


def test_a_tile_that_kills_its_maker_is_given_up_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)

    async def run() -> None:
        async with running(tmp_path) as (office, backend):
            asking = asyncio.create_task(backend.make(0, DEEP, Ask()))
            for _ in range(module.MAX_ATTEMPTS):
                office.fake.gate.clear()
                made = len(office.fake.calls)
                await until(lambda made=made: len(office.fake.calls) > made)  # type: ignore[misc]
                await office.die()
                await office.open()
            with pytest.raises(UnavailableError, match="ended 3 times meanwhile"):
                await asking

    asyncio.run(run())


def test_another_model_after_a_restart_means_other_worlds(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (office, backend):
            before = backend.world(0)
            await office.die()
            office.fake.name = "new"
            await office.open()
            await until(lambda: backend.world(0) != before)
            assert backend.world(0) == office.fake.fingerprint(0)

    asyncio.run(run())


def test_refusing_answers_all_and_lets_nobody_in(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as (office, backend):
            office.fake.gate.clear()
            asking = asyncio.create_task(backend.make(0, DEEP, Ask()))
            await until(lambda: len(office.workshop) > 0)
            backend.refuse()
            for waiting in (asking, backend.make(0, DEEP, Ask())):
                with pytest.raises(UnavailableError, match="is stopping"):
                    await waiting

    asyncio.run(run())


def test_silence_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with running(tmp_path) as (_, backend):
            monkeypatch.setattr(module, "SILENCE_SECONDS", -1.0)
            assert backend.problem() == "the process that makes tiles does not answer"

    asyncio.run(run())


def test_a_recalled_model_names_worlds_until_the_real_one_speaks(tmp_path: Path) -> None:
    async def run() -> None:
        office = Office(tmp_path)
        backend = RemoteBackend(office.path, Model(b"recalled", {"steps": 9}))
        await backend.known()
        assert backend.world(3) == fingerprint(b"recalled", 3)
        assert backend.model() == {"steps": 9}
        assert backend.problem() == module.STARTING
        await office.open()
        async with asyncio.timeout(20):
            await backend.greeted()
        assert backend.world(3) == office.fake.fingerprint(3)
        assert backend.model() == office.fake.describe()
        assert backend.problem() is None
        backend.close()
        await office.die()
        office.cache.close()

    asyncio.run(run())


def test_without_a_recalled_model_no_world_has_a_name(tmp_path: Path) -> None:
    async def run() -> None:
        backend = RemoteBackend(tmp_path / "socket")
        with pytest.raises(UnavailableError, match="is being started"):
            backend.world(0)
        assert backend.model() == {}
        waiting = asyncio.create_task(backend.known())
        await asyncio.sleep(0)
        assert not waiting.done()
        backend.refuse()
        with pytest.raises(UnavailableError, match="is stopping"):
            await waiting
        backend.close()

    asyncio.run(run())


def test_a_generator_that_loads_for_long_is_not_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", -1.0)

    async def run() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        backend = RemoteBackend(tmp_path / "socket")
        await until(lambda: backend._writer is not None)
        assert backend.problem() == module.STARTING
        backend.close()
        listening.close()

    asyncio.run(run())
