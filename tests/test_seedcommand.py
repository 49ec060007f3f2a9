"""The command `seed`: what it makes, refuses, says and leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.grid.block import Block
from generator.grid.tile import Tile
from tests.caches import tiles_of
from tests.fakes import FakeRenderer
from tileserver.batch import seed
from tileserver.cache.claims import Claims
from tileserver.cache.tilecache import TileCache
from tileserver.cli import main
from tileserver.commands import confirmation
from tileserver.commands import seed as seedcommand
from tileserver.regions.region import Region
from tileserver.rendering.batch import BatchRenderer

Capture = pytest.CaptureFixture[str]
ALPS = ["seed", "--bbox", "6,45.5,12,47.5", "--zooms", "0-7"]
POLYGON = {
    "type": "Polygon",
    "coordinates": [[[6, 45.5], [12, 45.5], [12, 47.5], [6, 45.5]]],
}


def test_seeding_makes_the_region_and_says_so(renderer: FakeRenderer, capsys: Capture) -> None:
    assert main(ALPS) == 0
    made = len(renderer.calls)
    assert "0 missing" in capsys.readouterr().out
    assert main(ALPS) == 0
    assert len(renderer.calls) == made
    assert "0 tiles made" in capsys.readouterr().out


def test_seeding_with_holes_fails_and_lists_them(renderer: FakeRenderer, capsys: Capture) -> None:
    renderer.broken.add(Tile(7, 66, 45))
    assert main(ALPS) == 1
    printed = capsys.readouterr().out
    assert "missing 7/66/45  RuntimeError: 7/66/45 is broken" in printed
    assert "tries the missing ones again" in printed
    renderer.broken.clear()
    assert main(ALPS) == 0


def test_a_dry_run_stores_nothing(renderer: FakeRenderer, capsys: Capture, tmp_path: Path) -> None:
    assert main([*ALPS, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "zoom  7" in printed
    assert "of which 0 are stored" in printed
    assert TileCache.open(tmp_path / "tiles").count() == 0


def test_ctrl_c_keeps_what_was_made(
    renderer: FakeRenderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(maker: BatchRenderer, *rest: object) -> seed.Tally:
        maker.make(Tile(2, 1, 1))
        raise KeyboardInterrupt

    monkeypatch.setattr(seed, "seed", stop)
    assert main(ALPS) == 130
    assert TileCache.open(tmp_path / "tiles").has(renderer.fingerprint(0), Tile(2, 1, 1))


def test_the_tiles_that_are_missing_are_written_to_a_file(renderer: FakeRenderer) -> None:
    hole = Block.of(Tile(7, 66, 45))
    renderer.broken.add(Tile(7, 66, 45))
    assert main([*ALPS, "--missing", "missing.txt"]) == 1
    listed = Path("missing.txt").read_text().splitlines()
    region = Region((6.0, 45.5, 12.0, 47.5), range(8))
    assert sorted(listed) == sorted(str(tile) for tile in hole.tiles if tile in region)
    renderer.broken.clear()
    assert main([*ALPS, "--missing", "missing.txt"]) == 0
    assert Path("missing.txt").read_text() == ""


def test_a_polygon_is_seeded_and_no_more(renderer: FakeRenderer, tmp_path: Path) -> None:
    Path("alps.geojson").write_text(json.dumps(POLYGON))
    assert main(["seed", "--polygon", "alps.geojson", "--zooms", "10"]) == 0
    whole = len(Region((6.0, 45.5, 12.0, 47.5), [10]))
    stored = sum(
        t.z == 10 for t in tiles_of(TileCache.open(tmp_path / "tiles"), renderer.fingerprint(0))
    )
    assert whole / 2 < stored < whole


def test_what_a_polygon_file_holds_besides_is_said(renderer: FakeRenderer, capsys: Capture) -> None:
    point = {"type": "Point", "coordinates": [7, 46]}
    document = {"type": "GeometryCollection", "geometries": [POLYGON, point]}
    Path("alps.geojson").write_text(json.dumps(document))
    assert main(["seed", "--polygon", "alps.geojson", "--zooms", "3", "--dry-run"]) == 0
    assert "is left out: 1 x Point" in capsys.readouterr().err
    assert main(["seed", "--bbox", "6,45,7,46", "--layer", "a", "--zooms", "3"]) == 2
    assert "beside --polygon only" in capsys.readouterr().err


def test_the_region_is_pinned_unless_told_otherwise(renderer: FakeRenderer, tmp_path: Path) -> None:
    assert main([*ALPS, "--no-pin"]) == 0
    cache = TileCache.open(tmp_path / "tiles")
    assert cache.pins.all() == []
    cache.close()
    assert main(ALPS) == 0
    (pin,) = TileCache.open(tmp_path / "tiles").pins.all()
    assert pin.bbox == (6.0, 45.5, 12.0, 47.5)


@pytest.mark.parametrize(
    ("free", "limit", "advice"), [(1000, "20GB", "free some"), (10**15, "1MiB", "--cache-limit")]
)
def test_a_region_that_cannot_fit_is_refused_before_it_begins(
    renderer: FakeRenderer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    free: int,
    limit: str,
    advice: str,
) -> None:
    monkeypatch.setattr(confirmation.shutil, "disk_usage", lambda path: Free(free))
    arguments = ["seed", "--bbox", "6,45.5,12,47.5", "--zooms", "0-13"]
    assert main([*arguments, "--cache-limit", limit]) == 2
    assert advice in capsys.readouterr().err
    assert TileCache.open(tmp_path / "tiles").count() == 0


class Free:
    """What the disk has left."""

    def __init__(self, free: int) -> None:
        self.free = free


def test_a_region_that_surely_fits_is_not_sampled(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(confirmation, "estimate")
    assert main(ALPS) == 0


def test_two_seedings_of_one_cache_do_not_make_a_block_twice(
    renderer: FakeRenderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, block = Claims(tmp_path / "tiles"), Block(Tile(6, 33, 22))
    world = renderer.fingerprint(0)
    held = other.take(world, block)
    assert held is not None
    waits: list[int] = []

    def the_other_dies(seconds: float) -> None:
        waits.append(len(renderer.calls))
        other.close()

    monkeypatch.setattr("tileserver.rendering.batch.time.sleep", the_other_dies)
    assert main(ALPS) == 0
    region = Region((6.0, 45.5, 12.0, 47.5), range(8))
    blocks = {Block.of(tile) for tile in region.walk()}
    assert waits == [len(renderer.calls) - 1]  # all others first, then the one that was taken
    assert blocks <= {made for _, made in renderer.calls}


def test_missing_tiles_beyond_the_first_are_counted() -> None:
    tally = seed.Tally(100, checked=100, missing=50)
    tally.reasons = {Tile(9, x, 0): "RuntimeError: no" for x in range(50)}
    text = seedcommand.tally_text(tally)
    assert text.count("RuntimeError") == seedcommand.LISTED
    assert f"and {50 - seedcommand.LISTED} more" in text
