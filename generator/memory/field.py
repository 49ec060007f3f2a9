"""The code field: which layout code each parent pixel of a world has, the same in every window."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import BankError
from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle
from generator.memory.bank import Bank, Codes
from generator.memory.choice import (
    SIGHT,
    ChoiceGrid,
    Choices,
    choose_alone,
    choose_in_phases,
    depended_on,
    needed_cells,
    phase_of,
)
from generator.memory.config import (
    CHOICES,
    CHOSEN_AT,
    SHOWN_TURNED,
    SITE,
    WINDOW,
    ChoiceConfig,
    choosing_scale,
)
from generator.memory.flatcodes import FlatCodes
from generator.memory.groundterm import GroundTerm
from generator.memory.jitteredgrid import EARTH, JitteredCells, MapSize, jittered_cells
from generator.memory.labels import LabelWindow, PlacedPatches, first_site, label
from generator.memory.orientation import PLAIN
from generator.memory.patches import Patches, collect_patches
from generator.memory.reorientation import Reorientation
from generator.memory.search import Queries, shortlist
from generator.memory.view import ParentView, Plane, ReadFilled, ReadParent

Mask = NDArray[np.bool_]

VERSION = 8
"""Raised whenever the same banks would give another field."""

BRIGHTER = 72
"""Difference of mean luminance on the tone curve from which on a cell shows nothing."""

SEA = 250
"""Cells with at least this much water, in 255ths, are open sea and show nothing."""

SNOW, SNOW_BRIGHTER = 222, 12
"""Mean luminance on the tone curve from which on ground is snow, and that difference there."""


class Memory:
    """Banks ready to be asked for code fields; a field is a pure function of what `field` is given.

    dimensions: D, numbers of a code; encoder: digest of the encoder that made the codes; credits:
    one line for each source of all banks, sorted; scenes: how many there are, by the zoom at which
    they are chosen. behind: a bank that serves the stages for which `banks` have no scene. ground:
    what is known of the ground of the Earth, for fields of a map; left out where its probe is of
    another encoder or stage. reorientation: of the encoder; scenes are shown mirrored and turned
    too where it is given. Raises BankError for no bank, or for banks of different encoders.
    """

    def __init__(
        self,
        banks: Sequence[Bank],
        behind: Bank | None = None,
        ground: GroundTerm | None = None,
        reorientation: Reorientation | None = None,
    ) -> None:
        if not banks:
            raise BankError("no bank was given, expected at least one")
        first = banks[0]
        for bank in [*banks[1:], *([] if behind is None else [behind])]:
            made = (bank.encoder, bank.dimensions, bank.levels)
            if made != (first.encoder, first.dimensions, first.levels):
                raise BankError(
                    f"a bank holds codes of the encoder {bank.encoder[:16]}, "
                    f"expected those of {first.encoder[:16]} as in the first"
                )
        self.dimensions = first.dimensions
        self.encoder = first.encoder
        # The banks themselves are not kept: their codes are copied into flat arrays.
        self.credits = sorted({line for bank in banks for line in bank.credits})
        self._digests = [bank.digest for bank in banks]
        self.scenes: dict[int, int] = {}
        self._patches: dict[int, Patches] = {}
        self._grounded: dict[int, Patches] = {}
        self._ground, self._reorientation = ground, reorientation
        self._codes: dict[int, FlatCodes] = {}
        for zoom in CHOICES:
            if self._take(zoom, banks) or behind is None or not self._take(zoom, [behind]):
                continue
            if "behind" not in self._digests:
                self._digests += ["behind", behind.digest]
                self.credits = sorted({*self.credits, *behind.credits})

    def _take(self, zoom: int, banks: Sequence[Bank]) -> bool:
        """Take the scenes chosen at a zoom from banks; returns whether there are any."""
        # Patches of all scenes to choose among, and the codes that they show.
        scenes = [s for bank in banks for s in bank.scenes if s.chosen_at == zoom]
        turned = (PLAIN,) if self._reorientation is None else SHOWN_TURNED[zoom]
        patches = collect_patches(scenes, None, turned)
        if not patches.valid.any():
            return False
        self.scenes[zoom], self._patches[zoom] = len(scenes), patches
        if self._ground is not None and self._ground.serves(zoom, self.encoder):
            self._grounded[zoom] = collect_patches(scenes, self._ground, turned)
        for shown, chosen in CHOSEN_AT.items():
            if chosen == zoom:
                codes = [s.codes[shown] for s in scenes]
                self._codes[shown] = FlatCodes(shown, codes, patches, self._reorientation)
        return True

    @property
    def digest(self) -> str:
        """Return 64 hexadecimal digits that change with all that decides fields."""
        parts = [VERSION, *self._digests]
        if self._ground is not None and self._grounded:
            parts += ["ground", self._ground.digest]
        if self._reorientation is not None:
            parts += ["reorientation", self._reorientation.digest]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def towns_at(self) -> list[int]:
        """Return the zooms at which the choice follows towns, none for another encoder's codes."""
        if self._ground is None:
            return []
        return [zoom for zoom in sorted(self._grounded) if self._ground.tells_towns(zoom)]

    def ground_at(self, chosen: int) -> GroundTerm | None:
        """Return what is known of the Earth's ground where a stage chooses, None for nothing."""
        return self._ground if chosen in self._grounded else None

    @staticmethod
    def chosen_at(zoom: int) -> int:
        """Return the zoom of the stage that chooses what a stage shows: 11 for 13, else itself."""
        return CHOSEN_AT[zoom]

    def reach(self, zoom: int) -> int:
        """Return how many pixels of the choosing grid are read on each side at most; 0 for none."""
        if CHOSEN_AT[zoom] not in self._patches:
            return 0
        config = CHOICES[CHOSEN_AT[zoom]]
        # A cell rules up to SITE pixels beyond its reach; its window is centred on it. In phases it
        # depends on cells three away, whose centres are less than four cells of spacing + 1 away.
        needed = config.reach + SITE + WINDOW // 2
        return needed + (SIGHT + 1) * (config.spacing + 1) * config.phased

    def reads(self, zoom: int, area: Rectangle, world: MapSize | None = EARTH) -> Rectangle:
        """Return the rectangle of the choosing grid that `field` reads for one of parent pixels."""
        core = area.coarser(choosing_scale(zoom))
        chosen = CHOSEN_AT[zoom]
        if chosen not in self._patches:
            return core
        # Windows round all centres that cells may have which a choice may depend on.
        rows, columns = _stretches(chosen, core, Plane.of(chosen, world))
        left, top, half = columns.start, rows.start, WINDOW // 2
        return Rectangle(left, top, columns.stop - left, rows.stop - top).grown(half)

    def field(
        self,
        seed: int,
        zoom: int,
        area: Rectangle,
        pixels: ReadParent,
        *,
        filled: ReadFilled | None = None,
        world: MapSize | None = EARTH,
        latitude: float | None = None,
    ) -> Codes:
        """Return the codes of a rectangle of parent pixels: int8 [D, height, width], 0 for none.

        seed: 0 to 2**64 - 1; zoom: of the stage, 7, 9, 11, 13, 15 or 17; area: in world pixels of
        zoom - 2; pixels: reads a rectangle of the choosing grid, x wrapped and y mirrored by the
        caller; it is asked once, for what `reads` says. filled: reads how much of these pixels is
        water that was drawn as land, None for nothing. world: the map, whose rows are mirrored at
        its edges; None for a picture, a plane without end, whose latitude in degrees may be given.
        Raises ValueError for another zoom or an empty rectangle.
        """
        if zoom not in CHOSEN_AT:
            raise ValueError(f"zoom is {zoom}, expected one of {', '.join(map(str, CHOSEN_AT))}")
        if area.width < 1 or area.height < 1:
            raise ValueError(
                f"a rectangle of {area.width} x {area.height} pixels, expected at least 1 x 1"
            )
        if CHOSEN_AT[zoom] not in self._patches:
            return np.zeros((self.dimensions, area.height, area.width), np.int8)
        asked, rows = area, np.arange(area.y0, area.y0 + area.height)
        if world is not None:
            # Beyond the map's upper and lower edge the field is mirrored, as parents are.
            length = world.height << (zoom - 2)
            rows = np.where(rows < 0, -1 - rows, rows)
            rows = np.where(rows >= length, 2 * length - 1 - rows, rows)
            height = int(rows.max() - rows.min()) + 1
            asked = Rectangle(area.x0, int(rows.min()), area.width, height)
        reads = (pixels, filled)
        view = self._view(zoom, asked, reads, world, latitude)
        # Every pixel shows the code of the patch that its cell chose.
        codes = self._codes[zoom].gather(*self._ruled(seed, zoom, asked, view))
        mirrored = codes[rows - asked.y0]
        return np.ascontiguousarray(np.moveaxis(mirrored, 2, 0))

    def layouts(
        self,
        seed: int,
        zoom: int,
        area: Rectangle,
        pixels: ReadParent,
        filled: ReadFilled | None = None,
    ) -> NDArray[np.int64]:
        """Return which layouts `field` shows at parent pixels of the Earth: int64 [3, h, w].

        The number of a scene, and the row and column of its codes, in whatever orientation it is
        shown; -1 where nothing is.
        area, pixels, filled: as for `field`, within the rows of the map. Raises ValueError where no
        scene serves the zoom.
        """
        if CHOSEN_AT.get(zoom) not in self._patches:
            raise ValueError(f"zoom is {zoom}, expected one that scenes of the memory serve")
        view = self._view(zoom, area, (pixels, filled), EARTH, None)
        return self._codes[zoom].origins(*self._ruled(seed, zoom, area, view))

    def _view(
        self,
        zoom: int,
        asked: Rectangle,
        reads: tuple[ReadParent, ReadFilled | None],
        world: MapSize | None,
        latitude: float | None,
    ) -> ParentView:
        """Read the pixels that the field of a rectangle depends on."""
        chosen, area = CHOSEN_AT[zoom], self.reads(zoom, asked, world)
        ground = None if world is None else self.ground_at(chosen)
        pixels, filled = reads
        seen, water = pixels(area), None if filled is None else filled(area)
        return ParentView.of(
            chosen, area, seen, ground, filled=water, world=world, latitude=latitude
        )

    def _ruled(
        self, seed: int, zoom: int, asked: Rectangle, view: ParentView
    ) -> tuple[PlacedPatches, NDArray[np.int64], LabelWindow]:
        """Return what cells show in a rectangle of the map, and each pixel's cell, -1 for none."""
        # The cells round the rectangle choose their patches.
        chosen, scale = CHOSEN_AT[zoom], choosing_scale(zoom)
        patches = (self._patches if view.ground is None else self._grounded)[chosen]
        config = CHOICES[chosen]
        core = asked.coarser(scale)
        shown, blank = _shown(patches, _lay(seed, chosen, core, view.plane), core, view, chosen)
        # Every pixel is given to the cell whose patch costs least there.
        window = LabelWindow(asked.x0, asked.y0, asked.width, asked.height, scale)
        tones = view.tones(config.unlike) if config.unlike else None
        labels = label(patches, shown, view.sites(core), window, config, tones)
        return shown, np.where(np.append(blank, True)[labels], -1, labels), window


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Cells along an axis that choices may depend on; their centres lie from start up to stop."""

    cells: range
    start: int
    stop: int


def _stretches(zoom: int, core: Rectangle, plane: Plane) -> tuple[_Stretch, _Stretch]:
    """Return the rows and columns of cells that the choices for a rectangle may depend on."""
    config = CHOICES[zoom]
    margin = config.reach + SITE
    stretches = []
    for of_rows, axis, near, size in (
        (True, plane.vertical, core.y0, core.height),
        (False, plane.horizontal, core.x0, core.width),
    ):
        start, stop = near - margin, near + size + margin
        first, last = axis.cell(start), axis.cell(stop)
        if config.phased:
            first, last = depended_on(first, last, of_rows)
            start, stop = (int(end) for end in axis.start(np.array([first, last + 1])))
        stretches.append(_Stretch(range(first, last + 1), start, stop))
    rows, columns = stretches
    return rows, columns


def _lay(seed: int, zoom: int, core: Rectangle, plane: Plane) -> JitteredCells:
    """Return all cells that the choices for a rectangle may depend on."""
    down, across = _stretches(zoom, core, plane)
    rows, vertical = down.cells, plane.vertical
    if vertical.count is not None:
        rows = range(max(rows.start, 0), min(rows.stop, vertical.count))
    return jittered_cells(seed, zoom, (vertical, rows), (plane.horizontal, across.cells))


def _shown(
    patches: Patches, laid: JitteredCells, core: Rectangle, view: ParentView, zoom: int
) -> tuple[PlacedPatches, Mask]:
    """Let the cells choose; returns those that may rule in the rectangle, and which stay blank."""
    config = CHOICES[zoom]
    rows = (np.arange(laid.ys.shape[0]) + laid.row)[:, None]
    columns = (np.arange(laid.ys.shape[1]) + laid.column)[None, :]
    ruling = needed = _ruling(laid, core, config)
    if config.phased:
        needed = needed_cells(ruling, phase_of(rows, columns))
    # One flat list of all cells that choose, and the shortlist of each.
    descriptors, gates = view.described(laid.ys[needed], laid.xs[needed])
    words = keys(laid.keys[needed], 2).astype(np.uint32)
    queries = Queries(descriptors, gates, words)
    colours = patches.colours(rows, columns)[needed]
    found = shortlist(patches, colours, queries, config)
    # The choice, for which neighbours matter where it is in phases.
    if config.phased:
        slot = np.zeros(needed.shape, np.int64)
        slot[needed] = np.arange(len(colours))
        grid = ChoiceGrid(laid.row, laid.column, laid.ys, laid.xs, needed, slot)
        whole = choose_in_phases(patches, grid, queries, found, config)
        made = Choices(whole.scene[ruling], whole.ys[ruling], whole.xs[ruling])
    else:
        made = choose_alone(patches, found)
    own = np.zeros((*needed.shape, gates.shape[1]), np.int64)
    own[needed] = queries.gates
    ys, xs = laid.ys[ruling], laid.xs[ruling]
    shown = PlacedPatches(made.scene, made.ys - ys, made.xs - xs, ys, xs, laid.keys[ruling])
    return shown, _blank(patches, made, own[ruling])


def _ruling(laid: JitteredCells, core: Rectangle, config: ChoiceConfig) -> Mask:
    """Say which cells may own pixels of a rectangle of the choosing grid: bool [rows, columns]."""
    size = SITE * (config.sites - 1)
    tops, lefts = (SITE * first_site(at, config) for at in (laid.ys, laid.xs))
    ruling = (tops < core.y0 + core.height) & (tops + size > core.y0)
    ruling &= (lefts < core.x0 + core.width) & (lefts + size > core.x0)
    return ruling


def _blank(patches: Patches, made: Choices, gates: NDArray[np.int64]) -> Mask:
    """Say which cells [n] show nothing, by their own gates int64 [n, 3 or 5].

    On open sea, and on ground much brighter than all that a cell found: snow and ice.
    """
    wet, tones = gates[:, 0], gates[:, 2]
    patch = patches.nearest(made.scene, made.ys, made.xs)
    gap = np.where(tones < SNOW, BRIGHTER, SNOW_BRIGHTER) + gates[:, 3:4].sum(1)
    blank: Mask = (tones - patches.gates[patch, 2].astype(np.int64) > gap) | (wet >= SEA)
    return blank
