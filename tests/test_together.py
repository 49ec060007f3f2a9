"""Several programs on one cache: a cold tile is made once, whoever asks, and all get the same."""

import asyncio
import resource
from pathlib import Path

import httpx

from generator.grid.block import Block
from generator.grid.tile import Tile
from tests.fakes import FakeRenderer
from tests.servers import Server, server
from tileserver.cache.claims import Claims
from tileserver.cache.tilecache import TileCache
from tileserver.rendering.batch import BatchRenderer

COLD = Tile(9, 100, 200)
TOPS = (5, 6, 8)


async def ask_all(servers: list[Server], number: int) -> set[tuple[int, bytes]]:
    """Ask the servers in turn for the cold tile, each time on a connection of its own."""
    urls = [httpx.URL(servers[n % len(servers)].url) for n in range(number)]
    return set(await asyncio.gather(*map(ask, urls)))


async def ask(url: httpx.URL) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"GET /{COLD}.png HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


def seed(directory: Path, fake: FakeRenderer) -> bytes:
    """Make the cold tile as a seeder does."""
    cache = TileCache.open(directory)
    try:
        maker = BatchRenderer(fake, 0, cache, Claims(directory))
        maker.make(COLD)
        stored = cache.get(maker.world, COLD)
        assert stored is not None
        return stored
    finally:
        cache.close()


def test_two_servers_and_a_seeder_make_a_cold_tile_once(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    fake = FakeRenderer(delay=0.05)

    async def run(servers: list[Server]) -> tuple[set[tuple[int, bytes]], bytes]:
        seeding = asyncio.to_thread(seed, tmp_path, fake)
        return await asyncio.gather(ask_all(servers, 1000), seeding)

    with server(tmp_path, "delay=0.05") as first, server(tmp_path, "delay=0.05") as second:
        found, seeded = asyncio.run(run([first, second]))
        assert found == {(200, seeded)}
        for zoom in TOPS:
            here = [block for _, block in fake.calls if block.top.z == zoom]
            name = f'generation_seconds_count{{zoom="{zoom}"}}'
            made = len(here) + first.metric(name) + second.metric(name)
            assert made == blocks(zoom), f"zoom {zoom}"


def blocks(zoom: int) -> int:
    """Return how many blocks of a zoom the cold tile needs."""
    fake, wanted = FakeRenderer(), {Block.of(COLD)}
    found = set(wanted)
    while wanted:
        wanted = {Block.of(need) for block in wanted for need in fake.needs(block)}
        found |= wanted
    return sum(block.top.z == zoom for block in found)
