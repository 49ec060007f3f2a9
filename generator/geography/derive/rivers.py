"""Makes the layer of rivers and canals.

python -m generator.geography.derive.rivers --from DIR --out FILE

DIR is the Debian package gmt-gshhg-full 2.3.7-6 unpacked (`dpkg -x PACKAGE DIR`): GSHHG, whose
rivers are those of the CIA's World Data Bank II, LGPL-3.0-or-later. Rivers that end short of the
sea are led to the water of the shipped layer. Takes two minutes; the same package and layer give
the same bytes. Needs rasterio.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.geography.choice import EARTH_FOLDER
from generator.geography.derive.linework import (
    Integers,
    input_file,
    mercator,
    parser_of,
    simplified,
    told,
    units,
    unwrapped,
    write,
)
from generator.geography.derive.mouths import with_arms, with_mouths
from generator.geography.derive.strokes import meeting, runs
from generator.geography.layerfile import LayerFile
from generator.geography.water import WaterLayer
from generator.grid.errors import GeographyError

_FILE = "usr/share/gmt-gshhg/binned_river_f.nc"
_SHIFT = 11
"""Points are multiples of 2**11 units: 76 m at the equator."""

_DOUBLE_LINED = 0
"""The rank of both banks of wide rivers, which the layer of water has as lakes."""

_TOLERANCES = (200, 200, *(320,) * 9)
"""Metres by rank that the simplified course may lie off."""

_NEAR_BITS = 7
"""Ends less than about 2**7 units apart are one place."""

_SHORTEST = 400
"""Metres below which a line that nothing joins is left out."""

Line = tuple[int, Integers]
"""Rank and points of a line."""


def read(path: Path) -> list[Line]:
    """Read the segments of GSHHG's one-degree bins."""
    ranks = _variable(path, "Hierarchial_level_of_a_segment")
    counts = _variable(path, "N_points_for_a_segment")
    bins = np.repeat(np.arange(360 * 180), _variable(path, "N_segments_in_a_bin"))
    east = _variable(path, "Relative_longitude_from_SW_corner_of_bin") & 65535
    north = _variable(path, "Relative_latitude_from_SW_corner_of_bin") & 65535
    # Bins run eastwards from Greenwich, rows of them southwards from the pole.
    longitude = np.repeat(bins % 360, counts) + east / 65535
    latitude = 89 - np.repeat(bins // 360, counts) + north / 65535
    points = mercator((longitude + 180) % 360 - 180, latitude)
    ends = np.cumsum(counts)
    return [
        (rank, unwrapped(points[end - count : end]))
        for rank, end, count in zip(ranks.tolist(), ends.tolist(), counts.tolist(), strict=True)
    ]


def joined(lines: list[Line]) -> list[Line]:
    """Join lines of one rank that meet end to end where no third one does."""
    ends = [(_place(rank, points[0]), _place(rank, points[-1])) for rank, points in lines]
    following = {
        place: {met[0]: met[1], met[1]: met[0]}
        for place, met in meeting(ends).items()
        if len(met) == 2
    }
    result = []
    for run in runs(ends, following):
        parts = [lines[line][1][:: -1 if turned else 1] for line, turned in run]
        chain = np.concatenate((parts[0], *(part[1:] for part in parts[1:])))
        result.append((lines[run[0][0]][0], unwrapped(chain)))
    return result


def cleaned(lines: list[Line]) -> list[Line]:
    """Leave out banks, lines of no length and repeated ones."""
    seen = set()
    result = []
    for rank, points in lines:
        if rank == _DOUBLE_LINED or (points == points[0]).all():
            continue
        key = min(points.tobytes(), np.ascontiguousarray(points[::-1]).tobytes())
        if key not in seen:
            seen.add(key)
            result.append((rank, points))
    return result


def derive(path: Path) -> list[Line]:
    """Return the simplified rivers of a file of GSHHG."""
    lines = cleaned(read(path))
    told(f"{len(lines):,} segments")
    lines = joined(lines)
    told(f"{len(lines):,} lines")
    water = WaterLayer.open(LayerFile.read(EARTH_FOLDER / "water.bin"))
    lines, count = with_mouths(lines, water, _NEAR_BITS)
    told(f"{count:,} led on to the sea or a lake")
    lines = with_arms(lines)
    # Where one line ends, another keeps its point, so that tributaries go on meeting rivers.
    ends = {_place(0, points[side]) for _, points in lines for side in (0, -1)}
    result = []
    for rank, points in lines:
        steps = np.diff(points, axis=0)
        if np.sqrt(np.square(steps).sum(axis=1)).sum() < units(_SHORTEST, points):
            continue
        near = points % (1 << 30) >> _NEAR_BITS
        kept = np.array([(0, x, y) in ends for x, y in near.tolist()])
        tolerance = units(_TOLERANCES[rank], points)
        result.append((rank, points[simplified(points, kept, tolerance)]))
    return result


def _place(rank: int, point: Integers) -> tuple[int, ...]:
    x, y = (point % (1 << 30) >> _NEAR_BITS).tolist()
    return rank, x, y


def _variable(path: Path, name: str) -> NDArray[np.int64]:
    """Read a variable of one dimension of a netCDF file."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(f"netcdf:{path}:{name}") as opened:
            values: NDArray[np.int64] = opened.read(1).reshape(-1).astype(np.int64)
    return values


def main(arguments: list[str] | None = None) -> int:
    """Derive the layer; returns the exit status."""
    options = parser_of("rivers", "Make the layer of rivers from GSHHG.").parse_args(arguments)
    try:
        lines = derive(input_file(options.source, _FILE, "gmt-gshhg-full"))
    except GeographyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write([points for _, points in lines], [rank for rank, _ in lines], "rivers", _SHIFT,
          options.out)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
