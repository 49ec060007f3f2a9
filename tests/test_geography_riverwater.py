"""The colour of rivers: windows agree, it varies along the course, and banks are soft."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography.riverwater import FIRST, MARGIN, river_over
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE

CORE = Rectangle(60_000, 50_000, 60, 40)
WATER, GROUND = (20, 47, 66), (150, 140, 100)


def river(core: Rectangle) -> Pixels:
    """Draw a river 24 pixels wide, from north to south, over even ground."""
    size = (core.height + 2, core.width + 2, 1)
    colours = tuple(np.tile(np.array(c, np.uint8), size) for c in (WATER, GROUND))
    columns = np.arange(SCALE * core.x0 - MARGIN, SCALE * (core.x0 + core.width) + MARGIN)
    middle = SCALE * (CORE.x0 + CORE.width // 2)
    share = np.where(np.abs(2 * (columns - middle) + 1) < 24, 255, 0).astype(np.uint8)
    rivers = np.tile(share, (SCALE * core.height + 2 * MARGIN, 1))
    child = np.tile(np.array(GROUND, np.uint8), (SCALE * core.height, SCALE * core.width, 1))
    return river_over(FIRST, core, child, (colours[0], colours[1]), rivers)


WHOLE = river(CORE)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_window_is_the_same_part_of_a_larger_one(data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, 59)), data.draw(st.integers(0, 39))
    width, height = data.draw(st.integers(1, 60 - left)), data.draw(st.integers(1, 40 - top))
    part = river(Rectangle(CORE.x0 + left, CORE.y0 + top, width, height))
    y, x = SCALE * top, SCALE * left
    assert np.array_equal(part, WHOLE[y : y + SCALE * height, x : x + SCALE * width])


def test_the_ground_shows_through_here_and_there_and_at_banks() -> None:
    red = WHOLE[..., 0].astype(int)
    middle, bank = red[:, 120], red[:, 108]
    assert WATER[0] <= middle.min() < middle.max() - 15
    assert middle.max() < GROUND[0] * 7 // 8
    assert bank.min() > WATER[0] + 15
    assert bank.mean() > middle.mean()
    assert (red[:, :108] == GROUND[0]).all()
