"""Descriptors: a window's own, whole numbers, alike for like ground; tables that never change."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.memory import describe, describe_scene, features
from generator.memory.descriptor import grid_shape, textured_as_land
from tests.fakes_memory import SEA, ground


def at(*corners: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ys and xs of windows' upper left corners."""
    places: NDArray[np.int64] = np.array(corners, np.int64)
    return places[:, 0], places[:, 1]


def one(pixels: NDArray[np.uint8], latitude: float | None = None) -> NDArray[np.int64]:
    """Return the descriptor of a picture of 24 x 24 pixels."""
    numbers: NDArray[np.int64] = describe(pixels, *at((0, 0)), latitude)[0][0].astype(np.int64)
    return numbers


def flat(*colour: int) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.tile(np.array(colour, np.uint8), (24, 24, 1))
    return pixels


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40), st.integers(0, 50))
def test_a_window_is_described_by_its_own_pixels(seed: int, y: int, x: int) -> None:
    pixels = ground(seed, 70, 80)
    inside, gates = describe(pixels, *at((y, x), (3, 4)), 12.0)
    alone, own = describe(pixels[y : y + 24, x : x + 24], *at((0, 0)), 12.0)
    assert np.array_equal(inside[0], alone[0])
    assert np.array_equal(gates[0], own[0])


def test_descriptors_are_the_same_for_ever() -> None:
    descriptors, gates, _ = describe_scene(ground(2, 100, 90), None, 33.3)
    assert descriptors.shape == (10, 9, 32)
    digest = hashlib.sha256(descriptors.tobytes() + gates.tobytes()).hexdigest()
    assert digest[:16] == "93fc0b23e9296714"


def test_tables_are_the_same_for_ever() -> None:
    tables = (
        features.TONE, features._logarithms(), features.luminance_waves(), features.chroma_waves(),
        features._latitude_edges(),
    )  # fmt: skip
    digest = hashlib.sha256(b"".join(table.astype("<i8").tobytes() for table in tables))
    assert digest.hexdigest()[:16] == "061043eb4c11edae"


def test_no_table_depends_on_the_last_digits_of_a_cosine() -> None:
    cosines = [math.cos(math.pi * k / 16) for k in range(33)]
    for scale, waves in (
        (16384 / 48, features.LUMINANCE_WAVES),
        (16384 / 96, features.CHROMA_WAVES),
    ):
        for u, v in waves:
            norm = scale * math.sqrt((1 if u == 0 else 2) * (1 if v == 0 else 2)) / 8
            for i in range(8):
                for j in range(8):
                    value = norm * cosines[(2 * i + 1) * u % 32] * cosines[(2 * j + 1) * v % 32]
                    assert abs(value % 1 - 0.5) > 1e-6
    for d in range(85):
        edge = math.asinh(math.tan(math.radians(d + 0.5))) / math.pi * 2**30
        assert abs(edge % 1 - 0.5) > 1e-5


def test_tone_is_the_rounded_root() -> None:
    assert features.TONE.tolist() == [round(255 * math.sqrt(v / 255)) for v in range(256)]


def test_float32_products_stay_exact() -> None:
    for waves, largest in (
        (features.luminance_waves(), 2295), (features.chroma_waves(), 2 * 2295),
        (features.quadrants(), 3060),
    ):  # fmt: skip
        assert np.abs(waves).sum(0).max() * largest < 2**24
    assert 32 * 127**2 * 3 < 2**24


@given(st.integers(-100, 400))
def test_latitudes_are_those_of_the_map(row: int) -> None:
    inside = min(max(row, 0), 256)
    exact = abs(math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * inside / 256)))))
    assert abs(int(features.latitudes(np.array([row]), 256)[0]) - exact) <= 0.501


def test_waves_do_not_see_the_mean() -> None:
    difference = one(flat(90, 100, 80)) - one(flat(60, 70, 50))
    assert difference[0] > 15
    assert not difference[3:28].any()


