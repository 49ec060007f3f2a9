"""Scenes mirrored and turned: descriptors, patches, codes and fields follow their pictures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from generator.grid.errors import WeightsError
from generator.grid.rectangle import Rectangle
from generator.memory import CHOSEN_AT, Memory
from generator.memory.config import SHOWN_TURNED
from generator.memory.descriptor import describe_scene
from generator.memory.orientation import ORIENTATIONS, centres, oriented
from generator.memory.patches import collect_patches
from generator.memory.reorientation import Reorientation, from_tensors, to_tensors
from tests.fakes_memory import endless, ground, synthetic_bank, synthetic_scene

EIGHT = range(len(ORIENTATIONS))
LEVELS = 7
BANK = synthetic_bank(1, deep=True)


def reorientation(seed: int = 0, dimensions: int = 4) -> Reorientation:
    """Return two layers of random weights."""
    random = np.random.default_rng(seed)
    wide, scores = 16, 7 * dimensions * LEVELS
    return Reorientation(
        random.integers(-127, 128, (25 * dimensions, wide)).astype(np.int8),
        random.integers(-500, 500, wide).astype(np.int32),
        random.integers(-127, 128, (wide, scores)).astype(np.int8),
        random.integers(-500, 500, scores).astype(np.int32),
        4, dimensions, LEVELS,
    )  # fmt: skip


TURNING = Memory([BANK], reorientation=reorientation())


@pytest.mark.parametrize("number", EIGHT)
def test_an_orientation_is_undone_by_its_way_back(number: int) -> None:
    picture = np.arange(5 * 7 * 2).reshape(5, 7, 2)
    turn = ORIENTATIONS[number]
    assert np.array_equal(turn.back(turn.of(picture)), picture)
    assert len({ORIENTATIONS[k].of(picture[:5, :5]).tobytes() for k in EIGHT}) == 8


@pytest.mark.parametrize("number", EIGHT)
def test_descriptors_of_turned_pictures_are_turned_descriptors(number: int) -> None:
    picture = ground(5, 64, 88)
    descriptors, gates, _ = describe_scene(picture, latitude=50.0)
    turned = np.ascontiguousarray(ORIENTATIONS[number].of(picture))
    expected, expected_gates, _ = describe_scene(turned, latitude=50.0)
    # Halves are rounded up whatever their sign was.
    gap = expected.astype(int) - oriented(number, descriptors)
    assert np.abs(gap).max() <= 1
    assert np.array_equal(ORIENTATIONS[number].of(gates), expected_gates)


@pytest.mark.parametrize("number", EIGHT)
def test_centres_of_turned_scenes_lie_where_they_were(number: int) -> None:
    # Pixel corners of a picture of 6 x 9 pixels, numbered, and turned.
    corners = np.arange(7 * 10).reshape(7, 10)
    turned = ORIENTATIONS[number].of(corners)
    ys, xs = np.mgrid[: turned.shape[0], : turned.shape[1]]
    height, width = (np.array(side - 1) for side in turned.shape)
    down, across = centres(np.array(number), height, width, ys, xs)
    assert np.array_equal(corners[down, across], turned)


def test_patches_of_all_orientations_are_those_of_turned_scenes() -> None:
    scenes = [synthetic_scene(n, 11, 70) for n in range(2)]
    every = collect_patches(scenes, None, tuple(EIGHT))
    plain = collect_patches(scenes)
    assert len(every.valid) == 8 * len(plain.valid)
    assert np.array_equal(every.descriptors[: len(plain.valid)], plain.descriptors)
    # Each patch has a fellow at its origin, with the same colour and gates.
    scene, ys, xs = every.origin(every.scene, every.ys, every.xs)
    fellow = plain.nearest(scene, ys, xs)
    assert np.array_equal(plain.ys[fellow], ys)
    assert np.array_equal(plain.xs[fellow], xs)
    assert np.array_equal(every.gates, plain.gates[fellow])
    assert np.array_equal(every.descriptors[:, :3], plain.descriptors[fellow, :3])


def test_the_same_ground_has_one_colour_of_nine_and_four_far_ones_of_36() -> None:
    for count, classes, across in ((2, 9, 3), (40, 36, 6)):
        scenes = [synthetic_scene(n, 11, 128 if count > 2 else 64) for n in range(count)]
        patches = collect_patches(scenes, None, tuple(EIGHT))
        assert len(patches.classes) == classes
        colour = np.full(len(patches.valid), -1)
        for number, part in enumerate(patches.classes):
            colour[part.patches] = number
        scene, ys, xs = patches.origin(patches.scene, patches.ys, patches.xs)
        same = colour[(scene == 0) & (ys == 12) & (xs == 12)]
        row, column = np.divmod(same, across)
        assert len(np.unique(same)) == (1 if across == 3 else 4)
        assert len(np.unique(row % 3)) == len(np.unique(column % 3)) == 1


def around(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the 5 x 5 codes round each code of [h, w, D], repeated at edges: int8 [h w, 25 D]."""
    padded = np.pad(codes, ((2, 2), (2, 2), (0, 0)), "edge")
    seen = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(0, 1))
    return np.moveaxis(seen, 2, 4).reshape(-1, 25 * codes.shape[2])


