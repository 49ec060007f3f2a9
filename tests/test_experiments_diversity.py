"""Parallel worlds: distances are 0 for equal tiles, 1 for unrelated ones, and grow with depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from experiments import diversity
from experiments.diversity import compare, draw, measure, picture, table
from generator.base.basemap import BaseMap
from generator.cascade.cascade import Cascade
from generator.cascade.checkpoint import load, save
from generator.nets.config import SamplerConfig
from tests.networks import tiny_network
from training.measure.sites import SITES

RANDOM = np.random.default_rng(0)
Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def noise() -> Pixels:
    return RANDOM.integers(0, 256, (256, 256, 3), np.uint8)


def test_equal_tiles_are_no_distance_apart() -> None:
    tile = noise()
    row = compare(9, [(tile, tile.copy(), tile.copy())])
    assert len(row.rms) == 3
    assert (row.rms == 0).all()
    assert (row.share == 0).all()
    assert (row.coarse == 0).all()
    assert row.correlation == pytest.approx(np.ones(3))


def test_unrelated_tiles_are_as_far_apart_as_tiles_can_be_by_chance() -> None:
    row = compare(9, [(noise(), noise())])
    assert row.share[0] == pytest.approx(1, abs=0.02)
    assert row.coarse_share[0] == pytest.approx(1, abs=0.2)
    assert abs(row.correlation[0]) < 0.05


def test_worlds_that_differ_in_texture_alone_are_near_at_large() -> None:
    ground = np.repeat(np.repeat(noise()[::32, ::32], 32, 0), 32, 1) // 2 + 60
    worlds = tuple(
        (ground + RANDOM.normal(0, 20, ground.shape)).clip(0, 255).astype(np.uint8)
        for _ in range(2)
    )
    row = compare(9, [worlds])
    assert row.share[0] > 0.25
    assert row.coarse_share[0] < 0.1


def test_flat_tiles_make_no_number_absurd() -> None:
    sea = np.full((256, 256, 3), 20, np.uint8)
    row = compare(9, [(sea, sea + np.uint8(1))])
    assert row.share[0] == pytest.approx(2.0)
    assert row.correlation[0] == 0.0


def cascade(folder: Path) -> Cascade:
    save(folder / "tiny.safetensors", tiny_network(), SamplerConfig(), {})
    pixels = np.random.default_rng(1).integers(60, 200, (64, 128, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "base.png")
    device = torch.device("cpu")
    loaded = load(folder / "tiny.safetensors")
    base = BaseMap.open(folder / "base.png")
    return Cascade(base, loaded, SamplerConfig(), device, torch.float32)


def test_worlds_share_the_base_map_and_part_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diversity, "ZOOMS", (5, 6, 7))
    monkeypatch.setattr(diversity, "SHOWN", (7,))
    made = cascade(tmp_path)
    rows = measure(made, (0, 1), SITES[:1], None)
    assert [row.zoom for row in rows] == [5, 6, 7]
    assert (rows[0].rms == 0).all()
    assert (rows[2].rms > 0).all()
    # Averages of four pixels differ less than the pixels.
    assert rows[1].rms[0] < rows[2].rms[0]
    text = table(rows)
    assert len(text.splitlines()) == 5
    assert text.splitlines()[2].startswith("| 5 | 1 | 0.0 |")
    assert draw(rows, tmp_path).stat().st_size < 150_000
    assert picture(made, (0, 1), SITES[0], tmp_path / "worlds.webp").stat().st_size < 150_000
