"""Seeding and exporting by a real cluster of two Ray nodes, one of which is killed half-way."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import pmtiles_spec
from tests.fakes import FakeRenderer
from tests.raynodes import ROOT, Nodes, two_nodes, variables
from tileserver.cache.tilecache import TileCache
from tileserver.encode import encode_png
from tileserver.regions.region import Region
from tileserver.regions.tileid import tile_id, tile_of
from tileserver.rendering.batch import BatchRenderer

pytest.importorskip("ray")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BOX = "6,40,30,52"
REGION = Region((6.0, 40.0, 30.0, 52.0), range(10))
DELAY = "0.05"
WAIT_SECONDS = 120.0


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with two_nodes() as cluster:
        yield cluster


def start(*arguments: str, cache: Path) -> subprocess.Popen[str]:
    """Start a command on the region, its tiles made by a cluster of fakes."""
    words = [sys.executable, "-m", "tests.fake_cluster", DELAY, *arguments]
    words += ["--bbox", BOX, "--zooms", "0-9", "--cache", str(cache)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, env=variables(), stdout=pipe, stderr=pipe, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a command that has to succeed; return what it printed."""
    out, error = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 0, out + error
    return out


def stored(cache: Path) -> dict[int, bytes]:
    """Return the payloads of the world's tiles by number."""
    world = FakeRenderer().fingerprint(0)
    opened = TileCache.open(cache)
    try:
        found = {number: opened.get(world, tile_of(number)) for number in opened.scan(world)}
    finally:
        opened.close()
    assert all(found.values())
    return {number: payload for number, payload in found.items() if payload is not None}


def expected() -> dict[int, bytes]:
    """Return the payloads of the region's tiles as one machine makes them."""
    maker, found = BatchRenderer(FakeRenderer(), 0), {}
    for tile in REGION.walk():
        maker.make(tile)
        found[tile_id(tile)] = encode_png(maker.pixels(tile))
    return found


def wait_for(enough: int, cache: Path) -> None:
    """Wait until so many tiles are stored."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not cache.exists() or len(stored(cache)) < enough:
        assert time.monotonic() < deadline, "no tiles came"
        time.sleep(0.1)


def test_a_node_that_is_lost_changes_nothing(nodes: Nodes, tmp_path: Path) -> None:
    command = start("seed", "--cluster", nodes.address, cache=tmp_path)
    wait_for(len(REGION) // 4, tmp_path)
    nodes.kill()
    assert len(stored(tmp_path)) < len(REGION)
    assert f"{len(REGION):,} tiles made, 0 were there, 0 missing" in finish(command)
    assert stored(tmp_path) == expected()


def test_a_cluster_that_is_lost_is_one_sentence_and_the_next_goes_on(tmp_path: Path) -> None:
    with two_nodes() as first:
        command = start("seed", "--cluster", first.address, cache=tmp_path)
        wait_for(len(REGION) // 4, tmp_path)
    _, error = command.communicate(timeout=WAIT_SECONDS)
    assert command.returncode != 0
    assert "was lost; what was made is stored, the same command goes on from there" in error
    assert "Traceback" not in error
    before = len(stored(tmp_path))
    assert before < len(REGION)
    with two_nodes() as second:
        out = finish(start("seed", "--cluster", second.address, cache=tmp_path))
    assert f"{len(REGION) - before:,} tiles made, {before:,} were there, 0 missing" in out
    assert stored(tmp_path) == expected()
