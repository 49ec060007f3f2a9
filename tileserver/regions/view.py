"""A view of the map: which piece of it a picture shows, at which scale, and the tiles it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from generator.grid.pixels import Pixels, Read
from generator.grid.tile import MAX_ZOOM, TILE_SIZE, Tile, row_of
from tileserver.errors import BadRequestError
from tileserver.regions.region import Box
from tileserver.regions.tilewindow import TileWindow

MAX_SIDE = 2048
"""Most pixels of a picture's side, at double scale too."""

_EXACT = 1e-9
"""A scale this close to a zoom's (in zooms) is the zoom's: absorbs rounding of logarithms."""


@dataclass(frozen=True, slots=True)
class MapView:
    """A rectangle of pixels of a zoom, drawn as a picture of width x height pixels.

    left, top: its corner in the zoom's pixels; beyond the map's edges at the sides the map begins
    anew, above and below there is nothing. step: the zoom's pixels per pixel of the picture, from 1
    to below 2; more only at zoom 0, less only at the finest, whose tiles are then enlarged. Where
    it is 1, the corner is a whole number, and the picture has the tiles' own pixels.
    """

    zoom: int
    left: float
    top: float
    step: float
    width: int
    height: int

    @classmethod
    def centred(
        cls,
        place: tuple[float, float],
        zoom: float,
        size: tuple[int, int],
        scale: int = 1,
        max_zoom: int = MAX_ZOOM,
    ) -> MapView:
        """Return the view about a longitude and latitude that has a zoom's scale.

        zoom: 0 to max_zoom, the finest that there is, also between two. size: width and height;
        scale: 2 for twice the pixels of the same piece. Raises BadRequestError.
        """
        longitude, latitude = place
        _check("the longitude", longitude, -180, 180)
        _check("the latitude", latitude, -90, 90)
        _check("the zoom", zoom, 0, max_zoom)
        centre = ((longitude + 180) / 360, row_of(latitude, 1))
        return cls._about(centre, zoom, _sides(size, scale), (scale, max_zoom))

    @classmethod
    def fitted(
        cls, box: Box, size: tuple[int, int], scale: int = 1, max_zoom: int = MAX_ZOOM
    ) -> MapView:
        """Return the view that shows all of a box, as large as it fits, in the middle.

        A box smaller than the picture at max_zoom, the finest that there is, is shown at that zoom.
        box: west > east crosses the dateline. Raises BadRequestError.
        """
        west, south, east, north = box
        for name, value in (("west", west), ("east", east)):
            _check(f"the {name} of the box", value, -180, 180)
        for name, value in (("south", south), ("north", north)):
            _check(f"the {name} of the box", value, -90, 90)
        if south > north:
            raise BadRequestError(
                f"the box reaches from {south:g} to {north:g} degrees of latitude, expected west, "
                "south, east, north"
            )
        sides = _sides(size, scale)
        left, right = (west + 180) / 360, (east + 360 * (west > east) + 180) / 360
        top, bottom = row_of(north, 1), row_of(south, 1)
        shares = [(right - left) * TILE_SIZE / size[0], (bottom - top) * TILE_SIZE / size[1]]
        zoom = -math.log2(max(*shares, 2.0**-max_zoom))
        centre = ((left + right) / 2, (top + bottom) / 2)
        return cls._about(centre, zoom, sides, (scale, max_zoom))

    @classmethod
    def _about(
        cls,
        centre: tuple[float, float],
        zoom: float,
        sides: tuple[int, int],
        scales: tuple[int, int],
    ) -> MapView:
        """Return the view about a place in shares of the map, in pixels of the nearest finer zoom.

        zoom: of the picture at scale 1; below 0 where a box is larger than the picture. scales: 1
        or 2, and the finest zoom.
        """
        scale, max_zoom = scales
        wanted = zoom + scale - 1
        source = min(max(math.ceil(wanted - _EXACT), 0), max_zoom)
        step = 2.0 ** (source - wanted)
        step = 1.0 if abs(source - wanted) < _EXACT else step
        if step * max(sides) > 2 * MAX_SIDE:
            raise BadRequestError(
                f"the box fits into {sides[0]}x{sides[1]} pixels only as a speck, expected a "
                "picture shaped more like it"
            )
        side = TILE_SIZE << source
        left, top = (
            at * side - step * pixels / 2 for at, pixels in zip(centre, sides, strict=True)
        )
        if step == 1:
            left, top = float(round(left)), float(round(top))
        return cls(source, left, top, step, *sides)

    def tiles(self) -> tuple[Tile, ...]:
        """Return the tiles that it shows, each once."""
        return self.window.tiles()

    def picture(self, read: Read) -> Pixels:
        """Return it as uint8 [height, width, 3], black above and below the map."""
        return self.window.picture((self.width, self.height), read)

    @property
    def window(self) -> TileWindow:
        """Return the tiles that it meets, not wrapped yet, and its place among them."""
        right, low = self.left + self.step * self.width, self.top + self.step * self.height
        return TileWindow.around(self.zoom, (self.left, self.top, right, low))


def _sides(size: tuple[int, int], scale: int) -> tuple[int, int]:
    """Return a picture's pixels. Raises BadRequestError if they are too many or none."""
    most = MAX_SIDE // scale
    if not all(1 <= side <= most for side in size):
        mark = "" if scale == 1 else f" at @{scale}x"
        raise BadRequestError(
            f"the picture is {_shown(size[0])}x{_shown(size[1])}{mark}, expected 1 to {most} "
            "pixels each way"
        )
    return size[0] * scale, size[1] * scale


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise BadRequestError(f"{name} is {value:g}, expected {low:g} to {high:g}")


def _shown(value: int) -> str:
    return str(value) if value < 10**9 else "10^9 or more"
