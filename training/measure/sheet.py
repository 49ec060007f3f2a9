"""Contact sheets: places down, zooms across, straight from the cascade."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from generator.cascade.cascade import Cascade
from generator.grid.pixels import Pixels
from generator.grid.tile import BASE_ZOOM, TILE_SIZE, Tile, cell_at
from training.measure.figures import save_small
from training.measure.sites import LAND
from training.progress import track


@dataclass(frozen=True, slots=True)
class Place:
    """A named point, degrees."""

    name: str
    lat: float
    lon: float


PLACES = (
    Place("city: Tokyo", 35.68, 139.60),
    Place("town: Chartres", 48.45, 1.48),
    Place("farmland: Iowa", 42.00, -93.60),
    Place("farmland: Punjab", 30.60, 75.50),
    Place("farmland: Pampas", -34.50, -61.00),
    Place("rice: Mekong", 10.25, 105.70),
    Place("delta: Nile", 31.40, 30.40),
    Place("fjords: Norway", 61.15, 6.70),
    Place("coast: Brittany", 48.65, -3.90),
    Place("islands: Aegean", 37.05, 25.20),
    Place("river in forest: Amazon", -3.35, -60.10),
    Place("savanna: Serengeti", -2.50, 34.90),
    Place("desert: Namib", -24.50, 15.20),
    Place("mountains: Alps", 46.20, 8.30),
    Place("ice edge: Greenland", 69.20, -50.40),
    Place("tundra: Yamal", 70.00, 70.00),
)
MOST = 50
"""Places of a sheet at most."""
_LABEL = 18
_APART = 0.6
"""Degrees from a named place within which a site is left out."""


def read_place(text: str) -> Place:
    """Read 'name=latitude,longitude'; raises ValueError for anything else."""
    name, _, where = text.rpartition("=")
    lat, lon = map(float, where.split(","))
    if not (abs(lat) <= 85 and abs(lon) <= 180):
        raise ValueError(text)
    return Place(name, lat, lon)


def places_of(count: int) -> tuple[Place, ...]:
    """Return the named places, then sites on land, named by latitude and longitude."""
    further = (Place(f"{site.lat:.2f}, {site.lon:.2f}", site.lat, site.lon) for site in LAND)
    new = [p for p in further if not any(_near(p, known) for known in PLACES)]
    return (*PLACES, *new)[:count]


def _near(first: Place, second: Place) -> bool:
    return max(abs(first.lat - second.lat), abs(first.lon - second.lon)) < _APART


def sheet(
    cascade: Cascade,
    seed: int,
    path: Path,
    places: tuple[Place, ...] = PLACES,
    size: int = 256,
    *,
    zooms: tuple[int, ...] = (),
    limit: int | None = None,
) -> None:
    """Write one row per place, one tile per zoom, cut to `size` pixels (256 = whole).

    zooms: none for those of the base map and of every stage. limit: bytes that the picture, then
    WebP, may have.
    """
    zooms = zooms or (BASE_ZOOM, *cascade.sampler.zooms)
    canvas = Image.new("RGB", (len(zooms) * size, len(places) * (size + _LABEL)), "white")
    draw = ImageDraw.Draw(canvas)
    for row, place in enumerate(track(places, "places")):
        top = row * (size + _LABEL)
        store: dict[Tile, Pixels] = {}
        for column, zoom in enumerate(zooms):
            pixels = centred(cascade, seed, place, zoom, store)
            edge = (TILE_SIZE - size) // 2
            cut = pixels[edge : edge + size, edge : edge + size]
            canvas.paste(Image.fromarray(cut), (column * size, top + _LABEL))
            draw.text((column * size + 4, top + 3), f"z{zoom}", fill="#666")
        draw.text((30, top + 3), place.name, fill="black")
    if limit is not None:
        save_small(np.asarray(canvas), path, limit)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path, quality=88)


def centred(
    cascade: Cascade, seed: int, place: Place, zoom: int, store: dict[Tile, Pixels]
) -> Pixels:
    """Return 256 x 256 pixels round a place at one zoom, cut from up to four tiles.

    store: tiles that are made already; those made here are added.
    """
    x, y = cell_at(place.lon, place.lat, TILE_SIZE << zoom)
    left, top = x - TILE_SIZE // 2, y - TILE_SIZE // 2
    tiles = 2**zoom
    first_x, first_y = left // TILE_SIZE, top // TILE_SIZE
    block = np.vstack(
        [
            np.hstack(
                [
                    cascade.render(seed, Tile(zoom, (first_x + i) % tiles, first_y + j), store)
                    for i in (0, 1)
                ]
            )
            for j in (0, 1)
        ]
    )
    y0, x0 = top - first_y * TILE_SIZE, left - first_x * TILE_SIZE
    return block[y0 : y0 + TILE_SIZE, x0 : x0 + TILE_SIZE]
