"""What `elsewhere memory` can be given."""

from __future__ import annotations

import sys

from tileserver.commands.flags import Parser, force, option, parse_metres, parse_number, reading
from tileserver.regions.region import parse_bbox


def build(sub: Parser) -> None:
    """Add what only `memory build` can be given."""
    text = (
        "folder of pictures that GDAL reads or of XYZ tiles, a manifest.json, or a STAC "
        "catalogue (file or URL)"
    )
    option(sub, "imagery", "IMAGERY", text)
    _output(sub, "bank to write", required=True)
    text = "megapixels taken for each stage at most (default 40)"
    option(sub, "--budget", "MP", text, parse_megapixels, default=40.0)
    text = (
        "stages to serve, of 7, 9, 11, 13, 15, 17; 11 and 13 go together (default: all that "
        "the weights serve)"
    )
    option(sub, "--zooms", "A,B", text, parse_stages)
    option(
        sub, "--gsd", "METRES", "metres per pixel of images that do not say theirs", parse_metres
    )
    reading(sub)
    text = "images or sources to leave out, by name; may be given several times"
    option(sub, "--exclude", "GLOB", text, action="append", default=[])
    text = "classes of licences to take, as a manifest names them (default: all but copyleft)"
    option(sub, "--licences", "A,B", text)
    text = "of a STAC catalogue: the box in degrees to take imagery of"
    option(sub, "--bbox", "W,S,E,N", text, parse_bbox)
    text = "of a STAC catalogue: most cloud cover of an item (default 20)"
    sub.add_argument("--clouds", metavar="PERCENT", type=float, default=20.0, help=text)
    text = "of a STAC catalogue: most items that are taken (default 100)"
    sub.add_argument("--items", metavar="N", type=int, default=100, help=text)
    force(sub, "the bank")


def show(sub: Parser) -> None:
    """Add what only `memory show` can be given."""
    option(sub, "bank", "BANK", "file of a bank, or shipped for the weights' own")
    _output(sub, "sheet to write: a map and scenes, .png or .webp", required=False)


def parse_megapixels(text: str) -> float:
    """Read a number of megapixels. Raises ValueError with a sentence."""
    expected = "megapixels above 0, such as 40"
    return parse_number(text, "the budget", expected, sys.float_info.min, sys.float_info.max)


def parse_stages(text: str) -> tuple[int, ...]:
    """Read stages such as 11,15 as the zooms at which they choose. Raises ValueError."""
    from generator.memory.config import CHOSEN_AT  # other commands do without the memory's code

    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) in CHOSEN_AT for part in parts):
        known = ", ".join(map(str, CHOSEN_AT))
        raise ValueError(f"the stages are {text!r}, expected some of {known}")
    return tuple(sorted({CHOSEN_AT[int(part)] for part in parts}))


def _output(sub: Parser, text: str, *, required: bool) -> None:
    sub.add_argument("-o", "--output", metavar="FILE", required=required, help=text)
