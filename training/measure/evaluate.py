"""`python -m training evaluate`: every measurement of quality, as tables, numbers and figures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import generator
from generator.cascade.cascade import Cascade
from generator.memory.config import CHOSEN_AT
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.measure import copies, kid
from training.measure.chains import SiteChains
from training.measure.classifier import (
    ClassifierRow,
    classifier_table,
    measure_classifier,
    tested_bands,
)
from training.measure.features import Lite2
from training.measure.figures import draw_stages
from training.measure.joints import JointsRow, joints_table, measure_joints
from training.measure.realparents import evaluation_windows
from training.measure.realtiles import real_tiles
from training.measure.repeats import RepeatsRow, measure_repeats, repeats_table
from training.measure.report import Results
from training.measure.sites import LAND, Site, evenly_spread
from training.measure.stages import measure_stages, stages_table
from training.samples.windows import Samples

HELP = "measure quality on held-out places"

PARTS = ("stages", "classifier", "kid", "repeats", "joints", "copies")
_IN_QUICK, _IN_FULL = PARTS[:1], PARTS[:-1]
_TITLES = {
    "stages": "Single stages from real parents",
    "classifier": "Classifier two-sample test (0.5 = indistinguishable)",
    "kid": "Chains over land against real imagery of the resolution",
    "repeats": "Pieces of the memory that show twice",
    "joints": "Joints between layouts (0.5 = nobody can tell where they are)",
    "copies": "Copies of places in the memory's entries",
}
_QUICK = {"count": 12, "places": 10}
_FULL = {"count": 96, "places": 50}
_COPIES = 40
"""Windows of each zoom whose copies are looked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--data", type=Path, required=True, help="folder made by prepare")
    parser.add_argument("--weights", type=Path, help="safetensors [the shipped ones]")
    parser.add_argument("--base", type=Path, help="base map of the chains [Blue Marble]")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        metavar="PART",
        help=f"parts to run, of {', '.join(PARTS)} [all but copies]",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="stages from few windows, to compare checkpoints",
    )
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument(
        "--sources",
        nargs="+",
        metavar="NAME",
        help="only these sources of the imagery, as for a figure whose licences must fit [all]",
    )
    parser.add_argument("--count", type=several, help="windows per stage [96, quick 12, copies 40]")
    parser.add_argument("--places", type=several, help="places of the chains [50, quick 10]")
    text = "keep drawn chains here, and go on with those that are there"
    parser.add_argument("--chains", type=Path, metavar="FOLDER", help=text)
    parser.add_argument(
        "--clean",
        action="store_true",
        help="stages from undegraded parents instead of randomly degraded ones",
    )
    parser.add_argument("--steps", type=int, help="DDIM steps [the weights' own]")
    parser.add_argument("--seed", type=int, default=0, help="of windows, noise and world [0]")
    parser.add_argument(
        "--zooms", type=int, nargs="+", choices=sorted(CHOSEN_AT), metavar="Z",
        help="zooms of kid, repeats and joints [9 11 13 15 (17)] and copies [13 15 (17)]",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, help="threads of the networks [all cores]")
    parser.add_argument("--json", type=Path, help="all numbers; parts it holds are not repeated")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="write figures here")


def run(args: argparse.Namespace) -> int:
    """Measure the parts asked for and print their tables; returns the exit status."""
    return Evaluation(args).run()


