"""The command `elsewhere memory`: banks of layouts from imagery of the user's own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from generator.cascade.identityinputs import SHIPPED
from generator.cascade.weightsheader import finest_zoom
from generator.grid.errors import BankError
from generator.imagery.options import Options
from generator.rasters import Reading
from generator.rasters.notice import NOTICE
from tileserver.commands.basics import say, say_some
from tileserver.commands.configtext import read_settings

if TYPE_CHECKING:
    from generator.banks import BuildFolder, BuildResult, FoundImagery
    from generator.cascade.checkpoint import Checkpoint
    from generator.memory.bank import Bank
    from tileserver.settings import Settings

LISTED = 10
"""Refused images that are printed; the sheet shows more of them."""


def build(args: argparse.Namespace) -> int:
    """Build a bank, going on with what an earlier call with the same output had done."""
    settings, target = read_settings(args), Path(args.output)
    if target.exists() and not args.force:
        raise BankError(f"{target} is there already, expected a new file, or --force to replace it")
    if not target.absolute().parent.is_dir():
        raise BankError(f"{target.absolute().parent} does not exist, expected a folder to write to")
    # torch takes seconds to import.
    from generator import banks as building
    from generator.banks.captioned import save
    from generator.banks.sheet import draw
    from generator.memory import bankfile
    from generator.memory.config import CHOSEN_AT

    finest = finest_zoom(settings.weights)
    zooms = args.zooms or tuple(sorted({at for zoom, at in CHOSEN_AT.items() if zoom <= finest}))
    found = building.gather(args.imagery, _imagery(args), zooms)
    if not found.offers:
        raise BankError(f"no image can be used: {'; '.join(found.failed[:3])}")
    for line in found.notes:
        say(f"note: {line}")
    loaded = _loaded(settings)
    work = building.BuildFolder(target.with_name(f"{target.name}.work"))
    built = _built(args, zooms, (loaded, found, work))
    sheet = target.with_name(f"{target.name}.sheet.webp")
    save(draw(built), sheet)
    bankfile.save(built.bank, target)
    work.remove()
    print(f"Wrote {target}: {_areas(built)}. {sheet} shows what was taken and what was not.")
    refused = [*found.failed, *(each.sentence for each in built.refused)]
    say_some([f"refused: {line}" for line in refused], LISTED, "are refused")
    return 0


def show(args: argparse.Namespace) -> int:
    """Say what a bank holds and where it comes from, and draw a sheet of it."""
    settings = read_settings(args)
    # torch takes seconds to import.
    from generator.banks import show as showing
    from generator.banks.captioned import save
    from generator.base.basemap import BaseMap
    from generator.nets.decoder import LayoutDecoder

    loaded = None if args.bank != SHIPPED and args.output is None else _loaded(settings)
    bank = _opened(args.bank, loaded)
    print(showing.text(bank))
    if args.output is not None and loaded is not None:
        assert isinstance(loaded.network, LayoutDecoder)
        canvas = showing.sheet(bank, loaded.network, BaseMap.open(settings.base, settings.tone))
        save(canvas, Path(args.output), NOTICE)
        say(f"Wrote {args.output}")
    return 0


def _opened(name: str, loaded: Checkpoint | None) -> Bank:
    """Open the bank of a file, or the weights' own. Raises BankError."""
    from generator.memory import bankfile

    if name != SHIPPED:
        return bankfile.load(Path(name), None if loaded is None else loaded.encoder_digest)
    assert loaded is not None
    if loaded.bank is None:
        raise BankError("these weights hold no memory of their own, expected a file of a bank")
    return loaded.bank


def _loaded(settings: Settings) -> Checkpoint:
    """Load the weights, which must have an encoder. Raises GeneratorError."""
    say("Loading the network")
    from generator.banks.weights import open_weights

    return open_weights(settings.weights, settings.threads)


def _imagery(args: argparse.Namespace) -> Options:
    """Return how the imagery is read. Raises ImageryError."""
    reading = Reading(args.bands, args.stretch)
    given = {"gsd": args.gsd, "box": args.bbox, "clouds": args.clouds, "items": args.items}
    return Options(**given, reading=reading)


def _built(
    args: argparse.Namespace,
    zooms: tuple[int, ...],
    given: tuple[Checkpoint, FoundImagery, BuildFolder],
) -> BuildResult:
    """Build the bank with a bar on standard error. Raises BankError."""
    from generator import banks as building

    loaded, found, work = given
    options = building.BuildOptions(
        budget=dict.fromkeys(zooms, args.budget * 1e6),
        exclude=tuple(args.exclude),
        licences=None if args.licences is None else frozenset(args.licences.split(",")),
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}  left"),
        TimeRemainingColumn(),
    )
    assert loaded.encoder is not None
    maker = building.BankEncoder(loaded.encoder, loaded.encoder_digest)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        return building.build(found.offers, maker, options, work, bar)


def _areas(built: BuildResult) -> str:
    """Say what was taken of each stage."""
    from generator.banks.sheet import stages

    zooms = sorted({each.zoom for each in built.taken})
    parts = (f"{built.area(zoom) / 1e6:.1f} megapixels for zoom {stages(zoom)}" for zoom in zooms)
    return f"{len(built.bank.scenes)} scenes, " + ", ".join(parts)
