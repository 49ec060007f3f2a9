"""What the commands do once their arguments are read: settings, one line of intent, the work."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from generator.cascade.weightsheader import finest_zoom
from generator.grid.errors import TileError
from generator.rasters import Reading
from generator.upscaling.upscalefile import open_upscaling
from tileserver.batch.progress import bar
from tileserver.cache.claims import Claims
from tileserver.cache.tilecache import TileCache
from tileserver.commands import bench as benchmark
from tileserver.commands import benchservers, viewbench, webbench
from tileserver.commands.configtext import read_settings
from tileserver.processes.cpupriority import lower_priority
from tileserver.rendering.models import Models, load_renderer
from tileserver.settings import Settings

if TYPE_CHECKING:
    from generator.cascade.cascade import Cascade
    from generator.cascade.renderer import Renderer


SERVED = ("seed", "base", "tone", "geography", "weights", "memory", "steps", "threads", "workers")
"""Settings that `bench --http` and `--views` hand on to the server they measure."""


def load_world(settings: Settings) -> Cascade:
    """Load base map and network. Raises GeneratorError."""
    say("Loading the base map and the network")
    return load_renderer(settings)


def load_for_cache(settings: Settings) -> Renderer:
    """Do as `load_world`, and write down in the cache's folder which world its tiles are of."""
    return Models(settings).load(load_world)


def say(text: str) -> None:
    """Print a line for the person at the terminal, apart from any output."""
    print(text, file=sys.stderr, flush=True)


def check_zoom(zoom: int, settings: Settings) -> None:
    """Raise TileError for a zoom that the settings' weights do not serve, else WeightsError."""
    finest = finest_zoom(settings.weights)
    if zoom > finest:
        raise TileError(f"zoom is {zoom}, expected 0 to {finest} with these weights")


def open_cache(settings: Settings) -> contextlib.closing[TileCache]:
    """Open the cache for a `with` block. Raises CacheError."""
    return contextlib.closing(TileCache.open(settings.cache, settings.cache_limit))


@contextlib.contextmanager
def open_to_make(settings: Settings) -> Iterator[tuple[TileCache, Claims]]:
    """Open the cache and the claims on its blocks, and let other processes go first from now on.

    Raises CacheError.
    """
    lower_priority(settings.nice)
    with open_cache(settings) as cache, contextlib.closing(Claims(settings.cache)) as claims:
        yield cache, claims


def upscale(args: argparse.Namespace) -> int:
    """Add detail to a picture of the user's own."""
    settings = read_settings(args)
    source, target = Path(args.input), Path(args.output)
    reading, size = Reading(args.bands, args.stretch), (args.gsd, args.stages)
    with open_upscaling(source, target, *size, settings.seed, reading=reading) as wanted:
        for note in wanted.notes:
            say(note)
        world = load_world(settings)
        with bar("windows") as report:
            wanted.write(world, report)
    say(f"Wrote {target}: {args.gsd / 4**args.stages:.4g} m per pixel")
    return 0


def bench(args: argparse.Namespace) -> int:
    """Measure this machine."""
    settings = read_settings(args)
    if args.http or args.views:
        return _bench_server(args, settings.seed)
    world = load_world(settings)
    say("Measuring from empty caches; this takes a minute or two")
    report = benchmark.bench(world, settings.seed, args.quick)
    print(json.dumps(report, indent=2) if args.json else benchmark.table(report))
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
