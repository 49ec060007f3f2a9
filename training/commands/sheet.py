"""`sheet`: draws places down and zooms across, straight from the cascade."""

from __future__ import annotations

import argparse
from pathlib import Path

import generator
from training.errors import TrainingError
from training.measure.sheet import MOST, PLACES, places_of, read_place, sheet

HELP = "draw places x zooms from the cascade"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("--weights", type=Path, help="safetensors [the shipped ones]")
    add("--base", type=Path, help="equirectangular image, or planet:N [Blue Marble]")
    add("--at", action="append", metavar="NAME=LAT,LON", help="a place, may be repeated [sixteen]")
    add("--places", type=int, metavar="N", help="so many places: the sixteen, then sites on land")
    add("--zooms", type=int, nargs="+", help="across [5 7 9 11 13 15 (17)]")
    add("--limit", type=int, help="bytes that the picture (.webp) may have")
    add("--seed", type=int, default=0, help="of the world [0]")
    add("--steps", type=int, help="DDIM steps [the weights' own]")
    add("--size", type=int, default=256, help="pixels shown of each tile [256]")
    add("--out", type=Path, required=True, help="picture to write (.webp, .png)")


def run(args: argparse.Namespace) -> int:
    """Draw the sheet; returns the exit status."""
    if args.places is not None and (args.at or not 0 < args.places <= MOST):
        raise TrainingError(f"--places is {args.places}, expected 1 to {MOST} and no --at")
    try:
        places = tuple(map(read_place, args.at or ())) or places_of(args.places or len(PLACES))
    except ValueError as error:
        raise TrainingError("--at takes NAME=LATITUDE,LONGITUDE such as peak=46.2,8.3") from error
    cascade = generator.load(args.base, args.weights, args.steps)
    zooms = tuple(args.zooms or ())
    sheet(cascade, args.seed, args.out, places, args.size, zooms=zooms, limit=args.limit)
    print(f"wrote {args.out}")
    return 0
