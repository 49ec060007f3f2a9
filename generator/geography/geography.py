"""The geography of a world, as the cascade uses it: parents taken apart, children completed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np

from generator.geography import riverwater, shore, snow, surface
from generator.geography.blocks import TownBlocks
from generator.geography.dunes import Dunes
from generator.geography.hillshade import Hillshade
from generator.geography.layers import CoverageLayer, GroundLayer, Shares
from generator.geography.overlay import Overlay
from generator.geography.parcels import Parcels
from generator.geography.ponds import Ponds
from generator.geography.riverwater import river_over
from generator.geography.streets import DIM, Streets
from generator.geography.towncolour import PARTS, greyed, parts_of
from generator.geography.vegetation import Vegetation
from generator.geography.worldrule import WorldRule
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE

ReadParent = Callable[[Rectangle], Pixels]
"""Returns the pixels of a rectangle of one zoom, uint8 [height, width, 3]."""

VERSION = 14
"""Raised whenever the same layers would give other pixels."""

_BLUR = 2
"""Pixels by which a base map's colours run over its shores."""

Rule = TypeVar("Rule", bound=WorldRule)

_INNER = np.s_[surface.REACH : -surface.REACH, surface.REACH : -surface.REACH]


@dataclass(frozen=True, slots=True)
class ParentGround:
    """A rectangle of parent pixels, `area`, whose land and water can be looked at alone.

    land: uint8 [h, w, 3], as if its water were land. parent: the parent's own pixels, water: their
    share of it, and covered: that of water and rivers, all with `Geography.reach` more on each
    side; where nothing covers them, these are None and parent has the area's pixels alone. built:
    256ths by which towns move each of the area's pixels to grey, or None. blur: as in
    `surface.dry_colours`. roads: shares of bridges, as large as the water's, or None.
    """

    area: Rectangle
    land: Pixels
    parent: Pixels
    built: Shares | None = None
    water: Shares | None = None
    covered: Shares | None = None
    blur: int = 0
    roads: Shares | None = None

    @property
    def dry(self) -> Pixels:
        """Return what a stage sees, uint8 [h, w, 3]: no water, and towns in their colour."""
        return greyed(self.land, self.built)

    @property
    def filled(self) -> Shares | None:
        """Return the share of each of the area's pixels that is land over water, or None."""
        return None if self.water is None else self.water[_INNER]

    def part(self, area: Rectangle) -> ParentGround:
        """Return the same of a rectangle inside, as if nothing else had been looked at."""
        inner, around = self._inside(area), self._inside(area, 2 * surface.REACH)
        built = None if self.built is None or not self.built[inner].any() else self.built[inner]
        if self.water is None or self.covered is None:
            return ParentGround(area, self.land[inner], self.parent[inner], built)
        parent, water, covered = (one[around] for one in (self.parent, self.water, self.covered))
        if not covered.any():
            return ParentGround(area, self.land[inner], parent[_INNER], built)
        roads = None if self.roads is None or not self.roads[around].any() else self.roads[around]
        land = self.land[inner]
        return ParentGround(area, land, parent, built, water, covered, self.blur, roads)

    def wet(self, area: Rectangle) -> Pixels:
        """Return the water's colour in a rectangle inside, uint8 [h, w, 3]."""
        inner = self._inside(area)
        if self.water is None:
            return surface.imagined(self.parent[inner])
        around = self._inside(area, 2 * surface.REACH)
        parent, water = self.parent[around], self.water[around]
        roads = None if self.roads is None else self.roads[around]
        return surface.wet_colours(parent, water, self.land[inner], self.blur, roads)

    def _inside(self, area: Rectangle, more: int = 0) -> tuple[slice, slice]:
        """Return the slices of a rectangle inside, with `more` further rows and columns."""
        y, x = area.y0 - self.area.y0, area.x0 - self.area.x0
        return slice(y, y + area.height + more), slice(x, x + area.width + more)


