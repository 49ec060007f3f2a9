"""Layouts end where the ground changes: cells cost more at pixels unlike their centre."""

import numpy as np

from generator.grid.rectangle import Rectangle
from generator.memory.labels import UNLIKE, LabelWindow, Tones

ONE = np.int64(1)


def halves():
    pixels = np.full((3, 20, 30), 60, np.int16)
    pixels[..., 15:] = 120
    return Tones(Rectangle(100, 200, 30, 20), pixels, 1000)


def test_pixels_like_the_centre_cost_nothing_and_others_all():
    costs = halves().unlike(205, 104, LabelWindow(100, 200, 30, 20, 1), ONE)
    assert (costs[:, :15] == 0).all()
    assert (costs[:, 15:] == 1000).all()


def test_a_part_costs_what_the_whole_costs():
    rng = np.random.default_rng(0)
    tones = Tones(Rectangle(-7, 3, 30, 20), rng.integers(0, 256, (3, 20, 30)).astype(np.int16), 700)
    whole = tones.unlike(9, 5, LabelWindow(-7, 3, 30, 20, 1), ONE)
    assert np.array_equal(whole[4:9, 6:16], tones.unlike(9, 5, LabelWindow(-1, 7, 10, 5, 1), ONE))
    assert whole.min() == 0
    assert whole.max() == 700


def test_costs_have_the_unit_and_its_type():
    window = LabelWindow(100, 200, 30, 20, 1)
    costs = halves().unlike(205, 104, window, np.int32(64))
    assert costs.dtype == np.int32
    assert np.array_equal(costs, 64 * halves().unlike(205, 104, window, ONE))


def test_a_difference_of_half_costs_half():
    tones = halves()
    tones.pixels[..., 15:] = 60 + UNLIKE // 6
    assert (tones.unlike(205, 104, LabelWindow(115, 200, 15, 20, 1), ONE) == 500).all()


def test_four_pixels_of_a_finer_window_lie_along_one():
    rng = np.random.default_rng(1)
    tones = Tones(
        Rectangle(40, 60, 12, 12), rng.integers(0, 256, (3, 12, 12)).astype(np.int16), 700
    )
    coarse = tones.unlike(62, 42, LabelWindow(40, 60, 12, 12, 1), ONE)
    fine = tones.unlike(62, 42, LabelWindow(163, 241, 22, 30, 4), ONE)
    assert np.array_equal(fine, coarse.repeat(4, 0).repeat(4, 1)[1:31, 3:25])
