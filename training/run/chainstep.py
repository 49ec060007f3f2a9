"""The step that trains the decoder in chains of the product's worlds, through all their stages.

A window of the first stage is drawn, from its middle that of the next, and so on, so that what is
wrong at one reaches the drawings above it. All are compared with real windows of the same look, and
with what the decoder drew there at first. Codes, bank and encoder stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.cascade.checkpoint import Checkpoint
from generator.cascade.loading import load as load_cascade
from generator.grid.tile import SCALE
from generator.memory.config import KEEP_EDGES, MEDIANS
from generator.nets.blocks import crop
from generator.nets.config import SamplerConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.factors import AS_DRAWN
from training.drawing import draw, passed_on
from training.imagery.pyramid import Pyramid
from training.losses.context import Drawn
from training.run.chaincollect import ChainFolder
from training.run.decoderstep import DecoderStep
from training.run.recipe import ChainsRecipe
from training.run.step import Batch
from training.samples.chainbatches import ChainBatches
from training.samples.realwindows import RealWindows
from training.sharpedges import enlarge_sharply

_EVEN = 28
"""Parent pixels along a window of one code, of which the middle 16 are judged."""


class ChainStep(DecoderStep):
    """Moves the decoder of weights, in chains; raises TrainingError for weights without layouts."""

    name, counter = "chains", "chain_steps"

    def __init__(
        self, loaded: Checkpoint, options: ChainsRecipe, device: torch.device | str = "cpu"
    ) -> None:
        self.options, self.sampler = options, loaded.sampler
        super().__init__(loaded, options.seed, options.ema, device)

    @property
    def rate(self) -> float:
        """Learning rate of the decoder."""
        return self.options.rate

    @property
    def weights(self) -> Mapping[str, float]:
        """Weights of the terms."""
        return self.options.terms

    def prepare(self, weights: Path, pyramid: Pyramid, folder: Path, seconds: float) -> bool:
        """Draw real windows, and collect chains; returns whether all is there."""
        options = self.options
        folder.mkdir(parents=True, exist_ok=True)
        # First what may lack imagery.
        self.real = RealWindows(
            pyramid, self.sampler.zooms, folder / "real.npz",
            window=options.window, count=options.pool, seed=options.seed,
        )  # fmt: skip
        # The product's worlds as they are: with the default base map and geography.
        key = f"whole {self.digest} {options.window} {options.seed}"
        kept = ChainFolder(folder, options.places, key)
        load = partial(load_cascade, weights=weights, device=self.device.type)
        done = kept.collect(load, options.window, options.seed, seconds)
        self.chains = kept.chains()
        return done

    def batches(self, pyramid: Pyramid) -> ChainBatches:
        """Return the batches of all steps, of what was prepared; raises TrainingError."""
        options = self.options
        return ChainBatches(
            self.chains, self.real, self.sampler,
            size=options.group, count=options.groups, seed=options.seed,
        )  # fmt: skip

    def draw(self, batch: Batch) -> Drawn:
        """Draw the windows of chains, as the decoder does now and as it did at first."""
        levels = batch["level"].tolist()
        batch = self.on_device(batch)
        images, parents = chained(self.decoder, batch, self.sampler)
        with torch.no_grad():
            before, _ = chained(self.first, batch, self.sampler)
        edge = SCALE * self.options.edge
        made, real, first = (
            crop(each, edge) for each in (images, batch["real"].float() / 127.5 - 1, before)
        )
        even = self._even(batch, parents.detach(), levels) if self.options.checkerboard else None
        return Drawn(made, real, batch["gsd"], first=first, even=even, group=self.options.group)

    def _even(self, batch: Batch, parents: Tensor, levels: list[float]) -> Tensor:
        """Draw windows of one code each, every other one of none, under their own parents."""
        codes = batch["even"].float()[:, :, None, None].expand(-1, -1, _EVEN, _EVEN).clone()
        codes[::2] = 0
        middle = crop(parents, (parents.shape[-1] - _EVEN) // 2)
        image = draw(self.decoder, codes, middle, batch["gsd"], levels)
        return crop(image, SCALE * (_EVEN // 2 - 8))


def chained(decoder: LayoutDecoder, batch: Batch, sampler: SamplerConfig) -> tuple[Tensor, Tensor]:
    """Draw a batch of `ChainBatches` with a padded decoder, stage by stage.

    Returns children [K N, 3, 4w, 4w] and parents [K N, 3, w, w], both in about [-1, 1].

    The windows that go on have for parent what was just drawn above them, rounded as tiles are and
    with what geography adds; a gradient at them passes through all stages above.
    """
    parent, zooms = batch["parent"].float() / 127.5 - 1, batch["zoom"].tolist()
    count, side = len(parent), parent.shape[-1]
    drawn: list[Tensor] = []
    parents: list[Tensor] = []
    for place, zoom in enumerate(zooms):
        rows = slice(place * count, (place + 1) * count)
        if place:
            below = passed_on(crop(drawn[-1], (SCALE - 1) * side // 2))
            parent = (below + batch["ground"][rows].float() / 127.5).clamp(-1, 1)
        level = sampler.augmentation[place]
        factors = sampler.factors(zoom) if level else AS_DRAWN
        coverage = batch["coverage"][rows, None].float() / 255
        # The parent as the stage takes it: without its small spots, and with its edges.
        if level and zoom in MEDIANS:
            parent = parent + (medians(parent, MEDIANS[zoom]) - parent).detach()
        edges = enlarge_sharply(parent) if level and zoom in KEEP_EDGES else None
        factors = factors._replace(contrast=factors.contrast * coverage)
        image = draw(
            decoder, batch["codes"][rows].float(), parent, batch["gsd"][rows], [level] * count,
            factors, edges,
        )  # fmt: skip
        drawn.append(image)
        parents.append(parent)
    return torch.cat(drawn), torch.cat(parents)


def medians(pictures: Tensor, side: int) -> Tensor:
    """Filter pictures by `generator.nets.median`, their edges repeated: [B, 3, h, w] -> the same.

    side: of the window, odd.
    """
    with torch.no_grad():
        for axis, edges in ((3, (side // 2, side // 2, 0, 0)), (2, (0, 0, side // 2, side // 2))):
            seen = F.pad(pictures, edges, "replicate").unfold(axis, side, 1)
            pictures = seen.median(-1).values
    return pictures
