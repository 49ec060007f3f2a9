"""Rectangles of pixels on one grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Pixels of one grid, from (x0, y0) on."""

    x0: int
    y0: int
    width: int
    height: int

    def grown(self, by: int) -> Rectangle:
        """Return the rectangle with a margin of `by` pixels on each side."""
        return Rectangle(self.x0 - by, self.y0 - by, self.width + 2 * by, self.height + 2 * by)

    def holds(self, other: Rectangle) -> bool:
        """Say whether another rectangle of the grid lies inside."""
        right, bottom = other.x0 + other.width, other.y0 + other.height
        across = self.x0 <= other.x0 and right <= self.x0 + self.width
        return across and self.y0 <= other.y0 and bottom <= self.y0 + self.height

    def joined(self, other: Rectangle) -> Rectangle:
        """Return the smallest rectangle that holds both."""
        x0, y0 = min(self.x0, other.x0), min(self.y0, other.y0)
        x1 = max(self.x0 + self.width, other.x0 + other.width)
        y1 = max(self.y0 + self.height, other.y0 + other.height)
        return Rectangle(x0, y0, x1 - x0, y1 - y0)

    def finer(self, scale: int) -> Rectangle:
        """Return the same ground in pixels of which `scale` lie along one of these."""
        sides = (self.x0, self.y0, self.width, self.height)
        return Rectangle(*(scale * side for side in sides))

    def coarser(self, scale: int) -> Rectangle:
        """Return the pixels `scale` times as long that it touches."""
        x0, y0 = self.x0 // scale, self.y0 // scale
        x1, y1 = -(-(self.x0 + self.width) // scale), -(-(self.y0 + self.height) // scale)
        return Rectangle(x0, y0, x1 - x0, y1 - y0)


def pieces(start: int, length: int, side: int) -> Iterator[tuple[int, slice, slice]]:
    """Cut [start, start + length) at multiples of a side: (cell, place in the result, in it)."""
    at = start
    while at < start + length:
        cell, offset = divmod(at, side)
        count = min(side - offset, start + length - at)
        yield cell, slice(at - start, at - start + count), slice(offset, offset + count)
        at += count
