"""What `elsewhere fly` can be given."""

from __future__ import annotations

import re
import sys

from tileserver.commands.flags import Parser, nice, parse_number, read
from tileserver.flying.flight import SPEED


def fly(sub: Parser) -> None:
    """Add what only `fly` can be given."""
    sub.add_argument(
        "path", metavar="PATH", help="'lat,lon lat,lon ...' in degrees, or a GeoJSON file of a line"
    )
    sub.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="film to write: .mp4, .webp, or the name of a folder for PNG pictures",
    )
    sub.add_argument(
        "--altitude",
        metavar="A[:B...]",
        required=True,
        help="height above ground, as wide as the ground in the frame: 40km, or several, evenly "
        "spread over the film: 400km:3km:400km",
    )
    sub.add_argument(
        "--fps",
        metavar="N",
        type=read(parse_fps),
        default=30.0,
        help="frames a second (default 30)",
    )
    sub.add_argument("--yes", action="store_true", help="do not ask before long work")
    length = sub.add_mutually_exclusive_group()
    length.add_argument(
        "--speed",
        metavar="W",
        type=read(parse_speed),
        default=SPEED,
        help=f"frame widths that the picture moves in a second (default {SPEED:g})",
    )
    length.add_argument(
        "--seconds", metavar="S", type=read(parse_seconds), help="length of the film instead"
    )
    sub.add_argument(
        "--size",
        metavar="WxH",
        type=read(parse_size),
        default=(1280, 720),
        help="of the frames in pixels (default 1280x720)",
    )
    sub.add_argument(
        "--dry-run", action="store_true", help="only say how many tiles, frames, bytes and hours"
    )
    sub.add_argument("--force", action="store_true", help="replace FILE if it is there")
    nice(sub)


def parse_size(text: str) -> tuple[int, int]:
    """Read '1280x720'. Raises ValueError with a sentence."""
    found = re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", text)
    if found is None:
        raise ValueError(f"the size is {text!r}, expected pixels such as 1280x720")
    return int(found[1]), int(found[2])


def parse_fps(text: str) -> float:
    """Read a number of frames per second. Raises ValueError with a sentence."""
    return _positive(text, "the number of frames per second", "a number such as 30")


def parse_speed(text: str) -> float:
    """Read a speed in frame widths. Raises ValueError with a sentence."""
    return _positive(text, "the speed", "frame widths a second such as 0.25")


def parse_seconds(text: str) -> float:
    """Read a length of time. Raises ValueError with a sentence."""
    return _positive(text, "the length of the film", "seconds such as 20")


def _positive(text: str, name: str, expected: str) -> float:
    return parse_number(text, name, expected, sys.float_info.min, 1e9)
