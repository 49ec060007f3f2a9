"""The command `elsewhere dataset`: pairs of generated worlds, variants of labelled pictures."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from generator.datasets.dataset import LINES, SHEET, DatasetFolder
from generator.datasets.sites import PairRequest
from generator.grid.errors import DatasetError
from generator.rasters import Reading
from generator.rasters.notice import NOTICE
from tileserver.batch.progress import duration, progress
from tileserver.commands import basics as commands
from tileserver.commands.basics import say, say_some
from tileserver.commands.configtext import read_settings
from tileserver.documents.about import attribution

if TYPE_CHECKING:
    from generator.cascade.cascade import Cascade
    from generator.datasets.labelled import VariantSet
    from generator.datasets.pairs import Pairs

Heard = Callable[[int, int, int], None]

LISTED = 20
NOTED = 3
SAMPLED = 2
"""Pictures or pairs that a dry run makes to tell the time."""
FINEST, COARSEST = 1.5, 1300.0
"""Metres per pixel that the shipped network was trained for, about."""


def pairs(args: argparse.Namespace) -> int:
    """Write pairs of parent and child of generated worlds."""
    settings = read_settings(args)
    commands.check_zoom(args.zooms[-1], settings)
    DatasetFolder.known(Path(args.output))
    request = PairRequest(args.zooms, args.count, args.seeds, args.bbox, args.land, args.places)
    world = commands.load_world(settings)
    from generator.datasets.pairs import Pairs  # torch takes seconds to import

    wanted = Pairs(world, request)
    notice = f"{NOTICE} {attribution(settings)}."
    folder = DatasetFolder(Path(args.output), wanted.settings(), notice, args.format)
    folder.check()
    if args.dry_run:
        print(pairs_estimate(wanted, folder))
        return 0
    say(f"Writing {len(wanted.drawn):,} pairs to {folder.path}")
    return _written("pairs", folder, lambda report: wanted.write(folder, report), [])


def variants(args: argparse.Namespace) -> int:
    """Write variants of labelled pictures."""
    from generator.datasets.labelled import VariantSet, find
    from generator.datasets.variants import VariantConfig

    settings = read_settings(args)
    source, target = Path(args.input), Path(args.output)
    recipe = VariantConfig(args.gsd, args.stages, args.strength)
    if target.resolve().is_relative_to(source.resolve()):
        raise DatasetError(f"{target} lies in {source}, expected a folder outside of it")
    DatasetFolder.known(target)
    images, left_out = find(source)
    reading = Reading(args.bands, args.stretch)
    wanted = VariantSet(source, images, recipe, args.per_image, settings.seed, reading=reading)
    world = commands.load_world(settings)
    folder = DatasetFolder(target, wanted.settings(world.identity), NOTICE, args.format)
    folder.check()
    if not FINEST <= args.gsd <= COARSEST:
        say(f"The network was trained for {FINEST:g} to {COARSEST:g} m per pixel: expect less here")
    if args.dry_run:
        print(variants_estimate(wanted, world, folder))
        _noted(wanted.notes)
        return _named(left_out)
    say(f"Writing {len(wanted):,} variants of {len(images):,} pictures to {target}")
    status = _written(
        "variants", folder, lambda report: wanted.write(world, folder, report), left_out
    )
    _noted(wanted.notes)
    return status


def _written(
    things: str,
    folder: DatasetFolder,
    work: Callable[[Heard], Sequence[str]],
    left_out: Sequence[str],
) -> int:
    """Do the work with a bar, and say how it ended; returns the exit status."""
    with progress(things) as report:
        failed = work(lambda done, total, made: report("Making", done, total, made))
    print(f"The {things} are in {folder.path}, listed in {LINES}; {SHEET} shows a few.")
    return _named([*left_out, *failed])


def _noted(notes: Sequence[str]) -> None:
    """Say what should be known of pictures that were read."""
    say_some(list(dict.fromkeys(notes)), NOTED, "pictures alike")


def _named(left_out: Sequence[str]) -> int:
    """Name what could not be used; returns the exit status."""
    say_some([f"left out: {line}" for line in left_out], LISTED, "are left out")
    return 1 if left_out else 0


def pairs_estimate(wanted: Pairs, folder: DatasetFolder) -> str:
    """Make a few pairs in memory; say what all of them take."""
    left = [pair for pair in wanted.drawn if not wanted.is_in(folder, pair)]
    blocks, size, sample = wanted.count_blocks(left), 0, left[:SAMPLED]
    began = time.perf_counter()
    for pair in sample:
        size += sum(len(folder.encoded(pixels)) for pixels in wanted.make(pair))
    seconds = (time.perf_counter() - began) / max(wanted.blocks, 1) * blocks
    lines = [
        f"  zoom {zoom:>2}  {sum(pair.zoom == zoom for pair in wanted.drawn):,} pairs"
        for zoom in wanted.request.zooms
    ]
    return "\n".join(
        [
            *lines,
            f"To be made: {len(left):,} pairs in {blocks:,} blocks, "
            + _cost(size, len(sample), len(left), seconds),
        ]
    )


def variants_estimate(wanted: VariantSet, world: Cascade, folder: DatasetFolder) -> str:
    """Make a few variants in memory; say what all of them take."""
    left, size, sampled = wanted.count_absent(folder), 0, 0
    began = time.perf_counter()
    for pixels in islice(wanted.samples(world), SAMPLED):
        size += len(folder.encoded(pixels))
        sampled += 1
    seconds = (time.perf_counter() - began) / max(sampled, 1) * left
    classes = Counter(image.label for image in wanted.images)
    lines = [f"  {label}: {count:,} pictures" for label, count in sorted(classes.items())]
    return "\n".join(
        [*lines, f"To be made: {left:,} variants, " + _cost(size, sampled, left, seconds)]
    )


def _cost(size: int, sampled: int, left: int, seconds: float) -> str:
    total = size / max(sampled, 1) * left
    return (
        f"about {total / 1e6:,.1f} MB in {duration(seconds)} (from a sample of {sampled}). "
        "Nothing was written."
    )
