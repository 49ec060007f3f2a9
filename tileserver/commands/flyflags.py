"""What `elsewhere fly` can be given."""

from __future__ import annotations

import re
import sys

from tileserver.commands.flags import Parser, force, nice, option, parse_number, switch, yes
from tileserver.flying.flight import SPEED


def fly(sub: Parser) -> None:
    """Add what only `fly` can be given."""
    text = "'lat,lon lat,lon ...' in degrees, or a GeoJSON file of a line"
    option(sub, "path", "PATH", text)
    text = "film to write: .mp4, .webp, or the name of a folder for PNG pictures"
    sub.add_argument("-o", "--output", metavar="FILE", required=True, help=text)
    text = (
        "height above ground, as wide as the ground in the frame: 40km, or several, evenly "
        "spread over the film: 400km:3km:400km"
    )
    option(sub, "--altitude", "A[:B...]", text, required=True)
    option(sub, "--fps", "N", "frames a second (default 30)", parse_fps, default=30.0)
    yes(sub)
    length = sub.add_mutually_exclusive_group()
    text = f"frame widths that the picture moves in a second (default {SPEED:g})"
    option(length, "--speed", "W", text, parse_speed, default=SPEED)
    option(length, "--seconds", "S", "length of the film instead", parse_seconds)
    text = "of the frames in pixels (default 1280x720)"
    option(sub, "--size", "WxH", text, parse_size, default=(1280, 720))
    switch(sub, "--dry-run", "only say how many tiles, frames, bytes and hours")
    force(sub, "FILE")
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
