"""The step that trains the decoder in chains of the product's worlds, through two stages.

A window of zoom 13 is drawn, and from its middle that of 15, so that what is wrong at 15 reaches
the drawing of 13. Both are compared with real windows of the same look, and with what the decoder
drew there at first. Codes, bank and encoder stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from generator.cascade.checkpoint import Checkpoint
from generator.cascade.loading import load as load_cascade
from generator.grid.tile import SCALE
from generator.nets.blocks import crop
from generator.nets.decoder import LayoutDecoder
from generator.nets.factors import DetailFactors
from training.drawing import draw, edges_of, passed_on
from training.imagery.pyramid import Pyramid
from training.losses.context import Drawn
from training.run.chaincollect import ChainFolder
from training.run.decoderstep import DecoderStep
from training.run.recipe import ChainsRecipe
from training.run.step import Batch
from training.samples.chainbatches import FIRST_ZOOMS, LAST_ZOOM, ChainBatches
from training.samples.realwindows import RealWindows

_EVEN = 28
"""Parent pixels along a window of one code, of which the middle 4 are judged."""


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
        """Find the looks of real windows, and collect chains; returns whether all is there."""
        options = self.options
        folder.mkdir(parents=True, exist_ok=True)
        # First what may lack imagery.
        zooms = [zoom for zoom, share in zip(FIRST_ZOOMS, options.shares, strict=True) if share]
        zooms += [LAST_ZOOM] if FIRST_ZOOMS[-1] in zooms else []
        self.real = RealWindows(
            pyramid, zooms, folder / "real.npz",
            window=options.window, count=options.pool, seed=options.seed,
        )  # fmt: skip
        # The product's worlds as they are: with the default base map and geography.
        kept = ChainFolder(folder, options.places, f"{self.digest} {options.window} {options.seed}")
        load = partial(load_cascade, weights=weights, device=self.device.type)
        done = kept.collect(load, options.window, options.seed, seconds)
        self.chains = kept.chains()
        return done

    def batches(self, pyramid: Pyramid) -> ChainBatches:
        """Return the batches of all steps, of what was prepared; raises TrainingError."""
        options = self.options
        return ChainBatches(
            self.chains, self.real, self.sampler, options.shares, options.levels,
            size=options.group, count=options.groups, seed=options.seed,
        )  # fmt: skip

    def draw(self, batch: Batch) -> Drawn:
        """Draw the windows of chains, as the decoder does now and as it did at first."""
        levels = batch["level"].tolist()
        batch = self.on_device(batch)
        images = chained(self.decoder, batch, levels)
        with torch.no_grad():
            before = chained(self.first, batch, levels)
        edge = SCALE * self.options.edge
        made, real, first = (
            crop(each, edge) for each in (images, batch["real"].float() / 127.5 - 1, before)
        )
        even = self._even(batch, levels) if self.options.checkerboard else None
        return Drawn(made, real, batch["gsd"], first=first, even=even, group=self.options.group)

    def _even(self, batch: Batch, levels: list[float]) -> Tensor:
        """Draw windows of one code each, under the colour of the real window."""
        colour = batch["real"].float().mean((2, 3), keepdim=True) / 127.5 - 1
        codes = batch["even"].float()[:, :, None, None].expand(-1, -1, _EVEN, _EVEN)
        parent = colour.expand(-1, -1, _EVEN, _EVEN).contiguous()
        image = draw(self.decoder, codes.contiguous(), parent, batch["gsd"], levels)
        return crop(image, SCALE * (_EVEN // 2 - 2))


def chained(decoder: LayoutDecoder, batch: Batch, levels: list[float]) -> Tensor:
    """Draw a batch of `ChainBatches` with a padded decoder, [N + M, 3, 4w, 4w].

    The windows that go on have for parent what was just drawn above them, rounded as tiles are; a
    gradient at them passes through both stages.
    """
    parent = batch["parent"].float() / 127.5 - 1
    count, side = len(parent), parent.shape[-1]
    codes, gsd = batch["codes"].float(), batch["gsd"]
    # Without the stages' saturation and sharpness, which no training is to learn to undo.
    contrast = (batch["contrast"][:, None, None] * batch["coverage"] / 255)[:, None]

    def children(some: slice, parents: Tensor) -> Tensor:
        return draw(
            decoder, codes[some], parents, gsd[some], levels[some],
            DetailFactors(contrast[some]),
            edges_of(parents, levels[some], batch["edges"][some]),
        )  # fmt: skip

    # The windows that begin chains.
    made = children(slice(0, count), parent)
    if not len(batch["above"]):
        return made
    # Those in the middle of their children.
    middle = slice((SCALE - 1) * side // 2, (SCALE - 1) * side // 2 + side)
    below = passed_on(made[batch["above"]][..., middle, middle])
    return torch.cat([made, children(slice(count, None), below)])
