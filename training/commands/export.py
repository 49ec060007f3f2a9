"""`export`: writes a run's weights, with networks of their own for single stages where asked."""

from __future__ import annotations

import argparse
from pathlib import Path

from generator.grid.tile import STAGE_ZOOMS, STAGE_ZOOMS_LISTED
from training.errors import TrainingError
from training.run.export import combine, described_size, export

HELP = "write a run's weights as one file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="folder of a run: its last stage is written")
    source.add_argument("--weights", type=Path, help="safetensors to write anew, with --stage")
    add = parser.add_argument
    add("--out", type=Path, required=True, help="safetensors to write")
    text = "weights of a stage of its own, such as 15=towns.safetensors; may be repeated"
    add("--stage", action="append", default=[], metavar="ZOOM=FILE", help=text)
    text = "strength told to the networks at zooms 7 9 11 13 15 (17) [as each file has it]"
    add("--augmentation", type=float, nargs="+", metavar="A", help=text)


def run(args: argparse.Namespace) -> int:
    """Write the file and say how large it is; returns the exit status."""
    own = dict(_stage(text) for text in args.stage)
    if len(own) < len(args.stage):
        raise TrainingError("--stage names a zoom twice, expected one file for each")
    source = args.weights
    if args.run:
        source = args.out
        export(args.run, args.out)
    if args.weights or own or args.augmentation:
        combine(source, own, args.out, args.augmentation)
    print(f"wrote {args.out} ({described_size(args.out)})")
    return 0


def _stage(text: str) -> tuple[int, Path]:
    zoom, _, path = text.partition("=")
    if not path or zoom not in map(str, STAGE_ZOOMS):
        raise TrainingError(
            f"--stage is {text!r}, expected ZOOM=FILE with a zoom of {STAGE_ZOOMS_LISTED}"
        )
    return int(zoom), Path(path)
