"""The bank of a recipe: all imagery is offered to its stages, chosen, encoded and packed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

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

_WHOLE = (0.0, 0.0, 1.0, 1.0)


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
        sources = rescaled(sources_of(imagery), memory)
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


def rescaled(sources: Sequence[Source], memory: MemoryRecipe) -> list[Source]:
    """Return imagery as a recipe has it: at other metres per pixel, and parts of pictures.

    Raises TrainingError for a glob that matches nothing.
    """
    for glob in [*memory.rescaled, *memory.part]:
        if not any(source.matches(glob) for source in sources):
            raise TrainingError(
                f"rescaled or part names {glob!r}, expected globs that match the imagery"
            )
    made = []
    for source in sources:
        gsd = next((g for glob, g in memory.rescaled.items() if source.matches(glob)), source.gsd)
        part = next((p for glob, p in memory.part.items() if source.matches(glob)), _WHOLE)
        if (gsd, part) != (source.gsd, _WHOLE):
            # Another name, for scenes of both may stand in one bank.
            source = dataclasses.replace(
                source,
                name=f"{source.name} as {gsd:g} m",
                gsd=check_gsd(f"rescaled of {source.name}", gsd),
                read=partial(_part_of, source.read, part),
                reading=f"{source.reading} {part}",
            )
        made.append(source)
    return made


def _part_of(read: Callable[[], Decoded | None], part: tuple[float, ...]) -> Decoded | None:
    """Read a picture and return its part: left, top, right and bottom as shares of its sides."""
    decoded = read()
    if decoded is None:
        return None
    pixels, mask = (
        None if whole is None else whole[_rectangle(whole.shape, part)]
        for whole in (decoded.pixels, decoded.mask)
    )
    assert pixels is not None
    return Decoded(pixels, mask, decoded.failed)


def _rectangle(shape: tuple[int, ...], part: tuple[float, ...]) -> tuple[slice, slice]:
    left, top, right, bottom = part
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