class Evaluation:
    """One evaluation: what is measured, with what, and what has been found so far."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        if not 0 <= args.seed < 1 << 64:
            raise TrainingError(f"--seed is {args.seed}, expected 0 to 2**64 - 1")
        counts = {
            name: getattr(args, name, None) or value
            for name, value in (_QUICK if args.quick else _FULL).items()
        }
        self.count, self.places = counts["count"], counts["places"]
        self.pyramid = Pyramid(args.data).of_sources(args.sources)
        self.cascade: Cascade = generator.load(args.base, args.weights, args.steps, args.threads)
        self.chains = SiteChains(self.cascade, args.seed, args.chains)
        self.sites: tuple[Site, ...] = evenly_spread(self.places, LAND)
        self.zooms: list[int] = args.zooms or self._served(kid.ZOOMS)
        self.results = Results(self._settings(counts), args.json)

    def run(self) -> int:
        """Run the parts in their order."""
        wanted = self.args.only or (_IN_QUICK if self.args.quick else _IN_FULL)
        actions: dict[str, Callable[[], tuple[Any, str]]] = {
            "stages": self._stages,
            "classifier": self._classifier,
            "kid": self._kid,
            "repeats": self._repeats,
            "joints": self._joints,
            "copies": self._copies,
        }
        settings = self.results.settings
        print(
            f"{settings['split']} places, {settings['steps']} step(s), "
            f"weights {settings['weights'][:16]}, seed {settings['seed']}"
        )
        for name in (part for part in PARTS if part in wanted):
            if name not in self.results.parts:
                self.results.add(name, *actions[name]())
            print(f"\n### {_TITLES[name]}\n\n{self.results.parts[name]['table']}", flush=True)
        return 0

    def _settings(self, counts: dict[str, int]) -> dict[str, Any]:
        args, cascade = self.args, self.cascade
        return {
            **counts,
            "split": args.split,
            "seed": args.seed,
            "clean": args.clean,
            "zooms": args.zooms,
            "sources": sorted(args.sources) if args.sources else None,
            "steps": cascade.sampler.steps,
            "weights": cascade.checkpoint.digest,
            "memory": cascade.memory.digest if cascade.memory else None,
            "base": cascade.basemap.digest,
            "world": cascade.fingerprint(args.seed).hex(),
            "data": self.pyramid.digest,
        }

    def _served(self, zooms: Iterable[int]) -> list[int]:
        """Return those of some zooms that the weights serve."""
        return [zoom for zoom in zooms if zoom in self.cascade.sampler.zooms]

    def _samples(self, split: str) -> Samples:
        return evaluation_windows(self.pyramid, split, self.args.seed)

    def _stages(self) -> tuple[Any, str]:
        samples = self._samples(self.args.split)
        rows, shown = measure_stages(
            self.cascade.stage_at, samples, self.count, Lite2(self.cascade.device),
            self.args.clean,
            memory=self.cascade.memory,
        )  # fmt: skip
        if self.args.figures:
            draw_stages(shown, self.args.figures)
        return rows, stages_table(rows)

    def _classifier(self) -> tuple[Any, str]:
        windows = (self._samples("train"), self._samples(self.args.split))
        bands = tested_bands(windows)
        zooms = self._served(bands)

        def row(zoom: int) -> ClassifierRow:
            return measure_classifier(
                self.cascade.stage_at(zoom), windows, bands[zoom], self.count, self.args.clean,
                memory=self.cascade.memory, device=self.cascade.device,
            )  # fmt: skip

        rows = self.results.rows("classifier", ClassifierRow, zooms, row)
        return rows, classifier_table(rows)

    def _kid(self) -> tuple[Any, str]:
        network = Lite2(self.cascade.device, torch.float32)
        bank = self.cascade.checkpoint.bank

        def row(zoom: int) -> kid.KidRow:
            real = real_tiles(self.pyramid, zoom, bank, self.args.seed)
            tiles = np.stack(self.chains.tiles(self.sites, zoom))
            return kid.measure_kid(zoom, tiles, real, network)

        rows = self.results.rows("kid", kid.KidRow, self.zooms, row)
        return rows, kid.kid_table(rows)

    def _repeats(self) -> tuple[Any, str]:
        def row(zoom: int) -> RepeatsRow:
            return measure_repeats(zoom, self.chains.layouts(self.sites, zoom))

        rows = self.results.rows("repeats", RepeatsRow, self.zooms, row)
        return rows, repeats_table(rows)

    def _joints(self) -> tuple[Any, str]:
        def row(zoom: int) -> JointsRow:
            layouts = self.chains.layouts(self.sites, zoom)
            blocks = self.chains.blocks(self.sites, zoom)
            return measure_joints(zoom, blocks, layouts, self.args.seed, self.cascade.device)

        rows = self.results.rows("joints", JointsRow, self.zooms, row)
        return rows, joints_table(rows)

    def _copies(self) -> tuple[Any, str]:
        rows = copies.measure_copies(
            self.cascade.checkpoint, self.pyramid, self.args.zooms or self._served(copies.ZOOMS),
            self.args.count or _COPIES, self.args.seed,
        )  # fmt: skip
        return rows, copies.copies_table(rows)


def several(text: str) -> int:
    """Read a number of at least four windows, for argparse."""
    if not text.isdecimal() or int(text) < 4:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 4")
    return int(text)
