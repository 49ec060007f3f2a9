"""Stands of managed forest: the same in every window, in worlds of their own."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography.stands import ages_at
from generator.grid.rectangle import Rectangle
from tests.rectangles import whole_and_part


@settings(max_examples=30, deadline=None)
@given(st.sampled_from((11, 13, 15, 17)), st.data())
def test_rectangles_agree_where_they_overlap(zoom: int, data: st.DataObject) -> None:
    world = 256 << zoom
    starts = st.integers(-300, 300) | st.integers(world - 300, world + 300) | st.integers(0, world)
    x0, y0 = data.draw(starts), data.draw(st.integers(0, world - 300))
    whole, part, inside = whole_and_part(data, zoom, x0, y0)
    np.testing.assert_array_equal(ages_at(3, zoom, whole)[inside], ages_at(3, zoom, part))


def test_a_stand_is_of_one_age_and_all_ages_come() -> None:
    ages = ages_at(0, 13, Rectangle(1 << 20, 1 << 19, 512, 512))
    same = (ages[1:] == ages[:-1]).mean()
    assert 0.9 < same < 0.99
    assert len(np.unique(ages)) > 120
    assert 0.04 < (ages >= 238).mean() < 0.12
    assert (ages_at(1, 13, Rectangle(1 << 20, 1 << 19, 512, 512)) == ages).mean() < 0.05
