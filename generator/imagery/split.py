"""Dividing imagery into training, validation and test by place: neighbours stay together."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from generator.grid.errors import ImageryError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Splitter:
    """Gives every place its split: a hash of its cell against the shares.

    shares: of train, val and test, of any sum. cell: side of a cell in degrees of latitude; cells
    are as wide as they are high on the ground. The same place has the same split in every
    preparation, whatever else is prepared with it.
    """

    shares: tuple[float, float, float] = (8.0, 1.0, 1.0)
    cell: float = 0.1

    def split(self, lat: float | None, lon: float | None, name: str) -> str:
        """Return the split of a place in degrees, or of `name` where the place is unknown."""
        key = name if lat is None or lon is None else self.place(lat, lon)
        digest = hashlib.sha256(key.encode()).digest()
        draw = int.from_bytes(digest[:8], "big") / 2**64 * sum(self.shares)
        train, val, _ = self.shares
        return SPLITS[0] if draw < train else SPLITS[1] if draw < train + val else SPLITS[2]

    def place(self, lat: float, lon: float) -> str:
        """Return the name of the cell that a place in degrees lies in."""
        row = math.floor(lat / self.cell)
        middle = min(abs(row + 0.5) * self.cell, 89.9)
        east = (lon + 180) % 360
        return f"{row},{math.floor(east * math.cos(math.radians(middle)) / self.cell)}"


def read_shares(text: str) -> tuple[float, float, float]:
    """Read shares such as `8:1:1`; raises ImageryError."""
    try:
        train, val, test = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise ImageryError(
            f"split is {text!r}, expected three shares of train, val and test such as 8:1:1"
        ) from error
    if not (min(train, val, test) >= 0 and 0 < train + val + test < math.inf):
        raise ImageryError(f"split is {text!r}, expected shares of at least 0, not all of them 0")
    return train, val, test
