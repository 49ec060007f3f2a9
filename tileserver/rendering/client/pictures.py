"""Pictures of any piece of the map, put together from tiles; made anew for each who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from generator.grid.tile import TILE_SIZE, Tile
from tileserver.encode import compress, decode_png
from tileserver.errors import UnavailableError
from tileserver.regions.view import View
from tileserver.rendering.engine.jobs import Ask

if TYPE_CHECKING:
    from tileserver.rendering.client.service import TileService

BACKLOG = 16
"""Pictures that may wait for being drawn; a request for one more is turned away."""


class Pictures:
    """Draws views of a service's tiles; used on the event loop, draws on one thread."""

    def __init__(self, service: TileService) -> None:
        self.service = service
        self._drawers = ThreadPoolExecutor(1, "pictures")
        self._waiting = 0
        self._closed = False

    async def make(self, seed: int, view: View, format: str, ask: Ask) -> bytes:
        """Return a view as a picture; the tiles that it lacks are made first.

        What was made is kept when the picture as a whole takes longer than a request is held, so
        that asking again goes on from there. Raises as `TileService.make` does.
        """
        hold = self.service.settings.hold_seconds
        tiles = view.tiles()
        try:
            async with asyncio.timeout(hold):
                masters = await self.service.collect(seed, tiles, ask)
        except TimeoutError:
            raise UnavailableError(
                f"the {len(tiles)} tiles of the picture were not made within {hold:g} s; try again "
                "soon, what was made is kept"
            ) from None
        if self._closed:
            raise UnavailableError("the server is stopping")
        if self._waiting >= BACKLOG:
            raise UnavailableError(
                f"{self._waiting} pictures are waiting to be drawn, which is as many as may wait; "
                "try again soon"
            )
        self._waiting += 1
        try:
            pngs = dict(zip(tiles, masters, strict=True))
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._drawers, draw, view, pngs, format)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop; a second call does nothing."""
        self._closed = True
        self._drawers.shutdown(cancel_futures=True)


def draw(view: View, pngs: Mapping[Tile, bytes], format: str) -> bytes:
    """Return a view as a picture: black above and below the map.

    pngs: each tile of the view. format: png, webp or jpeg. Raises ValueError if one is damaged.
    """
    columns, rows = view.columns, view.rows
    ground = np.zeros((len(rows) * TILE_SIZE, len(columns) * TILE_SIZE, 3), np.uint8)
    pixels = {tile: decode_png(png) for tile, png in pngs.items()}
    # Lay out the tiles; a world narrower than the view stands there more than once.
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            if (tile := view.tile(column, row)) is not None:
                place = np.s_[
                    y * TILE_SIZE : (y + 1) * TILE_SIZE, x * TILE_SIZE : (x + 1) * TILE_SIZE
                ]
                ground[place] = pixels[tile]
    # Cut the view out; between two zooms and beyond the last one it is resampled.
    left, top = view.left - columns.start * TILE_SIZE, view.top - rows.start * TILE_SIZE
    if view.step == 1:
        below, beside = ground[int(top) :], int(left)
        return compress(below[: view.height, beside : beside + view.width], format)
    box = (left, top, left + view.step * view.width, top + view.step * view.height)
    size = (view.width, view.height)
    shown = Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC, box)
    return compress(np.asarray(shown), format)
