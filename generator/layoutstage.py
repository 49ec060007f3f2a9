"""One stage of the layout memory's cascade: parent pixels and a code field become child pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from generator.conditioning import Conditioner, to_pixels, to_tensor
from generator.memory.view import Rectangle
from generator.nets.decoder import LayoutDecoder


class LayoutStage:
    """Runs the decoder on windows; equal pixels for equal places, whatever the window.

    margin: parent pixels needed round the core on each side; window origins and sides must be
    even. faithful: see `generator.parentpicture.StageLike`. contrast: factor on the layouts'
    detail where codes lead, above strength 0.
    """

    faithful: float | None = 0.0

    def __init__(self, network: LayoutDecoder, contrast: float = 1.0) -> None:
        self.network, self.contrast = network, contrast
        self.margin = network.margin
        self._condition = Conditioner(network)

    def latent(self, seed: int, level: int, area: Rectangle) -> NDArray[np.int8]:
        """Return the codes of a rectangle of parent pixels without a memory: zeros, [D, h, w]."""
        return np.zeros((self.network.config.dimensions, area.height, area.width), np.int8)

    def __call__(
        self,
        parent: NDArray[np.uint8],
        codes: NDArray[np.int8],
        resolution: NDArray[np.float64],
        strength: float,
    ) -> NDArray[np.uint8]:
        """Draw the child of a window's core.

        parent: uint8 [h+2m, w+2m, 3], h and w even; codes: int8 [D, h+2m, w+2m], 0 where nothing
        is known; resolution: metres per child pixel of each parent row, [h+2m], or [1];
        strength: in [0, 1], how far the codes lead. Returns uint8 [4h, 4w, 3].
        """
        weight = self.network.stem.weight
        image = to_tensor(parent).to(weight.device)
        laid = torch.from_numpy(codes)[None].to(weight.device, weight.dtype)
        with torch.inference_mode():
            modulations = self._condition(resolution, strength)
            contrast = self.contrast if strength else 1.0
            return to_pixels(self.network(laid, image, [strength], modulations, contrast))
