"""Deterministic DDIM sampling; owns no model, device or randomness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from generator.nets.blocks import crop_to
from generator.nets.diffusion import alpha_bar, ddim_times

Denoise = Callable[[Tensor, int], Tensor]
"""(x_t, t) -> predicted x_0, which may be smaller than x_t by the network's margin."""


def sample(denoise: Denoise, noise: Tensor, steps: int) -> Tensor:
    """DDIM with eta = 0 from pure noise to x_0, in `steps` >= 1 evaluations.

    noise: [B, 3, H, W]. Returns x_0, smaller by `steps` margins, since each evaluation of an
    unpadded network consumes one.
    """
    return ddim(denoise, noise, ddim_times(steps))


def ddim(denoise: Denoise, x: Tensor, times: Sequence[int]) -> Tensor:
    """DDIM with eta = 0 from x at timestep times[0] to x at times[-1], evaluated at all but that.

    x: [B, 3, H, W]. Returns x smaller by one margin per evaluation. A part of the way, followed on
    from its end, is the whole way.
    """
    abar = alpha_bar().to(x.device)
    for now, after in zip(times[:-1], times[1:], strict=True):
        clean = denoise(x, now)
        if after == 0:
            return clean
        # The direction that points back to x_t, then one deterministic step along it.
        x = crop_to(x, clean)
        direction = (x - abar[now].sqrt() * clean) / (1 - abar[now]).sqrt()
        x = abar[after].sqrt() * clean + (1 - abar[after]).sqrt() * direction
    return x
