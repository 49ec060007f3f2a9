"""Whether layouts fit land cover and relief: choices at zoom 11 with these terms and without.

At places of known cover and relief the patches that are shown are compared with labels of the
bank's scenes, which are judged by eye (`experiments.fitprobe`). All worlds choose for the same
parents.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import generator
from experiments.command import Experiment
from experiments.fitprobe import LABELS, LITTLE, MUCH, read_labels, spread_out
from generator.cascade.cascade import Cascade
from generator.geography.layers import FIGURES, GroundLayer, Shares
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import Tile
from generator.memory.bank import Scene
from generator.memory.descriptor import grid_shape
from generator.memory.field import Memory
from generator.memory.groundprobe import PROBE, GroundProbe
from generator.memory.groundterm import GroundTerm
from generator.memory.view import ReadFilled, ReadParent
from training.measure.report import markdown
from training.measure.sites import Site
from training.progress import track

ZOOM = 11

PLACES = {
    "cropland": (
        (42.0, -94.0), (49.5, 3.0), (31.0, 75.5), (10.4, 105.6), (33.5, 117.0),
        (-34.5, -61.5), (48.5, 36.0), (-31.5, 117.5), (52.0, -107.0), (45.2, 10.6),
    ),
    "forest": (
        (-5.0, -63.0), (0.5, 22.5), (1.0, 114.0), (61.0, 92.0), (51.0, -88.0),
        (62.5, 26.5), (43.9, -71.8), (-5.3, 141.5), (44.0, -122.5), (47.0, 136.5),
    ),
    "savanna and desert": (
        (-2.3, 34.8), (14.0, 5.0), (24.0, 8.0), (-22.0, 23.5), (-24.5, 126.0),
        (40.5, 84.0), (37.5, -117.0), (-15.5, -48.0), (9.5, 30.0), (21.0, 51.0),
    ),
    "tundra and taiga": (
        (70.0, 70.0), (72.0, 100.0), (65.0, -100.0), (69.0, -153.0), (63.0, 125.0),
        (54.0, -72.0), (58.0, -95.0), (66.0, 60.0), (68.5, 23.0), (66.5, 171.0),
    ),
    "plains": (
        (-3.5, -62.0), (47.5, 2.0), (-35.0, -61.0), (10.2, 105.8), (42.0, -93.5),
        (52.0, 20.0), (68.0, 70.0), (27.0, 80.0), (45.1, 10.0), (37.0, -120.3),
    ),
    "mountains": (
        (46.5, 8.5), (61.0, 8.0), (-13.0, -72.0), (29.0, 84.0), (32.0, 51.0),
        (42.5, 44.0), (35.5, 138.0), (-43.8, 170.2), (39.0, -106.5), (28.5, 100.0),
    ),
}  # fmt: skip
"""Latitudes and longitudes by what covers the land there, or by its relief."""

FITS = {"cropland": ("crop", True), "forest": ("forest", True), "mountains": ("relief", True),
        "plains": ("relief", False)}  # fmt: skip
"""What patches should have much (MUCH) or little (LITTLE) of at places; at others little crops."""

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parents:
    """What a memory was asked for: a rectangle of zoom 9, and the pixels and water that it read."""

    area: Rectangle
    pixels: Pixels
    water: Shares | None

    def read(self, _: Rectangle) -> Pixels:
        """Return the pixels, which are those of the one rectangle that is read."""
        return self.pixels

    def filled(self, _: Rectangle) -> Shares | None:
        """Return their water that was drawn as land."""
        return self.water


class Recorder:
    """A memory that keeps what it is asked for at zoom 11; the rest is the memory's."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.asked: list[Parents] = []

    def __getattr__(self, name: str) -> Any:
        """Return the memory's."""
        return getattr(self._memory, name)

    def field(
        self, seed: int, zoom: int, area: Rectangle, pixels: ReadParent, *, filled: ReadFilled
    ) -> NDArray[np.int8]:
        """Return the memory's field."""
        if zoom == ZOOM:
            read = self._memory.reads(zoom, area)
            self.asked.append(Parents(area, pixels(read), filled(read)))
        return self._memory.field(seed, zoom, area, pixels, filled=filled)


