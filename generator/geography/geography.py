"""The geography of a world, as the cascade uses it: parents taken apart, children completed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from generator.geography import surface
from generator.geography.layers import CoverageLayer, GroundLayer, Shares
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import BASE_ZOOM, SCALE

ReadParent = Callable[[Rectangle], Pixels]
"""Returns the pixels of a rectangle of one zoom, uint8 [height, width, 3]."""

VERSION = 1
"""Raised whenever the same layers would give other pixels."""

_BLUR = 2
"""Pixels of zoom 5 by which a base map's colours run over its shores."""


@dataclass(frozen=True, slots=True)
class Geography:
    """Layers of one planet.

    water: what covers ground with water, such as the sea and rivers; roads: what is built on it;
    ground: figures that the choice of layouts follows, None where there are none; credits: one line
    for each source.
    """

    water: tuple[CoverageLayer, ...]
    roads: tuple[CoverageLayer, ...] = ()
    ground: GroundLayer | None = None
    credits: tuple[str, ...] = ()

    reach = surface.REACH
    """Parent pixels round a rectangle that what is drawn in it depends on."""

    @property
    def digest(self) -> str:
        """Return 64 hexadecimal digits that change with all that decides pixels."""
        layers = [[layer.digest for layer in group] for group in (self.water, self.roads)]
        ground = None if self.ground is None else self.ground.digest
        return hashlib.sha256(json.dumps([VERSION, layers, ground]).encode()).hexdigest()

    def grounds(self, zoom: int, area: Rectangle, pixels: ReadParent) -> surface.Grounds | None:
        """Take the land and water of a rectangle of parent pixels apart, None where it is all land.

        zoom: of the parent; pixels: reads any rectangle of it, x wrapped and y mirrored.
        """
        around = area.grown(self.reach)
        water = _covered(self.water, zoom, around)
        if water is None:
            return None
        taken = surface.taken_apart(pixels(around), water, blur=_BLUR if zoom <= BASE_ZOOM else 0)
        inner = np.s_[self.reach : -self.reach, self.reach : -self.reach]
        return surface.Grounds(taken.dry[inner], taken.wet[inner])

    def dry(self, zoom: int, area: Rectangle, pixels: ReadParent) -> Pixels:
        """Return a rectangle of parent pixels without its water."""
        taken = self.grounds(zoom, area, pixels)
        return pixels(area) if taken is None else taken.dry

    def completed(
        self, zoom: int, core: Rectangle, child: Pixels, grounds: surface.Grounds | None
    ) -> Pixels:
        """Draw water into a child.

        zoom: of the child; core: its parent pixels; child: uint8 [4h, 4w, 3]; grounds: of the
        core with some margin on each side, 1 or more, or None.
        """
        if grounds is None:
            return child
        water = _covered(self.water, zoom, core.finer(SCALE))
        if water is None:
            return child
        margin = (len(grounds.wet) - core.height) // 2 - 1
        inner = slice(margin, len(grounds.wet) - margin)
        return surface.drawn(
            child, grounds.wet[inner, margin : grounds.wet.shape[1] - margin], water
        )


def _covered(layers: tuple[CoverageLayer, ...], zoom: int, area: Rectangle) -> Shares | None:
    """Return what layers cover together of each pixel, as if their places were unrelated."""
    found = [shares for layer in layers if (shares := layer.shares(zoom, area)) is not None]
    if not found:
        return None
    left = 255 - found[0].astype(np.int32)
    for shares in found[1:]:
        left = (left * (255 - shares) + 127) // 255
    covered: Shares = (255 - left).astype(np.uint8)
    return covered
