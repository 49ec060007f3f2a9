"""Chains against real imagery: the kernel distance, the statistics, and the real tiles."""

import json

import numpy as np
import pytest
from PIL import Image as Pillow

from generator.imagery.sources import read_manifest
from tests.fakes_memory import ground
from training.errors import TrainingError
from training.imagery.prepare import prepare
from training.imagery.pyramid import Pyramid
from training.measure import realtiles
from training.measure.kid import (
    KidRow,
    distance_with_error,
    evened,
    kid_table,
    tile_statistics,
)
from training.measure.realtiles import real_tiles


def rows(seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    return shift + np.random.default_rng(seed).standard_normal((count, 8))


def tile(seed: int, spread: float) -> np.ndarray:
    values = 120 + spread * np.random.default_rng(seed).standard_normal((256, 256, 1))
    return values.clip(0, 255).astype(np.uint8).repeat(3, -1)


def test_sets_of_one_distribution_are_not_apart_whatever_their_sizes():
    same = [distance_with_error(rows(2 * k, 12), rows(2 * k + 1, 30)) for k in range(200)]
    values, errors = np.array(same).T
    assert abs(values.mean()) < 4 * values.std() / 200**0.5
    # The error is what the distance scatters by with the first set.
    fixed = rows(999, 30)
    values, errors = np.array([distance_with_error(rows(k, 12), fixed) for k in range(200)]).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.35)


def test_the_further_a_set_is_moved_the_further_it_is():
    found = [distance_with_error(rows(0, 60), rows(1, 60, shift))[0] for shift in (0, 0.5, 1, 2)]
    assert found == sorted(found)
    assert found[1] > 10 * abs(found[0])


def test_tone_is_evened_out():
    ground = np.full((8, 8, 3), (40, 80, 160), np.uint8)
    ground[::2] //= 2
    assert evened(ground).mean((0, 1)) == pytest.approx((95, 95, 95))
    # Ground that is nearly black stays darker than the rest.
    assert evened(np.full((8, 8, 3), 3, np.uint8)).mean() == pytest.approx(23.75)


def test_statistics_tell_edges_directions_and_contrast():
    noise = tile(0, 20)
    steps = np.zeros((256, 256, 3), np.uint8) + 90
    steps[:, 128:] = 100
    stripes = (95 + 30 * np.sin(np.arange(256) / 2))[None, :, None]
    stripes = np.broadcast_to(stripes, (256, 256, 3)).astype(np.uint8)
    of_noise, of_steps, of_stripes = (
        tile_statistics(np.stack([image] * 2)) for image in (noise, steps, stripes)
    )
    assert of_noise.kurtosis == pytest.approx(3, abs=0.1)
    assert of_steps.kurtosis > 100
    assert of_stripes.coherence > 0.95 > 0.6 > of_noise.coherence
    assert tile_statistics(tile(0, 10)[None]).contrast == pytest.approx(of_noise.contrast / 2, 0.01)


def test_the_table_has_a_line_for_each_zoom():
    row = KidRow(13, 50, 108, 108, 1348.2, 113, None, 0.64, 0.95, 1.02)
    assert kid_table([row]).splitlines()[2] == (
        "| 13 | 50 | 108 | 108 | 1348 | 113 | – | 0.64 | 0.95 | 1.02 |"
    )


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory):
    """Three pictures of 2 m per pixel, of 3, 3 and 1 land tiles: two of training, one held out."""
    folder = tmp_path_factory.mktemp("real")
    listed = []
    for n, (split, side) in enumerate((("train", 560), ("train", 560), ("test", 300))):
        Pillow.fromarray(ground(n + 1, side, side, 48)).save(folder / f"{n}.png")
        listed.append({"file": f"{n}.png", "gsd_m": 2.0, "lat": float(n), "lon": 5.0,
                       "source": f"source-{n}", "split": split})  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(listed))
    prepare(read_manifest(folder), None, folder / "out")
    return Pyramid(folder / "out")


def test_held_out_tiles_come_alone_unless_they_are_few(pyramid, monkeypatch):
    every = real_tiles(pyramid, 15, None, 0)
    assert [tile.held_out for tile in every[:2]] == [True, False]
    assert len(every) == 7
    monkeypatch.setattr(realtiles, "MOST", 2)
    assert len(real_tiles(pyramid, 15, None, 0)) == 5
    again = real_tiles(pyramid, 15, None, 0)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(every[:1], again, strict=False))
    monkeypatch.setattr(realtiles, "FEW", 1)
    with pytest.raises(TrainingError, match="no two land tiles of the resolution of zoom 15"):
        real_tiles(pyramid, 15, None, 0)


def test_pictures_of_the_bank_are_left_out(pyramid):
    class Bank:
        scenes = [type("Taken", (), {"source": "source-0", "latitude": 0.0, "longitude": 5.0})]

    assert {tile.source for tile in real_tiles(pyramid, 15, Bank, 0)} == {"source-1", "source-2"}
