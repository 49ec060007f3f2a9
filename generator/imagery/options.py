"""What a user says about imagery that does not say it itself, and what of it is wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from generator.grid.errors import ImageryError
from generator.imagery.pieces import FINEST
from generator.imagery.sources import check_gsd
from generator.imagery.split import Splitter
from generator.rasters import Reading

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; west above east crosses the dateline."""


@dataclass(frozen=True, slots=True)
class Options:
    """How imagery is found and read; raises ImageryError for what cannot be meant.

    gsd: metres per pixel of images without their own. source: one name for all [the name of the
    sub-folder that an image lies in, or of its collection]. splitter: how places are divided.
    finest: metres per pixel that finer imagery is averaged to, or a little less. reading: which
    bands are shown, and how their samples are scaled.

    Of a STAC catalogue alone: clouds: largest cloud cover of an item, in percent. box, collections:
    what is wanted of it [all]. items: most items that are taken. patience: seconds that a server
    may take to answer.
    """

    gsd: float | None = None
    source: str | None = None
    splitter: Splitter = field(default_factory=Splitter)
    finest: float = FINEST
    reading: Reading = field(default_factory=Reading)
    clouds: float = 20.0
    box: Box | None = None
    collections: tuple[str, ...] = ()
    items: int = 100
    patience: float = 20.0

    def __post_init__(self) -> None:
        """Refuse numbers that are out of their ranges."""
        check_gsd("the finest resolution wanted", self.finest)
        if not 0 <= self.clouds <= 100:
            raise ImageryError(f"cloud cover is {self.clouds:g}, expected 0 to 100 percent")
        if self.items < 1:
            raise ImageryError(f"items is {self.items}, expected at least 1")
        if not 0 < self.patience < math.inf:
            raise ImageryError(f"patience is {self.patience:g}, expected seconds above 0")
        if self.box is not None:
            west, south, east, north = self.box
            on_earth = max(abs(west), abs(east)) <= 180 and max(abs(south), abs(north)) <= 90
            if not (on_earth and south < north and west != east):
                raise ImageryError(
                    f"the box is {self.box}, expected west, south, east, north in degrees"
                )
