"""Tiles of the Web Mercator grid: validated addresses and the arithmetic between them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from generator.grid.errors import TileError

TILE_SIZE = 256
SCALE = 4
"""A stage's child has SCALE times its parent's pixels on each side."""
BASE_ZOOM = 5
MAX_ZOOM = 17
"""The finest zoom that weights may serve, and tiles may have an address at."""
STAGE_ZOOMS = (7, 9, 11, 13, 15, 17)
"""Zooms of the stages that weights may have; those with fewer serve the first of them."""
COMMON_STAGE_ZOOMS = STAGE_ZOOMS[:5]
"""Those of the stages that all weights have: 7 to 15."""
STAGE_ZOOMS_LISTED = ", ".join(map(str, STAGE_ZOOMS))
"""The stages' zooms as messages name them."""

MAX_LATITUDE = math.degrees(math.atan(math.sinh(math.pi)))
"""Latitude of the upper edge of the map in degrees."""

EQUATOR_RESOLUTION = 2 * math.pi * 6378137 / TILE_SIZE
"""Ground metres per pixel at the equator of zoom 0: 156,543.034, on the sphere of Web Mercator."""

Kind = Literal["base map", "stage", "average"]

_SNAP = 1e-6
"""A box edge this close to a tile's edge (in tiles) lies on it: absorbs rounding of degrees."""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile; sorting puts parents before children. Raises TileError when off the map."""

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        """Refuse what is not a tile of zooms 0 to MAX_ZOOM."""
        for name, value in (("z", self.z), ("x", self.x), ("y", self.y)):
            if type(value) is not int:
                raise TileError(f"tile {name} is {value!r}, expected a whole number")
        if not 0 <= self.z <= MAX_ZOOM:
            raise TileError(f"zoom is {_shown(self.z)}, expected 0 to {MAX_ZOOM}")
        last = (1 << self.z) - 1
        for name, value in (("x", self.x), ("y", self.y)):
            if not 0 <= value <= last:
                raise TileError(
                    f"tile {name} is {_shown(value)}, expected 0 to {last} at zoom {self.z}"
                )

    def __str__(self) -> str:
        """Return the address as it stands in a URL: z/x/y."""
        return f"{self.z}/{self.x}/{self.y}"

    @property
    def kind(self) -> Kind:
        """Say how the tile is made: base map, a network stage, or the average of its children.

        A base map that is served beyond BASE_ZOOM is not considered: see `kind_at`.
        """
        return kind_at(self.z)

    @property
    def stage(self) -> int | Literal["base map", "average"]:
        """Return the stage zoom that makes the tile, or "base map" or "average"."""
        kind = self.kind
        return self.z if kind == "stage" else kind

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Return (west, south, east, north) in degrees."""
        span = 360.0 / (1 << self.z)
        return (
            self.x * span - 180.0,
            latitude_of(self.y + 1, 1 << self.z),
            (self.x + 1) * span - 180.0,
            latitude_of(self.y, 1 << self.z),
        )

    @property
    def latitude(self) -> float:
        """Return the latitude of the tile's centre on the map, in degrees."""
        return latitude_of(self.y + 0.5, 1 << self.z)

    @property
    def ground_resolution(self) -> float:
        """Return the metres of ground per pixel at the tile's centre."""
        return EQUATOR_RESOLUTION * math.cos(math.radians(self.latitude)) / (1 << self.z)

    def parent(self, levels: int = 1) -> "Tile":
        """Return the tile `levels` zooms up that covers this one. Raises TileError above zoom 0."""
        if not 0 <= levels <= self.z:
            raise TileError(
                f"tile {self} has no ancestor {levels} zooms up, expected 0 to {self.z}"
            )
        return Tile(self.z - levels, self.x >> levels, self.y >> levels)

    def children(self) -> tuple["Tile", "Tile", "Tile", "Tile"]:
        """Return the four tiles one zoom down: NW, NE, SW, SE. Raises TileError at MAX_ZOOM."""
        if self.z == MAX_ZOOM:
            raise TileError(f"tile {self} has no children, expected a zoom below {MAX_ZOOM}")
        z, x, y = self.z + 1, 2 * self.x, 2 * self.y
        return (Tile(z, x, y), Tile(z, x + 1, y), Tile(z, x, y + 1), Tile(z, x + 1, y + 1))


