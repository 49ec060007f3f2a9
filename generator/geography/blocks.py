"""Blocks of towns: roofs, gardens, yards and parks between the streets.

They lie on the maps of the streets (`streets`, `blockregions`), have colours beside the ground's,
and are the same at every zoom, each as sharp as its pixels. All of it is whole numbers: a pixel
depends on nothing but its address.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.geography import districts
from generator.geography.blockregions import SHADOW, TREE, planted, region_at
from generator.geography.builtup import BuiltUp
from generator.geography.crowns import CELLS, crowns_at
from generator.geography.overlay import COLOUR_LANES, Overlay, looked_up, spread
from generator.geography.regiongrid import key_in
from generator.geography.streets import STREET_GRID, town_box, town_degree
from generator.geography.worldrule import WorldRule
from generator.grid.rectangle import Rectangle

FIRST = 13
"""First zoom whose children show blocks."""

_SHADE = {15: 1, 17: 4}
"""Pixels by which roofs throw shadows to the north west: about four metres."""

_CALM = {9: 180, 11: 120, 13: 165, 15: 140, 17: 190}
"""256ths of the layouts' detail that blocks do without, by the zoom of the child."""

_LIGHT = 40
"""Levels of grey by which crowns have light and shadow."""

_KEY = 0x6172626F72


@dataclass(frozen=True, slots=True, eq=False)
class TownBlocks(WorldRule):
    """Blocks of the Earth's towns in the world of a seed."""

    NAME: ClassVar[str] = "blocks"
    VERSION: ClassVar[int] = 7

    built: BuiltUp

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return the blocks in a rectangle of world pixels, None where there are none."""
        around = area.grown(1)
        drawn = zoom >= FIRST or zoom in _CALM
        degree = town_degree(self.built, zoom, around) if drawn else None
        if degree is None:
            return None
        # Both begin where the degree passes their rank.
        box, inside = town_box(degree, around)
        draw = _blocks if zoom >= FIRST else districts.districts
        colours, ranks = draw(zoom, inside, self.seed)
        found, beyond = np.zeros(degree.shape, np.int64), np.zeros_like(degree)
        found[box], beyond[box] = colours, degree[box] - ranks
        return Overlay.of(zoom, found, beyond, _CALM.get(zoom, 0))


def _blocks(zoom: int, area: Rectangle, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return the colours of a rectangle's pixels and their ranks, as `districts` does."""
    far = _SHADE.get(zoom, 0)
    seen = Rectangle(area.x0, area.y0, area.width + far, area.height + far)
    numbers, regions = STREET_GRID.painted(
        zoom, seen, partial(region_at, seed), lambda region, at: region.blocks(at, zoom)
    )
    numbers = _shaded(numbers, far) if far else numbers
    ranks = (numbers >> np.uint32(24)).astype(np.int16)
    ranks -= ranks >> 2
    light = None
    if zoom in CELLS:
        numbers, light = _planted(seed, zoom, area, numbers)
    which = numbers >> np.uint32(8) & np.uint32(0xFFFF)
    found = looked_up(numbers, which, np.stack([region.colours for region in regions]))
    if light is not None:
        found.view(np.int16)[:] += spread(light, COLOUR_LANES)
    return found, ranks


def _planted(
    seed: int, zoom: int, area: Rectangle, numbers: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.int16]]:
    """Plant trees where nothing is built; returns numbers with them, and their light."""
    crowns = crowns_at(key_in(seed, _KEY), zoom, area)
    most = planted().take(numbers & np.uint32(255))
    tree, shade = crowns.lots < most, crowns.shaded < most
    other = numbers & ~np.uint32(255)
    numbers = np.where(shade, other | SHADOW, numbers)
    numbers = np.where(tree, other | TREE, numbers)
    light = (crowns.light * np.int16(_LIGHT) >> 7) + (crowns.lots >> 3)
    return numbers, np.where(tree, light, np.int16(0))


def _shaded(numbers: NDArray[np.uint32], far: int) -> NDArray[np.uint32]:
    """Let roofs shade what is not roof `far` pixels up and left: [h + far, w + far] to [h, w]."""
    roof = numbers & np.uint32(255) < SHADOW
    here = numbers[:-far, :-far]
    shaded = here & ~np.uint32(255) | SHADOW + (here & np.uint32(7))
    return np.where(roof[far:, far:] & ~roof[:-far, :-far], shaded, here)