def parents_at(cascade: Cascade, memory: Memory, places: list[Tile]) -> Iterator[Parents]:
    """Return for each tile what the choice for it reads."""
    for tile in track(places, "cover: parents"):
        recorder = Recorder(memory)
        cascade.memory = cast(Memory, recorder)
        cascade.render(0, tile)
        yield recorder.asked[0]
    cascade.memory = memory


def shown_labels(scenes: list[Scene], labels: dict[str, Any], shown: Integers) -> Reals:
    """Return the label of what pixels show, [n], NaN where a scene or its window has none.

    shown: int64 [3, n], scene, row and column.
    """
    found = np.full(shown.shape[1], np.nan)
    for number, scene in enumerate(scenes):
        here = shown[0] == number
        if here.any() and scene.name in labels:
            rows, columns = grid_shape(*scene.shape)
            degrees = spread_out(labels[scene.name], (rows, columns))
            i, j = ((at[here] - 8) // 8 for at in shown[1:])
            found[here] = degrees[i.clip(0, rows - 1), j.clip(0, columns - 1)]
    return found


def fitting(labels: Reals, much: bool) -> float:
    """Return which share of labelled pixels shows much, or little, of what the labels are of."""
    known = labels[~np.isnan(labels)]
    fits = known >= MUCH if much else known < LITTLE
    return float(fits.mean()) if len(known) else float("nan")


def effective(scenes: Integers) -> float:
    """Return how many equally frequent scenes would be as varied as these: exp of the entropy."""
    share = np.bincount(scenes[scenes >= 0]) / max((scenes >= 0).sum(), 1)
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def worlds(cascade: Cascade) -> dict[str, Memory]:
    """Return the memory with towns alone, with land cover too, and as it was loaded."""
    held, geography, memory = cascade.checkpoint.bank, cascade.geography, cascade.memory
    assert held is not None
    assert geography is not None
    assert memory is not None
    ground, probe = cast(GroundLayer, geography.ground), GroundProbe.open(PROBE)
    known = {"without": {"built-up"}, "with land cover": set(FIGURES) - {"relief"}}
    made = {}
    for name, figures in known.items():
        weights = {
            zoom: {figure: row for figure, row in rows.items() if figure in figures}
            for zoom, rows in probe.weights.items()
        }
        term = GroundTerm(ground, GroundProbe(probe.encoder, weights, probe.labels))
        made[name] = Memory([held], None, term, cascade.checkpoint.reorientation)
    return {**made, "with relief too": memory}


def run(options: argparse.Namespace) -> int:
    """Render the parents, choose in each world, and print the table."""
    cascade = generator.load(threads=options.threads)
    made = worlds(cascade)
    bank = cascade.checkpoint.bank
    assert bank is not None
    scenes = [scene for scene in bank.scenes if scene.chosen_at == ZOOM]
    labels = read_labels(LABELS)
    tiles = [(kind, Site(*at).tile(ZOOM)) for kind, places in PLACES.items() for at in places]
    asked = list(parents_at(cascade, made["with relief too"], [tile for _, tile in tiles]))
    rows = {kind: [kind] for kind in [*PLACES, "scenes, as equally frequent ones"]}
    for memory in made.values():
        shares: dict[str, list[float]] = {kind: [] for kind in PLACES}
        every = []
        for (kind, _), parents in zip(tiles, asked, strict=True):
            told = memory.layouts(0, ZOOM, parents.area, parents.read, parents.filled)
            told = told.reshape(3, -1)
            every.append(told[0])
            figure, much = FITS.get(kind, ("crop", False))
            shares[kind].append(fitting(shown_labels(scenes, labels[figure], told), much))
        for kind, found in shares.items():
            rows[kind].append(f"{np.nanmean(found):.0%}")
        rows["scenes, as equally frequent ones"].append(f"{effective(np.concatenate(every)):.1f}")
    print(markdown(["what is shown fits", *made], list(rows.values())))
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the experiment's options."""
    parser.add_argument("--threads", type=int, help="CPU threads [all]")


EXPERIMENT = Experiment(
    name="cover",
    summary="Layouts at places of known land cover and relief, with these terms and without",
    examples=("--threads 2",),
    add_arguments=add_arguments,
    run=run,
)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main())