@dataclass(frozen=True, slots=True)
class Geography:
    """Layers of one planet, each None or empty where there are none.

    water: sea and lakes; rivers: their lines; roads: what is built, drawn over rivers but not over
    sea and lakes; ground: figures that the choice of layouts follows; parcels: fields of
    farmland; streets: of towns, which cross no water; blocks: what lies between them; dunes: those
    of sand seas; hillshade: of mountains; vegetation: of woods and
    open ground; ponds: of the north; credits: one line for each source.
    """

    water: CoverageLayer | None = None
    rivers: CoverageLayer | None = None
    roads: tuple[CoverageLayer, ...] = ()
    ground: GroundLayer | None = None
    parcels: Parcels | None = None
    streets: Streets | None = None
    blocks: TownBlocks | None = None
    dunes: Dunes | None = None
    hillshade: Hillshade | None = None
    vegetation: Vegetation | None = None
    ponds: Ponds | None = None
    credits: tuple[str, ...] = ()

    reach: ClassVar[int] = surface.REACH
    """Parent pixels round a rectangle that what is drawn in it depends on."""

    @property
    def digest(self) -> str:
        """Return 64 hexadecimal digits that change with all that decides pixels."""
        layers = (self.water, self.rivers, *self.roads, self.ground, self.streets, self.ponds)
        digests = [None if layer is None else layer.digest for layer in (*layers, *self._drawn)]
        return hashlib.sha256(json.dumps([VERSION, digests]).encode()).hexdigest()

    def of_world(self, seed: int) -> Geography:
        """Return the geography of the world of a seed, which has what is drawn by rule its own."""

        def own(rule: Rule | None) -> Rule | None:
            return None if rule is None else replace(rule, seed=seed)

        return replace(
            self,
            parcels=own(self.parcels),
            streets=own(self.streets),
            blocks=own(self.blocks),
            dunes=own(self.dunes),
            hillshade=own(self.hillshade),
            vegetation=own(self.vegetation),
            ponds=own(self.ponds),
        )

    def without_rules(self) -> Geography:
        """Return the geography without what is drawn by rule."""
        return Geography(self.water, self.rivers, self.roads, self.ground, credits=self.credits)

    @property
    def _drawn(self) -> tuple[Parcels | TownBlocks | Dunes | Hillshade | Vegetation | None, ...]:
        """Return what gives an overlay."""
        return self.parcels, self.blocks, self.dunes, self.hillshade, self.vegetation

    def parent_ground(
        self, zoom: int, area: Rectangle, pixels: ReadParent, base: bool
    ) -> ParentGround:
        """Look at a rectangle of parent pixels, its land and its water apart.

        At the zooms of `towncolour.PARTS` towns take their colour. zoom: of the parent; pixels:
        reads any rectangle of it, x wrapped and y mirrored; base: whether it is a base map, over
        whose shores colours run, and which has no rivers and fields drawn in.
        """
        around, built = area.grown(self.reach), None
        overlay = None if base else self.overlay(zoom, area)
        if self.ground is not None and zoom in PARTS:
            built = parts_of(zoom, self.ground.built_up(zoom, area))
        water, rivers = self._shares(zoom, around)
        covered = surface.together(water, rivers)
        if covered is None:
            parent = pixels(area)
            return ParentGround(area, _without(parent, overlay), parent, built)
        roads = None if base or rivers is None else self._roads(zoom, around, water)
        if not base:
            water = covered
        elif water is None:
            water = np.zeros_like(covered)
        parent, blur = pixels(around), _BLUR if base else 0
        land = _without(surface.dry_colours(parent, water, blur), overlay, covered[_INNER])
        return ParentGround(area, land, parent, built, water, covered, blur, roads)

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return what is drawn by rule in a rectangle of world pixels, None for nothing."""
        found = None
        for rule in self._drawn:
            overlay = None if rule is None else rule.overlay(zoom, area)
            found = overlay if found is None else found.joined(overlay)
        return found if self.ponds is None else self.ponds.laid_over(zoom, area, found)

    def completed(
        self,
        zoom: int,
        core: Rectangle,
        child: Pixels,
        ground: ParentGround,
        overlay: Overlay | None = None,
    ) -> Pixels:
        """Draw fields, water and roads into a child.

        zoom: of the child; core: its parent pixels; child: uint8 [4h, 4w, 3]; ground: of the core
        with a margin of 1 or more; overlay: that of the child.
        """
        area, edge = core.finer(SCALE), core.grown(1)
        dry = ground.part(edge).dry
        child = self._with_snow(zoom, area, child, dry)
        child = child if overlay is None else overlay.over(child)
        # Water in its own colour, and what lies along it.
        water, rivers = self._shares(zoom, area.grown(shore.MARGIN))
        both, covered = surface.together(water, rivers), None
        if both is not None:
            covered = _cut(both, shore.MARGIN)
            along = shore.along(zoom, core, water, both, self.water)
            if along is not None:
                child = along.banked(child, dry)
            wet = ground.wet(edge)
            if rivers is None or zoom < riverwater.FIRST:
                child = surface.water_over(child, wet, covered)
            else:
                child = _flooded(zoom, core, child, (wet, dry), water, rivers)
            if along is not None:
                child = along.washed(child)
        if water is not None:
            water = _cut(water, shore.MARGIN - surface.VERGE)
        roads = self._roads(zoom, area.grown(surface.VERGE), water)
        streets = None if self.streets is None else self.streets.shares(zoom, area)
        if streets is not None and covered is not None:
            streets = surface.product(streets, 255 - covered)
        return surface.roads_over(child, dry, roads, covered, streets, DIM.get(zoom, 0))

    def _with_snow(self, zoom: int, area: Rectangle, child: Pixels, dry: Pixels) -> Pixels:
        """Take mixtures of snow and ground apart in mountains.

        dry: what the stage saw, with one more pixel on each side.
        """
        if self.hillshade is None:
            return child
        mixed = snow.snowy(child)
        steep = None if mixed is None else self.hillshade.snowy(zoom, area)
        if mixed is None or steep is None:
            return child
        mixed &= steep > 0
        rows, columns = (np.flatnonzero(mixed.any(axis)) for axis in (1, 0))
        if not len(rows):
            return child
        # What lies around them does not matter.
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        inside = Rectangle(
            area.x0 + int(columns[0]), area.y0 + int(rows[0]), *mixed[box].shape[::-1]
        )
        made, most = child.copy(), snow.most_of(zoom, area, dry)
        made[box] = snow.on_heights(
            zoom, child[box], mixed[box], most[box], steep[box], self.hillshade.ranks(zoom, inside)
        )
        return made

    def _roads(self, zoom: int, area: Rectangle, water: Shares | None) -> Shares | None:
        """Return the shares of roads, which bridge rivers but not `water`, None for nothing."""
        roads = None
        for layer in self.roads:
            roads = surface.together(roads, layer.shares(zoom, area))
        if roads is not None and water is not None:
            roads = surface.product(roads, 255 - water)
        return roads if roads is not None and roads.any() else None

    def _shares(self, zoom: int, area: Rectangle) -> tuple[Shares | None, Shares | None]:
        """Return the shares of water and of rivers, each None for nothing."""
        layers = (self.water, self.rivers)
        water, rivers = (None if one is None else one.shares(zoom, area) for one in layers)
        return water, rivers


def _flooded(
    zoom: int,
    core: Rectangle,
    child: Pixels,
    colours: tuple[Pixels, Pixels],
    water: Shares | None,
    rivers: Shares,
) -> Pixels:
    """Lay sea and lakes over a child, and then rivers where these are not the whole pixel."""
    if water is not None:
        child = surface.water_over(child, colours[0], _cut(water, shore.MARGIN))
        rivers = np.where(water == 255, np.uint8(0), rivers)
    rivers = _cut(rivers, shore.MARGIN - riverwater.MARGIN)
    return river_over(zoom, core, child, colours, rivers)


def _without(parent: Pixels, overlay: Overlay | None, covered: Shares | None = None) -> Pixels:
    """Take what is drawn by rule from a parent's pixels, as far as water does not cover it."""
    return parent if overlay is None else overlay.taken_from(parent, covered)


def _cut(shares: Shares, by: int) -> Shares:
    """Return shares without a margin."""
    return shares[by:-by, by:-by]
