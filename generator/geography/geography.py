"""The geography of a world, as the cascade uses it: parents taken apart, children completed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from generator.geography import surface
from generator.geography.layers import CoverageLayer, GroundLayer, Shares
from generator.geography.towncolour import greyed
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE

ReadParent = Callable[[Rectangle], Pixels]
"""Returns the pixels of a rectangle of one zoom, uint8 [height, width, 3]."""

VERSION = 2
"""Raised whenever the same layers would give other pixels."""

TOWNS_COLOURED = 7
"""Zoom of the parents in which towns take the grey of roofs; what is below inherits it."""

_BLUR = 2
"""Pixels by which a base map's colours run over its shores."""


@dataclass(frozen=True, slots=True)
class Geography:
    """Layers of one planet, each None or empty where there are none.

    water: sea and lakes; rivers: their lines; roads: what is built, drawn over rivers but not over
    sea and lakes; ground: figures that the choice of layouts follows; credits: one line for each
    source.
    """

    water: CoverageLayer | None = None
    rivers: CoverageLayer | None = None
    roads: tuple[CoverageLayer, ...] = ()
    ground: GroundLayer | None = None
    credits: tuple[str, ...] = ()

    reach: ClassVar[int] = surface.REACH
    """Parent pixels round a rectangle that what is drawn in it depends on."""

    @property
    def digest(self) -> str:
        """Return 64 hexadecimal digits that change with all that decides pixels."""
        layers = (self.water, self.rivers, *self.roads, self.ground)
        digests = [None if layer is None else layer.digest for layer in layers]
        return hashlib.sha256(json.dumps([VERSION, digests]).encode()).hexdigest()

    def grounds(
        self, zoom: int, area: Rectangle, pixels: ReadParent, base: bool
    ) -> surface.Grounds | None:
        """Take the land and water of a rectangle of parent pixels apart, None where it is all land.

        At zoom TOWNS_COLOURED towns take their colour, whether there is water or not. zoom: of the
        parent; pixels: reads any rectangle of it, x wrapped and y mirrored; base: whether it is a
        base map, over whose shores colours run, and which has no rivers drawn in.
        """
        around, built = area.grown(self.reach), None
        if self.ground is not None and zoom == TOWNS_COLOURED:
            built = self.ground.built_up(zoom, area)
        water, rivers = self._shares(zoom, around)
        if water is None and rivers is None:
            if built is None:
                return None
            parent = pixels(area)
            return surface.Grounds(greyed(parent, built), parent)
        if not base:
            water = _together(water, rivers)
        elif water is None:
            water = np.zeros((around.height, around.width), np.uint8)
        assert water is not None
        taken = surface.taken_apart(pixels(around), water, _BLUR if base else 0)
        inner = np.s_[self.reach : -self.reach, self.reach : -self.reach]
        return surface.Grounds(greyed(taken.dry[inner], built), taken.wet[inner])

    def completed(
        self,
        zoom: int,
        core: Rectangle,
        child: Pixels,
        grounds: surface.Grounds | None,
        pixels: ReadParent,
    ) -> Pixels:
        """Draw water and roads into a child.

        zoom: of the child; core: its parent pixels; child: uint8 [4h, 4w, 3]; grounds: of the
        core with some margin on each side, 1 or more, or None; pixels: reads parents.
        """
        area = core.finer(SCALE)
        water = None
        # Water in its own colour.
        if grounds is not None:
            inner = _inner(grounds.wet, core)
            water, rivers = self._shares(zoom, area)
            both = _together(water, rivers)
            if both is not None:
                child = surface.water_over(child, grounds.wet[inner], both)
        # Roads, which bridge rivers.
        roads = None
        for layer in self.roads:
            roads = _together(roads, layer.shares(zoom, area))
        if roads is None:
            return child
        if water is not None:
            roads = surface.product(roads, 255 - water)
        dry = pixels(core.grown(1)) if grounds is None else grounds.dry[_inner(grounds.dry, core)]
        return surface.roads_over(child, dry, roads)

    def _shares(self, zoom: int, area: Rectangle) -> tuple[Shares | None, Shares | None]:
        """Return the shares of water and of rivers, each None for nothing."""
        layers = (self.water, self.rivers)
        water, rivers = (None if one is None else one.shares(zoom, area) for one in layers)
        return water, rivers


def _inner(pixels: Pixels, core: Rectangle) -> tuple[slice, slice]:
    """Return the slices of a core with one pixel on each side, in pixels with a wider margin."""
    margin = (len(pixels) - core.height) // 2 - 1
    return (
        slice(margin, len(pixels) - margin),
        slice(margin, pixels.shape[1] - margin),
    )


def _together(one: Shares | None, other: Shares | None) -> Shares | None:
    """Return what two things cover together, as if their places in a pixel were unrelated."""
    if one is None or other is None:
        return other if one is None else one
    together: Shares = 255 - surface.product(255 - one, 255 - other)
    return together
