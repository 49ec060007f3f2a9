"""Layouts end where the ground changes: cells cost more at pixels unlike their centre."""

import numpy as np

from generator.grid.rectangle import Rectangle
from generator.memory.labels import UNLIKE, Tones


def halves():
    pixels = np.full((20, 30, 3), 60, np.int16)
    pixels[:, 15:] = 120
    return Tones(Rectangle(100, 200, 30, 20), pixels, 1000)


def test_pixels_like_the_centre_cost_nothing_and_others_all():
    costs = halves().unlike(205, 104, 200, 100, (20, 30))
    assert (costs[:, :15] == 0).all()
    assert (costs[:, 15:] == 1000).all()


def test_a_part_costs_what_the_whole_costs():
    rng = np.random.default_rng(0)
    tones = Tones(Rectangle(-7, 3, 30, 20), rng.integers(0, 256, (20, 30, 3)).astype(np.int16), 700)
    whole = tones.unlike(9, 5, 3, -7, (20, 30))
    assert np.array_equal(whole[4:9, 6:16], tones.unlike(9, 5, 7, -1, (5, 10)))
    assert whole.min() == 0
    assert whole.max() == 700


def test_a_difference_of_half_costs_half():
    tones = halves()
    tones.pixels[:, 15:] = 60 + UNLIKE // 6
    assert (tones.unlike(205, 104, 200, 115, (20, 15)) == 500).all()
