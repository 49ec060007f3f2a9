"""The command `elsewhere bench`: this machine, or a server that is started for it."""

from __future__ import annotations

import argparse
import json
import sys

from tileserver.commands import basics as commands
from tileserver.commands import benchservers, coldbench, viewbench, webbench
from tileserver.commands.basics import say
from tileserver.commands.configtext import read_settings

SERVED = ("seed", "base", "tone", "geography", "weights", "memory", "steps", "threads", "workers")
"""Settings that `bench --http` and `--views` hand on to the server they measure."""


def bench(args: argparse.Namespace) -> int:
    """Measure this machine."""
    settings = read_settings(args)
    if args.http or args.views:
        return _bench_server(args, settings.seed)
    world = commands.load_world(settings)
    say("Measuring from empty caches; this takes a minute or two")
    report = coldbench.bench(world, settings.seed, args.quick)
    print(json.dumps(report, indent=2) if args.json else coldbench.table(report))
    return 0


def _bench_server(args: argparse.Namespace, seed: int) -> int:
    """Measure a server of its own, started with the same flags."""
    given = {name: getattr(args, name, None) for name in ("config", *SERVED)}
    flags = [
        word
        for name, value in given.items()
        if value is not None
        for word in (f"--{name}", str(value))
    ]
    say("Measuring a server with a cache of its own; this takes two to seven minutes")
    command = [sys.executable, "-m", "tileserver", "serve", *flags]
    if args.views:
        with benchservers.fresh(command) as (address, _):
            report = viewbench.viewbench(address, 1 if args.quick else viewbench.ROUNDS, args.busy)
        show = viewbench.table
    else:
        report, show = webbench.webbench(command, args.quick, seed), webbench.table
    print(json.dumps(report, indent=2) if args.json else show(report))
    return 0
