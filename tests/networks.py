"""Tiny networks with random weights, so that tests need neither training nor weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

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
    results = []
    for threads in (1, 2):
        with torch_threads(threads):
            results.append(draw())
    return results


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Have so many threads of torch; the number is given back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write_waves(path: Path) -> None:
    """Write a small base map of waves in each colour."""
    rows, columns = np.mgrid[0:256, 0:512]
    waves = [np.sin(rows / 5 + k) * np.cos(2 * np.pi * columns / 512 * (3 + k)) for k in range(3)]
    Image.fromarray((127 + 90 * np.stack(waves, -1)).astype(np.uint8)).save(path)


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