def test_turned_codes_are_exact_and_zeros_stay() -> None:
    made, random = reorientation(), np.random.default_rng(1)
    codes = random.integers(-3, 4, (20, 30, 4)).astype(np.int8)
    codes[10:14, 12:17] = 0
    seen = around(codes)
    assert np.array_equal(made.told(seen, 0).reshape(codes.shape), codes)
    for number in (1, 6):
        told = made.told(seen, number).reshape(codes.shape)
        assert not told[10:14, 12:17].any()
        # The same in whole numbers of 64 bits.
        out, bias = (
            np.split(array.astype(np.int64), 7, -1)[number - 1]
            for array in (made.out, made.out_bias)
        )
        hidden = seen.astype(np.int64) @ made.hidden.astype(np.int64) + made.hidden_bias
        hidden = np.clip(hidden >> made.shift, 0, 255)
        scores = (hidden @ out + bias).reshape(*codes.shape, LEVELS)
        expected = np.where(codes.any(2)[..., None], scores.argmax(3) - 3, 0)
        assert np.array_equal(told, expected)


@pytest.mark.parametrize("zoom", CHOSEN_AT)
def test_fields_show_the_codes_of_turned_scenes(zoom: int) -> None:
    area, width = Rectangle(900, 700, 90, 70), 256 << CHOSEN_AT[zoom] - 2
    read = endless(3, width, width)
    codes = TURNING.field(7, zoom, area, read)
    places = TURNING.layouts(7, zoom, area, read)
    scenes = [scene.codes[zoom] for scene in BANK.scenes if zoom in scene.codes]
    turned = SHOWN_TURNED[CHOSEN_AT[zoom]]
    told = [
        [reorientation().told(around(each), k).reshape(each.shape) for k in turned]
        for each in scenes
    ]
    scene, row, column = places
    shown = np.argwhere(scene >= 0)[::7]
    assert len(shown) > 100
    found: set[int] = set()
    for y, x in shown:
        each = [c[row[y, x], column[y, x]] for c in told[scene[y, x]]]
        same = [k for k, code in enumerate(each) if np.array_equal(code, codes[:, y, x])]
        assert same
        found.update(same[:1])
    assert len(found) > 1
    # Side by side within a piece, however it is turned.
    steps = np.abs(np.diff(places, axis=2))
    assert ((steps[0] == 0) & (steps[1] + steps[2] == 1)).mean() > 0.7


def test_fields_agree_in_every_window_and_order() -> None:
    width = 256 << 9
    read = endless(3, width, width)
    whole = TURNING.field(3, 13, Rectangle(500, 800, 120, 100), read)
    other = Memory([BANK], reorientation=reorientation())
    for x, y in ((60, 10), (0, 0), (70, 50)):
        part = other.field(3, 13, Rectangle(500 + x, 800 + y, 50, 50), read)
        assert np.array_equal(part, whole[:, y : y + 50, x : x + 50])


def test_the_identity_tells_what_turned_codes_become() -> None:
    known = {Memory([BANK]).digest, TURNING.digest}
    known.add(Memory([BANK], reorientation=reorientation(1)).digest)
    assert len(known) == 3


def broken(name: str, array: NDArray[np.generic] | None) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of two layers with another one, or without one."""
    arrays = to_tensors(reorientation())
    return {k: v for k, v in arrays.items() if k != name} | ({} if array is None else {name: array})


def test_layers_that_do_not_fit_are_refused_in_a_sentence() -> None:
    assert from_tensors(to_tensors(reorientation())).digest == reorientation().digest
    with pytest.raises(
        WeightsError, match="hidden of the weights' reorientation is int8 \\[3, 3\\]"
    ):
        from_tensors(broken("hidden", np.zeros((3, 3), np.int8)))
    with pytest.raises(WeightsError, match="expected sums below 16777216"):
        from_tensors(broken("out_bias", np.full(196, 1 << 24, np.int32)))
    with pytest.raises(WeightsError, match="is not whole: 'out'"):
        from_tensors(broken("out", None))
