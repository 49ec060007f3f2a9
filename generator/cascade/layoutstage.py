"""One stage of the layout memory's cascade: parent pixels and a code field become child pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from generator.grid.integral import squares
from generator.grid.rectangle import Rectangle
from generator.nets.bands import REACH as BLUR_REACH
from generator.nets.conditioning import Conditioner, to_pixels, to_tensor
from generator.nets.decoder import LayoutDecoder
from generator.nets.factors import AS_DRAWN, DetailFactors
from generator.nets.kuwahara import REACH, enlarge_sharply
from generator.nets.median import median

_AROUND = 5
"""Parent pixels along the square in which codes are counted."""
_WHOLE = 12
"""How many codes in it make detail whole."""


class LayoutStage:
    """Runs the decoder on windows; equal pixels for equal places, whatever the window.

    margin: parent pixels needed round the core on each side; code_margin: those whose codes are;
    window origins and sides must be even. faithful_augmentation: see
    `generator.upscaling.parentpicture.StageLike`. factors: on the layouts' detail where codes
    lead, above augmentation level 0. fading: there, detail fades out where a memory shows
    nothing, on open sea and snow; without, the network draws its own. edges: there, steps of the
    parent stay sharp. median: there, side of a median filter of the parent in its pixels, odd, 0
    for none: what is smaller than that is left to the layouts.
    """

    faithful_augmentation: float | None = 0.0

    def __init__(
        self,
        network: LayoutDecoder,
        factors: DetailFactors = AS_DRAWN,
        fading: bool = False,
        edges: bool = False,
        median: int = 0,
    ) -> None:
        self.network, self.factors, self.fading, self.edges = network, factors, fading, edges
        self.median = median
        # Even, as the origins of windows are.
        self._around = (median // 2 + 1) // 2 * 2
        self.margin = network.margin + self._around
        # The network sees a blurred parent, which leaves the codes at its edge unseen.
        self.code_margin = network.margin - BLUR_REACH
        self._condition = Conditioner(network)

    def latent(self, seed: int, level: int, area: Rectangle) -> NDArray[np.int8]:
        """Return the codes of a rectangle of parent pixels without a memory: zeros, [D, h, w]."""
        return np.zeros((self.network.config.dimensions, area.height, area.width), np.int8)

    def __call__(
        self,
        parent: NDArray[np.uint8],
        codes: NDArray[np.int8],
        resolution: NDArray[np.float64],
        augmentation: float,
        detail: NDArray[np.float32] | None = None,
    ) -> NDArray[np.uint8]:
        """Draw the child of a window's core.

        parent: uint8 [h+2m, w+2m, 3], h and w even; codes: int8 [D, h+2c, w+2c], c from code_margin
        to m and even, 0 where nothing is known; resolution: metres per child pixel of each parent
        row, [h+2m], or [1]; augmentation: level in [0, 1], how far the codes lead; detail: how much
        of it each child pixel shows, [4h, 4w] in [0, 1], None for all. Returns uint8 [4h, 4w, 3].
        """
        codes_margin = self.margin - (len(parent) - codes.shape[1]) // 2
        # Without its small spots, the parent needs no further margin than the network's.
        if self._around:
            inside = slice(self._around, -self._around)
            left = self._around - self.median // 2
            whole = parent[left : len(parent) - left, left : parent.shape[1] - left]
            parent = median(whole, self.median) if augmentation else parent[inside, inside]
            resolution = resolution[inside] if len(resolution) > 1 else resolution
        # Parent and codes as tensors.
        weight = self.network.stem.weight
        image = to_tensor(parent).to(weight.device)
        laid = torch.from_numpy(codes)[None].to(weight.device, weight.dtype)
        with torch.inference_mode():
            modulations = self._condition(resolution, augmentation)
            # Where codes lead, detail has the factors of the stage and fades where there are none.
            factors = self.factors if augmentation else AS_DRAWN
            if augmentation and self.fading:
                coverage = torch.from_numpy(code_coverage(codes, codes_margin)).to(weight.device)
                factors = factors._replace(contrast=factors.contrast * coverage)
            if augmentation and detail is not None:
                shown = torch.from_numpy(detail).to(weight.device)
                factors = factors._replace(contrast=factors.contrast * shown)
            # What is coarse keeps the parent's edges, which its blur takes away.
            edges = self._enlarged(parent) if augmentation and self.edges else None
            drawn = self.network(laid, image, [augmentation], modulations, factors, edges)
            return to_pixels(drawn)

    def _enlarged(self, parent: NDArray[np.uint8]) -> torch.Tensor:
        """Return the core of a window [h+2m, w+2m, 3], sharply enlarged: [1, 3, 4h, 4w]."""
        around = self.network.margin - REACH
        edges = to_tensor(enlarge_sharply(parent[around:-around, around:-around]))
        return edges.to(self.network.stem.weight.device)


def code_coverage(codes: NDArray[np.int8], margin: int) -> NDArray[np.float32]:
    """Say where codes [D, h+2m, w+2m] show something: float32 [4h, 4w] in [0, 1].

    m: margin, 4 or more. Whole numbers but for the last division, so that windows agree.
    """
    # Count the parent pixels with codes in the square round each.
    count = np.minimum(squares((codes != 0).any(0), _AROUND), _WHOLE)
    # Interpolate linearly by four, in eighths, one axis after the other.
    edge = margin - _AROUND // 2
    for _ in range(2):
        before, middle, after = (count[edge + k : len(count) - edge + k] for k in (-1, 0, 1))
        parts = [3 * before + 5 * middle, before + 7 * middle, 7 * middle + after]
        parts.append(5 * middle + 3 * after)
        count = np.stack(parts, 1).reshape(-1, count.shape[1]).T
    share: NDArray[np.float32] = (count / (64 * _WHOLE)).astype(np.float32)
    return share
