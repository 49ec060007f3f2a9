"""The critic of the layout memory's training: it tells drawn images from real ones, place by place.

It judges the same maps as the objective: detail, and what a pretrained network sees. What is real
is the window itself, also where a collage of other places' layouts is drawn: a sum of the parent's
blurred edges and of foreign detail is what it shall not pass for real. It is taught in every step,
and its gradient at the images is given a fixed share of the objective's, so that neither runs
ahead (Esser et al. 2021 balance a critic and a reconstruction so).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from training.losses.critic import Critic
from training.losses.distances import gradient_penalty, relativistic
from training.losses.perceptual import GAINS

RATE = 6e-4
"""Learning rate of the critic."""
PENALTY = 0.3
"""Weight of the squared slope of its scores."""
_TINY = 1e-9


class Adversary:
    """A critic with its optimiser."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.critic = Critic().to(device)
        self.optimiser = torch.optim.AdamW(
            self.critic.parameters(), RATE, betas=(0.0, 0.99), weight_decay=0.0
        )

    def judge(
        self, images: Tensor, made: list[Tensor], real: list[Tensor], gsd: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Update the critic; returns its loss, and the gradient of the images' own at the images.

        images: drawn images [B, 3, H, W] that ask for a gradient; made, real: see `teach`, made
        computed from the images.
        """
        loss = self.teach(made, real, gsd)
        (gradient,) = torch.autograd.grad(made, images, self.slopes(made, real, gsd))
        return loss, gradient

    def teach(self, made: list[Tensor], real: list[Tensor], gsd: Tensor) -> Tensor:
        """Update the critic once; returns its loss, a scalar.

        made, real: standardised maps [B, C, h, w] of drawn and of real images, in pairs;
        gsd: metres per pixel, [B].
        """
        maps = [
            torch.cat([m, r]).detach().requires_grad_() for m, r in zip(made, real, strict=True)
        ]
        scores = self.critic(maps, gsd.repeat(2))
        halves = [score.chunk(2) for score in scores]
        loss = relativistic([half[1] for half in halves], [half[0] for half in halves])
        total = loss + PENALTY * gradient_penalty(scores, maps)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch
        self.optimiser.step()
        return loss.detach()

    def slopes(self, made: list[Tensor], real: list[Tensor], gsd: Tensor) -> list[Tensor]:
        """Return the gradient of the drawn images' loss at their maps, each map with equal say."""
        seen = [m.detach().requires_grad_() for m in made]
        self.critic.requires_grad_(False)
        with torch.no_grad():
            better = self.critic(real, gsd)
        loss = relativistic(self.critic(seen, gsd), better)
        slopes = torch.autograd.grad(loss, seen)
        self.critic.requires_grad_(True)
        return [
            slope / (gain * slope.norm() + _TINY) for slope, gain in zip(slopes, GAINS, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` takes."""
        return {"critic": self.critic.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
