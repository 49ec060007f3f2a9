"""Load a cascade: base map, weights, sampler, device and precision."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generator.base.basemap import BaseMap
from generator.cascade import checkpoint
from generator.cascade.cascade import Cascade
from generator.cascade.checkpoint import Checkpoint
from generator.cascade.diffusionstage import DiffusionStage
from generator.cascade.identityinputs import SHIPPED
from generator.cascade.layoutstage import LayoutStage
from generator.cascade.sharedcores import share_memory
from generator.geography.geography import Geography
from generator.geography.layers import GroundLayer
from generator.grid.errors import GeneratorError
from generator.grid.rectangle import Rectangle
from generator.grid.tile import STAGE_ZOOMS
from generator.memory import bankfile
from generator.memory.bank import Bank
from generator.memory.field import Memory
from generator.memory.groundprobe import PROBE, GroundProbe
from generator.memory.groundterm import GroundTerm

log = logging.getLogger("elsewhere")

MAX_STEPS = 50
"""The paper's; the intermediate latents of more would take too much memory."""


def load(
    base: Path | None = None,
    weights: Path | None = None,
    steps: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    memory: Sequence[str] | None = None,
    *,
    tone: str | None = None,
    geography: Geography | None = None,
) -> Cascade:
    """Load a cascade ready to compute; raises GeneratorError with one clear sentence.

    base: equirectangular image of another planet, planet:N for a made-up one, or None for the
    Blue Marble;
    weights: safetensors, or None for the shipped ones; steps: DDIM evaluations, or None for the
    weights' own few-step default; threads: CPU threads; device: auto, cpu or cuda;
    memory: files of banks whose layouts are drawn instead of the weights' own, which SHIPPED names
    among them and which serve the stages of which the files have nothing; empty for a network
    without any; None for the weights' own;
    tone: natural or none of the base map, or None for its own default (`generator.base.tone`);
    geography: the planet's layers, opened, or None for a world without; beside other banks than
    the weights' own, its fields, streets and blocks are left to these.
    """
    # Refuse what cannot be meant before anything is read.
    if steps is not None and not 1 <= steps <= MAX_STEPS:
        raise GeneratorError(f"steps is {steps}, expected 1 to {MAX_STEPS}")
    if threads is not None:
        if threads < 1:
            raise GeneratorError(f"threads is {threads}, expected 1 or more")
        torch.set_num_threads(threads)
    chosen = pick_device(device)
    # Weights, the memory that goes with them, and the base map.
    loaded = checkpoint.load(weights)
    sampler = loaded.sampler
    if steps is not None:
        sampler = dataclasses.replace(sampler, steps=steps)
    opened = open_memory(memory, loaded, None if geography is None else geography.ground)
    if opened is not None and geography is not None and geography.ground and not opened.towns_at:
        log.warning(
            "towns and land cover do not decide layouts here: the probe that tells what layouts "
            "show was fitted to another encoder than these weights'"
        )
    # Pictures of one's own show fields and towns of their own.
    if geography is not None and any(name != SHIPPED for name in memory or ()):
        geography = geography.without_rules()
    planet = BaseMap.open(base, tone)
    # One cascade of all, which has made its first window.
    share_memory()
    cascade = Cascade(planet, loaded, sampler, chosen, pick_precision(chosen), opened, geography)
    cascade.draws_parts = _warm(cascade)
    return cascade


def open_memory(
    names: Sequence[str] | None, loaded: Checkpoint, ground: GroundLayer | None = None
) -> Memory | None:
    """Open the banks named on a command line, or the weights' own for None.

    Stages for which the named ones have no scene draw from the weights' own. ground: what the
    choice follows of the Earth's towns.
    Raises GeneratorError for a bank that is unreadable or of another encoder, and where the
    weights have no use for one.
    """
    term = None if ground is None else GroundTerm(ground, GroundProbe.open(PROBE))
    if names is None:
        own = loaded.bank
        return None if own is None else Memory([own], None, term, loaded.reorientation)
    if not names:
        return None
    if not loaded.encoder_digest:
        raise GeneratorError(
            f"memory is {','.join(names)}, but these weights draw from noise, expected weights "
            "with an encoder of layouts"
        )
    banks: list[Bank] = []
    for name in names:
        if name != SHIPPED:
            banks.append(bankfile.load(Path(name), loaded.encoder_digest))
        elif loaded.bank is not None:
            banks.append(loaded.bank)
        else:
            raise GeneratorError(f"memory is {SHIPPED!r}, but these weights hold none of their own")
    return Memory(banks, loaded.bank, term, loaded.reorientation)


def pick_device(name: str) -> torch.device:
    """Return the device called auto, cpu or cuda; raises GeneratorError if it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise GeneratorError(f"device is {name!r}, expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise GeneratorError("device is 'cuda', but no CUDA device is available here")
    return torch.device(name)


def pick_precision(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the processor multiplies it natively, float32 elsewhere."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    tests = (
        getattr(torch.cpu, "_is_avx512_bf16_supported", None),
        getattr(torch.cpu, "_is_amx_tile_supported", None),
    )
    native = any(test is not None and test() for test in tests)
    return torch.bfloat16 if native else torch.float32


def _warm(cascade: Cascade) -> bool:
    """Evaluate one window, so that the first tile does not pay for the kernels' start.

    Returns whether a part of it has the same pixels when it is drawn alone, as parts of ancestors
    may be then: always so far on processors, though a library might use other kernels for other
    shapes. Not the paper's network: a window of it takes as long as many tiles.
    """
    stage = cascade.stage_at(STAGE_ZOOMS[0])
    if isinstance(stage, DiffusionStage):
        stage = DiffusionStage(stage.network, 1)
    elif not isinstance(stage, LayoutStage):
        return False
    area = Rectangle(0, 0, 64, 64).grown(stage.margin)
    random = np.random.default_rng(0)
    parent = random.integers(0, 256, (area.height, area.width, 3), np.uint8)
    latent: NDArray[Any] = stage.latent(0, 7, area)
    if isinstance(stage, DiffusionStage):
        stage(parent, latent, np.full(1, 100.0), 0.0)
        return False
    latent = random.integers(-1, 2, latent.shape, np.int8)
    whole, part = (
        stage(parent[:height, :width], latent[:, :height, :width], np.full(1, 100.0), 1.0)
        for height, width in (parent.shape[:2], (area.height - 16, area.width - 32))
    )
    alike = np.array_equal(whole[: len(part), : part.shape[1]], part)
    return alike and cascade.multistep is None and cascade.device.type == "cpu"
