"""Banks and pictures for tests: random smooth ground, and codes that say where they came from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.memory import Bank, Scene, describe_scene
from generator.memory.config import CHOSEN_AT, choosing_scale

ENCODER = "5" * 64
SEA = (12, 40, 70)


def ground(seed: int, height: int, width: int, cell: int = 8) -> Pixels:
    """Return smooth random ground with some sea, uint8 [height, width, 3]; whole numbers alone."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 200, (height // cell + 2, width // cell + 2, 4))
    y, x = np.arange(height), np.arange(width)
    (i, v), (j, u) = np.divmod(y, cell), np.divmod(x, cell)
    v, u = v[:, None, None], u[None, :, None]
    upper = coarse[i][:, j] * (cell - u) + coarse[i][:, j + 1] * u
    lower = coarse[i + 1][:, j] * (cell - u) + coarse[i + 1][:, j + 1] * u
    smooth = (upper * (cell - v) + lower * v) // cell**2
    land = smooth[..., :3] // 2 + random.integers(0, 24, (height, width, 1)) + 30
    pixels: Pixels = np.where(smooth[..., 3:] < 70, SEA, land).astype(np.uint8)
    return pixels


def synthetic_scene(seed: int, zoom: int = 11, side: int = 96, dimensions: int = 4) -> Scene:
    """Return a scene chosen at a zoom, side x side pixels of the choosing grid, codes -3 to 3."""
    random = np.random.default_rng(seed)
    descriptors, gates, valid = describe_scene(ground(seed, side, side), None, float(seed % 70))
    codes = {
        shown: random.integers(
            -3, 4, (side * choosing_scale(shown), side * choosing_scale(shown), dimensions)
        ).astype(np.int8)
        for shown, chosen in CHOSEN_AT.items()
        if chosen == zoom
    }
    return Scene(
        f"scene-{seed}", codes, descriptors, gates, valid, "made up", "CC0-1.0", "nobody", None
    )


def synthetic_bank(
    seed: int, dimensions: int = 4, scenes: int = 3, side: int = 96, *, deep: bool = False
) -> Bank:
    """Return a bank of `scenes` scenes for each choosing stage; the same for the same arguments.

    deep: with scenes of stage 17, which come after the others.
    """
    made = [
        synthetic_scene(1000 * seed + 10 * number + zoom, zoom, side, dimensions)
        for zoom in (7, 9, 11, 15, *([17] if deep else []))
        for number in range(scenes)
    ]
    return Bank(tuple(made), ENCODER, dimensions)


def endless(seed: int, width: int, height: int) -> Callable[[Rectangle], Pixels]:
    """Return a reader of a map of ground whose x wraps and whose y is mirrored."""
    tile = ground(seed, 256, 256)

    def read(area: Rectangle) -> Pixels:
        x = np.arange(area.x0, area.x0 + area.width) % width % 256
        y = np.arange(area.y0, area.y0 + area.height)
        y = np.where(y < 0, -1 - y, y)
        y = np.where(y >= height, 2 * height - 1 - y, y) % 256
        return tile[y[:, None], x]

    return read
