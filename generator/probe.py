"""How fast this machine multiplies matrices: the yardstick for the network's own speed."""

from __future__ import annotations

import time

import torch

SIZE = 1536


def matrix_rate(precision: str = "float32", device: str = "cpu", seconds: float = 0.5) -> float:
    """Return the GFLOP/s of a plain square matrix product, the best of what fits in `seconds`.

    precision: a torch type's name, such as "float32" or "bfloat16".
    """
    dtype = getattr(torch, precision)
    left = torch.ones((SIZE, SIZE), dtype=dtype, device=device)
    result = left @ left
    best = float("inf")
    end = time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        started = time.perf_counter()
        torch.mm(left, left, out=result)
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2.0 * SIZE**3 / best / 1e9
