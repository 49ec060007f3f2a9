"""What the derivations of rivers and roads share: Mercator, simplification, writing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.atomicfile import atomic_replace
from generator.geography.linefile import WORLD_BITS, Polylines, encode
from generator.grid.errors import GeographyError

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_METRES = 40_075_016.7
_NORTHERNMOST = 85.0


def parser_of(name: str, text: str) -> argparse.ArgumentParser:
    """Return the parser of a derivation's arguments, --from and --out."""
    program = f"python -m generator.geography.derive.{name}"
    parser = argparse.ArgumentParser(prog=program, description=text)
    parser.add_argument(
        "--from", dest="source", type=Path, required=True, help="folder of the package"
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    return parser


def input_file(folder: Path, name: str, package: str) -> Path:
    """Return a package's file; raises GeographyError if the folder does not hold it."""
    path = folder / name
    if not path.is_file():
        raise GeographyError(f"{path} is missing, expected {package} unpacked in {folder}")
    return path


def told(text: str) -> None:
    """Say on the error stream how far a derivation is."""
    print(text, file=sys.stderr, flush=True)


def store(path: Path, data: bytes) -> None:
    """Write a layer's file whole or not at all, and say how large it is."""
    with atomic_replace(path) as part:
        part.write_bytes(data)
    told(f"{path}: {len(data):,} bytes")


def mercator(longitude: Floats, latitude: Floats) -> Integers:
    """Return Web Mercator coordinates int64 [n, 2] in units of 2**-30 of the world's width."""
    radians = np.radians(np.clip(latitude, -_NORTHERNMOST, _NORTHERNMOST))
    x = longitude / 360 + 0.5
    y = 0.5 - np.arcsinh(np.tan(radians)) / (2 * np.pi)
    return np.rint(np.stack((x, y), axis=1) * (1 << WORLD_BITS)).astype(np.int64)


def units(metres: float, points: Integers) -> float:
    """Return how many units a length on the ground has at a line's first point."""
    stretch = float(np.cosh(np.pi * (1 - 2 * points[0, 1] / (1 << WORLD_BITS))))
    return metres / _METRES * (1 << WORLD_BITS) * stretch


def simplified(points: Integers, kept: NDArray[np.bool_], tolerance: float) -> NDArray[np.bool_]:
    """Say which points [n, 2] of a line describe it: bool [n] (Douglas and Peucker, 1973).

    kept: bool [n], those that stay in any case. tolerance: units that a left-out point may lie off.
    """
    stays = kept.copy()
    stays[[0, -1]] = True
    fixed = np.flatnonzero(stays).tolist()
    open_parts = list(zip(fixed[:-1], fixed[1:], strict=True))
    while open_parts:
        first, last = open_parts.pop()
        if last - first < 2:
            continue
        # The farthest point from the straight line splits the part, if it is far enough.
        inner = (points[first + 1 : last] - points[first]).astype(np.float64)
        chord = (points[last] - points[first]).astype(np.float64)
        square = max(float(chord @ chord), 1.0)
        along = np.clip(inner @ chord / square, 0, 1)
        away = np.square(inner - along[:, None] * chord).sum(axis=1)
        farthest = int(away.argmax())
        if away[farthest] > tolerance * tolerance:
            middle = first + 1 + farthest
            stays[middle] = True
            open_parts += [(first, middle), (middle, last)]
    return stays


def unwrapped(points: Integers) -> Integers:
    """Return points of which no two neighbours lie farther apart than half the world."""
    turns = np.rint(np.diff(points[:, 0]) / (1 << WORLD_BITS)).astype(np.int64)
    moved = points.copy()
    moved[1:, 0] -= np.cumsum(turns) << WORLD_BITS
    return moved


def write(
    lines: Sequence[Integers], ranks: Sequence[int], kind: str, shift: int, path: Path
) -> None:
    """Write lines of points int64 [n, 2] with their ranks as a layer, in a fixed order."""
    order = sorted(range(len(lines)), key=lambda i: (lines[i][0].tolist(), lines[i][-1].tolist()))
    points = [lines[i] for i in order]
    offsets = np.cumsum([0, *(len(line) for line in points)])
    polylines = Polylines(
        np.concatenate(points), offsets, np.array([ranks[i] for i in order], np.uint8)
    )
    data = encode(polylines, kind, shift)
    with atomic_replace(path) as part:
        part.write_bytes(data)
    told(f"{path}: {len(points):,} lines, {offsets[-1]:,} points, {len(data):,} bytes")
