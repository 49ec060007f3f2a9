"""Relief from the package pvlib 0.16.1 (PyPI; BSD-3-Clause; heights of Mapzen's terrain tiles).

    python -m generator.geography.derive.relief --from pvlib --out relief.bin

Read is the grid of mean heights, 4320 x 2160 of 5 arc minutes, in steps of 28 m. A cell's relief is
the standard deviation of heights within some 20 km, brought to levels of the layout of
`generator.geography.relief`. Needs rasterio.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.geography.derive.linework import input_file, parser_of, store, told
from generator.geography.relief import LEVELS, Relief
from generator.grid.errors import GeographyError

GRID = "data/Altitude.h5"

PLAIN, STEEP = 30, 400
"""Standard deviations in metres up to which a level is 0, and from which on it is the highest.

Steps of heights alone give a plain 14, and the slope of the Great Plains 40 at most.
"""

_ROWS, _COLUMNS = 2160, 4320
_STEP, _LOWEST = 28, -450
_NOTHING = 255
_DOWN = (1, 4, 6, 4, 1)
_NARROWEST = 0.05

Floats = NDArray[np.float64]


def heights(path: Path) -> Floats:
    """Return heights of land in metres, 0 in the sea: float64 [2160, 4320], north first."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as opened:
            steps = opened.read(1)
    if steps.shape != (_ROWS, _COLUMNS):
        raise GeographyError(f"{path} has {steps.shape} heights, expected {_ROWS} x {_COLUMNS}")
    metres = steps.astype(np.float64) * _STEP + _LOWEST
    return np.where(steps == _NOTHING, 0, metres).clip(0)


def spread(metres: Floats) -> Floats:
    """Return the standard deviation of heights round each cell, float64 as given, north first.

    Weights are a bell's of the same width on the ground everywhere.
    """
    mean, square = _smoothed(metres), _smoothed(metres * metres)
    deviation: Floats = np.sqrt(np.maximum(square - mean * mean, 0))
    return deviation


def _smoothed(values: Floats) -> Floats:
    """Return means round cells: two rows up and down, as far to both sides."""
    rows = len(values)
    padded = np.pad(values, ((2, 2), (0, 0)), "edge")
    down = sum(weight * padded[k : k + rows] for k, weight in enumerate(_DOWN)) / sum(_DOWN)
    found = np.empty_like(values)
    for i, row in enumerate(np.asarray(down)):
        latitude = 90 - (i + 0.5) * 180 / rows
        deviation = 1 / max(float(np.cos(np.radians(latitude))), _NARROWEST)
        reach = int(np.ceil(2.5 * deviation))
        bell = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / deviation))
        # Round the Earth.
        wrapped = np.concatenate((row[-reach:], row, row[:reach]))
        found[i] = np.convolve(wrapped, bell / bell.sum(), "valid")
    return found


def levels_of(deviation: Floats) -> Relief:
    """Return the relief of standard deviations in metres, each at the middle of a layer's cell."""
    share = ((deviation - PLAIN) / (STEEP - PLAIN)).clip(0, 1)
    levels = np.rint(LEVELS * np.sqrt(share)).astype(np.uint8)
    rows, columns = (
        (2 * np.arange(count) + 1) * given // (2 * count)
        for count, given in zip((Relief.HEIGHT, Relief.WIDTH), levels.shape, strict=True)
    )
    return Relief.of(levels[np.ix_(rows, columns)])


def main(arguments: list[str] | None = None) -> int:
    """Write the file of relief; returns the exit status."""
    parser = parser_of("relief", "Make the layer of relief from pvlib's heights.")
    options = parser.parse_args(arguments)
    try:
        metres = heights(input_file(options.source, GRID, "pvlib 0.16.1"))
    except GeographyError as error:
        told(str(error))
        return 2
    data = levels_of(spread(metres)).to_bytes()
    store(options.out, data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
