"""One step of training: windows are encoded, drawn again at home and elsewhere, and compared."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from generator.nets.bands import blur, contrast_scale, high_band, low_band
from generator.nets.blocks import crop
from generator.nets.codes import quantise
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import detail_of
from training.losses.objective import Objective
from training.run.layoutstate import State
from training.run.recipe import Phase
from training.samples.collage import Cells

WARM_UP = 100
INVENTED = 1.5
"""Standard deviation, parent pixels, beyond which a parent keeps what is its own."""


@dataclass(frozen=True, slots=True)
class Laid:
    """Windows as they are drawn: codes [B, D, H, W], parents [B, 3, H, W], what is asked for
    [B, 3, 4H, 4W], and strengths, one each."""

    codes: Tensor
    parents: Tensor
    target: Tensor
    strengths: list[float]

    def joined(self, other: Laid) -> Laid:
        """Return these windows and then those."""
        return Laid(
            torch.cat([self.codes, other.codes]),
            torch.cat([self.parents, other.parents]),
            torch.cat([self.target, other.target]),
            self.strengths + other.strengths,
        )


class Trainer:
    """Runs steps of a state on batches, on the state's device.

    slowing: factor on the learning rate of the recipe.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.slowing, self._since = 1.0, time.monotonic()
        self.objective = Objective({}, state.standard, state.adversary)
        self.objective.perceptual.to(state.device)

    @property
    def done(self) -> int:
        """Steps taken."""
        return self.state.step

    def step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Update the networks once by a batch of `Batches`; returns the losses, scalars."""
        state, recipe = self.state, self.state.recipe
        phase = recipe.phase(state.step)
        self.objective.weights = {
            "pixels": phase.pixels, "features": phase.features, "adversarial": phase.adversarial
        }  # fmt: skip
        strengths = {name: batch[name].tolist() for name in ("home_strength", "away_strength")}
        batch = {name: each.to(state.device, non_blocking=True) for name, each in batch.items()}
        # Encode every window.
        child = batch["child"].float() / 127.5 - 1
        parent = rounded(F.avg_pool2d(child, SCALE))
        with torch.no_grad():
            details = detail_of(child, parent)
        with torch.autocast(state.device.type, torch.bfloat16):
            bounded = state.pair.encoder(details, parent)
        codes = quantise(bounded)
        # Lay codes: some windows get their own, the others those of their neighbours in the group.
        home = batch["home"]
        laid = Laid(
            codes[home] * ~batch["bare"][:, None, None, None],
            parent[home], child[home], strengths["home_strength"],
        )  # fmt: skip
        if len(batch["away"]):
            laid = laid.joined(
                _elsewhere(batch, strengths["away_strength"], parent, codes, details)
            )
        # Draw them and compare; the gradient is formed at the images.
        order = torch.cat([home, batch["away"]])
        gsd = batch["gsd"][order]
        images = draw(state.pair.decoder, laid.codes, laid.parents, gsd, laid.strengths)
        edge = SCALE * recipe.edge
        made, target, real = (crop(each, edge) for each in (images, laid.target, child[order]))
        gradient, parts = self.objective(made, target, real, gsd)
        parts["size"] = bounded.abs().mean()
        self._update([made, phase.calm * parts["size"]], gradient, phase)
        own = len(home)
        parts |= {
            f"pixels_{name}": (images - laid.target)[rows].abs().mean() * 127.5
            for name, rows in (("own", slice(0, own)), ("else", slice(own, len(order))))
            if len(order[rows])
        }
        return {name: value.detach() for name, value in parts.items()}

    def _update(self, made: list[Tensor], gradient: Tensor, phase: Phase) -> None:
        """Update the networks by the gradient at the images and what a code's size costs."""
        state = self.state
        state.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(made, [gradient, torch.ones_like(made[1])])
        torch.nn.utils.clip_grad_norm_(state.pair.parameters(), 1.0)
        for each in state.optimiser.param_groups:
            each["lr"] = phase.rate * self.slowing * min(1.0, (state.step + 1) / WARM_UP)
        state.optimiser.step()
        state.ema.update(state.pair)
        state.step += 1
        state.seconds += time.monotonic() - self._since
        self._since = time.monotonic()


def _elsewhere(
    batch: dict[str, Tensor], strengths: list[float], parent: Tensor, codes: Tensor, details: Tensor
) -> Laid:
    """Collages of other windows' codes, and what they are asked to look like."""
    cells = Cells(batch["owner"], batch["members"])
    with torch.no_grad():
        # Parents as a chain has them: half of them with another window's finer detail.
        rows = batch["away"]
        coarse = blur(parent, [INVENTED] * len(parent), padded=True)
        mixed = rounded(coarse[rows] + (parent - coarse)[batch["grain"]])
        parents = torch.where(batch["kept"][:, None, None, None], parent[rows], mixed)
        base = low_band(parents, strengths, padded=True)
        detail = high_band(cells.blend(details), strengths, padded=True)
        target = base + contrast_scale(base) * detail
    return Laid(cells.lay(codes), parents, target, strengths)


def draw(
    decoder: LayoutDecoder, codes: Tensor, parent: Tensor, gsd: Tensor, strengths: list[float]
) -> Tensor:
    """Children of a padded decoder: [B, 3, 4w, 4w]."""
    with torch.autocast(parent.device.type, torch.bfloat16):
        code = decoder.embedding(gsd, torch.tensor(strengths, device=gsd.device))
        image: Tensor = decoder(codes, parent, strengths, decoder.modulations(code))
    return image


def rounded(image: Tensor) -> Tensor:
    """Round an image in [-1, 1] to 8 bits."""
    return ((image.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
