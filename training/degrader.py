"""Degradation of whole batches of parents by processes of the host, addressed by step."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.degradation import degrade
from training.stop import outlive

Pixels = NDArray[np.float32]
_Task = tuple[Pixels, float, str, int, int, int]


class Degrader:
    """Runs `training.degradation.degrade` on batches; `workers` processes, 0 = in this one."""

    def __init__(self, kind: str, seed: int, workers: int = 0) -> None:
        self.kind, self.seed = kind, seed
        # Started anew and not forked: the accelerator's runtime does not survive a fork.
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, spawn, outlive) if workers else None

    def __call__(self, parents: Tensor, strengths: NDArray[np.float64], step: int) -> Tensor:
        """Degrade parents [B, 3, H, W] in [0, 255] by strengths [B]; the same for a step."""
        pixels = parents.permute(0, 2, 3, 1).cpu().numpy()
        tasks = [
            (image, float(strength), self.kind, self.seed, step, number)
            for number, (image, strength) in enumerate(zip(pixels, strengths, strict=True))
        ]
        done = self._pool.map(_degraded, tasks) if self._pool else map(_degraded, tasks)
        stacked = torch.from_numpy(np.stack(list(done)))
        return stacked.to(parents.device).permute(0, 3, 1, 2).contiguous()

    def close(self) -> None:
        """End the processes."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


def _degraded(task: _Task) -> Pixels:
    image, strength, kind, seed, step, number = task
    # Behind the numbers that the plan of the step draws.
    philox = np.random.Philox(key=[seed, step], counter=[0, 0, 0, number + 1])
    return degrade(image, strength, np.random.Generator(philox), kind)
