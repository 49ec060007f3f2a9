"""Layouts end where the ground changes: cells cost more at pixels unlike their centre."""

import numpy as np

from generator.grid.rectangle import Rectangle
from generator.memory.labels import UNLIKE, LabelWindow, Tones


def unlike(tones, y, x, window, unit=1, kind=np.int64):
    return tones.unlike(y, x, window, tones.costs(kind(unit)))


def halves():
    pixels = np.full((3, 20, 30), 60, np.int16)
    pixels[..., 15:] = 120
    return Tones(Rectangle(100, 200, 30, 20), pixels, 1000)


def test_pixels_like_the_centre_cost_nothing_and_others_all():
    costs = unlike(halves(), 205, 104, LabelWindow(100, 200, 30, 20, 1))
    assert (costs[:, :15] == 0).all()
    assert (costs[:, 15:] == 1000).all()


def test_a_part_costs_what_the_whole_costs():
    rng = np.random.default_rng(0)
    tones = Tones(Rectangle(-7, 3, 30, 20), rng.integers(0, 256, (3, 20, 30)).astype(np.int16), 700)
    whole = unlike(tones, 9, 5, LabelWindow(-7, 3, 30, 20, 1))
    assert np.array_equal(whole[4:9, 6:16], unlike(tones, 9, 5, LabelWindow(-1, 7, 10, 5, 1)))
    assert whole.min() == 0
    assert whole.max() == 700


def test_costs_have_the_unit_and_its_type():
    window = LabelWindow(100, 200, 30, 20, 1)
    costs = unlike(halves(), 205, 104, window, 64, np.int32)
    assert costs.dtype == np.int32
    assert np.array_equal(costs, 64 * unlike(halves(), 205, 104, window))


def test_a_difference_of_half_costs_half():
    tones = halves()
    tones.pixels[..., 15:] = 60 + UNLIKE // 6
    assert (unlike(tones, 205, 104, LabelWindow(115, 200, 15, 20, 1)) == 500).all()


def test_four_pixels_of_a_finer_window_lie_along_one():
    rng = np.random.default_rng(1)
    tones = Tones(
        Rectangle(40, 60, 12, 12), rng.integers(0, 256, (3, 12, 12)).astype(np.int16), 700
    )
    coarse = unlike(tones, 62, 42, LabelWindow(40, 60, 12, 12, 1))
    fine = unlike(tones, 62, 42, LabelWindow(163, 241, 22, 30, 4))
    assert np.array_equal(fine, coarse.repeat(4, 0).repeat(4, 1)[1:31, 3:25])