def test_other_ground_is_further_away_than_the_same_ground_moved() -> None:
    random = np.random.default_rng(1)
    fields = ground(3, 60, 60)[:24, :24]
    moved = np.roll(fields, 1, (0, 1))
    rough = np.clip(fields + random.integers(-60, 60, (24, 24, 1)), 0, 255).astype(np.uint8)
    base = one(fields)
    near = ((one(moved) - base) ** 2).sum()
    for other in (flat(*SEA), rough, np.clip(fields.astype(int) + 70, 0, 255).astype(np.uint8)):
        assert ((one(other) - base) ** 2).sum() > 2 * near


def test_gates_measure_water_texture_and_colour() -> None:
    half = flat(100, 120, 60).copy()
    half[:12] = SEA
    _, gates = describe(half, *at((0, 0)))
    assert abs(int(gates[0, 0]) - 128) <= 1
    _, gates = describe(flat(*SEA), *at((0, 0)))
    assert gates[0].tolist() == [255, 0, 55, 101, 134]
    checked = flat(60, 60, 60).copy()
    checked[::2, ::2] = 120
    finer = checked.copy()
    finer[::2, ::2] = 90
    weak, strong = (describe(pixels, *at((0, 0)))[1][0, 1] for pixels in (finer, checked))
    # Differences on the tone curve of 52 and 28 grey levels: nearly an octave.
    assert 10 <= int(strong) - int(weak) <= 16


def test_a_window_with_water_drawn_as_land_has_the_texture_of_its_land() -> None:
    random = np.random.default_rng(4)
    rough = np.tile(random.integers(60, 160, (24, 24, 1)).astype(np.uint8), (1, 1, 3))
    half = rough.copy()
    half[:, 12:] = 105
    whole, diluted = (describe(pixels, *at((0, 0))) for pixels in (rough, half))
    told = textured_as_land(*diluted, np.array([128]))
    assert int(whole[1][0, 1]) - int(diluted[1][0, 1]) >= 13
    assert abs(int(whole[1][0, 1]) - int(told[1][0, 1])) <= 3
    for before, after in zip(diluted, textured_as_land(*diluted, np.array([0])), strict=True):
        assert np.array_equal(before, after)
    # All of a window, and what no number can hold.
    loudest = np.full((1, 32), 127, np.int8), np.full((1, 5), 255, np.uint8)
    for before, after in zip(loudest, textured_as_land(*loudest, np.array([255])), strict=True):
        assert np.array_equal(before, after)


def test_latitude_matters_and_may_be_unknown() -> None:
    plain = flat(90, 100, 80)
    assert one(plain, 70.0)[31] - one(plain, 10.0)[31] == 30
    assert np.array_equal(one(plain, -33.0), one(plain, 33.0))
    assert np.array_equal(one(plain, None), one(plain, 40.0))


def test_a_scenes_windows_are_valid_where_no_pixel_is_masked() -> None:
    mask = np.ones((50, 64), bool)
    mask[30, 40] = False
    descriptors, gates, valid = describe_scene(ground(1, 50, 64), mask, None)
    assert descriptors.shape == (4, 6, 32)
    assert gates.shape == (4, 6, 5)
    assert grid_shape(50, 64) == (4, 6)
    expected = np.ones((4, 6), bool)
    for i in range(4):
        for j in range(6):
            expected[i, j] = mask[8 * i : 8 * i + 24, 8 * j : 8 * j + 24].all()
    assert np.array_equal(valid, expected)
    assert 0 < valid.sum() < valid.size


def test_wrong_windows_are_refused() -> None:
    pixels = ground(1, 40, 40)
    for corner in ((17, 0), (0, 17), (-1, 0)):
        with pytest.raises(ValueError, match="outside the picture of 40 x 40"):
            describe(pixels, *at(corner))
    with pytest.raises(ValueError, match="23 x 40 pixels, expected at least 24 x 24"):
        describe_scene(pixels[:, :23])
    none, gates = describe(pixels, *(np.empty(0, np.int64),) * 2)
    assert none.shape == (0, 32)
    assert gates.shape == (0, 5)
