"""Bending pictures: a scene's layout is mirrored or not, and no longer lies as its place does.

Every point is moved by a smooth random field, a B-spline over a lattice of normal numbers, keyed
by the picture's name. The field fades towards the picture's edge, so that nothing is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.banks.stageimage import StageImage
from generator.grid.tile import SCALE

LATTICE = 144
"""Child pixels between the lattice's points: waves are about twice as long."""
MOST = 24.0
"""Child pixels by which a point is moved at most.

Shorter waves move places further apart (`evaluate --only copies`), but bend fields and streets so
that one sees it (64 pixels between points); here squares of 64 pixels are sheared by a tenth.
"""

_STRENGTH = 26.0
"""Standard deviation at the lattice's points; between them the spline leaves about half."""
_FADE = 96
"""Child pixels from the edge within which the field fades."""
_MESH = 16
"""Child pixels along a square of the picture within which the field is taken as bilinear."""

Floats = NDArray[np.float64]
Box = tuple[int, int, int, int]
Quad = tuple[float, ...]


def warped(seen: StageImage, name: str) -> StageImage:
    """Return a view mirrored by a coin and bent, the same for the same name; of the same size."""
    child, good, swath = seen.child, seen.good, seen.swath
    if mirrored(name):
        child, good = child[:, ::-1], good[:, ::-1]
        swath = None if swath is None else swath[:, ::-1]
    height, width = child.shape[:2]
    field = Displacements(name, height, width)
    picture = Image.fromarray(np.ascontiguousarray(child))
    mesh = list(_mesh(field, height, width))
    moved = picture.transform(picture.size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)
    edges = None if swath is None else _warped_mask(swath, field)
    return StageImage(seen.zoom, np.array(moved), _warped_mask(good, field), edges)


def mirrored(name: str) -> bool:
    """Say whether the picture of this name is mirrored east to west."""
    return bool(_random(name, "mirror").integers(2))


class Displacements:
    """Displacements of the pixels of a picture in child pixels."""

    def __init__(self, name: str, height: int, width: int) -> None:
        self._size = height, width
        shape = (2, height // LATTICE + 4, width // LATTICE + 4)
        self._lattice = _STRENGTH * _random(name, "bend").standard_normal(shape)

    def __call__(self, ys: NDArray[np.int64], xs: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return how far down and right the source of pixel corners lies, float64 [n, m] each.

        ys: int64 [n]; xs: int64 [m]. Each is within MOST, and 0 at the picture's edge.
        """
        rows, columns = (
            _spline(at, length)
            for at, length in zip((ys, xs), self._lattice.shape[1:], strict=True)
        )
        # The spline at every pixel: weights of the rows, the lattice, weights of the columns.
        down, right = (rows @ plane @ columns.T for plane in self._lattice)
        # Points are held within MOST, and the field fades over the last pixels.
        fade = _faded(ys, self._size[0])[:, None] * _faded(xs, self._size[1])
        return fade * MOST * np.tanh(down / MOST), fade * MOST * np.tanh(right / MOST)


def _random(name: str, what: str) -> np.random.Generator:
    key = hashlib.sha256(f"{what} {name}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "little")))


def _spline(at: NDArray[np.int64], points: int) -> Floats:
    """Return the weights of a lattice's points at places, [n, points], four of each row not 0."""
    first, rest = np.divmod(at, LATTICE)
    t = rest / LATTICE
    middle = (3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1)
    weights = np.zeros((len(at), points))
    four = np.stack([(1 - t) ** 3, *middle, t**3], 1) / 6
    np.put_along_axis(weights, first[:, None] + np.arange(4), four, 1)
    return weights


def _faded(at: NDArray[np.int64], length: int) -> Floats:
    near = np.clip(np.minimum(at, length - at) / _FADE, 0.0, 1.0)
    faded: Floats = near * near * (3 - 2 * near)
    return faded


def _mesh(field: Displacements, height: int, width: int) -> Iterator[tuple[Box, Quad]]:
    """Yield the squares of a picture, each with the corners of its source."""
    ys, xs = (np.append(np.arange(0, side, _MESH), side) for side in (height, width))
    down, right = field(ys, xs)
    down, right = down + ys[:, None], right + xs
    for i in range(len(ys) - 1):
        for j in range(len(xs) - 1):
            corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            quad = tuple(float(v) for at in corners for v in (right[at], down[at]))
            yield (int(xs[j]), int(ys[i]), int(xs[j + 1]), int(ys[i + 1])), quad


def _warped_mask(good: NDArray[np.bool_], field: Displacements) -> NDArray[np.bool_]:
    """Move a mask, bool [H/4, W/4], by the pixel nearest to each source."""
    rows, columns = (np.arange(side) for side in good.shape)
    down, right = field(SCALE * rows + SCALE // 2, SCALE * columns + SCALE // 2)
    y = np.rint(rows[:, None] + down / SCALE).astype(np.int64).clip(0, good.shape[0] - 1)
    x = np.rint(columns + right / SCALE).astype(np.int64).clip(0, good.shape[1] - 1)
    moved: NDArray[np.bool_] = good[y, x]
    return moved
