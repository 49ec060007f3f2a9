"""Quilting: every second square of a picture becomes another part of it, turned or mirrored.

Layouts are learned from what a place is like, not from where its streets lie; and a town of which
every second square lay elsewhere is no place any more. Of the parts of the picture, in all eight
orientations, that are most like the pixels round a square, that is laid whose seams show least
(image quilting, Efros and Freeman 2001): where a road breaks off, a seam costs as much as the
road is wide.
"""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from generator.banks.places import (
    HALF,
    MOST_LOST,
    USED,
    Mask,
    Places,
    grown,
    halved,
    halved_mask,
    lost_of,
)
from generator.banks.seam import seam_costs, seamed
from generator.grid.integral import squares
from generator.grid.pixels import Pixels
from generator.imagery.sources import Decoded
from generator.memory.orientation import ORIENTATIONS

_LEAST = 2
"""Squares along the shorter side of a picture, at least."""
_RING = 8
"""A ring of an eighth of a square is compared, and has the seams."""
_FEW = 4
"""Parts of each orientation whose seams are looked for."""
_FEATHER = 2
"""Pixels on both sides of a seam over which one part goes over into the other."""

Floats = NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64)


def quilted(decoded: Decoded, square: int, least: int = 0) -> Decoded:
    """Return a picture of which every second square is another part of it.

    square: side in pixels. least: a smaller picture goes on to the right and below with parts of
    itself until it is so many pixels wide and high. What its mask leaves out stays as it is, and so
    does a picture that is too small or shows too little; one with a mask does not go on.
    """
    height, width = decoded.pixels.shape[:2]
    lost = lost_of(decoded)
    if lost.mean() > MOST_LOST or min(height, width) < _LEAST * square:
        return decoded
    growth = [(0, 0 if lost.any() else max(0, least - side)) for side in (height, width)]
    pixels = np.pad(decoded.pixels, [*growth, (0, 0)])
    beyond = np.pad(np.zeros_like(lost), growth, constant_values=True)
    lost = np.pad(lost, growth)
    # Every second square, and all that lies beyond the picture; nothing is taken from there.
    rows, columns = (np.arange(side) // square for side in pixels.shape[:2])
    hole = ((rows[:, None] + columns) % 2 == 1) | beyond
    made = _Quilting(pixels, hole & ~lost, lost | beyond, square).run()
    return dataclasses.replace(decoded, pixels=made)


class _Quilting:
    """One picture while its squares are laid.

    hole: what is laid; lost: what no part may be taken from; square: side of the squares. No part
    is laid where it was.
    """

    def __init__(self, pixels: Pixels, hole: Mask, lost: Mask, square: int) -> None:
        self.picture, source = pixels.astype(np.float32), pixels.astype(np.float32)
        self.hole, self.known, self.square = hole, ~(hole | lost), square
        self.ring = max(HALF, square // _RING)
        self.places = [Places(turn.of(source), turn.of(lost)) for turn in ORIENTATIONS]
        self.used = np.zeros(self.places[0].size)
        # Where each pixel of half the resolution lies, to be turned as the picture is.
        self.where = np.moveaxis(np.indices(self.places[0].size), 0, 2)
        # And from where in the picture it shows something now.
        self.shown = self.where.copy()

    def run(self) -> Pixels:
        """Lay all squares; returns the pixels."""
        (height, width), side = self.hole.shape, self.square
        for y in range(0, height, side):
            for x in range(0, width, side):
                if self.hole[y : y + side, x : x + side].any():
                    self._lay(slice(y, min(y + side, height)), slice(x, min(x + side, width)))
        return self.picture.clip(0, 255).astype(np.uint8)

    def _lay(self, rows: slice, columns: slice) -> None:
        """Lay the part of least seams into a square."""
        # The rectangle round it, on whole pixels of half the resolution.
        tops, lefts = (
            slice(
                max(0, at.start - self.ring) // HALF * HALF,
                min(HALF * half, (at.stop + self.ring + 1) // HALF * HALF),
            )
            for at, half in zip((rows, columns), self.places[0].size, strict=True)
        )
        around = tops, lefts
        hole = np.zeros_like(self.hole)
        hole[rows, columns] = self.hole[rows, columns]
        here, part, known = hole[around], self.picture[around], self.known[around]
        margins = (
            (columns.start - lefts.start) // HALF,
            (rows.start - tops.start) // HALF,
            max(0, lefts.stop - columns.stop) // HALF,
            max(0, tops.stop - rows.stop) // HALF,
        )
        likely = self._likely(part, here, known, (tops.start, lefts.start))
        if not likely:
            return
        seen, small = ~halved_mask(~known), halved(part)
        gaps = np.zeros((len(likely), *seen.shape))
        for number, (turn, y, x, _) in enumerate(likely):
            other = _matched(self.places[turn].small[y // HALF :, x // HALF :], small, seen)
            gaps[number] = np.where(seen, np.einsum("ijk,ijk->ij", other - small, other - small), 0)
        best = int((seam_costs(gaps, margins) * np.array([use for *_, use in likely])).argmin())
        turn, y, x, _ = likely[best]
        source = _matched(self.places[turn].source[y:, x:], part, known)
        # What the seams enclose, softened, and all that was to be laid.
        laid = seamed(gaps[best], margins).repeat(HALF, 0).repeat(HALF, 1)
        soft = _softened((laid & known) | here)
        soft[here & ~grown(~here, _FEATHER)] = 1
        soft[~(here | known)] = 0
        part += soft[..., None] * (source - part)
        known |= here
        # Say from where the square shows something now, and that it was used.
        low, left = tops.start // HALF, lefts.start // HALF
        from_there = ORIENTATIONS[turn].of(self.where)[y // HALF :, x // HALF :]
        new, shown = halved_mask(here), self.shown[low:, left:]
        shown[: len(new), : new.shape[1]][new] = from_there[: len(new), : new.shape[1]][new]
        middle = (y + here.shape[0] // 2) // HALF, (x + here.shape[1] // 2) // HALF
        self._near(ORIENTATIONS[turn].of(self.used), middle)[...] += 1

    def _likely(
        self, part: Floats, hole: Mask, ring: Mask, corner: tuple[int, int]
    ) -> list[tuple[int, int, int, float]]:
        """Return the parts most like the ring: orientation, corner in pixels, factor for use."""
        found = []
        high, wide = (side // HALF for side in hole.shape)
        top, left = (at // HALF for at in corner)
        here = self.where[top : top + high, left : left + wide]
        beside = self.shown[top : top + high, left : left + wide]
        seen = ~halved_mask(~ring)
        for number, (turn, places) in enumerate(zip(ORIENTATIONS, self.places, strict=True)):
            if high > places.size[0] or wide > places.size[1]:
                continue
            gaps = places.gaps(part, hole, ring)
            rows, columns = gaps.shape
            used = turn.of(self.used)[high // 2 :, wide // 2 :][:rows, :columns]
            costs = gaps * (1 + USED * used)
            # The best few, apart from each other.
            few = 0
            while few < _FEW and np.isfinite(least := costs.min()):
                y, x = (int(at[0]) for at in np.nonzero(costs == least))
                from_there = turn.of(self.where)[y : y + high, x : x + wide]
                if self._are_apart(from_there, here, 2) and self._are_apart(
                    from_there[seen], beside[seen], 4
                ):
                    found.append((number, HALF * y, HALF * x, 1 + USED * float(used[y, x])))
                    few += 1
                self._near(costs, (y, x), 4)[...] = np.inf
        return found

    def _are_apart(self, there: NDArray[np.int64], here: NDArray[np.int64], parts: int) -> bool:
        """Say whether no pixel comes from near another place, [..., 2] in half pixels each.

        Near is a square divided by parts: not where the pixel itself was, nor from what is shown
        beside the square, which would go on as in the picture, or mirrored at the seam.
        """
        moved = there - here
        distances = HALF * np.hypot(moved[..., 0], moved[..., 1])
        return bool(distances.min(initial=np.inf) >= self.square / parts)

    def _near(
        self, array: NDArray[np.float64], at: tuple[int, int], parts: int = 1
    ) -> NDArray[np.float64]:
        """Return the view of an array within half a square of a place, or a part of that."""
        near = self.square // 2 // parts
        y, x = at
        return array[max(0, y - near) : y + near, max(0, x - near) : x + near]


def _matched(source: NDArray[Real], over: NDArray[Real], known: Mask) -> NDArray[Real]:
    """Return the corner of a picture, half way to the mean colour of what is known beneath it."""
    part = source[: known.shape[0], : known.shape[1]]
    if not known.any():
        return part
    matched: NDArray[Real] = part + (over[known].mean(0) - part[known].mean(0)) / 2
    return matched


def _softened(mask: Mask) -> Floats:
    """Return the share of a mask within _FEATHER pixels: float32 [h, w]."""
    side = 2 * _FEATHER + 1
    share = squares(np.pad(mask, _FEATHER, mode="edge"), side) / side**2
    return share.astype(np.float32)
