"""The decoder: a parent and a field of layout codes become the child, equal on every window.

The U-Net of the exact network on the parent's grid, with codes in the place of noise and the
conditioning-augmentation level as an input.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from generator.grid.tile import SCALE
from generator.nets.bands import (
    REACH,
    SIGMA,
    SPLIT_REACH,
    add_detail,
    blur,
    contrast_scale,
    desaturated,
    high_band,
    limited,
    low_band,
)
from generator.nets.blocks import ScaleEmbedding, crop_to
from generator.nets.body import UNetBody
from generator.nets.config import LayoutConfig
from generator.nets.factors import AS_DRAWN, DetailFactors
from generator.nets.resampling import pixel_shuffle

OUTPUT_GAIN = 6.0
"""What the network puts out is this many times the normalised detail."""
_CALM = 14 / 127.5
"""Of a difference of fourteen grey levels from the sharply enlarged parent, half counts."""
_CODE_WIDTH = 128


class LayoutDecoder(UNetBody):
    """Draws a child from its parent, its codes, its resolution and its augmentation level.

    The level in [0, 1] says how far the parent leads: at 0 it is sharp and the codes add what it
    lacks, at 1 it is blurred and the codes lead down to its own pixels (`generator.nets.bands`).
    """

    def __init__(self, config: LayoutConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = ScaleEmbedding(config.embedding)
        self.code = nn.Sequential(
            nn.Conv2d(config.dimensions, _CODE_WIDTH, 1), nn.SiLU(),
            nn.Conv2d(_CODE_WIDTH, 3 * SCALE**2, 1),
        )  # fmt: skip
        self._add_body(config.widths, config.blocks, config.embedding)

    @property
    def margin(self) -> int:
        """Parent pixels consumed on each side; even, to keep the alignment."""
        return self.config.reach + SPLIT_REACH + REACH

    def forward(
        self,
        codes: Tensor,
        parent: Tensor,
        augmentations: Sequence[float],
        modulations: list[Tensor],
        factors: DetailFactors = AS_DRAWN,
        edges: Tensor | None = None,
    ) -> Tensor:
        """Draw children.

        codes: [B, D, H, W], integers in any dtype; parent: [B, 3, H, W] in [-1, 1]; augmentations:
        levels in [0, 1], one per sample; modulations: [B, 2C, 1, 1] each, or [B, 2C, H, 1] where
        rows differ in resolution; factors: on the codes' detail, of which contrast may be a map of
        the child's size. edges: parents enlarged sharply (`generator.nets.kuwahara`),
        [B, 3, h, w], no smaller than the child and centred on it, whose steps it is to have, where
        contrast is 1 or more; the less there is of it, the less of them. Returns
        [B, 3, 4 (H - 2m), 4 (W - 2m)], float32, m the margin; of a padded network the whole window.
        """
        padded = not self.exact
        # The network sees the parent blurred by its level, and the codes as 48 channels.
        seen = blur(parent, [SIGMA * level for level in augmentations], padded=padded)
        h = torch.cat([self._embedded(crop_to(codes, seen)), seen.to(self.stem.weight.dtype)], 1)
        out = self._body(h, modulations, parent.shape[-2])
        # The low band is the parent's, the high band what the network put out.
        base = low_band(parent, augmentations, padded=padded)
        contrast, saturation, sharpness, limit = factors
        drawn = pixel_shuffle(out) / OUTPUT_GAIN
        detail = high_band(drawn, augmentations, sharpness, padded=padded)
        # Detail was learned beside brightness, which gives it its strength here.
        base = crop_to(base, detail)
        if edges is not None:
            # Where no code draws anything, there is nothing sharp either.
            share = contrast.clamp(max=1) if isinstance(contrast, Tensor) else min(contrast, 1.0)
            base = base + share * _beyond_calm(crop_to(edges, base) - base.detach())
        detail = desaturated(detail, base, saturation)
        detail = contrast * contrast_scale(base) * detail
        return add_detail(base, limited(detail, limit) if limit else detail)

    def _embedded(self, codes: Tensor) -> Tensor:
        """Turn codes [B, D, H, W] into features [B, 48, H, W]."""
        shares = codes.to(self.stem.weight.dtype) / self.config.most
        features: Tensor = self.code(shares.contiguous(memory_format=torch.channels_last))
        return features


def _beyond_calm(gap: Tensor) -> Tensor:
    """Keep large differences and let small ones go, which are no edges but facets of a slope."""
    square = gap * gap
    return gap * (square / (square + _CALM**2))
