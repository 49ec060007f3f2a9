"""Sites over the globe where chains are measured: fifty on land, ten of low texture."""

from __future__ import annotations

from dataclasses import dataclass

from generator.grid.tile import Tile, tile_at


@dataclass(frozen=True, slots=True)
class Site:
    """A point in degrees; low_texture: sea, ice or sand, which hardly show more than a colour."""

    lat: float
    lon: float
    low_texture: bool = False

    def tile(self, zoom: int) -> Tile:
        """Return the tile of `zoom` that holds the point."""
        return tile_at(self.lon, self.lat, zoom)


_LAND = (
    (35.69, 139.70), (48.60, -3.90), (42.90, -8.50), (22.35, 114.15), (46.20, 8.30),
    (51.50, -0.10), (52.20, 19.40), (45.10, 10.00), (40.40, -3.70), (37.75, 15.00),
    (60.20, 25.10), (62.00, 90.00), (49.50, 68.00), (47.80, 107.00), (55.80, 49.10),
    (31.05, 31.20), (9.10, 7.40), (0.30, 32.60), (-1.30, 22.00), (-25.60, 29.50),
    (-18.90, 47.50), (9.00, 38.70), (28.60, 77.20), (23.80, 90.40), (27.90, 86.80),
    (30.60, 104.10), (13.80, 100.50), (-2.00, 113.50), (-6.20, 106.80), (14.60, 121.00),
    (-27.50, 152.90), (-33.00, 148.00), (-43.50, 171.00), (42.00, -93.60), (40.70, -74.00),
    (37.40, -122.10), (54.00, -114.00), (33.50, -91.00), (-5.30, -64.40), (-24.50, -54.00),
)  # fmt: skip
_FURTHER_LAND = (
    (-3.10, -60.00), (12.60, -8.00), (-17.80, 31.00), (33.40, -112.00), (19.40, -99.10),
    (-34.60, -58.50), (59.90, 10.80), (41.00, 29.00), (-8.80, 13.20), (64.80, -147.70),
)  # fmt: skip
_LOW_TEXTURE = (
    (5.00, -150.00), (-30.00, -20.00), (40.00, -40.00), (-15.00, 80.00), (35.50, 18.00),
    (72.30, -42.50), (-78.00, 60.00), (24.50, 9.00), (20.50, 51.00), (-24.00, 133.00),
)  # fmt: skip

SITES = tuple(Site(*point) for point in _LAND) + tuple(
    Site(*point, low_texture=True) for point in _LOW_TEXTURE
)
"""Cities, farmland, forest, mountains, steppe and coasts of all continents; then low texture."""

LAND = tuple(Site(*point) for point in (*_LAND, *_FURTHER_LAND))
"""Fifty places on land."""


def evenly_spread(count: int, sites: tuple[Site, ...]) -> tuple[Site, ...]:
    """Return `count` of the sites (all of them at most), evenly taken from the whole list."""
    count = min(count, len(sites))
    return tuple(sites[i * len(sites) // count] for i in range(count))
