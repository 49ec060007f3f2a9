"""Pictures of any piece of the map, put together from tiles; made anew for each who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from generator.grid.tile import Tile
from tileserver.encode import compress, decode_png
from tileserver.errors import UnavailableError
from tileserver.regions.view import MapView
from tileserver.rendering.request import RequestOptions

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

    async def render(
        self, seed: int, view: MapView, format: str, options: RequestOptions, credit: str
    ) -> bytes:
        """Return a view as a picture; the tiles that it lacks are made first.

        credit: whom the picture says to name.

        What was made is kept when the picture as a whole takes longer than a request is held, so
        that asking again goes on from there. Raises as `TileService.render` does.
        """
        hold = self.service.settings.hold_seconds
        tiles = view.window.tiles()
        try:
            async with asyncio.timeout(hold):
                masters = await self.service.collect(seed, tiles, options)
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
            return await loop.run_in_executor(self._drawers, draw, view, pngs, format, credit)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop; a second call does nothing."""
        self._closed = True
        self._drawers.shutdown(cancel_futures=True)


def draw(view: MapView, pngs: Mapping[Tile, bytes], format: str, credit: str) -> bytes:
    """Return a view as a picture: black above and below the map.

    pngs: each tile of the view. format: png, webp or jpeg. Raises ValueError if one is damaged.
    """
    pixels = {tile: decode_png(png) for tile, png in pngs.items()}
    shown = view.window.picture((view.width, view.height), pixels.__getitem__)
    return compress(shown, format, credit)
