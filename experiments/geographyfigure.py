"""Places at several zooms side by side, without geography above and with it below."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from experiments.geographyplaces import WITH, WITHOUT, WorldPair
from generator.grid.pixels import Pixels
from generator.grid.tile import STAGE_ZOOMS, TILE_SIZE, Tile, row_of
from training.measure.figures import save_small
from training.progress import track

ZOOMS = STAGE_ZOOMS[:4]
_HEIGHT, _LABEL, _GAP = 152, 16, 6

_LIMIT = 250_000
"""Bytes that the figure may have."""


@dataclass(frozen=True, slots=True)
class View:
    """A place by what is seen there; longitude and latitude in degrees."""

    name: str
    longitude: float
    latitude: float

    def at(self, zoom: int) -> tuple[Tile, int]:
        """Return the tile that holds it, and the first row of the part that is shown."""
        size = 1 << zoom
        column, row = (self.longitude + 180) / 360 * size, row_of(self.latitude, size)
        middle = int(row % 1 * TILE_SIZE)
        first = min(max(middle - _HEIGHT // 2, 0), TILE_SIZE - _HEIGHT)
        return Tile(zoom, int(column), int(row)), first


VIEWS = (
    View("jagged coast: Maine", -68.4448, 44.3553),
    View("river: Mississippi", -91.157, 33.5809),
    View("archipelago: Dalmatia", 15.35, 43.93),
    View("lakes: Saimaa", 28.4546, 61.3651),
    View("fields: Ukraine", 35.0, 49.0),
)


def draw(worlds: WorldPair, path: Path, views: tuple[View, ...] = VIEWS) -> Path:
    """Write two rows for each place, zooms 7 to 13 in columns, at 100 %; returns the path."""
    step = _LABEL + 2 * _HEIGHT + _GAP
    board = Image.new("RGB", (len(ZOOMS) * TILE_SIZE, len(views) * step - _GAP), "white")
    pen = ImageDraw.Draw(board)
    for number, view in enumerate(track(views, "figure: places")):
        top = number * step
        parts = dict(view.at(zoom) for zoom in ZOOMS)
        for world, tile, pixels in worlds.tiles(list(parts)):
            x = ZOOMS.index(tile.z) * TILE_SIZE
            y = top + _LABEL + (world == WITH) * _HEIGHT
            board.paste(Image.fromarray(_part(pixels, parts[tile])), (x, y))
        for column, zoom in enumerate(ZOOMS):
            text = f"{view.name}, zoom {zoom}" if column == 0 else f"zoom {zoom}"
            pen.text((column * TILE_SIZE + 4, top + 2), text, fill="#444")
        for world, y in ((WITHOUT, top + _LABEL), (WITH, top + _LABEL + _HEIGHT)):
            told = "without geography" if world == WITHOUT else "with geography"
            pen.text((5, y + 3), told, fill="white", stroke_width=1, stroke_fill="black")
    return save_small(np.asarray(board), path, _LIMIT)


def _part(pixels: Pixels, first: int) -> Pixels:
    return np.ascontiguousarray(pixels[first : first + _HEIGHT])
