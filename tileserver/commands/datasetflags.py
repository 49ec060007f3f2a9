"""What `elsewhere dataset` can be given."""

from __future__ import annotations

from generator.datasets.dataset import FORMATS
from tileserver.commands.flags import (
    Parser,
    option,
    parse_metres,
    parse_number,
    parse_whole,
    reading,
    switch,
)
from tileserver.regions.region import parse_bbox, parse_zooms
from tileserver.settings import MAX_SEED

MOST_SEEDS = 10_000
MOST_COUNT = 999_999_999


def pairs(sub: Parser) -> None:
    """Add what only `dataset pairs` can be given."""
    option(sub, "output", "OUT", "folder to write, or to go on with")
    text = (
        "zooms of the children, of 7, 9, 11, 13, 15, and 17 where the weights serve it; a "
        "parent is of the zoom two above"
    )
    option(sub, "--zooms", "A,B", text, parse_zooms, required=True)
    option(sub, "--count", "N", "pairs of each zoom", parse_count, required=True)
    text = "box in degrees, W > E crosses the dateline (default: the whole planet)"
    option(sub, "--bbox", "W,S,E,N", text, parse_bbox, default=(-180.0, -90.0, 180.0, 90.0))
    text = "worlds, taken in turn, such as 0-3 or 7,12 (default 0)"
    option(sub, "--seeds", "A-B", text, parse_seeds, default=(0,))
    switch(sub, "--land", "only places that are land")
    option(
        sub, "--places", "N", "another number draws other places (default 0)", parse_seed, default=0
    )
    _both(sub)


def variants(sub: Parser) -> None:
    """Add what only `dataset variants` can be given."""
    option(sub, "input", "IN", "folder with a folder of pictures per class")
    option(sub, "output", "OUT", "folder to write, or to go on with")
    text = "ground resolution of the pictures in metres per pixel"
    option(sub, "--gsd", "METRES", text, parse_metres, required=True)
    option(sub, "--per-image", "N", "variants of each picture (default 4)", parse_count, default=4)
    text = "average by 4 (1) or by 16 (2) and make again (default 1)"
    sub.add_argument("--stages", type=int, choices=(1, 2), default=1, help=text)
    text = "0 to 1: more lets variants differ more (default: the weights' own)"
    option(sub, "--strength", "S", text, parse_strength)
    reading(sub)
    _both(sub)


def _both(sub: Parser) -> None:
    text = "both without loss (default png)"
    sub.add_argument("--format", choices=FORMATS, default="png", help=text)
    switch(sub, "--dry-run", "only say how many pictures, bytes and hours")


def parse_count(text: str) -> int:
    """Read a number of at least 1. Raises ValueError with a sentence."""
    return parse_whole(text, "the number", 1, MOST_COUNT)


def parse_seed(text: str) -> int:
    """Read a number such as a seed. Raises ValueError with a sentence."""
    return parse_whole(text, "the number", 0, MAX_SEED)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read '0-3' or '7,12' in the order given. Raises ValueError with a sentence."""
    seeds: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        low, high = parse_seed(first), parse_seed(last if dash else first)
        if not low <= high < low + MOST_SEEDS:
            raise ValueError(f"the seeds are {text!r}, expected for example 0-3 or 7,12")
        seeds.update(dict.fromkeys(range(low, high + 1)))
    return tuple(seeds)


def parse_strength(text: str) -> float:
    """Read a strength. Raises ValueError with a sentence."""
    return parse_number(text, "the strength", "0 to 1", 0.0, 1.0)
