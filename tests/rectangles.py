"""Rectangles of world pixels that overlap, for layers that must agree there."""

import numpy as np
from hypothesis import strategies as st

from generator.grid.rectangle import Rectangle


def whole_and_part(
    data: st.DataObject, zoom: int, x0: int, y0: int
) -> tuple[Rectangle, Rectangle, tuple[slice, slice]]:
    """Return a rectangle from (x0, y0) on, a part of it, and where the part lies in it.

    The part lies one turn round the Earth further.
    """
    x, y = data.draw(st.integers(0, 150)), data.draw(st.integers(0, 110))
    part = Rectangle(x0 + x + (256 << zoom), y0 + y, 50, 40)
    return Rectangle(x0, y0, 200, 150), part, np.s_[y : y + 40, x : x + 50]
