"""Looking at one image: which stages it serves, its blocks, and what of it is refused and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.banks.boxes import Box, centres, frames, parts
from generator.banks.defects import CLOUDY, find_defects, shows_nothing
from generator.banks.options import SCALES, BuildOptions, OfferedImage
from generator.banks.stageimage import Resampling, StageImage, at_stage, resampling_for, size_after
from generator.banks.tonematch import (
    BaseColours,
    is_base_map,
    matched,
    mean_colour,
    rows_repeat,
)
from generator.banks.warp import warped
from generator.grid.averaging import averaged
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.imagery.sources import Decoded, Source
from generator.memory.config import WINDOW
from generator.memory.descriptor import describe_scene

THUMBNAIL = 96
"""Longer side of the picture of an image that a sheet shows, in pixels."""

_TEXTURE = 120.0
"""Texture, as gates count it, from which ground has all the structure that counts."""
_OVERCAST = 2 / 3
"""Share of an image's blocks that are cloud, from which on none of it is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class CandidateBlock:
    """A part of a view that is taken or left, in the frame (a future scene) that it lies in.

    descriptor: float32 [32], mean of its windows; texture, water: 0 to 1; area: valid child pixels.
    """

    frame: int
    box: Box
    descriptor: NDArray[np.float32]
    texture: float
    water: float
    area: int


@dataclass(frozen=True, slots=True, eq=False)
class StageCandidate:
    """What an image offers to one stage: its blocks, and how it is resampled.

    left: why other blocks of it are of no use, and how many.
    """

    how: Resampling
    size: tuple[int, int]
    blocks: tuple[CandidateBlock, ...]
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What was seen of an image: candidates by zoom; refused: why none or less of it can be taken.

    thumbnail: uint8 [h, w, 3], or None where the image could not be read.
    """

    candidates: dict[int, StageCandidate]
    refused: tuple[str, ...]
    thumbnail: Pixels | None = None


def survey(
    offer: OfferedImage, decoded: Decoded, options: BuildOptions, base: BaseColours
) -> Survey:
    """Look at an image for the stages that it is offered to."""
    source = offer.source
    height, width = decoded.pixels.shape[:2]
    # A picture that shows nothing is refused as a whole.
    thumbnail = _thumbnail(decoded.pixels)
    if (reason := shows_nothing(decoded, source, base)) is not None:
        return Survey({}, (reason,), thumbnail)
    found: dict[int, StageCandidate] = {}
    refused: list[str] = []
    served = False
    for zoom in offer.zooms:
        # How the image comes to the resolution of the stage, if it can.
        how = resampling_for(source.gsd, zoom, 2 if rows_repeat(source) else 1)
        if how is None:
            continue
        served = True
        size = size_after(height, width, how)
        least = WINDOW * SCALES[zoom].unit
        if min(size) < least:
            refused.append(
                f"{size[1]} x {size[0]} pixels at zoom {_shown(zoom)}'s resolution, expected at "
                f"least {least} each way"
            )
            continue
        # Its blocks at that resolution.
        seen = at_stage(decoded, how)
        if options.warp:
            seen = warped(seen, source.name)
        blocks, left = _blocks(seen, source, options, base)
        if blocks:
            found[zoom] = StageCandidate(how, size, tuple(blocks), _counted(left))
        else:
            why = left.most_common(1)[0][0] if left else "nothing usable"
            refused.append(f"{why} at zoom {_shown(zoom)}")
    if not served:
        wanted = ", ".join(f"{SCALES[zoom].nominal:g}" for zoom in offer.zooms)
        refused.append(f"{source.gsd:.3g} m per pixel are not of use for {wanted} m")
    return Survey(found, tuple(refused), thumbnail)


def _blocks(
    seen: StageImage, source: Source, options: BuildOptions, base: BaseColours
) -> tuple[list[CandidateBlock], Counter[str]]:
    """Return the usable blocks of a view, and how many others are left, by the reason."""
    # Descriptors are those of the toned image, defects those of the image itself.
    toned = StageImage(seen.zoom, matched(seen.child, seen.good, source, base), seen.good)
    pale = not is_base_map(source, mean_colour(seen.child, seen.good), base)
    bad = find_defects(seen, pale)
    descriptors, gates, _ = describe_scene(toned.choosing, None, source.lat)
    valid = toned.valid
    unit = SCALES[seen.zoom].unit
    found: list[CandidateBlock] = []
    left: Counter[str] = Counter()
    for number, frame in enumerate(frames(seen.child.shape[:2], seen.zoom)):
        for box in parts(frame, options.block[seen.zoom], unit):
            # The windows whose centre lies in the block.
            inside = centres(box, valid.shape, unit)
            kept = valid[inside]
            why = bad.reason(box) or (None if kept.any() else "masked or too narrow")
            if why is not None:
                left[why] += 1
                continue
            water, texture = gates[inside][kept][:, :2].astype(np.float64).mean(0)
            found.append(
                CandidateBlock(
                    frame=number,
                    box=box,
                    descriptor=descriptors[inside][kept].astype(np.float32).mean(0),
                    texture=min(float(texture) / _TEXTURE, 1.0),
                    water=float(water) / 255,
                    area=int(box.cut(seen.good, SCALE).sum()) * SCALE**2,
                )
            )
    # What cloud covers for the most part is hazy in the rest.
    clouds = sum(left[each] for each in CLOUDY)
    if clouds >= _OVERCAST * (len(found) + left.total()) > 0:
        found = []
    return found, left


def _counted(left: Counter[str]) -> tuple[str, ...]:
    """Return reasons with their number of blocks, the commonest first."""
    return tuple(
        f"{why}: {count} block{'s' if count > 1 else ''}" for why, count in left.most_common()
    )


def _thumbnail(pixels: Pixels) -> Pixels:
    """Return a picture of at most THUMBNAIL pixels a side."""
    by = max(1, max(pixels.shape[:2]) // (2 * THUMBNAIL))
    image = Image.fromarray(averaged(pixels, by))
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(image)


def _shown(zoom: int) -> str:
    return "11 and 13" if zoom == 11 else str(zoom)
