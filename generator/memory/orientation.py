"""Orientations: a scene mirrored and turned, eight ways in all (the dihedral group of the square).

What a scene is chosen by follows exactly: windows change places, cosine waves their signs. What its
codes become is told by `generator.memory.reorientation`.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from generator.memory.descriptor import SIZE
from generator.memory.features import CHROMA_WAVES, LUMINANCE_WAVES

Array = TypeVar("Array", bound=NDArray[np.generic])
Integers = NDArray[np.int64]


class Orientation(NamedTuple):
    """How a picture is shown: transposed, then with its rows and then its columns reversed."""

    transposed: bool
    rows: bool
    columns: bool

    def of(self, picture: Array) -> Array:
        """Return a picture [h, w, ...] in this orientation; a view of it."""
        rows, columns = (slice(None, None, -1 if back else 1) for back in self[1:])
        turned = picture.swapaxes(0, 1) if self.transposed else picture
        return turned[rows, columns]  # type: ignore[return-value]

    def back(self, picture: Array) -> Array:
        """Undo `of`; a view."""
        rows, columns = (slice(None, None, -1 if back else 1) for back in self[1:])
        straight = picture[rows, columns]
        return straight.swapaxes(0, 1) if self.transposed else straight  # type: ignore[return-value]


ORIENTATIONS = tuple(
    Orientation(transposed, rows, columns)
    for transposed in (False, True)
    for rows in (False, True)
    for columns in (False, True)
)
"""All eight; the first is the picture as it is."""

PLAIN = 0
"""Number of the picture as it is; 1 is that with east and west exchanged."""


@cache
def descriptor_change(orientation: int) -> tuple[Integers, NDArray[np.int8]]:
    """Return which number of a descriptor each one becomes, int64 [32], and its sign, int8 [32]."""
    transposed, rows, columns = ORIENTATIONS[orientation]
    source, sign = np.arange(SIZE), np.ones(SIZE, np.int8)
    # Waves (u, v): u half periods down, v across. Odd ones change their sign in a mirror.
    for first, waves in ((3, LUMINANCE_WAVES), (17, CHROMA_WAVES), (20, CHROMA_WAVES)):
        for k, (down, across) in enumerate(waves):
            before = (across, down) if transposed else (down, across)
            source[first + k] = first + waves.index(before)
            sign[first + k] = (-1) ** (down * rows + across * columns)
    # Texture of the quadrants NW, NE, SW, SE.
    quadrants = ORIENTATIONS[orientation].of(np.arange(23, 27).reshape(2, 2))
    source[23:27] = quadrants.ravel()
    # Water: south less north, east less west.
    if transposed:
        source[29:31] = 30, 29
    sign[29:31] = 1 - 2 * rows, 1 - 2 * columns
    return source, sign


def oriented(orientation: int, descriptors: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return descriptors of a scene's windows, int8 [rows, columns, d], in an orientation.

    Numbers behind the 32 of a picture's, which say what ground it is, stay.
    """
    source, sign = descriptor_change(orientation)
    more = np.arange(SIZE, descriptors.shape[2])
    moved = ORIENTATIONS[orientation].of(descriptors)[..., np.concatenate([source, more])]
    signed: NDArray[np.int8] = moved * np.concatenate([sign, np.ones(len(more), np.int8)])
    return signed


def centres(
    orientation: Integers, height: Integers, width: Integers, ys: Integers, xs: Integers
) -> tuple[Integers, Integers]:
    """Return where pixel corners (ys, xs) of turned scenes lie in the scenes as they are.

    orientation: numbers of ORIENTATIONS; height, width: of the turned scenes. All broadcast
    together.
    """
    table = np.array(ORIENTATIONS)[orientation]
    down = np.where(table[..., 1], height - ys, ys)
    across = np.where(table[..., 2], width - xs, xs)
    turned = table[..., 0]
    return np.where(turned, across, down), np.where(turned, down, across)
