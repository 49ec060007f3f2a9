import numpy as np
import pytest

from generator.noise import field
from generator.tile import Tile
from tests.planet import tiny_cascade
from training.errors import TrainingError
from training.joins import (
    EXACT,
    INDEPENDENT,
    METHODS,
    OVERLAP,
    OVERLAP_FIELD,
    PERIOD,
    SHARED,
    Joiner,
    own,
    repeating,
)
from training.scenery import Scene

SEED = 3
REACH = 4 * 14
"""Pixels that the tiny network sees: less than the quarter of a window that overlaps give."""


@pytest.fixture(scope="module")
def joiner(tmp_path_factory):
    return Joiner(tiny_cascade(tmp_path_factory.mktemp("joins")), SEED)


@pytest.fixture(scope="module")
def scene():
    """A textured tile near the equator, where all rows have one resolution."""
    pixels = np.random.default_rng(0).integers(60, 180, (256, 256, 3), np.uint8)
    return Scene("land", Tile(9, 300, 256), pixels)


@pytest.fixture(scope="module")
def pictures(joiner, scene):
    return {method: joiner.join(method, scene).astype(int) for method in METHODS}


def apart(first, second):
    return np.abs(first - second)


def test_all_ways_give_the_same_place(pictures):
    for picture in pictures.values():
        assert picture.shape == (256, 256, 3)
        assert apart(picture, pictures[EXACT]).mean() < picture.std()


def test_with_shared_noise_and_a_small_reach_overlapping_windows_are_exact(joiner, scene, pictures):
    """The paper's argument: equal noise and a reach within the overlap make equal pixels."""
    assert apart(pictures[OVERLAP_FIELD], pictures[EXACT]).max() <= 1
    exact = Joiner(repeating(joiner.cascade), SEED).join(EXACT, scene).astype(int)
    assert apart(pictures[SHARED], exact).max() <= 1
    assert apart(pictures[SHARED], pictures[EXACT]).mean() > 1


def test_independent_windows_differ_only_where_they_cannot_see_their_neighbour(pictures):
    difference = apart(pictures[INDEPENDENT], pictures[EXACT])
    inner = np.abs(np.arange(256) - 127.5) > REACH
    assert difference[inner][:, inner].max() <= 1
    assert difference[:, 127:129].mean() > 1
    assert difference[127:129].mean() > 1


def test_without_shared_noise_overlapping_windows_disagree_everywhere(pictures):
    difference = apart(pictures[OVERLAP], pictures[EXACT])
    assert min(part.mean() for part in np.split(difference, 4)) > 1


def test_own_noise_never_comes_twice():
    windows = [own(SEED, 9, 64 + 128 * x, 64 + 128 * y, 256, 256) for x in (4, 5) for y in (7, 8)]
    values = np.stack([window[0, :32, :32].ravel() for window in windows])
    again = own(SEED, 9, 64 + 128 * 4, 64 + 128 * 7, 256, 256)
    np.testing.assert_array_equal(again, windows[0])
    assert np.abs(np.corrcoef(values) - np.eye(4)).max() < 0.15
    # The overlap of two neighbours, and the world's own noise there.
    for other in (windows[2][0, :, :128], field(SEED, 9, 704, 960, 128, 256)[0]):
        assert abs(np.corrcoef(windows[0][0, :, 128:].ravel(), other.ravel())[0, 1]) < 0.03


def test_the_repeated_tile_is_a_copy_of_the_cascade_alone(joiner):
    cascade = joiner.cascade
    other = repeating(cascade)
    noise = other.stage_at(9).noise(SEED, 9, 0, 0, 256, 256)
    np.testing.assert_array_equal(noise[:, :PERIOD], noise[:, PERIOD:])
    assert all(cascade.stage_at(zoom).noise is field for zoom in (9, 15))


def test_the_product_s_network_stays_unpadded(joiner):
    assert joiner.cascade.checkpoint.network.stem.padding == (0, 0)


def test_the_paper_s_network_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="expected those of an exact one"):
        Joiner(tiny_cascade(tmp_path, "paper-tiny"), SEED)
