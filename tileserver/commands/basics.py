"""What the commands that draw have in common: the world, the cache, a line of intent."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from generator.cascade.weightsheader import finest_zoom
from generator.grid.errors import unserved
from tileserver.cache.claims import Claims
from tileserver.cache.tilecache import TileCache
from tileserver.processes.cpupriority import lower_priority
from tileserver.rendering.models import Models, load_renderer
from tileserver.settings import Settings

if TYPE_CHECKING:
    from generator.cascade.cascade import Cascade
    from generator.cascade.renderer import Renderer


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


def say_some(lines: Sequence[str], most: int, rest: str) -> None:
    """Print some lines, and how many there are beyond `most`; rest: what these are."""
    for line in lines[:most]:
        say(line)
    if len(lines) > most:
        say(f"and {len(lines) - most:,} more {rest}")


def check_zoom(zoom: int, settings: Settings) -> None:
    """Raise TileError for a zoom that the settings' weights do not serve, else WeightsError."""
    finest = finest_zoom(settings.weights)
    if zoom > finest:
        raise unserved(zoom, finest)


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
