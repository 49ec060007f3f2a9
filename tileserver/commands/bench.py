"""The command `elsewhere bench`: how fast this machine makes tiles."""

from __future__ import annotations

import argparse
import json

from tileserver.commands import basics as commands
from tileserver.commands import coldbench
from tileserver.commands.basics import say
from tileserver.commands.configtext import read_settings


def bench(args: argparse.Namespace) -> int:
    """Measure this machine."""
    settings = read_settings(args)
    world = commands.load_world(settings)
    say("Measuring from empty caches; this takes a minute or two")
    report = coldbench.bench(world, settings.seed, args.quick)
    print(json.dumps(report, indent=2) if args.json else coldbench.table(report))
    return 0
