"""The command `elsewhere upscale`: detail for a picture of the user's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from generator.rasters import Reading
from generator.upscaling.upscalefile import open_upscaling
from tileserver.batch.progress import bar
from tileserver.commands import basics as commands
from tileserver.commands.basics import say
from tileserver.commands.configtext import read_settings


def upscale(args: argparse.Namespace) -> int:
    """Add detail to a picture of the user's own."""
    settings = read_settings(args)
    source, target = Path(args.input), Path(args.output)
    reading, size = Reading(args.bands, args.stretch), (args.gsd, args.stages)
    with open_upscaling(source, target, *size, settings.seed, reading=reading) as wanted:
        for note in wanted.notes:
            say(note)
        world = commands.load_world(settings)
        with bar("windows") as report:
            wanted.write(world, report)
    say(f"Wrote {target}: {args.gsd / 4**args.stages:.4g} m per pixel")
    return 0
