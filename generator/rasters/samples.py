"""How samples become 8-bit colours: which bands, and which samples become black and white."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels

PERCENTILES = (2.0, 98.0)
"""Of the valid samples of all colours: what becomes 0 and 255 where samples have 16 bits."""
KINDS = ("uint8", "uint16", "int16")
COLOURS = ("red", "green", "blue")
_OTHER_COLOURS = frozenset(
    ("cyan", "magenta", "yellow", "black", "hue", "saturation", "lightness", "Y", "Cb", "Cr")
)
FLAG = " (--"
"""Begins what a remark says of the flag that would change what was taken."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a user says of how pictures are read.

    bands: numbers of red, green and blue, from 1; empty for those that the file names.
    stretch: the samples that become 0 and 255; "none" for the whole range of their type; "auto"
    for percentiles of 16-bit samples, 8-bit ones staying as they are.
    """

    bands: tuple[int, ...] = ()
    stretch: Range | Literal["auto", "none"] = "auto"


def parse_bands(text: str) -> tuple[int, ...]:
    """Read numbers of bands such as '3,2,1'. Raises ValueError with a sentence."""
    parts = text.split(",")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and 0 < int(p) < 1000 for p in parts):
        raise ValueError(
            f"the bands are {text!r}, expected the numbers of red, green and blue such as 3,2,1"
        )
    return tuple(map(int, parts))


def parse_stretch(text: str) -> Range | Literal["auto", "none"]:
    """Read 'MIN,MAX', 'none' or 'auto'. Raises ValueError with a sentence."""
    if text == "none":
        return "none"
    if text == "auto":
        return "auto"
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"the stretch is {text!r}, expected the samples that become black and white, such as "
            "0,3000, or none"
        )
    return low, high


def choose_bands(
    name: str, meanings: Sequence[str], descriptions: Sequence[str | None], wanted: tuple[int, ...]
) -> tuple[tuple[int, ...], str | None]:
    """Return the numbers of red, green and blue, or of grey alone, and a remark or None.

    meanings: what the file says each band is, as GDAL names it; descriptions: the bands' names.
    wanted: as of Reading. Raises ImageError where nothing tells.
    """
    count = len(meanings)
    if wanted:
        if max(wanted) > count:
            raise ImageError(
                f"{name} has {_bands(count)}, expected {','.join(map(str, wanted))} among them"
            )
        return wanted, None
    named = [(description or "").strip().lower() for description in descriptions]
    for names in (list(meanings), named):
        if all(colour in names for colour in COLOURS):
            return tuple(names.index(colour) + 1 for colour in COLOURS), None
    if other := _OTHER_COLOURS & set(meanings):
        raise ImageError(
            f"{name} has bands of {', '.join(sorted(other))}, expected red, green and blue"
        )
    shown = [number for number, meaning in enumerate(meanings, 1) if meaning != "alpha"]
    if len(shown) == 1:
        return (shown[0],), None
    if len(shown) not in (3, 4):
        raise ImageError(
            f"{name} has {_bands(count)}, none of them named red, green and blue, expected "
            "1 to 4, or their numbers such as --bands 3,2,1"
        )
    taken = ", ".join(map(str, shown[:3]))
    return tuple(shown[:3]), (
        f"{name} does not say what its bands are: {taken} are taken for red, green and blue"
        f"{FLAG}bands names others)"
    )


def percentiles(samples: NDArray[Any]) -> Range:
    """Return the range of a picture's valid samples, of any shape, without outliers."""
    low, high = (float(end) for end in np.percentile(samples, PERCENTILES))
    return low, max(high, low + 1)


def remark(name: str, ends: Range) -> str:
    """Say how 16-bit samples were scaled."""
    return (
        f"{name}: 16-bit samples {ends[0]:.0f} to {ends[1]:.0f} (2nd to 98th percentile) are shown "
        f"as 0 to 255{FLAG}stretch sets others)"
    )


def table(kind: str, bits: int, ends: Range | None, white_is_0: bool = False) -> Pixels:
    """Return what each sample becomes, uint8 [256 or 65536], to be indexed by unsigned samples.

    kind: of KINDS; bits: that samples use; ends: what becomes 0 and 255, None for all the bits.
    """
    unsigned = np.arange(1 << (8 * np.dtype(kind).itemsize), dtype=np.uint32)
    samples = unsigned.astype(f"uint{8 * np.dtype(kind).itemsize}").view(kind).astype(np.float64)
    if ends is None:
        ends = 0.0, float((1 << (bits - (kind == "int16"))) - 1)
    low, high = ends
    scaled = np.clip(np.rint((samples - low) * (255 / (high - low))), 0, 255).astype(np.uint8)
    return 255 - scaled if white_is_0 else scaled


def looked_up(samples: NDArray[Any], colours: Pixels) -> Pixels:
    """Return what samples become by a table: [...] or, for a palette, [..., 3]."""
    found: Pixels = colours[samples.view(f"uint{8 * samples.dtype.itemsize}")]
    return found


def _bands(count: int) -> str:
    return f"{count} band{'s' if count != 1 else ''}"
