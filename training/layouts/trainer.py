"""One step of training: windows are encoded, drawn again at home and elsewhere, and compared."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.blocks import crop
from generator.nets.bands import blur, contrast_scale, finer, led
from generator.nets.codes import quantise
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import detail_of
from generator.network import SCALE
from training.layouts.collage import draw_cells, misfits
from training.layouts.objective import Objective
from training.layouts.recipe import Phase
from training.layouts.state import State

WARM_UP = 100
SPACINGS = (16, 24, 32)
"""Parent pixels between a collage's cells."""
INVENTED = 1.5
"""Standard deviation, parent pixels, beyond which a parent keeps what is its own."""
SHARP = 0.3
"""Share of the own windows whose parent is sharp: strength 0."""


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
    """Runs steps of a state on groups of windows."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.random = torch.Generator()
        self.objective = Objective({}, state.standard, state.adversary)

    def step(self, group: dict[str, Tensor]) -> dict[str, float]:
        """Update the networks once; returns the losses."""
        state, recipe = self.state, self.state.recipe
        phase = recipe.phase(state.step)
        self.random.manual_seed(recipe.seed * 1_000_003 + state.step)
        self.objective.weights = {
            "pixels": phase.pixels, "features": phase.features, "adversarial": phase.adversarial
        }  # fmt: skip
        # Encode every window of the group.
        child = group["child"].float() / 127.5 - 1
        parent = rounded(F.avg_pool2d(child, SCALE))
        with torch.no_grad():
            details = detail_of(child, parent)
        with torch.autocast("cpu", torch.bfloat16):
            bounded = state.pair.encoder(details, parent)
        codes = quantise(bounded)
        # Lay codes: some windows get their own, the others those of their neighbours in the group.
        size = len(child)
        own = round(phase.own * size)
        order = torch.randperm(size, generator=self.random).tolist()
        laid = self._home(order[:own], child, parent, codes)
        if own < size:
            laid = laid.joined(self._elsewhere(order[own:], parent, codes, details))
        # Draw them and compare; the gradient is formed at the images.
        gsd = group["gsd"][order]
        images = draw(state.pair.decoder, laid.codes, laid.parents, gsd, laid.strengths)
        edge = SCALE * recipe.edge
        made, target, real = (crop(each, edge) for each in (images, laid.target, child[order]))
        gradient, parts = self.objective(made, target, real, gsd)
        parts["size"] = bounded.abs().mean()
        self._update([made, phase.calm * parts["size"]], gradient, phase)
        names = {"own": own, "else": size - own}
        return {name: float(value.detach()) for name, value in parts.items()} | {
            f"pixels_{name}": float((images - laid.target)[rows].detach().abs().mean() * 127.5)
            for name, rows in (("own", slice(0, own)), ("else", slice(own, size)))
            if names[name]
        }

    def _home(self, rows: list[int], child: Tensor, parent: Tensor, codes: Tensor) -> Laid:
        """Own codes and children; some without codes, as the bare network must draw them."""
        bare = torch.rand(len(rows), generator=self.random) < self.state.recipe.empty
        laid = torch.where(bare[:, None, None, None], torch.zeros(()), codes[rows])
        return Laid(laid, parent[rows], child[rows], [self._strength(SHARP) for _ in rows])

    def _elsewhere(self, rows: list[int], parent: Tensor, codes: Tensor, details: Tensor) -> Laid:
        """Collages of the other windows' codes, and what they are asked to look like."""
        others = [[k for k in range(len(parent)) if k != row] for row in rows]
        spacing = SPACINGS[int(torch.randint(len(SPACINGS), (), generator=self.random))]
        cells = draw_cells(others, misfits(parent)[rows], spacing, self.random)
        strengths = [1 - self._strength(0.3) for _ in rows]
        with torch.no_grad():
            parents = self._invented(rows, parent)
            base = led(parents, strengths, padded=True)
            detail = finer(cells.blend(details), strengths, padded=True)
            target = base + contrast_scale(base) * detail
        return Laid(cells.lay(codes), parents, target, strengths)

    def _invented(self, rows: list[int], parent: Tensor) -> Tensor:
        """Parents as a chain has them: half of them with another window's finer detail."""
        coarse = blur(parent, [INVENTED] * len(parent), padded=True)
        fine = parent - coarse
        lent = (torch.tensor(rows) + 1) % len(parent)
        mixed = rounded(coarse[rows] + fine[lent])
        kept = torch.rand(len(rows), generator=self.random) < 0.5
        return torch.where(kept[:, None, None, None], parent[rows], mixed)

    def _strength(self, zero: float) -> float:
        """A strength in [0, 1], 0 with a probability of `zero`; in steps of 1/16."""
        place = float(torch.rand((), generator=self.random))
        return 0.0 if place < zero else math.ceil(16 * (place - zero) / (1 - zero)) / 16

    def _update(self, made: list[Tensor], gradient: Tensor, phase: Phase) -> None:
        """Update the networks by the gradient at the images and what a code's size costs."""
        state = self.state
        state.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(made, [gradient, torch.ones(())])
        torch.nn.utils.clip_grad_norm_(state.pair.parameters(), 1.0)
        for each in state.optimiser.param_groups:
            each["lr"] = phase.rate * min(1.0, (state.step + 1) / WARM_UP)
        state.optimiser.step()
        state.ema.update(state.pair)
        state.step += 1


def draw(
    decoder: LayoutDecoder, codes: Tensor, parent: Tensor, gsd: Tensor, strengths: list[float]
) -> Tensor:
    """Children of a padded decoder: [B, 3, 4w, 4w]."""
    with torch.autocast("cpu", torch.bfloat16):
        code = decoder.embedding(gsd, torch.tensor(strengths))
        image: Tensor = decoder(codes, parent, strengths, decoder.modulations(code))
    return image


def rounded(image: Tensor) -> Tensor:
    """Round an image in [-1, 1] to 8 bits."""
    return ((image.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
