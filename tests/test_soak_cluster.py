"""Seeding and exporting by a real cluster of two Ray nodes, one of which is killed half-way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from tests import pmtiles_spec
from tests.fakes import FakeRenderer
from tests.raynodes import ROOT, free_port, two_nodes, variables
from tileserver.cache.tilecache import TileCache
from tileserver.encode import encode_png
from tileserver.regions.region import Region
from tileserver.regions.tileid import tile_id, tile_of
from tileserver.rendering.batch import BatchRenderer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]

BOX = "6,40,30,52"
REGION = Region((6.0, 40.0, 30.0, 52.0), range(10))
DELAY = "0.05"
WAIT_SECONDS = 120.0


def start(*arguments: str, cache: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a command on the region, its tiles made by a cluster of fakes."""
    words = [sys.executable, "-m", "tests.fake_cluster", DELAY, *arguments]
    words += ["--bbox", BOX, "--zooms", "0-9", "--cache", str(cache)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        words, cwd=ROOT, env=variables(**environment), stdout=pipe, stderr=pipe, text=True
    )


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


def answers(bucket: str) -> bool:
    """Make a bucket; say whether its server is there."""
    try:
        return httpx.put(bucket).status_code == 200
    except httpx.TransportError:
        time.sleep(0.2)
        return False


@contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """Give the environment of programs that use an S3 server, with a bucket named tiles."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    words = [sys.executable, "-m", "moto.server", "-p", str(port)]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(words, stdout=quiet, stderr=quiet, cwd=ROOT)
    deadline = time.monotonic() + WAIT_SECONDS
    try:
        while not answers(f"{address}/tiles"):
            assert time.monotonic() < deadline
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        yield keys | {"AWS_ENDPOINT_URL": address, "AWS_DEFAULT_REGION": "us-east-1"}
    finally:
        server.terminate()
        server.wait()


def test_a_node_that_is_lost_changes_nothing(tmp_path: Path) -> None:
    with two_nodes() as nodes:
        command = start("seed", "--cluster", nodes.address, cache=tmp_path)
        wait_for(len(REGION) // 8, tmp_path)
        command.send_signal(signal.SIGINT)
        _, error = command.communicate(timeout=WAIT_SECONDS)
        assert command.returncode == 130
        assert error.splitlines()[-1] == "Stopped; the same command goes on from here."
        before = len(stored(tmp_path))
        command = start("seed", "--cluster", nodes.address, cache=tmp_path)
        wait_for(max(before + 1, len(REGION) // 2), tmp_path)
        nodes.kill()
        assert before < len(stored(tmp_path)) < len(REGION)
        out = finish(command)
    assert f"{len(REGION) - before:,} tiles made, {before:,} were there, 0 missing" in out
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


@pytest.mark.skipif(
    not (find_spec("s3fs") and find_spec("moto")), reason="s3fs or moto is not installed"
)
def test_workers_write_shards_to_an_object_store_and_they_are_joined(tmp_path: Path) -> None:
    file, out = tmp_path / "a.pmtiles", "s3://tiles/alps"
    with object_store() as keys, two_nodes(**keys) as nodes:
        words = ["export", str(file), "--out", out, "--cluster", nodes.remote]
        command = start(*words, cache=tmp_path, **keys)
        while b"0000001.pmtiles" not in httpx.get(f"{keys['AWS_ENDPOINT_URL']}/tiles").content:
            assert command.poll() is None, command.communicate()
            time.sleep(0.1)
        nodes.kill()
        assert f"{len(REGION):,} tiles made, 0 were there, 0 missing" in finish(command)
        assert pmtiles_spec.read(file).tiles == expected()
        again = start(*words[:1], *words[2:], cache=tmp_path, **keys)
        assert f"0 tiles made, {len(REGION):,} were there, 0 missing" in finish(again)
    assert pmtiles_spec.read(file).header["addressed"] == len(REGION)
