"""Geography in figures: where shores lie, how steep they are, whether rivers go on, what it costs.

The parts `coasts` and `rivers` compare a world with its geography with the same without; `cost`
times the layers and what draws them; `figure` puts tiles of both side by side.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from experiments import geographycoasts, geographyrivers
from experiments.command import Experiment, add_cascade, at_least, identity, load_cascade
from experiments.geographyplaces import WorldPair
from generator import stopping
from generator.atomicfile import atomic_replace
from training.errors import TrainingError

PARTS = ("coasts", "rivers", "cost", "figure")
_COUNTS = {"coasts": 30, "rivers": 20, "cost": 200}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("part", choices=PARTS, help="what is measured or drawn")
    add_cascade(parser)
    parser.add_argument("--places", type=at_least(1), help="[30 coasts, 20 rivers, 200 tiles]")
    parser.add_argument("--real", type=Path, metavar="MANIFEST", help="coasts: of real imagery too")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write table, numbers or figure here"
    )


def run(args: argparse.Namespace) -> int:
    """Measure one part and print its table; returns the exit status."""
    count = args.places or _COUNTS.get(args.part, 0)
    cascade = load_cascade(args)
    worlds = WorldPair(cascade, args.seed)
    if args.part == "coasts":
        coasts = geographycoasts.measure(worlds, count, args.seed)
        if args.real is not None:
            coasts += geographycoasts.real(worlds.water, args.real, count, args.seed)
        shown, rows = geographycoasts.table(coasts), geographycoasts.plain(coasts)
    elif args.part == "rivers":
        found = geographyrivers.measure(worlds, min(count, 20), args.seed)
        shown, rows = geographyrivers.table(found), geographyrivers.plain(found)
    print(shown)
    if args.out is not None:
        _write(args.out, args.part, {"settings": identity(cascade, args.seed), "rows": rows}, shown)
    return 0


def _write(folder: Path, part: str, numbers: dict[str, object], shown: str) -> None:
    """Write PART.json and PART.md. Raises TrainingError where that is not possible."""
    texts = {f"{part}.json": json.dumps(numbers, indent=1), f"{part}.md": shown}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with atomic_replace(folder / name) as half:
                half.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise TrainingError(f"cannot write in {folder}: {error}") from error


EXPERIMENT = Experiment(
    "geography",
    "Measure what geography does to coasts and rivers, and what it costs.",
    (
        "coasts --real imagery/manifest.json",
        "rivers --places 5 --out runs/geography",
        "cost",
        "figure --out docs",
    ),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
