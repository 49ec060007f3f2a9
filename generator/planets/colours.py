"""The colours of a made-up planet, those of the Blue Marble where the ground is alike.

Measured there as means of patches 1.6 degrees wide: Rub al Khali (197, 169, 126), Gobi (132, 113,
82), Australia's red centre (98, 65, 38), steppe (98, 84, 55), savanna (64, 71, 35), farmland of
Iowa (59, 67, 33) and Germany (45, 58, 22), taiga (32, 37, 13), rain forest (21, 34, 8), tundra
(143, 141, 132), ice (251, 253, 254), shelf (28, 70, 128), ocean (10, 30, 67) and its abyss
(2, 5, 20).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from generator.planets.spherenoise import Floats, smooth_step
from generator.planets.style import PlanetStyle

_LAND = np.array([
    # dry              steppe          meadow         wood           wet wood
    [[150, 144, 130], [136, 131, 113], [112, 109, 86], [92, 93, 68], [78, 82, 56]],  # tundra
    [[134, 116, 86], [108, 96, 63], [58, 58, 31], [34, 40, 15], [26, 34, 12]],  # taiga
    [[146, 126, 94], [102, 88, 56], [68, 71, 35], [47, 59, 24], [32, 44, 15]],  # temperate
    [[190, 163, 124], [148, 122, 82], [92, 84, 48], [54, 62, 28], [33, 45, 16]],  # warm
    [[197, 169, 126], [163, 135, 95], [76, 74, 39], [38, 46, 18], [21, 35, 8]],  # tropical
], np.float32)  # fmt: skip
"""Red, green and blue by temperature (down, from 0 to 1) and moisture (across)."""
_RED, _GRAVEL = (104, 69, 41), (136, 117, 87)
_ROCK = (102, 92, 74)
_SHELF, _OCEAN, _ABYSS = (28, 70, 128), (10, 30, 68), (2, 6, 22)
_LAGOON = (62, 118, 138)
_SNOW, _SNOW_SHADE = (251, 253, 254), (150, 168, 190)

Ground = Mapping[str, Floats]


def paint(ground: Ground, style: PlanetStyle) -> NDArray[np.uint8]:
    """Return the colours of some rows, uint8 [h, w, 3].

    ground: what `generator.planets.fields.Fields` has, with height, shade (-1 to 1) and detail
    (about -1 to 1) added, each [h, w].
    """
    height, detail = ground["height"], ground["detail"]
    # Land by temperature, which falls with height, and by moisture.
    high = np.maximum(height, 0)
    warm = ground["warm"] - (0.42 + 0.10 * high) * high
    picture = _land(ground, warm.astype(np.float32), high)
    shade = ground["shade"]
    # Light from the north-west.
    lit = 1 + np.where(shade > 0, np.float32(0.55), np.float32(0.80)) * shade
    picture *= lit[..., None]
    # Snow above its line, bluish in the shade.
    frost = smooth_step(0.17, 0.10, warm + 0.045 * detail + 0.05 * shade)
    bright = np.clip(1 + 1.3 * np.minimum(shade + 0.08, 0), 0, 1)[..., None]
    snow = _mix(_colour(_SNOW_SHADE), _colour(_SNOW), bright)
    picture = _mix(picture, snow, frost[..., None])
    # The sea covers what lies below it.
    sea = smooth_step(0.004, -0.004, height)[..., None]
    picture = _mix(picture, _sea(ground, height), sea)
    pixels: NDArray[np.uint8] = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    return pixels


def _land(ground: Ground, warm: Floats, high: Floats) -> Floats:
    """Return the colours of bare and grown land without light or snow."""
    detail = ground["detail"]
    wet = ground["wet"] + 0.20 * detail + 0.06 * ground["shade"] - 0.02
    colours = _table(warm + 0.05 * detail, wet)
    dry = smooth_step(0.34, 0.14, wet)[..., None]
    stone = np.clip(ground["stone"] + 0.25 * detail, 0, 1)
    red = (smooth_step(0.62, 0.86, stone) * smooth_step(0.55, 0.75, warm))[..., None]
    gravel = (smooth_step(0.55, 0.25, stone) * 0.75)[..., None]
    colours = _mix(colours, _colour(_RED), red * dry * 0.85)
    colours = _mix(colours, _colour(_GRAVEL), gravel * dry)
    rock = smooth_step(0.75, 1.35, high + 0.2 * detail)[..., None]
    colours = _mix(colours, _colour(_ROCK), 0.75 * rock)
    mottled: Floats = colours * (1 + 0.40 * detail * (1 - 0.6 * dry[..., 0]))[..., None]
    return mottled


def _sea(ground: Ground, height: Floats) -> Floats:
    """Return the sea's colours by its depth, pack ice included."""
    depth = np.maximum(-height, 0)
    shelf = smooth_step(0.03, 0.13, depth + 0.006 * ground["detail"])[..., None]
    deep = smooth_step(0.26, 0.85, depth)[..., None]
    colours = _mix(_colour(_SHELF), _colour(_OCEAN), shelf)
    colours = _mix(colours, _colour(_ABYSS), deep)
    colours = colours * (1 + 0.28 * ground["shade"] * shelf[..., 0])[..., None]
    reef = smooth_step(0.014, 0.0, depth) * smooth_step(0.80, 0.92, ground["warm"]) * 0.6
    colours = _mix(colours, _colour(_LAGOON), reef[..., None])
    pack = smooth_step(0.05, 0.03, ground["warm"] + 0.06 * ground["detail"])[..., None]
    return _mix(colours, _colour((238, 243, 247)), pack)


def _table(warm: Floats, wet: Floats) -> Floats:
    """Return the colour between four neighbours of the table, [h, w, 3]."""
    rows, columns = _LAND.shape[:2]
    y = np.clip((warm - 0.16) / 0.80, 0, 1) * (rows - 1)
    x = np.clip((wet - 0.10) / 0.72, 0, 1) * (columns - 1)
    y0 = np.minimum(y.astype(np.intp), rows - 2)
    x0 = np.minimum(x.astype(np.intp), columns - 2)
    ty, tx = (y - y0)[..., None], (x - x0)[..., None]
    upper = _mix(_LAND[y0, x0], _LAND[y0, x0 + 1], tx)
    lower = _mix(_LAND[y0 + 1, x0], _LAND[y0 + 1, x0 + 1], tx)
    return _mix(upper, lower, ty).astype(np.float32)


def _mix(first: Floats, second: Floats, share: Floats) -> Floats:
    """Return the first where share is 0, the second where it is 1."""
    mixed: Floats = first + share * (second - first)
    return mixed


def _colour(rgb: tuple[int, int, int]) -> Floats:
    return np.array(rgb, np.float32)
