"""How strong what the codes add to a parent is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class DetailFactors(NamedTuple):
    """Factors on what the codes add to the parent: numbers, or tensors that fit [B, 3, H, W].

    contrast: on all of it; saturation: on how far its three colours are apart; sharpness: on the
    part of its brightness that is finer than about two pixels. limit: what the rest of it nears and
    does not pass, in halves of the range, 0 for none.
    """

    contrast: float | Tensor = 1.0
    saturation: float | Tensor = 1.0
    sharpness: float | Tensor = 1.0
    limit: float = 0.0


AS_DRAWN = DetailFactors()
"""What leaves detail as the decoder puts it out."""
