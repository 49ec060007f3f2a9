"""Addresses of tiles: the path (and version) of a request to seed, tile and encoding, and back.

Under each world's prefix (`/SEED`, none for the server's own world) stand `/{z}/{x}/{y}.png`,
`.webp`, `.jpg` and `.jpeg`, with `@2x` before the extension for 512 pixels; `/tms/{z}/{x}/{y}.png`
and so on count rows from the south. `?v=` names the world's version; other parameters mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from generator.grid.errors import TileError
from generator.grid.tile import MAX_ZOOM, Tile
from tileserver.encoding import DOUBLE, ENCODINGS, EXTENSIONS, Encoding
from tileserver.errors import BadRequestError, shortened
from tileserver.settings import MAX_SEED

VERSION_DIGITS = 12
"""Hexadecimal digits of a world's fingerprint that a versioned address carries."""

LONGEST = 128
"""Bytes of a target above which it is not plain."""

_TARGET = re.compile(
    rb"(?:/([0-9]{1,20}))?(/tms)?/([0-9]{1,2})/([0-9]{1,6})/([0-9]{1,6})(@2x)?\.(png|webp|jpe?g)"
    rb"(?:\?([!-~]*))?"
)
_VERSION = re.compile(rb"(?:^|&)v=([0-9a-f]{12})(?:&|$)")
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_SEED = re.compile(r"[0-9]{1,20}", re.ASCII)


class TileAddress(NamedTuple):
    """What a request for a tile asks for.

    seed: None for the server's own world. version: what `?v=` says, or empty.
    """

    seed: int | None
    tile: Tile
    encoding: Encoding
    version: bytes = b""


def version_of(world: bytes) -> str:
    """Return what `?v=` says in an address whose picture never changes."""
    return world.hex()[:VERSION_DIGITS]


def match_address(target: bytes) -> TileAddress | None:
    """Read a request's target in a microsecond; None for all that is no plain tile's address."""
    found = _TARGET.fullmatch(target) if len(target) <= LONGEST else None
    if found is None:
        return None
    seed, flipped, z, x, y, double, extension, query = found.groups()
    zoom, column, row = int(z), int(x), int(y)
    last = (1 << zoom) - 1
    if zoom > MAX_ZOOM or column > last or row > last:
        return None
    number = None if seed is None else int(seed)
    if number is not None and number > MAX_SEED:
        return None
    tile = Tile(zoom, column, last - row if flipped else row)
    encoding = ENCODINGS[extension.decode(), 2 if double else 1]
    return TileAddress(number, tile, encoding, _version(query) if query else b"")


def parse_address(
    params: Mapping[str, str],
    query: bytes = b"",
    flipped: bool = False,
    max_zoom: int = MAX_ZOOM,
) -> TileAddress:
    """Read the parts of a path: z, x, y with what follows it, and perhaps seed.

    flipped: whether rows count from the south. max_zoom: the finest of the worlds. Raises
    BadRequestError for text that is no address, TileError for a tile that no world has.
    """
    seed = parse_seed(params["seed"]) if "seed" in params else None
    row, _, extension = params["y"].partition(".")
    double = row.endswith(DOUBLE)
    encoding = ENCODINGS.get((extension, 2 if double else 1))
    if encoding is None:
        given = f"the extension .{shortened(extension, 40)}" if extension else "no extension"
        known = ", ".join("." + name for name in EXTENSIONS)
        raise BadRequestError(
            f"the address has {given}, expected /z/x/y.png or /seed/z/x/y.png, or one of {known}"
        )
    z, x = _parse_whole("zoom", params["z"]), _parse_whole("x", params["x"])
    y = _parse_whole("y", row.removesuffix(DOUBLE))
    if z > max_zoom:
        raise TileError(f"zoom is {z}, expected 0 to {max_zoom}")
    if flipped and z >= 0:
        y = (1 << z) - 1 - y
    return TileAddress(seed, Tile(z, x, y), encoding, _version(query))


def parse_seed(text: str) -> int:
    """Read the seed in a path. Raises BadRequestError."""
    if not _SEED.fullmatch(text) or int(text) > MAX_SEED:
        raise BadRequestError(f"the seed is '{shortened(text, 40)}', expected 0 to {MAX_SEED}")
    return int(text)


def _version(query: bytes) -> bytes:
    found = _VERSION.search(query)
    return found[1] if found else b""


def _parse_whole(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise BadRequestError(
            f"the {name} of the tile is '{shortened(text, 40)}', expected a whole number "
            "of at most 18 digits"
        )
    return int(text)
