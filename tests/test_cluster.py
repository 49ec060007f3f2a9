"""Making a region by workers, without Ray: groups, makers, shards, joining, what commands say."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.grid.errors import WeightsError
from generator.grid.tile import Tile
from tests.fake_cluster import ALPS, CLUSTER, REGION, LocalWorkers, expected, load_fake
from tests.fakes import FakeRenderer
from tileserver.cache.tilecache import TileCache
from tileserver.cli import main
from tileserver.cluster import maker as makers
from tileserver.cluster import seed as making
from tileserver.cluster.group import LEAST_TILES, MOST_TILES, group_limit, groups, repetition
from tileserver.cluster.maker import GroupMaker
from tileserver.cluster.raycluster import RayCluster
from tileserver.cluster.worker import GroupTask, difference, portable, run
from tileserver.commands import cluster as clusters
from tileserver.commands import flags
from tileserver.commands.confirmation import RegionJob
from tileserver.encoding import Encoding
from tileserver.errors import ClusterError
from tileserver.regions.region import Region
from tileserver.regions.tileid import tile_id, tile_of
from tileserver.rendering.batch import BatchRenderer
from tileserver.settings import Settings

Capture = pytest.CaptureFixture[str]


def stored(folder: Path = Path("tiles")) -> dict[int, bytes | None]:
    """Return the payloads of a cache's tiles of the world by number."""
    cache, world = TileCache.open(folder), FakeRenderer().fingerprint(0)
    try:
        return {number: cache.get(world, tile_of(number)) for number in cache.scan(world)}
    finally:
        cache.close()


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(st.integers(-179, 160), st.integers(-80, 70), st.integers(1, 19), st.integers(1, 9)),
    st.sets(st.integers(0, 9), min_size=1),
    st.integers(5, 400),
)
def test_groups_hold_each_tile_of_a_region_once(
    box: tuple[int, int, int, int], zooms: set[int], limit: int
) -> None:
    west, south, width, height = box
    region = Region((west, south, west + width, south + height), zooms)
    cut = list(groups(region, limit))
    assert [group.number for group in cut] == list(range(len(cut)))
    tiles = [tile for group in cut for tile in group.tiles()]
    assert len(tiles) == len(set(tiles)) == len(region)
    assert set(tiles) == set(region.walk())
    assert all(len(group) <= limit for group in cut)
    for group in cut:
        assert all(np.all(np.diff(places) > 0) for places in group.places.values())


def test_few_tiles_are_cut_so_that_every_worker_gets_some() -> None:
    region = Region((6.0, 45.5, 12.0, 47.5), range(13))
    assert group_limit(region, 1) == min(MOST_TILES, math.floor(len(region) / 4))
    assert group_limit(region, 8) == len(region) // 32
    assert group_limit(region, 10_000) == LEAST_TILES
    assert len(list(groups(region, group_limit(region, 8)))) >= 32


def test_larger_groups_repeat_less() -> None:
    region, renderer = Region((6.0, 45.5, 7.0, 46.0), [13]), FakeRenderer()
    shares = [repetition(renderer, region, limit) for limit in (5, 85, 1365)]
    assert shares[0] > shares[1] > shares[2] > 1


