"""Shards that workers write, and joining them to one file, without Ray."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from generator.grid.tile import Tile
from tests import pmtiles_spec
from tests.fake_cluster import ALPS, CLUSTER, REGION, LocalWorkers, expected, load_fake
from tests.fakes import FakeRenderer
from tileserver.archives.tilearchive import TileArchive, archive_of, expect_world
from tileserver.cli import main
from tileserver.commands import cluster as clusters
from tileserver.regions.region import Region
from tileserver.settings import Settings

Capture = pytest.CaptureFixture[str]


def numbers() -> set[int]:
    """Return the groups whose shards are there."""
    return {int(path.stem) for path in Path("shards").glob("*.pmtiles")}


def test_shards_are_joined_to_the_file_of_one_machine(workers: LocalWorkers) -> None:
    words = ["--format", "webp", "--out", "shards"]
    assert main(["export", "a.pmtiles", *ALPS, *CLUSTER, *words]) == 0
    assert main(["export", "b.pmtiles", *ALPS, "--format", "webp"]) == 0
    assert Path("a.pmtiles").read_bytes() == Path("b.pmtiles").read_bytes()
    assert main(["export", "merge", "c.mbtiles", "shards"]) == 0
    assert main(["export", "d.mbtiles", *ALPS, "--format", "webp"]) == 0
    assert Path("c.mbtiles").read_bytes() == Path("d.mbtiles").read_bytes()


def test_shards_that_are_there_are_not_made_again(workers: LocalWorkers, capsys: Capture) -> None:
    words = ["seed", *ALPS, *CLUSTER, "--out", "shards"]
    assert main(words) == 0
    names = sorted(os.listdir("shards"))
    first = len(workers.groups)
    assert len(names) == first + 1
    Path("shards", names[2]).unlink()
    workers.count = 7  # of another size, a cluster goes on with the groups that there are
    assert main(words) == 0
    assert [group.number for group in workers.groups[first:]] == [2]
    assert sorted(os.listdir("shards")) == names


def test_a_shard_that_lacks_tiles_is_not_written(
    workers: LocalWorkers, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = FakeRenderer()
    broken.broken.add(Tile(9, 266, 180))
    monkeypatch.setattr(clusters, "load", lambda settings: broken)
    assert main(["seed", *ALPS, *CLUSTER, "--out", "shards"]) == 1
    assert "9/266/180 is broken" in capsys.readouterr().out
    first, written = len(workers.groups), numbers()
    tried = [group.number for group in workers.groups]
    failed = {number for number in tried if tried.count(number) == 2}
    assert written == set(tried) - failed
    assert 0 < len(failed) < len(tried) / 2
    monkeypatch.setattr(clusters, "load", load_fake)
    assert main(["seed", *ALPS, *CLUSTER, "--out", "shards"]) == 0
    assert {group.number for group in workers.groups[first:]} == failed
    assert numbers() == set(tried)


@pytest.mark.parametrize(
    ("words", "what"), [(["--seed", "7"], "world"), (["--zooms", "0-8"], "region")]
)
def test_a_folder_takes_shards_of_one_kind(
    workers: LocalWorkers, capsys: Capture, words: list[str], what: str
) -> None:
    assert main(["seed", *ALPS, *CLUSTER, "--out", "shards"]) == 0
    assert main(["seed", *ALPS, *words, *CLUSTER, "--out", "shards"]) == 2
    assert f"shards holds shards of another {what}" in capsys.readouterr().err


def test_files_of_two_worlds_or_formats_are_not_joined(
    workers: LocalWorkers, capsys: Capture
) -> None:
    box = ["--bbox", "6,45,7,46", "--zooms", "0-5"]
    assert main(["export", "a.pmtiles", *box]) == 0
    assert main(["export", "b.pmtiles", *box, "--seed", "7"]) == 0
    assert main(["export", "c.pmtiles", *box, "--format", "jpg"]) == 0
    for other, what in (("b", "world"), ("c", "format")):
        assert main(["export", "merge", "d.pmtiles", "a.pmtiles", f"{other}.pmtiles"]) == 2
        assert f"expected shards of one {what}" in capsys.readouterr().err
    assert not Path("d.pmtiles").exists()


def test_regions_that_overlap_are_joined_with_no_tile_twice(workers: LocalWorkers) -> None:
    boxes = {"a": (6.0, 45.0, 12.0, 48.0), "b": (10.0, 44.0, 16.0, 47.0)}
    for name, box in boxes.items():
        text = ",".join(map(str, box))
        assert main(["export", f"{name}.pmtiles", "--bbox", text, "--zooms", "0-8"]) == 0
    assert main(["export", "merge", "c.pmtiles", "a.pmtiles", "b.pmtiles"]) == 0
    found = pmtiles_spec.read(Path("c.pmtiles"))
    both = {n: p for box in boxes.values() for n, p in expected(Region(box, range(9))).items()}
    assert found.tiles == both
    assert found.header["addressed"] == len(both)
    assert found.header["bounds"] == [6.0, 44.0, 16.0, 48.0]


@pytest.mark.parametrize(
    ("shards", "out", "expects"),
    [
        ("none", "a.pmtiles", "none cannot be read: No such file"),
        ("text.pmtiles", "a.pmtiles", "is no PMTiles file of a world"),
        ("empty", "a.pmtiles", "empty holds no shard"),
        ("nowhere://a/b", "a.pmtiles", "expected a folder or a URL such as s3://"),
        ("empty", "a.tif", "expected .pmtiles or .mbtiles"),
    ],
)
def test_what_cannot_be_joined_is_one_sentence(
    renderer: FakeRenderer, capsys: Capture, shards: str, out: str, expects: str
) -> None:
    Path("text.pmtiles").write_text("no tiles, but longer than a header is: " + 100 * ".")
    Path("empty").mkdir()
    assert main(["export", "merge", out, shards]) == 2
    (error,) = [line for line in capsys.readouterr().err.splitlines() if "merge:" in line]
    assert expects in error
    assert not Path(out).exists()


def test_shards_and_what_is_joined_of_them_can_be_served(workers: LocalWorkers) -> None:
    seed = 2**64 - 1
    words = ["--seed", str(seed), *CLUSTER, "--out", "shards"]
    assert main(["export", "a.pmtiles", *ALPS, *words]) == 0
    files = ["a.pmtiles", *map(str, sorted(Path("shards").glob("*.pmtiles")))]
    assert len(files) > 4
    for file in files:
        archive = archive_of(Settings(archive=file, seed=seed))
        assert archive is not None
        expect_world(file, seed, archive.world, FakeRenderer().fingerprint(seed))
        assert archive.zooms[1] <= 9
        archive.close()
    joined = TileArchive.open("a.pmtiles")
    assert (joined.zooms, joined.bounds) == ((0, 9), (6.0, 44.0, 14.0, 48.0))
    assert all(joined.has(tile) for tile in REGION.walk())
    joined.close()


def test_the_manifest_says_what_the_shards_are(workers: LocalWorkers) -> None:
    assert main(["seed", *ALPS, *CLUSTER, "--out", "shards"]) == 0
    manifest = json.loads(Path("shards/shards.json").read_text())
    assert manifest["world"] == FakeRenderer().fingerprint(0).hex()
    assert manifest["zooms"] == list(range(10))
    assert (manifest["format"], manifest["limit"]) == ("png", len(REGION) // 8)
