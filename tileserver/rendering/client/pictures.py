"""Pictures of any piece of the map, put together from tiles; made anew for each who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeVar

from generator.grid.pixels import Pixels, Read
from generator.grid.tile import Tile
from tileserver.encode import decode_png
from tileserver.errors import UnavailableError
from tileserver.rendering.client.pictureroom import PictureRoom
from tileserver.rendering.request import RequestOptions

if TYPE_CHECKING:
    from tileserver.rendering.client.service import TileService

Placed = TypeVar("Placed")

DRAW_SECONDS = 30.0
"""How long a request waits for its picture to be drawn once its tiles are there."""


class Drawable(Protocol):
    """What can be drawn from tiles."""

    def tiles(self) -> tuple[Tile, ...]:
        """Return the tiles that it needs, each once."""

    def picture(self, read: Read) -> Pixels:
        """Return its pixels, uint8 [height, width, 3], or 4 with alpha."""


class Pictures:
    """Draws views of a service's tiles; used on the event loop, each step on one thread."""

    def __init__(self, service: TileService) -> None:
        self.service = service
        self._placers = ThreadPoolExecutor(1, "places")
        self._drawers = ThreadPoolExecutor(1, "pictures")
        self._room = PictureRoom(service.settings.budget)
        self._closed = False

    async def render(
        self,
        seed: int,
        view: Drawable,
        encode: Callable[[Pixels], bytes],
        options: RequestOptions,
    ) -> bytes:
        """Return a view as a picture; the tiles that it lacks are made first.

        encode: writes the pixels.

        What was made is kept when the picture as a whole takes longer than a request is held, so
        that asking again goes on from there. Raises as `TileService.render` does.
        """
        tiles = view.tiles()
        with self._room.entered(len(tiles), options):
            masters = await self._collect(seed, tiles, options)
            if self._closed:
                raise UnavailableError("the server is stopping")
            self._room.charge(len(tiles), options)
            return await self._draw(view, dict(zip(tiles, masters, strict=True)), encode)

    async def place(self, find: Callable[[], Placed], options: RequestOptions) -> Placed:
        """Return what `find` does, on a thread: which picture is meant can take 0.2 s to say.

        Its client pays for it as for a picture of one tile. Raises what `find` does,
        UnavailableError and BudgetError.
        """
        with self._room.entered(0, options):
            if self._closed:
                raise UnavailableError("the server is stopping")
            self._room.charge(1, options)
            return await asyncio.get_running_loop().run_in_executor(self._placers, find)

    def close(self) -> None:
        """Stop; a second call does nothing."""
        self._closed = True
        for executor in (self._placers, self._drawers):
            executor.shutdown(cancel_futures=True)

    async def _collect(
        self, seed: int, tiles: Sequence[Tile], options: RequestOptions
    ) -> list[bytes]:
        hold = self.service.settings.hold_seconds
        try:
            async with asyncio.timeout(hold):
                return await self.service.collect(seed, tiles, options)
        except TimeoutError:
            raise UnavailableError(
                f"the {len(tiles)} tiles of the picture were not made within {hold:g} s; try again "
                "soon, what was made is kept"
            ) from None

    async def _draw(
        self, view: Drawable, pngs: Mapping[Tile, bytes], encode: Callable[[Pixels], bytes]
    ) -> bytes:
        try:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(DRAW_SECONDS):
                return await loop.run_in_executor(self._drawers, draw, view, pngs, encode)
        except TimeoutError:
            raise UnavailableError(
                f"the picture was not drawn within {DRAW_SECONDS:g} s, others come before it; try "
                "again soon"
            ) from None


def draw(view: Drawable, pngs: Mapping[Tile, bytes], encode: Callable[[Pixels], bytes]) -> bytes:
    """Return a view as a picture.

    pngs: each tile of the view. encode: writes the pixels. Raises ValueError if one is damaged.
    """
    pixels = {tile: decode_png(png) for tile, png in pngs.items()}
    return encode(view.picture(pixels.__getitem__))
