"""The bank of a recipe: all imagery is offered to its stages, chosen, encoded and packed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress

from generator.banks import BankEncoder, BuildFolder, BuildOptions, BuildResult, build
from generator.banks.options import SCALES, OfferedImage
from generator.banks.stageimage import LARGEST, resampling_for
from generator.cascade import checkpoint
from generator.imagery.folder import find
from generator.imagery.options import Options
from generator.imagery.sources import Decoded, Source, check_gsd
from generator.nets.blocks import channels_last
from generator.nets.encoder import Encoder
from training.errors import TrainingError
from training.run.recipe import MemoryRecipe

Sides = tuple[float, ...]
"""Left, top, right and bottom of a rectangle, as shares of a picture's sides."""

_WHOLE: Sides = (0.0, 0.0, 1.0, 1.0)


def bank_of(
    memory: MemoryRecipe, encoder: Encoder, imagery: Sequence[str], folder: Path
) -> BuildResult:
    """Build the bank that a recipe describes of all imagery at some addresses.

    folder: keeps work, so that it can go on. Raises GeneratorError.
    """
    options = BuildOptions(
        budget={int(zoom): 1e6 * size for zoom, size in memory.megapixels.items()},
        exclude=memory.exclude,
        licences=frozenset(memory.licences) or None,
        splits=frozenset({"train"}),
        warp=memory.warp,
        fill=memory.fill,
        quilt=memory.quilt,
        extend=memory.extend,
        mute=memory.mute,
    )
    digest = checkpoint.digest_of(encoder)
    fast = channels_last(encoder.to(torch.bfloat16))
    with Progress() as progress:
        sources = changed(sources_of(imagery), memory)
        offers = [offer_of(source, memory) for source in sources]
        served = [
            offer
            for offer in offers
            if options.budget.keys() & set(offer.zooms) and _taken(offer.source, memory)
        ]
        built = build(served, BankEncoder(fast, digest), options, BuildFolder(folder), progress)
    encoder.float()
    return built


def sources_of(imagery: Sequence[str]) -> list[Source]:
    """Return all imagery at some addresses; a file that several of them name counts once."""
    found: dict[tuple[object, ...], Source] = {}
    for address in imagery:
        for number, source in enumerate(find(address, Options()).sources):
            files = tuple(file.resolve() for file in source.files)
            found.setdefault((source.name, *(files or (address, number))), source)
    return list(found.values())


def _taken(source: Source, memory: MemoryRecipe) -> bool:
    return any(source.matches(glob) for glob in memory.take)


def changed(sources: Sequence[Source], memory: MemoryRecipe) -> list[Source]:
    """Return imagery as a recipe has it: at other metres per pixel, parts, with things hidden.

    Raises TrainingError for a glob that matches nothing.
    """
    for glob in [*memory.rescaled, *memory.part, *memory.hide]:
        if not any(source.matches(glob) for source in sources):
            raise TrainingError(
                f"rescaled, part or hide names {glob!r}, expected globs that match the imagery"
            )
    made = []
    for source in sources:
        gsd = source.told(memory.rescaled, source.gsd)
        part, hide = source.told(memory.part, _WHOLE), source.told(memory.hide, ())
        if gsd != source.gsd:
            # Another name, for scenes of both may stand in one bank.
            check_gsd(f"rescaled of {source.name}", gsd)
            source = dataclasses.replace(source, name=f"{source.name} as {gsd:g} m", gsd=gsd)
        if part != _WHOLE or hide:
            source = dataclasses.replace(
                source,
                read=partial(_part_of, source.read, part, hide),
                reading=f"{source.reading} {part} {hide}",
            )
        made.append(source)
    return made


def _part_of(
    read: Callable[[], Decoded | None], part: Sides, hide: Sequence[Sides]
) -> Decoded | None:
    """Read a picture and return its part, with the rectangles `hide` of the whole as holes."""
    decoded = read()
    if decoded is None:
        return None
    mask = decoded.mask
    if hide:
        mask = np.full(decoded.pixels.shape[:2], 255, np.uint8) if mask is None else mask.copy()
        for sides in hide:
            mask[_rectangle(mask.shape, sides)] = 0
    pixels = decoded.pixels[_rectangle(decoded.pixels.shape, part)]
    mask = None if mask is None else mask[_rectangle(mask.shape, part)]
    return Decoded(pixels, mask, decoded.failed)


def _rectangle(shape: tuple[int, ...], sides: Sides) -> tuple[slice, slice]:
    """Return the rows and columns of left, top, right and bottom, shares of an array's sides."""
    left, top, right, bottom = sides
    height, width = shape[:2]
    return (
        slice(round(top * height), round(bottom * height)),
        slice(round(left * width), round(right * width)),
    )


def offer_of(source: Source, memory: MemoryRecipe) -> OfferedImage:
    """Offer an image to the stages whose pixels it resolves, but for what may be enlarged."""
    zooms = [zoom for zoom in SCALES if resampling_for(source.gsd, zoom) is not None]
    matching = (m for glob, m in memory.resolved.items() if source.matches(glob))
    resolved = max([source.gsd, *matching])
    limits = {z: memory.enlarged.get(str(z), LARGEST) * SCALES[z].nominal for z in zooms}
    return OfferedImage(source, tuple(z for z in zooms if resolved <= limits[z]))


def described(built: BuildResult) -> str:
    """Return in words how many scenes a bank has, and what they cover."""
    zooms = sorted({each.zoom for each in built.taken})
    area = ", ".join(f"{zoom}: {built.area(zoom) / 1e6:.0f} MP" for zoom in zooms)
    return f"{len(built.bank.scenes)} scenes ({area})"
