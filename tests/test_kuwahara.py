"""The enlargement that keeps edges: the same in every window, sharp at steps, plain elsewhere."""

import numpy as np
import pytest

from generator.nets.kuwahara import REACH, enlarge_sharply


def random_picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_a_window_has_the_pixels_of_the_whole(seed):
    rng = np.random.default_rng(seed)
    picture = random_picture(40, 50, seed)
    whole = enlarge_sharply(picture)
    assert whole.shape == (4 * (40 - 2 * REACH), 4 * (50 - 2 * REACH), 3)
    y, x = rng.integers(0, 10, 2)
    h, w = rng.integers(2 * REACH + 1, 30, 2)
    part = enlarge_sharply(picture[y : y + h, x : x + w])
    inside = whole[4 * y :, 4 * x :][: part.shape[0], : part.shape[1]]
    assert np.array_equal(part, inside)


def test_extremes_do_not_overflow():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[::2, ::2] = 255
    white = np.full((32, 32, 3), 255, np.uint8)
    assert (enlarge_sharply(white) == 255).all()
    # A chequer is finer than the windows: its mean, not its pixels.
    assert abs(enlarge_sharply(picture).astype(int).mean() - 64) < 12


@pytest.mark.parametrize("axis", [0, 1])
def test_a_soft_step_becomes_sharp(axis):
    ramp = np.clip(np.linspace(-3, 4, 40), 0, 1) * 120 + 60
    picture = np.broadcast_to(ramp[:, None, None], (40, 40, 3)).round().astype(np.uint8)
    picture = picture if axis == 0 else picture.transpose(1, 0, 2)
    sharp = np.moveaxis(enlarge_sharply(picture), axis, 0)[:, 50].astype(int)[:, 0]
    # The ramp of 23 child pixels: most of the step now lies in six of them.
    assert np.abs(sharp[6:] - sharp[:-6]).max() > 0.75 * 120
    assert abs(sharp[0] - 60) <= 1
    assert abs(sharp[-1] - 180) <= 1


def test_it_lies_where_the_parent_lies():
    # A spot in the middle stays in the middle: symmetrical under turns, but for ties.
    picture = np.full((41, 41, 3), 90, np.uint8)
    picture[16:25, 16:25] = 200
    bright = enlarge_sharply(picture)[..., 0] > 145
    ys, xs = np.nonzero(bright)
    assert abs(ys.mean() - (bright.shape[0] - 1) / 2) < 0.75
    assert abs(xs.mean() - (bright.shape[1] - 1) / 2) < 0.75
    assert 28 <= np.ptp(ys) + 1 <= 40
