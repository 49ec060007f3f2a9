"""How a tile may be written: picture format and size, with what HTTP and the cache call each."""

from __future__ import annotations

from enum import Enum

from generator.grid.tile import TILE_SIZE

EXTENSIONS = {"png": "png", "webp": "webp", "jpg": "jpeg", "jpeg": "jpeg"}
"""Extension in an address to picture format."""

DOUBLE = "@2x"
"""What stands before the extension of a picture with twice the pixels."""


class Encoding(Enum):
    """A picture format at a scale; scale 2 has 512 x 512 pixels for the same piece of ground.

    variant: its number in the cache, 0 for the master that the others are made from. A number
    stands for exact bytes: when an encoder changes, it gets a new one.
    """

    PNG = (0, "png", 1)
    WEBP = (1, "webp", 1)
    JPEG = (2, "jpeg", 1)
    PNG_2X = (16, "png", 2)
    WEBP_2X = (17, "webp", 2)
    JPEG_2X = (18, "jpeg", 2)

    def __init__(self, variant: int, format: str, scale: int) -> None:
        self.variant = variant
        self.format = format
        self.scale = scale
        self.media_type = f"image/{format}"
        self.size = TILE_SIZE * scale


ENCODINGS = {
    (extension, encoding.scale): encoding
    for extension, format in EXTENSIONS.items()
    for encoding in Encoding
    if encoding.format == format
}
"""Extension in an address and scale to encoding."""