def kind_at(zoom: int, base_zoom: int = BASE_ZOOM) -> Kind:
    """Say how tiles of a zoom are made over a base map that serves the zooms up to base_zoom."""
    if zoom <= base_zoom:
        return "base map"
    return "stage" if zoom in STAGE_ZOOMS else "average"


def tiles_in_bbox(
    west: float, south: float, east: float, north: float, zoom: int
) -> Iterator[Tile]:
    """Yield each tile of `zoom` that meets the box once, row by row from the north-west.

    Degrees; west > east crosses the dateline; what lies beyond the map's edge near the poles is
    cut off. A box without area gives the tiles that hold it. Raises TileError at once.
    """
    columns, rows = span_in_bbox(west, south, east, north, zoom)
    return (Tile(zoom, x, y) for y in rows for x in columns)


def span_in_bbox(
    west: float, south: float, east: float, north: float, zoom: int
) -> tuple[Sequence[int], range]:
    """Return the columns and rows of `zoom` that meet the box, as `tiles_in_bbox` yields them."""
    _check_box(west, south, east, north)
    size = 1 << Tile(zoom, 0, 0).z
    if south > MAX_LATITUDE or north < -MAX_LATITUDE:
        return range(0), range(0)
    rows = _cells(row_of(north, size), row_of(south, size), size)
    # The dateline belongs to the side that the box lies on.
    if west == 180.0 and east < 180.0:
        west = -180.0
    if east == -180.0 and west > -180.0:
        east = 180.0
    left, right = (west + 180.0) / 360.0 * size, (east + 180.0) / 360.0 * size
    if west <= east:
        return _cells(left, right, size), rows
    # A box across the dateline is two runs of columns.
    before, after = _cells(left, size, size), _cells(0.0, right, size)
    if after.stop >= before.start:
        return range(size), rows
    return (*before, *after), rows


def _check_box(west: float, south: float, east: float, north: float) -> None:
    for name, value, limit in (
        ("west", west, 180),
        ("south", south, 90),
        ("east", east, 180),
        ("north", north, 90),
    ):
        if not -limit <= value <= limit:
            raise TileError(f"{name} is {value:g} degrees, expected -{limit} to {limit}")
    if south > north:
        raise TileError(
            f"south is {south:g} and north is {north:g}, expected south not above north"
        )


def tile_at(longitude: float, latitude: float, zoom: int) -> Tile:
    """Return the tile of `zoom` that holds a place in degrees."""
    return Tile(zoom, *cell_at(longitude, latitude, 1 << zoom))


def cell_at(longitude: float, latitude: float, size: int) -> tuple[int, int]:
    """Return column and row of the cell that holds a place, on a map of `size` x `size` cells.

    Degrees; longitudes go on round the Earth, latitudes beyond the map's edge lie at it.
    """
    column = math.floor((longitude + 180.0) / 360.0 * size) % size
    return column, min(max(math.floor(row_of(latitude, size)), 0), size - 1)


def row_of(latitude: float, size: int) -> float:
    """Return the fractional row of a latitude on a map `size` tiles high."""
    clipped = max(-MAX_LATITUDE, min(MAX_LATITUDE, latitude))
    return (0.5 - math.asinh(math.tan(math.radians(clipped))) / (2.0 * math.pi)) * size


def latitude_of(row: float, size: int) -> float:
    """Return the latitude of a fractional row of a map `size` tiles high, in degrees."""
    return math.degrees(math.atan(math.sinh(math.pi * (1.0 - 2.0 * row / size))))


def _cells(low: float, high: float, size: int) -> range:
    """Return the cells of [0, size) that the interval meets, at least one."""
    first = min(max(math.floor(low + _SNAP), 0), size - 1)
    last = min(max(math.ceil(high - _SNAP) - 1, first), size - 1)
    return range(first, last + 1)


def _shown(value: int) -> str:
    """Return the number in full unless it is absurdly long."""
    return str(value) if abs(value) < 10**24 else "a number of more than 24 digits"
