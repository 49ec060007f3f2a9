"""The layout memory's step: windows are encoded, and drawn from own and transplanted layouts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from generator.nets.bands import blur, contrast_scale, high_band, low_band
from generator.nets.blocks import crop
from generator.nets.codes import quantise
from generator.nets.encoder import detail_of
from training.drawing import draw, rounded
from training.losses.context import Drawn
from training.run.networks import LayoutPair
from training.run.state import TrainingState
from training.run.statestep import StateStep
from training.run.step import Batch
from training.samples.collage import Cells

INVENTED = 1.5
"""Standard deviation, parent pixels, beyond which a parent keeps what is its own."""


@dataclass(frozen=True, slots=True)
class _Laid:
    """Windows as they are drawn: codes [B, D, H, W], parents [B, 3, H, W], what is asked for
    [B, 3, 4H, 4W], and conditioning-augmentation levels, one each."""

    codes: Tensor
    parents: Tensor
    truth: Tensor
    levels: list[float]

    def joined(self, other: _Laid) -> _Laid:
        """Return these windows and then those."""
        return _Laid(
            torch.cat([self.codes, other.codes]),
            torch.cat([self.parents, other.parents]),
            torch.cat([self.truth, other.truth]),
            self.levels + other.levels,
        )


class LayoutStep(StateStep):
    """Takes steps of a layout memory's state on `LayoutBatches`."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__(state)
        assert isinstance(state.network, LayoutPair)
        self.pair = state.network

    def draw(self, batch: Batch) -> Drawn:
        """Draw the windows of a batch, own-layout ones first, edges cut off."""
        levels = {name: batch[f"{name}_level"].tolist() for name in ("own", "transplanted")}
        batch = self.on_device(batch)
        # Encode every window.
        child = batch["child"].float() / 127.5 - 1
        parent = rounded(F.avg_pool2d(child, SCALE))
        with torch.no_grad():
            details = detail_of(child, parent)
        with torch.autocast(child.device.type, torch.bfloat16):
            bounded: Tensor = self.pair.encoder(details, parent)
        codes = quantise(bounded)
        # Lay codes: some windows get their own, the others those of their neighbours in the group.
        own, transplanted = batch["own"], batch["transplanted"]
        laid = _Laid(
            codes[own] * ~batch["bare"][:, None, None, None],
            parent[own], child[own], levels["own"],
        )  # fmt: skip
        if len(transplanted):
            laid = laid.joined(_collages(batch, levels["transplanted"], parent, codes, details))
        # Draw them.
        order = torch.cat([own, transplanted])
        gsd, edge = batch["gsd"][order], SCALE * self.state.recipe.edge
        images = draw(self.pair.decoder, laid.codes, laid.parents, gsd, laid.levels)
        made, truth, real = (crop(each, edge) for each in (images, laid.truth, child[order]))
        parts = {"own": slice(0, len(own)), "transplanted": slice(len(own), len(order))}
        return Drawn(made, truth, gsd, real=real, codes=bounded, parts=parts)


def _collages(
    batch: Batch, levels: list[float], parent: Tensor, codes: Tensor, details: Tensor
) -> _Laid:
    """Collages of other windows' codes, and what they are asked to look like."""
    cells, rows = Cells(batch["owner"], batch["members"]), batch["transplanted"]
    with torch.no_grad():
        # Parents as a cascade has them: half of them with another window's finer detail.
        coarse = blur(parent, [INVENTED] * len(parent), padded=True)
        mixed = rounded(coarse[rows] + (parent - coarse)[batch["grain"]])
        parents = torch.where(batch["kept"][:, None, None, None], parent[rows], mixed)
        # The truth: what the parent leads, and the detail of those that lend.
        base = low_band(parents, levels, padded=True)
        detail = high_band(cells.blend(details), levels, padded=True)
        truth = base + contrast_scale(base) * detail
    return _Laid(cells.lay(codes), parents, truth, levels)
