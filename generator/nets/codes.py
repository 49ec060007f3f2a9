"""Finite scalar quantisation: layout codes as vectors of a few small integers.

After Mentzer et al. 2023, "Finite Scalar Quantization": every channel is bounded by tanh and
rounded; the gradient passes straight through the rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor


def bound(z: Tensor, most: int) -> Tensor:
    """Bound real numbers to (-most - 1/2, most + 1/2): what `quantise` rounds."""
    return torch.tanh(z) * (most + 0.49)


def quantise(bounded: Tensor) -> Tensor:
    """Round to integers; the gradient is that of the identity."""
    return bounded + (bounded.round() - bounded).detach()
