"""Enlarging pictures: no seams, odd sizes, mirrored edges, bad input refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.grid.errors import ImageError
from generator.upscaling import upscale as module
from generator.upscaling.parentpicture import InMemory
from generator.upscaling.upscale import upscale
from tests.fakes_cascade import FakeCascade, expected, picture


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (5, 3), (128, 128), (131, 270), (260, 127)])
def test_windows_equal_the_whole_computed_at_once(size: tuple[int, int]) -> None:
    image = picture(*size)
    made = upscale(FakeCascade(), image, 10.0)
    assert made.shape == (4 * size[0], 4 * size[1], 3)
    assert np.array_equal(made, expected(image))


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**64 - 1))
def test_two_stages_equal_one_after_the_other(height: int, width: int, seed: int) -> None:
    image = picture(height, width)
    made = upscale(FakeCascade(), image, 10.0, 2, seed=seed)
    assert np.array_equal(made, expected(expected(image, 32, seed), 33, seed))


def test_each_window_is_computed_once_and_reported() -> None:
    cascade, seen = FakeCascade(), list[tuple[int, int]]()
    upscale(cascade, picture(70, 140), 64.0, 2, progress=lambda *step: seen.append(step))
    total = 2 * 1 + 5 * 3
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(cascade.stage.calls) == total


def test_each_stage_is_told_its_resolution_and_the_nearest_stage_s_strength() -> None:
    cascade = FakeCascade()
    upscale(cascade, picture(2, 2), 250.0, 3)
    assert cascade.stage.calls == [(62.5, 0.11), (15.625, 0.13), (3.90625, 0.15)]
    cascade.stage.calls.clear()
    upscale(cascade, picture(2, 2), 100_000.0)
    upscale(cascade, picture(2, 2), 0.1)
    assert cascade.stage.calls == [(25_000.0, 0.07), (0.025, 0.15)]


def test_the_seed_decides_the_detail() -> None:
    image = picture(9, 9)
    one, again, other = (upscale(FakeCascade(), image, 10.0, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_memory_does_not_grow_with_the_height() -> None:
    cascade = FakeCascade()
    made = module.stage_chain(
        cascade, InMemory(picture(600, 64)), module.UpscaleSettings(64.0, 2, 0)
    )
    held = 0
    for _ in module.windows(made, None):
        held = max(held, len(made[0]._kept))
    assert held <= 4 < made[0].rows * made[0].columns


@pytest.mark.parametrize(
    ("gsd", "stages", "seed", "words"),
    [
        (0.0, 1, 0, "resolution is 0 metres per pixel, expected more than 0"),
        (-3.0, 1, 0, "resolution is -3"),
        (float("nan"), 1, 0, "resolution is nan"),
        (float("inf"), 1, 0, "resolution is inf"),
        (1.0, 0, 0, "stages is 0, expected 1 to 5"),
        (1.0, 6, 0, "stages is 6"),
        (1.0, 1, -1, "seed is -1"),
        (1.0, 1, 2**64, "seed is 18446744073709551616"),
    ],
)
def test_impossible_wishes_are_refused(gsd: float, stages: int, seed: int, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        upscale(FakeCascade(), picture(2, 2), gsd, stages, seed=seed)


def test_arrays_that_are_no_pictures_are_refused() -> None:
    with pytest.raises(ImageError, match=r"image is uint8 \(0, 3, 3\), expected uint8 \[h, w, 3\]"):
        upscale(FakeCascade(), np.zeros((0, 3, 3), np.uint8), 1.0)
