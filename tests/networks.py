"""Tiny networks with random weights, so that tests need neither training nor weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from generator.nets.build import AnyNetwork, build
from generator.nets.config import PRESETS, AnyConfig


def tiny_network(seed: int = 0, preset: str | AnyConfig = "exact-tiny") -> AnyNetwork:
    """Return a small network; layers that start at zero are drawn too, to hide no difference."""
    torch.manual_seed(seed)
    network = build(PRESETS[preset] if isinstance(preset, str) else preset)
    for parameter in network.parameters():
        if not parameter.detach().any():
            torch.nn.init.normal_(parameter, std=0.05)
    return network.eval().requires_grad_(False)


def by_threads(draw: Callable[[], NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return what is drawn with one thread and with two; the number is given back."""
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(draw())
    finally:
        torch.set_num_threads(before)
    return results


def assert_same_pixels(
    ours: NDArray[np.uint8], theirs: NDArray[np.uint8], precision: torch.dtype
) -> None:
    """Pixels of windows of different shapes: equal in bfloat16, all but equal in float32.

    A window of another shape may be computed by another float32 kernel, whose last bit now and
    then turns a rounding to 8 bits. The product computes every tile in one window of fixed shape.
    """
    if precision is torch.bfloat16:
        np.testing.assert_array_equal(ours, theirs)
        return
    assert_nearly_same_pixels(ours, theirs, 1e-3)


def assert_nearly_same_pixels(
    ours: NDArray[np.uint8], theirs: NDArray[np.uint8], share: float = 5e-3
) -> None:
    """At most one grey level apart, in less than `share` of the values."""
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < share
