"""Looking at one image: which stages it serves, its blocks, and what of it is refused and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.imagery.sources import Decoded, Source
from generator.memory.building.options import NOMINAL, UNIT, BuildOptions, Offer
from generator.memory.building.resample import (
    Fit,
    Pixels,
    View,
    fit,
    reduced,
    size_after,
    view,
)
from generator.memory.building.tonematch import (
    BaseColours,
    is_base_map,
    matched,
    mean_colour,
    rows_repeat,
)
from generator.memory.building.warp import bent
from generator.memory.descriptor import describe_scene
from generator.memory.stages import STEP, WINDOW
from generator.network import SCALE

THUMBNAIL = 96
"""Longer side of the picture of an image that a sheet shows, in pixels."""

SCENE = {7: 1024, 9: 1024, 11: 2048, 15: 1024}
"""Longest side of a scene in child pixels, by the zoom at which it is chosen."""

BRIGHT = 225.0
"""Mean in grey levels above which ground counts as cloud; the base map's is ice."""
_PALE, _EVEN = 190.0, 12.0
FLAT = 5.0
"""Standard deviation in grey levels under which a picture shows nothing."""
_MASKED = 0.5
_TEXTURE = 120.0
"""Texture, as gates count it, from which ground has all the structure that counts."""

Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a view in child pixels; sides and corners are multiples of the unit."""

    y: int
    x: int
    height: int
    width: int

    def cut(self, array: NDArray[Kind], by: int = 1) -> NDArray[Kind]:
        """Return that part of an array whose pixels are `by` child pixels wide."""
        rows = slice(self.y // by, (self.y + self.height) // by)
        return array[rows, self.x // by : (self.x + self.width) // by]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A part of a view that is taken or left, in the frame (a future scene) that it lies in.

    descriptor: float32 [32], mean of its windows; texture: 0 to 1; area: valid child pixels.
    """

    frame: int
    box: Box
    descriptor: NDArray[np.float32]
    texture: float
    area: int


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What an image offers to one stage: its blocks, and how it is resampled."""

    how: Fit
    size: tuple[int, int]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What was seen of an image: candidates by zoom; refused: why none or less of it can be taken.

    thumbnail: uint8 [h, w, 3], or None where the image could not be read.
    """

    candidates: dict[int, Candidate]
    refused: tuple[str, ...]
    thumbnail: Pixels | None = None


def survey(offer: Offer, decoded: Decoded, options: BuildOptions, base: BaseColours) -> Survey:
    """Look at an image for the stages that it is offered to."""
    source = offer.source
    height, width = decoded.pixels.shape[:2]
    thumbnail = _thumbnail(decoded.pixels)
    if (reason := _nothing(decoded, source, base)) is not None:
        return Survey({}, (reason,), thumbnail)
    found: dict[int, Candidate] = {}
    refused: list[str] = []
    served = False
    for zoom in offer.zooms:
        how = fit(source.gsd, zoom, 2 if rows_repeat(source) else 1)
        if how is None:
            continue
        served = True
        size = size_after(height, width, how)
        least = WINDOW * UNIT[zoom]
        if min(size) < least:
            refused.append(
                f"{size[1]} x {size[0]} pixels at zoom {_shown(zoom)}'s resolution, expected at "
                f"least {least} each way"
            )
            continue
        seen = view(decoded, how)
        if options.warp:
            seen = bent(seen, source.name)
        blocks, why = _blocks(seen, source, options, base)
        if blocks:
            found[zoom] = Candidate(how, size, tuple(blocks))
        else:
            refused.append(f"{why} at zoom {_shown(zoom)}")
    if not served:
        wanted = ", ".join(f"{NOMINAL[zoom]:g}" for zoom in offer.zooms)
        refused.append(f"{source.gsd:.3g} m per pixel are not of use for {wanted} m")
    return Survey(found, tuple(refused), thumbnail)


def frames(size: tuple[int, int], zoom: int) -> Iterator[Box]:
    """Yield the parts of a view that become at most one scene each, in order."""
    yield from _grid(Box(0, 0, *size), SCENE[zoom], UNIT[zoom], up=True)