@pytest.mark.parametrize("kept", [100, 1024])
def test_a_worker_makes_the_tiles_that_one_machine_makes(
    monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(makers, "KEPT_TILES", kept)
    maker, found = GroupMaker(FakeRenderer(), 0), {}
    failed: dict[Tile, Exception] = {}

    def take(tile: Tile, payload: bytes) -> None:
        assert tile not in found
        found[tile] = payload

    for group in groups(REGION, 85):
        maker.make(
            list(group.tiles()), Encoding.WEBP, take, lambda tile, error: failed.append(tile)
        )
    numbered = {tile_id(tile): payload for tile, payload in found.items()}
    assert numbered == expected(REGION, Encoding.WEBP)
    assert failed == {}


def test_a_tile_that_fails_is_not_the_others(renderer: FakeRenderer) -> None:
    maker, taken = GroupMaker(renderer, 0), []
    renderer.broken.add(Tile(7, 66, 45))
    failed: dict[Tile, Exception] = {}
    tiles = [Tile(6, 33, 22), Tile(7, 66, 45), Tile(7, 70, 45)]
    maker.make(tiles, Encoding.PNG, lambda tile, payload: taken.append(tile), failed.__setitem__)
    assert set(failed) == {Tile(6, 33, 22), Tile(7, 66, 45)}
    assert taken == [Tile(7, 70, 45)]


def test_a_cluster_seeds_what_one_machine_seeds(workers: LocalWorkers, capsys: Capture) -> None:
    assert main(["seed", *ALPS, *CLUSTER]) == 0
    out = capsys.readouterr().out
    assert f"{len(REGION)} tiles made, 0 were there, 0 missing; " in out
    assert stored() == expected()
    assert len(workers.groups) > 4
    assert main(["seed", *ALPS, *CLUSTER]) == 0
    assert f"0 tiles made, {len(REGION)} were there, 0 missing" in capsys.readouterr().out


def test_a_group_that_is_lost_is_tried_once_more_and_then_missing(
    workers: LocalWorkers, capsys: Capture
) -> None:
    workers.lost = {1}
    assert main(["seed", *ALPS, *CLUSTER, "--missing", "missing.txt"]) == 1
    lost = [group for group in workers.groups if group.number == 1]
    assert len(lost) == 2
    out = capsys.readouterr().out
    assert f"{len(lost[0])} missing" in out
    assert "WorkerCrashedError: gone" in out
    assert len(Path("missing.txt").read_text().splitlines()) == len(lost[0])
    before, workers.lost = len(workers.groups), set()
    assert main(["seed", *ALPS, *CLUSTER]) == 0
    assert len(workers.groups) == before + 1
    assert stored() == expected()


def test_a_cluster_that_gives_nothing_is_given_up(
    workers: LocalWorkers, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers.lost = set(range(100))
    monkeypatch.setattr(making, "HOPELESS", 3)
    assert main(["seed", *ALPS, *CLUSTER]) == 2
    error = capsys.readouterr().err
    assert "3 groups in a row could not be made: WorkerCrashedError: gone" in error
    assert len(workers.groups) == 3


def test_an_export_by_a_cluster_is_the_file_of_one_machine(workers: LocalWorkers) -> None:
    assert main(["export", "a.pmtiles", *ALPS, *CLUSTER, "--format", "webp"]) == 0
    assert main(["export", "b.pmtiles", *ALPS, "--format", "webp", "--cache", "other"]) == 0
    assert Path("a.pmtiles").read_bytes() == Path("b.pmtiles").read_bytes()


def test_a_dry_run_tells_node_hours(renderer: FakeRenderer, capsys: Capture) -> None:
    for command in (["seed"], ["export", "a.pmtiles"]):
        assert main([*command, *ALPS, *CLUSTER, "--dry-run"]) == 0
        out = capsys.readouterr().out
        assert "node-hours of machines with " in out
        assert "tiles in" in out
    assert not Path("a.pmtiles").exists()


def test_node_hours_are_the_estimate_with_what_groups_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = FakeRenderer()
    cache = TileCache.open(tmp_path)
    job = RegionJob(Settings(cache=tmp_path), BatchRenderer(renderer, 0, cache), cache, REGION)
    found = dataclasses.replace(job.estimate(), seconds=36_000.0)
    share = repetition(renderer, REGION, MOST_TILES)
    text = clusters.cluster_text(found, job)
    one = dataclasses.replace(job, settings=Settings(cache=tmp_path, threads=1))
    monkeypatch.setattr(clusters.os, "cpu_count", lambda: 4)
    slow = clusters.cluster_text(found, one)
    cache.close()
    assert f"about {10 * share:,.2f} node-hours" in text
    assert f"about {2.5 * share:,.2f} node-hours of machines with 4 processors" in slow


def test_a_worker_of_another_world_says_in_what_it_differs(renderer: FakeRenderer) -> None:
    meant: dict[str, object] = {"torch": "1.0", "capability": "AVX512"}
    task = GroupTask(Settings(), FakeRenderer(name="other").fingerprint(0), load_fake, terms=meant)
    group = next(groups(REGION, 85))
    with pytest.raises(ClusterError, match=r"than the one meant .its torch is .*, not 1\.0"):
        run(task, group)
    found: dict[str, object] = {"torch": "1.0", "capability": "AVX2", "steps": 1}
    assert difference(meant, found) == "its capability is AVX2, not AVX512"
    assert difference(meant, meant).startswith("another memory or geography")
    with pytest.raises(ClusterError, match="same files and compute as this machine"):
        run(dataclasses.replace(task, terms={}), group)


def test_a_worker_that_cannot_load_says_so(renderer: FakeRenderer) -> None:
    def broken(settings: Settings) -> FakeRenderer:
        raise WeightsError("cannot read the weights")

    with pytest.raises(ClusterError, match=r"cannot begin: cannot read the weights"):
        run(GroupTask(Settings(), bytes(16), broken), next(groups(REGION, 85)))


def test_settings_mean_the_same_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("w.safetensors", "mine.bank", "mars.jpg", "layers"):
        (tmp_path / name).touch()
    given = Settings(
        base=Path("mars.jpg"),
        weights=Path("w.safetensors"),
        memory=("mine.bank", "shipped"),
        geography="layers",
    )
    found = portable(given)
    assert found.base == tmp_path / "mars.jpg"
    assert found.weights == tmp_path / "w.safetensors"
    assert found.memory == (str(tmp_path / "mine.bank"), "shipped")
    assert found.geography == str(tmp_path / "layers")
    assert found.threads == 1
    plain = portable(Settings(base=Path("planet:3"), geography="none", memory=(), threads=4))
    assert (plain.base, plain.geography, plain.memory) == (Path("planet:3"), "none", ())
    assert plain.threads == 4


@pytest.mark.parametrize(
    ("words", "expects"),
    [
        (["seed", *ALPS, "--out", "a"], "expected it beside --cluster only"),
        (["seed", *ALPS, "--gpus", "1"], "expected it beside --cluster only"),
        (["export", *ALPS], "expected OUT, or --out beside --cluster"),
        (["export", "a.pmtiles", *ALPS, *CLUSTER, "--cached"], "expected it without --cluster"),
        (["export", "a.tif", *ALPS, *CLUSTER, "--out", "b"], "expected .pmtiles or .mbtiles"),
    ],
)
def test_flags_that_mean_nothing_are_refused(
    renderer: FakeRenderer, capsys: Capture, words: list[str], expects: str
) -> None:
    assert main(words) == 2
    assert expects in capsys.readouterr().err
    assert renderer.calls == []


def test_without_ray_it_is_said_what_to_install(
    renderer: FakeRenderer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["seed", *ALPS, *CLUSTER]) == 2
    assert "--cluster needs Ray: install elsewhere[cluster]" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "ray:/a:1", "http://a:1", "ray://a", "a b:1", "ray://a:x"])
