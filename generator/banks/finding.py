"""Finding imagery for a bank: large images are cut at the resolution of each stage they serve.

The readers cut large images into pieces of one size in pixels. Cut at its finest, an image of a
whole county is many pieces too small for the coarser stages; so it is cut once for each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from generator.banks.options import SCALES, OfferedImage
from generator.banks.stageimage import resampling_for
from generator.imagery.folder import find
from generator.imagery.options import Options
from generator.imagery.sources import Source

_PIECE = " ["
_WORTH, _FINEST = 1.5, 64.0


@dataclass(frozen=True, slots=True)
class FoundImagery:
    """Imagery offered to stages, what could not be used and why, and remarks."""

    offers: list[OfferedImage] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def gather(address: Path | str, options: Options, zooms: Sequence[int]) -> FoundImagery:
    """Find the imagery under a path or at a URL for scenes that are chosen at some zooms.

    Raises ImageryError as `generator.imagery.folder.find` does.
    """
    # Cut for the finest stage first.
    order = sorted(zooms, reverse=True)
    first = find(address, dataclasses.replace(options, finest=SCALES[order[0]].nominal))
    found = FoundImagery(failed=list(first.failed), notes=list(first.notes))
    left = tuple(sorted(order))
    for zoom in order:
        coarser = [source for source in first.sources if _cut_finer(source, zoom)]
        if not coarser:
            continue
        # Images whose pieces show too little ground at this zoom are cut for it again.
        again = {_image(source) for source in coarser}
        second = find(address, dataclasses.replace(options, finest=SCALES[zoom].nominal))
        found.offers.extend(
            OfferedImage(source, (zoom,)) for source in second.sources if _image(source) in again
        )
    for source in first.sources:
        # Everything that was found at first serves the stages that it is not cut again for.
        own = tuple(zoom for zoom in left if not _cut_finer(source, zoom))
        served = tuple(zoom for zoom in own if resampling_for(source.gsd, zoom) is not None)
        if served or own == left:
            found.offers.append(OfferedImage(source, served or own))
    return found


def _cut_finer(source: Source, zoom: int) -> bool:
    """Say whether an image was cut, and could be averaged further for a zoom."""
    was_cut = _PIECE in source.name
    return was_cut and source.gsd * _WORTH <= SCALES[zoom].nominal <= source.gsd * _FINEST


def _image(source: Source) -> str:
    return source.name.rpartition(_PIECE)[0] or source.name