def _blocks(
    seen: View, source: Source, options: BuildOptions, base: BaseColours
) -> tuple[list[Block], str]:
    """Return the usable blocks of a view, and why there is none."""
    toned = View(seen.zoom, matched(seen.child, seen.good, source, base), seen.good)
    pale = not is_base_map(source, mean_colour(seen.child, seen.good), base)
    descriptors, gates, _ = describe_scene(toned.choosing, None, source.lat)
    valid = toned.valid
    unit = UNIT[seen.zoom]
    found: list[Block] = []
    reasons: list[str] = []
    for number, frame in enumerate(frames(seen.child.shape[:2], seen.zoom)):
        for box in _grid(frame, options.block[seen.zoom], unit):
            good = box.cut(seen.good, SCALE)
            if good.mean() < _MASKED:
                reasons.append("masked")
                continue
            if pale and _cloudy(box.cut(seen.child)):
                reasons.append("cloud")
                continue
            # The windows whose centre lies in the block.
            inside = _centres(box, valid.shape, unit)
            kept = valid[inside]
            if not kept.any():
                reasons.append("masked or too narrow")
                continue
            texture = float(gates[inside][kept][:, 1].mean()) / _TEXTURE
            mean = descriptors[inside][kept].astype(np.float32).mean(0)
            area = int(good.sum()) * SCALE**2
            found.append(Block(number, box, mean, min(texture, 1.0), area))
    return found, max(set(reasons), key=reasons.count) if reasons else "nothing usable"


def _centres(box: Box, grid: tuple[int, ...], unit: int) -> tuple[slice, slice]:
    """Return rows and columns of the described windows whose centre a box holds."""
    half = WINDOW // 2
    sides = []
    for start, length, count in (
        (box.y, box.height, grid[0]),
        (box.x, box.width, grid[1]),
    ):
        first = max(0, -(-(start // unit - half) // STEP))
        last = ((start + length) // unit - half - 1) // STEP
        sides.append(slice(first, max(first, min(last + 1, count))))
    rows, columns = sides
    return rows, columns


def _grid(box: Box, side: int, unit: int, up: bool = False) -> Iterator[Box]:
    """Cut a box into nearly equal parts of about `side` (up: at most), in whole units."""
    edges = []
    for start, length in ((box.y, box.height), (box.x, box.width)):
        parts = -(-length // side) if up else max(1, round(length / side))
        cells = length // unit
        edges.append([start + unit * (cells * n // parts) for n in range(parts + 1)])
    rows, columns = edges
    for top, bottom in zip(rows, rows[1:], strict=False):
        for left, right in zip(columns, columns[1:], strict=False):
            yield Box(top, left, bottom - top, right - left)


def _nothing(decoded: Decoded, source: Source, base: BaseColours) -> str | None:
    """Return why a whole picture shows nothing, None where it may."""
    height, width = decoded.pixels.shape[:2]
    step = max(1, min(height, width) // 512)
    few = decoded.pixels[::step, ::step].astype(np.float32)
    grey = few.mean(2)
    if decoded.mask is not None:
        rows, columns = decoded.mask.shape
        good = decoded.mask[
            (np.arange(len(grey)) * step * rows // height)[:, None],
            np.arange(grey.shape[1]) * step * columns // width,
        ]
        kept = good >= 250 if good.max() > 1 else good > 0
        if kept.mean() < _MASKED:
            return f"{100 * (1 - kept.mean()):.0f} % of it is masked"
        grey, few = grey[kept], few[kept]
    else:
        few = few.reshape(-1, 3)
    if grey.mean() > BRIGHT and not is_base_map(source, few.mean(0).astype(np.float64), base):
        return f"cloud: a mean of {grey.mean():.0f} grey levels, expected at most {BRIGHT:g}"
    if grey.std() < FLAT:
        return (
            f"flat: a standard deviation of {grey.std():.1f} grey levels, expected {FLAT:g} or more"
        )
    return None


def _cloudy(child: NDArray[np.generic]) -> bool:
    """Say whether ground is so bright, or so pale and even, that it is cloud."""
    grey = child[::4, ::4].astype(np.float32).mean(2)
    return bool(grey.mean() > BRIGHT or (grey.mean() > _PALE and grey.std() < _EVEN))


def _thumbnail(pixels: Pixels) -> Pixels:
    """Return a picture of at most THUMBNAIL pixels a side."""
    by = max(1, max(pixels.shape[:2]) // (2 * THUMBNAIL))
    image = Image.fromarray(reduced(pixels, by))
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(image)


def _shown(zoom: int) -> str:
    return "11 and 13" if zoom == 11 else str(zoom)
