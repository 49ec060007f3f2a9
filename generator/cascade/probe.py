"""How fast this machine multiplies matrices: the yardstick for the network."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, STAGE_ZOOMS, TILE_SIZE
from generator.nets.decoder import LayoutDecoder
from generator.nets.unet import ExactUNet

if TYPE_CHECKING:
    from generator.cascade.cascade import Cascade

SIZE = 1536


def matrix_rate(precision: str = "float32", device: str = "cpu", seconds: float = 0.5) -> float:
    """Return the GFLOP/s of a plain square matrix product, the best of what fits in `seconds`.

    precision: a torch type's name, such as "float32" or "bfloat16".
    """
    dtype = getattr(torch, precision)
    left = torch.ones((SIZE, SIZE), dtype=dtype, device=device)
    result = left @ left
    best = float("inf")
    # At least one product, and then as many as there is time for.
    end = time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        started = time.perf_counter()
        torch.mm(left, left, out=result)
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2.0 * SIZE**3 / best / 1e9


def gflop_per_tile(cascade: Cascade) -> float:
    """Return the billions of floating-point operations that one stage tile takes in its block.

    Where intermediate latents are kept for the neighbours, of one tile among many.
    """
    if cascade.multistep is not None:
        sampler = cascade.multistep.common
        work = sum(window_gflop(sampler.network, sampler.side, len(g) - 1) for g in sampler.groups)
        return work / (SCALE * sampler.side // TILE_SIZE) ** 2
    stage, core = cascade.stage_at(STAGE_ZOOMS[0]), 2 * TILE_SIZE // SCALE
    area = Rectangle(0, 0, core, core).grown(stage.margin)
    blank = np.zeros((area.height, area.width, 3), np.uint8)
    latent: NDArray[Any] = stage.latent(0, STAGE_ZOOMS[0], area)
    with FlopCounterMode(display=False) as counter:
        stage(blank, latent, np.full(1, 1000.0), 1.0)
    return float(counter.get_total_flops()) / 4e9


def window_gflop(network: ExactUNet | LayoutDecoder, side: int, evaluations: int = 1) -> float:
    """GFLOP of `evaluations` of a network on one window, down to `side` parent pixels.

    A layout decoder is evaluated once.
    """
    if isinstance(network, LayoutDecoder):
        return _layout_gflop(network, side + 2 * network.margin)
    with torch.device("meta"):
        network = ExactUNet(network.config)
        one = torch.ones(1)
    network.requires_grad_(False)
    # On the meta device: shapes are followed and nothing is computed.
    code = network.modulations(network.embedding(one, one, one))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        for left in range(evaluations, 0, -1):
            size = side + 2 * left * network.margin
            child, parent = (torch.empty(1, 3, n, n, device="meta") for n in (SCALE * size, size))
            network(child, parent, code)
    return float(counter.get_total_flops()) / 1e9


def _layout_gflop(network: LayoutDecoder, side: int) -> float:
    # Its filters switch autocast off, which the meta device does not know: computed in earnest.
    network, one = LayoutDecoder(network.config), torch.ones(1)
    codes = torch.zeros(1, network.config.dimensions, side, side)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        code = network.modulations(network.embedding(one, one))
        network(codes, torch.zeros(1, 3, side, side), [1.0], code)
    return float(counter.get_total_flops()) / 1e9
