"""The commands of the layout memory: train a recipe, and write its weights with their bank."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import Progress

from generator.banks import BankEncoder, BuildFolder, BuildOptions, BuildResult, build
from generator.banks.options import NOMINAL, OfferedImage
from generator.banks.stageimage import LARGEST, resampling_for
from generator.cascade import checkpoint
from generator.imagery.folder import find
from generator.imagery.options import Options
from generator.imagery.sources import Source
from generator.nets.blocks import channels_last
from generator.nets.build import build as network_of
from generator.nets.config import SamplerConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import Encoder
from training.errors import TrainingError
from training.run.layoutstate import State
from training.run.loop import machine_of, train
from training.run.recipe import MemoryRecipe, Recipe, read


def run_train(args: argparse.Namespace) -> int:
    """Train a recipe, or go on with it; raises GeneratorError and TrainingError."""
    recipe = read(args.recipe)
    steps = recipe.phases[-1].until if args.steps is None else args.steps
    train(recipe, args.data, args.run, steps, machine=machine_of(args))
    return 0


def add_bank(parser: argparse.ArgumentParser) -> None:
    """Add what the command `bank` takes."""
    parser.add_argument("recipe", type=Path, help="the recipe that the run was trained from")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--imagery", required=True, nargs="+",
        help="manifests, folders or STAC that the bank is made of",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="safetensors to write")


def run_bank(args: argparse.Namespace) -> int:
    """Build the bank of a run and write it with its networks; raises GeneratorError."""
    recipe = read(args.recipe)
    state = State(recipe)
    if not state.load(args.run):
        raise TrainingError(f"{args.run} holds no run, expected the --run of a training")
    decoder, encoder = networks(state)
    built = bank_of(recipe, encoder, args.imagery, args.out.with_suffix(".work"))
    sampler = SamplerConfig(1, recipe.memory.strengths, recipe.memory.contrast)
    checkpoint.save(args.out, decoder, sampler, state.record(), None, encoder, built.bank)
    area = ", ".join(f"{zoom}: {built.area(zoom) / 1e6:.0f} MP" for zoom in (7, 9, 11, 15))
    print(
        f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB), step {state.step}, "
        f"{len(built.bank.scenes)} scenes ({area})"
    )
    return 0


def networks(state: State) -> tuple[LayoutDecoder, Encoder]:
    """Return a run's averaged networks, rounded as weights are stored, for use."""
    decoder, encoder = network_of(state.recipe.network), Encoder(state.recipe.network)
    assert isinstance(decoder, LayoutDecoder)
    for ours, theirs in (
        (decoder, state.ema.network.decoder),
        (encoder, state.ema.network.encoder),
    ):
        rounded = {k: v.to(torch.bfloat16).float() for k, v in theirs.state_dict().items()}
        ours.load_state_dict(rounded)
        ours.eval().requires_grad_(False)
    return decoder, encoder


def bank_of(recipe: Recipe, encoder: Encoder, imagery: Sequence[str], folder: Path) -> BuildResult:
    """Build the bank that a recipe describes of all imagery at some addresses.

    folder: keeps work, so that it can go on.
    """
    memory = recipe.memory
    options = BuildOptions(
        budget={int(zoom): 1e6 * size for zoom, size in memory.megapixels.items()},
        exclude=memory.exclude,
        licences=frozenset(memory.licences) or None,
        splits=frozenset({"train"}),
        warp=memory.warp,
    )
    digest = checkpoint.digest_of(encoder)
    fast = channels_last(encoder.to(torch.bfloat16))
    with Progress() as progress:
        offers = [_offer(source, memory) for source in sources_of(imagery)]
        served = [offer for offer in offers if offer.zooms]
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


def _offer(source: Source, memory: MemoryRecipe) -> OfferedImage:
    """Offer an image to the stages whose pixels it resolves, but for what may be enlarged."""
    zooms = [zoom for zoom in NOMINAL if resampling_for(source.gsd, zoom) is not None]
    matching = (m for glob, m in memory.resolved.items() if source.matches(glob))
    resolved = max([source.gsd, *matching])
    fine = [z for z in zooms if resolved <= memory.enlarged.get(str(z), LARGEST) * NOMINAL[z]]
    return OfferedImage(source, tuple(fine))
