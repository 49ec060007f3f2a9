"""Pairs: the parent is the ground of its child, and nothing depends on order or memory."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.cascade.renderer import missing_blocks
from generator.datasets import pairs as module
from generator.datasets.dataset import SHEET, DatasetFolder
from generator.datasets.pairs import Pairs, files
from generator.datasets.samplesheet import CELL, ROWS
from generator.datasets.sites import PairRequest
from generator.grid.tile import Tile
from generator.imagery.sources import read_manifest
from tests.fakes import FakeRenderer

WORLDS: dict[int, dict[Tile, np.ndarray]] = {}
BOX = (6.0, 45.0, 10.0, 48.0)


def quiet(done: int, total: int, made: int) -> None:
    """Hear nothing."""


def whole_world(seed: int, tile: Tile) -> np.ndarray:
    """Make a tile in the plainest way: everything that it needs, kept for ever."""
    renderer, kept = FakeRenderer(), WORLDS.setdefault(seed, {})
    for block in missing_blocks(renderer, tile, kept.__contains__):
        kept |= renderer.compute(seed, block, kept.__getitem__)
    return kept[tile]


@pytest.mark.parametrize("kept", [0, 30, 1200])
def test_pairs_are_the_world_s_own_tiles_whatever_is_kept(
    monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(module, "KEPT_TILES", kept)
    pairs = Pairs(FakeRenderer(), PairRequest((7, 9), 2, (1, 2), BOX))
    for drawn in pairs.drawn:
        parent, child = pairs.make(drawn)
        assert parent.shape == (128, 128, 3)
        assert child.shape == (512, 512, 3)
        for number, tile in enumerate(drawn.block.top.children()):
            y, x = 256 * (number // 2), 256 * (number % 2)
            expected = whole_world(drawn.seed, tile)
            assert np.array_equal(child[y : y + 256, x : x + 256], expected)
        top = drawn.block.top
        above = whole_world(drawn.seed, top.parent())
        y, x = 128 * (top.y % 2), 128 * (top.x % 2)
        assert np.array_equal(parent, above[y : y + 128, x : x + 128])
        assert len(pairs._kept) <= kept


def write(path: Path, wish: PairRequest, renderer: FakeRenderer) -> DatasetFolder:
    pairs = Pairs(renderer, wish)
    folder = DatasetFolder(path, pairs.settings(), "A test.")
    assert pairs.write(folder, quiet) == []
    return folder


def tree(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_a_stopped_run_goes_on_and_a_greater_count_adds(tmp_path: Path) -> None:
    wish = PairRequest((7, 9), 4, (1, 2), BOX)
    write(tmp_path / "whole", wish, FakeRenderer())

    class StoppingError(FakeRenderer):
        def compute(self, seed, block, read):  # type: ignore[no-untyped-def]
            if len(self.calls) > 12:
                raise KeyboardInterrupt
            return super().compute(seed, block, read)

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "parts", wish, StoppingError())
    listed = (tmp_path / "parts" / "manifest.jsonl").read_text().splitlines()
    assert 0 < len(listed) < 8
    write(tmp_path / "parts", PairRequest((7, 9), 2, (1, 2), BOX), FakeRenderer())
    again = FakeRenderer()
    write(tmp_path / "parts", wish, again)
    assert tree(tmp_path / "parts") == tree(tmp_path / "whole")
    idle = FakeRenderer()
    write(tmp_path / "parts", wish, idle)
    assert idle.calls == []


def test_half_a_pair_is_made_again(tmp_path: Path) -> None:
    wish = PairRequest((7,), 2, box=BOX)
    folder = write(tmp_path, wish, FakeRenderer())
    before = tree(tmp_path)
    lost = tmp_path / files(Pairs(FakeRenderer(), wish).drawn[0], folder.format)[1]
    lost.unlink()
    write(tmp_path, wish, FakeRenderer())
    assert tree(tmp_path) == before


def test_the_manifests_say_what_and_where(tmp_path: Path) -> None:
    write(tmp_path, PairRequest((9,), 3, (5,), BOX), FakeRenderer())
    rows = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    assert [row["seed"] for row in rows] == [5, 5, 5]
    for row, source in zip(rows, read_manifest(tmp_path), strict=True):
        with Image.open(tmp_path / row["parent"]) as parent:
            assert parent.size == (128, 128)
        assert row["parent_resolution_m"] == pytest.approx(4 * row["resolution_m"], abs=1e-3)
        assert 44 < row["latitude"] < 49
        assert (source.lat, source.lon) == (row["latitude"], row["longitude"])
        assert source.gsd == row["resolution_m"]
        decoded = source.read()
        assert decoded is not None
        assert decoded.pixels.shape == (512, 512, 3)


def test_the_sheet_shows_parents_beside_their_children(tmp_path: Path) -> None:
    wish = PairRequest((9, 11), 6, (5,), BOX)
    folder = write(tmp_path, wish, FakeRenderer())
    with Image.open(tmp_path / SHEET) as image:
        assert image.size == (2 * CELL + 6, ROWS * CELL + (ROWS - 1) * 6)
        assert image.getexif()[270] == "A test."
        shown = np.asarray(image.convert("RGB")).astype(int)
    first = Pairs(FakeRenderer(), wish).drawn[0]
    names = files(first, folder.format)
    parent, child = (np.asarray(Image.open(tmp_path / name)).astype(int) for name in names)
    middle = slice(256 - CELL // 2, 256 + CELL // 2)
    expected = [parent.repeat(4, 0).repeat(4, 1)[middle, middle], child[middle, middle]]
    for column, pixels in enumerate(expected):
        left = column * (CELL + 6)
        cell = shown[:CELL, left : left + CELL]
        assert abs(cell.mean((0, 1)) - pixels.mean((0, 1))).max() < 2
    (tmp_path / names[1]).write_bytes(b"damaged")
    write(tmp_path, wish, FakeRenderer())
    with Image.open(tmp_path / SHEET) as image:
        assert image.height == (ROWS - 1) * CELL + (ROWS - 2) * 6


def test_blocks_are_counted_as_they_are_made() -> None:
    pairs = Pairs(FakeRenderer(), PairRequest((7, 9, 11), 3, (1, 2), BOX))
    counted = pairs.count_blocks(pairs.drawn)
    for drawn in pairs.drawn:
        pairs.make(drawn)
    assert pairs.blocks == counted > 9
