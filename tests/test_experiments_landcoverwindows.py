"""Windows and their stand-in labels: divided by place, none twice, clusters carried over."""

import numpy as np
import pytest

from experiments.landcoverwindows import draw_windows, stand_in_labels, statistics
from generator.imagery.sources import read_manifest
from tests.imagery import write_imagery
from training.errors import TrainingError
from training.imagery.prepare import prepare
from training.imagery.pyramid import Pyramid
from training.samples.windows import BANDS

FINE, FINEST = BANDS[3], BANDS[4]


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenes")
    prepare(read_manifest(write_imagery(path / "in")), None, path / "data")
    return Pyramid(path / "data")


def test_windows_are_of_the_split_and_the_band_and_none_comes_twice(pyramid):
    scenes = draw_windows(pyramid, ("train",), FINE, 500, 0)
    # 16 m: 10 x 10 windows of 640 px; 4 m by 2: 5 x 5, by 4: 2 x 2.
    assert 100 < len(scenes.windows) <= 129
    assert set(scenes.gsd) == {8.0, 16.0}
    assert len({window.tobytes() for window in scenes.windows}) == len(scenes.windows)
    others = draw_windows(pyramid, ("test",), FINE, 500, 0)
    assert set(others.sources) == {"source-4"}
    assert not {w.tobytes() for w in others.windows} & {w.tobytes() for w in scenes.windows}


def test_the_same_seed_draws_the_same_windows(pyramid):
    one, same, other = (draw_windows(pyramid, ("train",), FINE, 9, seed) for seed in (0, 0, 1))
    assert np.array_equal(one.windows, same.windows)
    assert not np.array_equal(one.windows, other.windows)


def test_masked_windows_are_left_out(pyramid):
    # The mask of the 4 m image calls its upper 40 rows of 640 invalid: the first row of windows.
    scenes = draw_windows(pyramid, ("train",), FINEST, 500, 0)
    assert len(scenes.windows) == 90


def test_flat_windows_are_left_out(pyramid, monkeypatch):
    monkeypatch.setattr("experiments.landcoverwindows.LEAST_CONTRAST", 300.0)
    with pytest.raises(TrainingError, match="every train window is cloudy, flat or masked"):
        draw_windows(pyramid, ("train",), FINE, 9, 0)


def test_a_split_without_imagery_is_said(pyramid):
    with pytest.raises(TrainingError, match="no val image has 8 to 24 m per pixel"):
        draw_windows(pyramid, ("val",), FINE, 9, 0)


def test_texture_is_seen_in_its_own_octave():
    windows = np.full((2, 64, 64, 3), 100, np.uint8)
    windows[0, ::2] = 140  # rows of one pixel
    windows[1, (np.arange(64) // 4) % 2 == 0] = 140  # of four
    found = statistics(windows)
    assert found.shape == (2, 9)
    assert found[0, 4] > 1
    assert found[0, 5:].max() == pytest.approx(0, abs=1e-9)
    assert found[1, 6] > 1
    assert found[1, 4] == pytest.approx(0, abs=1e-9)


def test_clusters_are_found_and_carried_over():
    random = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [60, 30, 20])
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    known = centres[truth] + random.normal(0, 0.5, (110, 2))
    held_out = centres[[2, 0, 1, 1]]
    labels, others = stand_in_labels(known, held_out, 3, 0)
    assert np.array_equal(labels, truth)  # the most frequent class comes first
    assert others.tolist() == [2, 0, 1, 1]


def test_too_few_windows_are_said():
    with pytest.raises(TrainingError, match="12 training windows are too few for 3 classes"):
        stand_in_labels(np.zeros((12, 2)), np.zeros((1, 2)), 3, 0)
