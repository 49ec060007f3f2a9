"""What `elsewhere dataset` can be given."""

from __future__ import annotations

from generator.datasets.dataset import FORMATS
from tileserver.commands.flags import Parser, parse_metres, parse_number, parse_whole, read, reading
from tileserver.regions.region import parse_bbox, parse_zooms
from tileserver.settings import MAX_SEED

MOST_SEEDS = 10_000
MOST_COUNT = 999_999_999


def pairs(sub: Parser) -> None:
    """Add what only `dataset pairs` can be given."""
    sub.add_argument("output", metavar="OUT", help="folder to write, or to go on with")
    sub.add_argument(
        "--zooms",
        metavar="A,B",
        type=read(parse_zooms),
        required=True,
        help="zooms of the children, of 7, 9, 11, 13, 15, and 17 where the weights serve it; a "
        "parent is of the zoom two above",
    )
    sub.add_argument(
        "--count", metavar="N", type=read(parse_count), required=True, help="pairs of each zoom"
    )
    sub.add_argument(
        "--bbox",
        metavar="W,S,E,N",
        type=read(parse_bbox),
        default=(-180.0, -90.0, 180.0, 90.0),
        help="box in degrees, W > E crosses the dateline (default: the whole planet)",
    )
    sub.add_argument(
        "--seeds",
        metavar="A-B",
        type=read(parse_seeds),
        default=(0,),
        help="worlds, taken in turn, such as 0-3 or 7,12 (default 0)",
    )
    sub.add_argument("--land", action="store_true", help="only places that are land")
    sub.add_argument(
        "--places",
        metavar="N",
        type=read(parse_seed),
        default=0,
        help="another number draws other places (default 0)",
    )
    _both(sub)


def variants(sub: Parser) -> None:
    """Add what only `dataset variants` can be given."""
    sub.add_argument("input", metavar="IN", help="folder with a folder of pictures per class")
    sub.add_argument("output", metavar="OUT", help="folder to write, or to go on with")
    sub.add_argument(
        "--gsd",
        metavar="METRES",
        required=True,
        type=read(parse_metres),
        help="ground resolution of the pictures in metres per pixel",
    )
    sub.add_argument(
        "--per-image",
        metavar="N",
        type=read(parse_count),
        default=4,
        help="variants of each picture (default 4)",
    )
    sub.add_argument(
        "--stages",
        type=int,
        choices=(1, 2),
        default=1,
        help="average by 4 (1) or by 16 (2) and make again (default 1)",
    )
    sub.add_argument(
        "--strength",
        metavar="S",
        type=read(parse_strength),
        help="0 to 1: more lets variants differ more (default: the weights' own)",
    )
    reading(sub)
    _both(sub)


def _both(sub: Parser) -> None:
    sub.add_argument(
        "--format", choices=FORMATS, default="png", help="both without loss (default png)"
    )
    sub.add_argument(
        "--dry-run", action="store_true", help="only say how many pictures, bytes and hours"
    )


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
