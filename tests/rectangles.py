"""Rectangles of world pixels that overlap, and what is drawn by rule in a rectangle."""

import hashlib
from collections.abc import Iterable
from typing import Protocol

import numpy as np
from hypothesis import strategies as st

from generator.geography.overlay import Overlay
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE


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


def windows_agree(rule: OverlaidRule, data: st.DataObject, zoom: int, x0: int, y0: int) -> None:
    """Assert that a rule draws the same in a rectangle from (x0, y0) on and in a part of it."""
    area, inside, at = whole_and_part(data, zoom, x0, y0)
    whole, part = drawn_by(rule, zoom, area), drawn_by(rule, zoom, inside)
    np.testing.assert_array_equal(part.colours, whole.colours[at])
    np.testing.assert_array_equal(part.withheld, whole.withheld[at])


def digest_of(rule: OverlaidRule, windows: Iterable[tuple[int, Rectangle]]) -> str:
    """Return the hexadecimal SHA-256 of what a rule draws in rectangles of zooms."""
    digest = hashlib.sha256()
    for zoom, area in windows:
        made = drawn_by(rule, zoom, area)
        digest.update(np.ascontiguousarray(made.colours).tobytes() + made.withheld.tobytes())
    return digest.hexdigest()


def with_children(rule: OverlaidRule, zoom: int, area: Rectangle) -> tuple[np.ndarray, np.ndarray]:
    """Return a rectangle's colours, and the means of those of its pixels' children."""
    fine = drawn_by(rule, zoom + 2, area.finer(SCALE)).colours.astype(float)
    return drawn_by(rule, zoom, area).colours.astype(float), child_means(fine, area)


def child_means(fine: np.ndarray, area: Rectangle) -> np.ndarray:
    """Return the means of the children of a rectangle's pixels: [4h, 4w, ...] to [h, w, ...]."""
    return fine.reshape(area.height, SCALE, area.width, SCALE, *fine.shape[2:]).mean((1, 3))
