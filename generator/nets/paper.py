"""The paper's denoising network: a U-Net of the ADM kind over the condition's features.

Section III-D1 gives the widths, the number of ResBlocks, where attention stands, and RRDBNet as
the encoder. What it leaves open follows ADM (Dhariwal and Nichol 2021): group norm of 32 groups,
scale and shift after the second norm (Eq. 22), strided and nearest-neighbour resampling with a
convolution, one ResBlock more per level of the decoder, attention between two ResBlocks at the
bottom, and an embedding four times as wide as the base.

Its attention and its zero padding see the window's edge: pixels depend on the window, which the
sampling of `generator.cascade.paperstage` hides by half-overlapping windows. For exact seams see
`generator.nets.unet`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.grid.tile import SCALE
from generator.nets.attention import Attention, GroupNorm
from generator.nets.blocks import ScalarEmbedding
from generator.nets.config import PaperConfig
from generator.nets.diffusion import TIMESTEPS
from generator.nets.rrdb import ConditionEncoder


class PaperBlock(nn.Module):
    """Two padded 3x3 convolutions, modulated as norm(h) (1+scale) + shift (Eq. 22)."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm2 = GroupNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        for value in self.conv2.parameters():
            nn.init.zeros_(value)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """[B, C, H, W] with an embedding [B, E] -> [B, C', H, W]."""
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.modulation(code)[:, :, None, None].chunk(2, 1)
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        total: Tensor = self.skip(x) + h
        return total


class PaperLevel(nn.Module):
    """One ResBlock, and self-attention behind it where the level has it."""

    def __init__(self, inputs: int, outputs: int, embedding: int, heads: int | None) -> None:
        super().__init__()
        self.block = PaperBlock(inputs, outputs, embedding)
        self.attention = nn.Identity() if heads is None else Attention(outputs, heads)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """[B, C, H, W] with an embedding [B, E] -> [B, C', H, W]."""
        h: Tensor = self.attention(self.block(x, code))
        return h


class PaperEmbedding(ScalarEmbedding):
    """Time and resolution, each through its own MLP, added (Eq. 13-17).

    Both enter as they are, time in steps and resolution in metres, at geometric frequencies from
    1 down to 1/10000 (Eq. 13-14; the text of the base was lost, 10000 is ADM's).
    """

    def __init__(self, base: int, width: int, guidance: bool) -> None:
        super().__init__(width, 1 + guidance, base)

    def forward(self, time: Tensor, resolution: Tensor) -> Tensor:
        """Timesteps 0-1000 and metres per child pixel, [B] each -> [B, E]."""
        # `frequencies` measures in thousands.
        scalars = [value / TIMESTEPS for value in (time, resolution)]
        return self.embed(*scalars[: len(self.parts)])


class PaperUNet(nn.Module):
    """Predicts the noise in a noisy child, given its parent and its resolution (Eq. 19)."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        width = 4 * config.base
        features = config.encoder[1]
        self.embedding = PaperEmbedding(config.base, width, config.guidance)
        self.encoder = ConditionEncoder(*config.encoder)
        channels = config.base * config.multipliers[0]
        self.stem = nn.Conv2d(3 + features, channels, 3, padding=1)
        skips = [channels]
        self.down = nn.ModuleList(self._downwards(channels, width, skips))
        channels = skips[-1]
        self.middle = nn.ModuleList(
            PaperLevel(channels, channels, width, heads) for heads in (config.heads, None)
        )
        self.up = nn.ModuleList(self._upwards(channels, width, skips))
        channels = config.base * config.multipliers[0]
        self.norm = GroupNorm(channels)
        self.head = nn.Conv2d(channels, 3, 3, padding=1)
        for value in self.head.parameters():
            nn.init.zeros_(value)

    def _heads(self, level: int) -> int | None:
        """Return the channels of a head of attention, None for a level without."""
        return self.config.heads if level in self.config.attention else None

    def _downwards(self, channels: int, width: int, skips: list[int]) -> Iterator[nn.Module]:
        """Yield the layers from the child's grid to the coarsest; adds their channels to skips."""
        config = self.config
        for level, factor in enumerate(config.multipliers):
            for _ in range(config.blocks):
                yield PaperLevel(channels, config.base * factor, width, self._heads(level))
                channels = config.base * factor
                skips.append(channels)
            if level < len(config.multipliers) - 1:
                yield nn.Conv2d(channels, channels, 3, 2, padding=1)
                skips.append(channels)

    def _upwards(self, channels: int, width: int, skips: list[int]) -> Iterator[nn.Module]:
        """Yield the layers back to the child's grid, each of which takes one of the skips."""
        config = self.config
        for level, factor in reversed(list(enumerate(config.multipliers))):
            for _ in range(config.blocks + 1):
                inputs = channels + skips.pop()
                yield PaperLevel(inputs, config.base * factor, width, self._heads(level))
                channels = config.base * factor
            if level:
                yield nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, features: Tensor, code: Tensor) -> Tensor:
        """One evaluation.

        x: noisy child [B, 3, 4H, 4W], its sides multiples of 2 to the number of resamplings;
        features: `encoder(parent)` [B, F, 4H, 4W]; code: `embedding(time, resolution)` [B, E].
        Returns the predicted noise [B, 3, 4H, 4W], float32.
        """
        # The condition's features lie beside the noisy child (Eq. 12).
        h = torch.cat([x.to(features.dtype), features], 1).to(self.stem.weight.dtype)
        h = self.stem(h)
        # Down: every layer's result is kept for its skip connection.
        skips = [h]
        for layer in self.down:
            h = layer(h) if isinstance(layer, nn.Conv2d) else layer(h, code)
            skips.append(h)
        for layer in self.middle:
            h = layer(h, code)
        # Up: a level takes the latest skip, a convolution comes behind each enlargement.
        for layer in self.up:
            if isinstance(layer, nn.Conv2d):
                h = layer(F.interpolate(h, scale_factor=2, mode="nearest"))
            else:
                h = layer(torch.cat([h, skips.pop()], 1), code)
        noise: Tensor = self.head(F.silu(self.norm(h))).float()
        return noise

    @property
    def window(self) -> int:
        """Child pixels on each side of the window that is generated at once."""
        return SCALE * self.config.window