def test_other_addresses_are_no_clusters(text: str) -> None:
    with pytest.raises(ValueError, match="expected auto or ray://HOST:PORT"):
        flags.parse_cluster(text)


def test_addresses_and_gpus_are_read() -> None:
    assert [flags.parse_cluster(a) for a in ("auto", "ray://h-1.x:10001", "10.0.0.1:6379")]
    assert [flags.parse_gpus(text) for text in ("0", "0.25", "1", "4")] == [0, 0.25, 1, 4]
    for text in ("1.5", "-1", "x", "65"):
        with pytest.raises(ValueError, match="expected a part of one"):
            flags.parse_gpus(text)


class BusyRay:
    """Ray whose head node cannot take a program in as often as is said, and then has no room."""

    def __init__(self, failures: int) -> None:
        self.failures, self.asked, self.left = failures, 0, 0

    def init(self, address: str, **_: object) -> None:
        """Fail as Ray's client does while the head node starts no process for it."""
        self.asked += 1
        if self.asked <= self.failures:
            raise ConnectionAbortedError(
                "Initialization failure from server:\nTraceback (most recent call last):\n"
                '  File "proxier.py"\nRuntimeError: Starting Ray client server failed.\n'
            )

    def shutdown(self) -> None:
        """Count how often the cluster was left."""
        self.left += 1

    def cluster_resources(self) -> dict[str, float]:
        """Return no processors, so that nothing is made."""
        return {}


@pytest.mark.parametrize(
    ("failures", "said"), [(2, "has 0 processors"), (3, "client server failed")]
)
def test_a_busy_head_node_is_asked_again(
    failures: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = BusyRay(failures)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(ClusterError, match=said):
        RayCluster("ray://127.0.0.1:1", 1, 0)
    assert ray.asked == 3
