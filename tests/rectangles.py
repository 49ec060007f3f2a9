"""Rectangles of world pixels that overlap, and what is drawn by rule in a rectangle."""

from typing import Protocol

import numpy as np
from hypothesis import strategies as st

from generator.geography.overlay import Overlay
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


class OverlaidRule(Protocol):
    """What is drawn by rule over a child."""

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return what is drawn in a rectangle of world pixels, None for nothing."""
        ...


def drawn_by(rule: OverlaidRule, zoom: int, area: Rectangle) -> Overlay:
    """Return what a rule draws in a rectangle; nothing at all is of no colour."""
    found = rule.overlay(zoom, area)
    if found is not None:
        return found
    shape = area.height, area.width
    return Overlay(np.zeros((*shape, 3), np.int16), np.zeros(shape, np.uint16))
