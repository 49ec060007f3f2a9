"""What `elsewhere render` can be given."""

from __future__ import annotations

import re

from generator.grid.tile import MAX_ZOOM
from tileserver.commands.flags import (
    Parser,
    nice,
    option,
    parse_metres,
    parse_number,
    parse_tile,
    parse_whole,
    switch,
)

MOST_PIXELS = 200_000
"""Along a picture's side."""


def render(sub: Parser) -> None:
    """Add what only `render` can be given."""
    option(sub, "tile", "Z/X/Y", "which tile, unless --center is given", parse_tile, nargs="?")
    text = "picture to write (.png, .jpg or .tif); for a tile also -, PNG on standard output"
    sub.add_argument("-o", "--output", metavar="FILE", required=True, help=text)
    text = "middle of a picture in any reference system, in degrees"
    option(sub, "--center", "LAT,LON", text, parse_place)
    text = "side of a pixel of that picture, in metres of its reference system"
    option(sub, "--gsd", "METRES", text, parse_metres)
    text = "its pixels (default 1024x1024)"
    option(sub, "--size", "WxH", text, parse_size, default=(1024, 1024))
    text = (
        "its reference system, projected: a code such as EPSG:3035, or any text that PROJ "
        "reads (default: the UTM zone of the middle)"
    )
    option(sub, "--crs", "CODE", text)
    text = (
        "zoom to draw it from, also a coarser one, which is enlarged then (default: the "
        "coarsest that is as fine as the picture)"
    )
    option(sub, "--zoom", "N", text, parse_zoom)
    switch(sub, "--no-cache", "neither read nor store tiles")
    nice(sub)


def parse_place(text: str) -> tuple[float, float]:
    """Read 'LAT,LON' as longitude and latitude. Raises ValueError with a sentence."""
    parts = text.split(",")
    if len(parts) != 2:
        raise ValueError(f"the place is {text.strip()!r}, expected LAT,LON such as 46.5,7.6")
    latitude = parse_number(parts[0], "the latitude", "-90 to 90", -90, 90)
    longitude = parse_number(parts[1], "the longitude", "-180 to 180", -180, 180)
    return longitude, latitude


def parse_size(text: str) -> tuple[int, int]:
    """Read '2048x1024'. Raises ValueError with a sentence."""
    found = re.fullmatch(r"([0-9]{1,9})[x×]([0-9]{1,9})", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(1 <= side <= MOST_PIXELS for side in sides):
        raise ValueError(
            f"the size is {text!r}, expected width and height of 1 to {MOST_PIXELS} pixels such as "
            "2048x1024"
        )
    return sides


def parse_zoom(text: str) -> int:
    """Read a zoom. Raises ValueError with a sentence."""
    return parse_whole(text, "the zoom", 0, MAX_ZOOM)
