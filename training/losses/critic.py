"""The critic of the adversarial term: small heads on frozen features (Sauer et al. 2021)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from generator.nets.blocks import frequencies
from training.losses.perceptual import INPUTS

RATE = 6e-4
"""Learning rate of the critic."""
PENALTY = 0.3
"""Weight of the squared slope of its scores."""
_WIDTHS = (32, 32, 64, 64, 64)


class Critic(nn.Module):
    """Scores how real an image of a given resolution looks, place by place and level by level.

    One head for the map of detail and one per map of Perceptual: two 3x3 convolutions, scaled by
    the resolution, and a score per pixel. Spectral norms and a gradient penalty keep the heads
    from running ahead of the generator.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            _Head(channels, width) for channels, width in zip(INPUTS, _WIDTHS, strict=True)
        )

    def forward(self, maps: list[Tensor], gsd: Tensor) -> list[Tensor]:
        """Standardised maps and metres per pixel [B] -> scores [B, 1, h, w], one per map."""
        code = frequencies(torch.log2(gsd) / 12.0)
        with torch.autocast(gsd.device.type, torch.bfloat16):
            return [head(m, code) for head, m in zip(self.heads, maps, strict=True)]


class _Head(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(channels, width, 3))
        self.second = spectral_norm(nn.Conv2d(width, width, 3))
        self.code = nn.Linear(128, width)
        self.score = spectral_norm(nn.Conv2d(width, 1, 1))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        h = F.leaky_relu(self.first(x), 0.2)
        h = h * (1 + self.code(code).to(h.dtype)[:, :, None, None])
        h = F.leaky_relu(self.second(h), 0.2)
        score: Tensor = self.score(h)
        return score.float()


class Adversary:
    """A critic with its optimiser; its saved state goes on."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.critic = Critic().to(device)
        self.optimiser = torch.optim.AdamW(
            self.critic.parameters(), RATE, betas=(0.0, 0.99), weight_decay=0.0
        )

    def teach(self, made: list[Tensor], real: list[Tensor], gsd: Tensor) -> Tensor:
        """Update the critic once; returns its loss, a scalar.

        made, real: standardised maps [B, C, h, w] of drawn and of real images, in pairs;
        gsd: metres per pixel, [B].
        """
        # Score both halves of the pairs.
        maps = [
            torch.cat([m, r]).detach().requires_grad_() for m, r in zip(made, real, strict=True)
        ]
        scores = self.critic(maps, gsd.repeat(2))
        halves = [score.chunk(2) for score in scores]
        # The real one of a pair should score above the drawn one, without steep scores.
        loss = relativistic([half[1] for half in halves], [half[0] for half in halves])
        total = loss + PENALTY * gradient_penalty(scores, maps)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch
        self.optimiser.step()
        return loss.detach()

    def judge(self, made: list[Tensor], real: list[Tensor], gsd: Tensor) -> Tensor:
        """Return the loss of the drawn images, a scalar with a gradient at `made` alone."""
        self.critic.requires_grad_(False)
        with torch.no_grad():
            better = self.critic(real, gsd)
        loss = relativistic(self.critic(made, gsd), better)
        self.critic.requires_grad_(True)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` takes."""
        return {"critic": self.critic.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state; moments that critics once held are left out."""
        held = {k: v for k, v in state["critic"].items() if not k.startswith("standard.")}
        self.critic.load_state_dict(held)
        self.optimiser.load_state_dict(state["optimiser"])


def relativistic(better: list[Tensor], worse: list[Tensor]) -> Tensor:
    """Softplus of how far scores [B, 1, h, w] of `worse` exceed those of `better`, a scalar.

    Each place is compared with the same place of the truth (Jolicoeur-Martineau 2018), so what
    the place holds does not count. The critic has (real, made), the generator (made, real).
    """
    terms = [F.softplus(w - b).mean() for b, w in zip(better, worse, strict=True)]
    return torch.stack(terms).mean()


def gradient_penalty(scores: list[Tensor], maps: list[Tensor]) -> Tensor:
    """Half the squared slope of a critic's scores in its maps, per place, a scalar.

    Zero-centred and taken of real and made images alike (R1 and R2; Mescheder et al. 2018).
    """
    slopes = torch.autograd.grad([s.sum() for s in scores], maps, create_graph=True)
    return 0.5 * torch.stack([g.square().sum(1).mean() for g in slopes]).mean()
