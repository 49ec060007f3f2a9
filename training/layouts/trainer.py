"""One step of training: windows are encoded, drawn again at home and elsewhere, and compared."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.blocks import crop
from generator.nets.bands import contrast_scale, finer, led
from generator.nets.codes import quantise
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import detail_of
from generator.network import SCALE
from training.layouts.collage import draw_cells
from training.layouts.objective import Objective
from training.layouts.recipe import Phase
from training.layouts.state import State

WARM_UP = 100
SPACINGS = (16, 24, 32)
"""Parent pixels between a collage's cells."""
SHARP = 0.3
"""Share of the own windows whose parent is sharp: strength 0."""


class Trainer:
    """Runs steps of a state on groups of windows."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.random = torch.Generator()
        self.objective = Objective({"pixels": 1.0, "features": 1.0}, state.standard)

    def step(self, group: dict[str, Tensor]) -> dict[str, float]:
        """Update the networks once; returns the losses."""
        state, recipe = self.state, self.state.recipe
        phase = recipe.phase(state.step)
        self.random.manual_seed(recipe.seed * 1_000_003 + state.step)
        self.objective.weights = {"pixels": phase.pixels, "features": phase.features}
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
        laid, target, strengths = self._home(order[:own], child, codes)
        if own < size:
            more = self._elsewhere(order[own:], parent, codes, details)
            laid, target = torch.cat([laid, more[0]]), torch.cat([target, more[1]])
            strengths = strengths + more[2]
        # Draw them and compare.
        images = draw(state.pair.decoder, laid, parent[order], group["gsd"][order], strengths)
        edge = SCALE * recipe.edge
        total, parts = self.objective(crop(images, edge), crop(target, edge))
        parts["size"] = bounded.abs().mean()
        total = total + phase.calm * parts["size"]
        self._update(total, phase)
        names = {"own": own, "else": size - own}
        return {name: float(value.detach()) for name, value in parts.items()} | {
            f"pixels_{name}": float((images - target)[rows].detach().abs().mean() * 127.5)
            for name, rows in (("own", slice(0, own)), ("else", slice(own, size)))
            if names[name]
        }

    def _home(
        self, rows: list[int], child: Tensor, codes: Tensor
    ) -> tuple[Tensor, Tensor, list[float]]:
        """Own codes and children; some without codes, as the bare network must draw them."""
        bare = torch.rand(len(rows), generator=self.random) < self.state.recipe.empty
        laid = torch.where(bare[:, None, None, None], torch.zeros(()), codes[rows])
        return laid, child[rows], [self._strength(SHARP) for _ in rows]

    def _elsewhere(
        self, rows: list[int], parent: Tensor, codes: Tensor, details: Tensor
    ) -> tuple[Tensor, Tensor, list[float]]:
        """Collages of the other windows' codes, and what they are asked to look like."""
        others = [[k for k in range(len(parent)) if k != row] for row in rows]
        spacing = SPACINGS[int(torch.randint(len(SPACINGS), (), generator=self.random))]
        cells = draw_cells(others, parent.shape[-1], spacing, self.random)
        strengths = [1 - self._strength(0.4) * 0.8 for _ in rows]
        with torch.no_grad():
            base = led(parent[rows], strengths, padded=True)
            detail = finer(cells.blend(details), strengths, padded=True)
            target = base + contrast_scale(base) * detail
        return cells.lay(codes), target, strengths

    def _strength(self, zero: float) -> float:
        """A strength in [0, 1], 0 with a probability of `zero`; in steps of 1/16."""
        place = float(torch.rand((), generator=self.random))
        return 0.0 if place < zero else math.ceil(16 * (place - zero) / (1 - zero)) / 16

    def _update(self, total: Tensor, phase: Phase) -> None:
        state = self.state
        state.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch
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
