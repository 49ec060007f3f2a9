"""Scenes of a view: the chosen blocks of each frame, encoded, described and masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from generator.banks.boxes import Box, frames
from generator.banks.options import SCALES
from generator.banks.stageimage import Mask, StageImage, mostly
from generator.banks.survey import CandidateBlock
from generator.grid.averaging import averaged
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.imagery.sources import Source
from generator.memory.bank import Scene
from generator.memory.config import WINDOW
from generator.memory.descriptor import describe_scene
from generator.nets.conditioning import to_tensor
from generator.nets.encoder import Encoder

CONTEXT = 24
"""Parent pixels round a window that the encoder sees too; a code depends on no more than that."""
_WINDOW = 256


def scenes(
    toned: StageImage, blocks: Sequence[CandidateBlock], source: Source, encoder: Encoder
) -> Iterator[Scene]:
    """Yield a scene for each frame with chosen blocks: all of the rectangle that they span.

    toned: the view in the world's tone. Codes are 0 and places not valid where a block was not
    chosen, or where the mask says so.
    """
    unit = SCALES[toned.zoom].unit
    for number, frame in enumerate(frames(_size(toned.child), toned.zoom)):
        boxes = [block.box for block in blocks if block.frame == number]
        if not boxes:
            continue
        # Only what was chosen, and is valid, gives codes.
        chosen = np.zeros(toned.good.shape, bool)
        for box in boxes:
            box.cut(chosen, SCALE)[:] = True
        span = _span(boxes, frame, WINDOW * unit)
        good = span.cut(toned.good & chosen, SCALE)
        part = StageImage(toned.zoom, span.cut(toned.child), good)
        # Descriptors of the rectangle on the choosing grid.
        descriptors, gates, _ = describe_scene(part.choosing, None, source.lat)
        valid = part.valid
        if not valid.any():
            continue
        yield Scene(
            name=f"{source.name} {toned.zoom} [{number}]",
            codes=_codes(toned, span, good, encoder),
            descriptors=descriptors,
            gates=gates,
            valid=valid,
            source=source.source,
            licence=source.licence or "",
            credit=source.credit or "",
            latitude=source.lat,
            longitude=source.lon,
        )


def _codes(
    toned: StageImage, span: Box, good: Mask, encoder: Encoder
) -> dict[int, NDArray[np.int8]]:
    """Return the codes of a span by zoom, int8 [h, w, D]."""
    if SCALES[toned.zoom].unit == SCALE:
        codes = {toned.zoom: _encoded(toned.child, span, encoder)}
    else:
        # The parent of the finer stage is the child of the coarser one.
        middle = averaged(toned.child, SCALE)
        inner = Box(*(side // SCALE for side in (span.y, span.x, span.height, span.width)))
        codes = {
            toned.zoom: _encoded(middle, inner, encoder),
            toned.zoom + 2: _encoded(toned.child, span, encoder),
        }
    finest = max(codes)
    for zoom, array in codes.items():
        array[~mostly(good, 1 << (finest - zoom))] = 0
    return codes


def _encoded(child: Pixels, span: Box, encoder: Encoder) -> NDArray[np.int8]:
    """Encode a part of a child, window by window; int8 [h, w, D]."""
    out = np.empty((span.height // SCALE, span.width // SCALE, encoder.config.dimensions), np.int8)
    step = SCALE * _WINDOW
    for y in range(0, span.height, step):
        for x in range(0, span.width, step):
            height, width = min(step, span.height - y), min(step, span.width - x)
            window = Box(span.y + y, span.x + x, height, width)
            Box(y, x, height, width).cut(out, SCALE)[:] = _window(child, window, encoder)
    return out


def _window(child: Pixels, box: Box, encoder: Encoder) -> NDArray[np.int8]:
    """Encode a window with CONTEXT round it, as far as the child goes; int8 [h, w, D]."""
    # The window with its surroundings, of which only its own codes are kept.
    edge = SCALE * CONTEXT
    top, left = max(0, box.y - edge), max(0, box.x - edge)
    seen = child[top : box.y + box.height + edge, left : box.x + box.width + edge]
    device = next(encoder.parameters()).device
    codes = encoder.codes(*(to_tensor(part).to(device) for part in (seen, averaged(seen, SCALE))))
    y, x = (box.y - top) // SCALE, (box.x - left) // SCALE
    part = codes[0, :, y : y + box.height // SCALE, x : x + box.width // SCALE]
    return np.asarray(part.permute(1, 2, 0).cpu().numpy())


def _span(boxes: Sequence[Box], frame: Box, least: int) -> Box:
    """Return the rectangle of some boxes, at least `least` wide and high within their frame."""
    top, left = min(box.y for box in boxes), min(box.x for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    right = max(box.x + box.width for box in boxes)
    top, bottom = _widened(top, bottom, least, frame.y, frame.y + frame.height)
    left, right = _widened(left, right, least, frame.x, frame.x + frame.width)
    return Box(top, left, bottom - top, right - left)


def _widened(start: int, end: int, least: int, first: int, last: int) -> tuple[int, int]:
    start = max(first, min(start, last - least))
    return start, min(last, max(end, start + least))


def _size(child: Pixels) -> tuple[int, int]:
    height, width = child.shape[:2]
    return height, width
