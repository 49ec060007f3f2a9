"""The code field: equal in every window, order and turn of the world; fixed digests; sources."""

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.grid.errors import BankError
from generator.grid.rectangle import Rectangle
from generator.memory import CHOSEN_AT, Bank, MapSize, Memory, Scene, describe_scene
from generator.memory.config import CHOICES, choosing_scale
from generator.memory.field import VERSION
from tests.fakes_memory import ENCODER, endless, ground, synthetic_bank, synthetic_scene

BANK = synthetic_bank(1)
MEMORY = Memory([synthetic_bank(1, deep=True)])
ZOOMS = tuple(CHOSEN_AT)
ROOT = Path(__file__).parents[1]

zooms = st.sampled_from(ZOOMS)
seeds = st.integers(0, 2**64 - 1)


def width_of(zoom: int) -> int:
    """Return the width of the choosing grid of a zoom."""
    return 256 << (CHOSEN_AT[zoom] - 2)


def field(zoom: int, x0: int, y0: int, width: int, height: int, seed: int = 7) -> NDArray[np.int8]:
    """Return a field of MEMORY over a map of ground."""
    read = endless(3, width_of(zoom), width_of(zoom))
    return MEMORY.field(seed, zoom, Rectangle(x0, y0, width, height), read)


@settings(max_examples=40, deadline=None)
@given(zooms, seeds, st.data())
def test_rectangles_agree_where_they_overlap(zoom: int, seed: int, data: st.DataObject) -> None:
    world = 256 << (zoom - 2)
    # Anywhere, across the dateline, and across both edges of the map.
    starts = st.integers(0, world) | st.integers(-60, 20) | st.integers(world - 60, world + 20)
    x0 = data.draw(starts | st.integers(-3 * world, 3 * world))
    y0 = data.draw(starts)
    width, height = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    whole = field(zoom, x0, y0, width, height, seed)
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    columns = data.draw(st.integers(1, width - left))
    rows = data.draw(st.integers(1, height - top))
    turns = data.draw(st.integers(-2, 2))
    part = field(zoom, x0 + left + turns * world, y0 + top, columns, rows, seed)
    assert whole.shape == (4, height, width)
    assert whole.dtype == np.int8
    assert np.array_equal(whole[:, top : top + rows, left : left + columns], part)


@pytest.mark.parametrize("zoom", ZOOMS)
def test_water_that_was_drawn_as_land_decides_alike_in_all_rectangles(zoom: int) -> None:
    read, side = endless(3, width_of(zoom), width_of(zoom)), width_of(zoom)

    def filled(area: Rectangle) -> NDArray[np.uint8]:
        # A lake in every second square of 64 pixels, wrapped and mirrored as pixels are.
        ys = np.arange(area.y0, area.y0 + area.height)
        ys = np.minimum(ys % (2 * side), 2 * side - 1 - ys % (2 * side))
        xs = np.arange(area.x0, area.x0 + area.width) % side
        lakes: NDArray[np.uint8] = np.where((ys[:, None] >> 6) + (xs >> 6) & 1, 230, 0)
        return lakes.astype(np.uint8)

    def made(x: int, y: int, width: int, height: int) -> NDArray[np.int8]:
        return MEMORY.field(7, zoom, Rectangle(x, y, width, height), read, filled=filled)

    whole = made(-30, 700, 130, 120)
    assert np.array_equal(whole[:, 20:90, 50:110], made(20, 720, 60, 70))
    assert not np.array_equal(whole, field(zoom, -30, 700, 130, 120))
    none = MEMORY.field(7, zoom, Rectangle(0, 0, 40, 40), read, filled=lambda area: None)
    assert np.array_equal(none, field(zoom, 0, 0, 40, 40))


@settings(max_examples=15, deadline=None)
@given(zooms, st.integers(-500, 500), st.integers(-500, 500), st.data())
def test_pictures_are_planes_without_end(zoom: int, x0: int, y0: int, data: st.DataObject) -> None:
    read = endless(4, 1 << 40, 1 << 40)
    whole = MEMORY.field(1, zoom, Rectangle(x0, y0, 70, 60), read, world=None, latitude=47.0)
    left, top = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 50))
    part = MEMORY.field(
        1, zoom, Rectangle(x0 + left, y0 + top, 10, 10), read, world=None, latitude=47.0
    )
    assert np.array_equal(whole[:, top : top + 10, left : left + 10], part)


@pytest.mark.parametrize(
    ("zoom", "digest"),
    [
        (7, "055083f9ced4244c"),
        (9, "269f7a0a424b0470"),
        (11, "9464ed16183e218a"),
        (13, "87e1e6caaa56a308"),
        (15, "b89177176efc41f4"),
        (17, "81956d7ccf5ce36b"),
    ],
)
def test_fields_are_the_same_for_ever(zoom: int, digest: str) -> None:
    assert VERSION == 8
    made = field(zoom, -40, 1000, 120, 110)
    assert hashlib.sha256(made.tobytes()).hexdigest()[:16] == digest


def test_digests_are_the_same_for_ever() -> None:
    assert BANK.digest[:16] == "f257c6f3a5e62a89"
    assert Memory([BANK]).digest[:16] == "ecc346435d4cac3d"


def test_threads_do_not_matter() -> None:
    program = """
import hashlib
from generator.grid.rectangle import Rectangle
from generator.memory import Memory
from tests.fakes_memory import endless, synthetic_bank
read, area = endless(3, 131072, 131072), Rectangle(-40, 1000, 120, 110)
made = Memory([synthetic_bank(1)]).field(7, 11, area, read)
print(hashlib.sha256(made.tobytes()).hexdigest()[:16])
"""
    for threads in ("1", "2"):
        settings = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        ran = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=os.environ | settings,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ran.stdout.strip() == "9464ed16183e218a"


def test_field_reads_what_it_says_and_no_more() -> None:
    for zoom in ZOOMS:
        asked: list[Rectangle] = []

        def watched(area: Rectangle, zoom: int = zoom) -> NDArray[np.uint8]:
            asked.append(area)  # noqa: B023 - called in the same turn
            return endless(3, width_of(zoom), width_of(zoom))(area)

        MEMORY.field(7, zoom, Rectangle(400, 401, 50, 30), watched)
        area = MEMORY.reads(zoom, Rectangle(400, 401, 50, 30))
        assert asked == [area]
        most = Rectangle(400, 401, 50, 30).coarser(choosing_scale(zoom)).grown(MEMORY.reach(zoom))
        assert most.holds(area)


def test_seeds_and_zooms_differ() -> None:
    fields = [field(9, 500, 500, 80, 80, seed) for seed in (0, 1, 2**64 - 1)]
    for first, second in zip(fields, fields[1:], strict=False):
        assert (first != second).any(0).mean() > 0.3


def test_beyond_the_maps_edges_the_field_is_mirrored() -> None:
    for zoom in ZOOMS:
        height = 256 << (zoom - 2)
        upper = field(zoom, 100, -20, 30, 40)
        assert np.array_equal(upper[:, :20], upper[:, :19:-1])
        lower = field(zoom, 100, height - 20, 30, 40)
        assert np.array_equal(lower[:, 20:], lower[:, 19::-1])


def test_codes_come_from_scenes_in_one_piece() -> None:
    # Codes that spell their own scene and place; D = 3 numbers of base 7 a coordinate.
    side = 96
    place = np.moveaxis(np.mgrid[0:side, 0:side], 0, 2)
    digits = np.concatenate([place // 49, place // 7 % 7, place % 7], -1).astype(np.int8) - 3
    described = describe_scene(ground(5, side, side))
    memory = Memory([Bank((Scene("spelt", {15: digits}, *described),), ENCODER, 6)])
    read = endless(3, width_of(15), width_of(15))
    made = memory.field(1, 15, Rectangle(3000, 3000, 100, 100), read).astype(int) + 3
    y = made[0] * 49 + made[2] * 7 + made[4]
    x = made[1] * 49 + made[3] * 7 + made[5]
    # Where neither coordinate jumps the field shows a scene as it is; so does most of it.
    along = (np.diff(x, axis=1) == 1) & (np.diff(y, axis=1) == 0)
    down = (np.diff(y, axis=0) == 1) & (np.diff(x, axis=0) == 0)
    assert along.mean() > 0.85
    assert down.mean() > 0.85


def test_zoom_13_goes_on_with_what_11_shows() -> None:
    # The codes of 13 repeat those of 11 four times each way.
    scenes = []
    for number in range(3):
        scene = synthetic_scene(number, 11)
        fine = scene.codes[11].repeat(4, 0).repeat(4, 1)
        scenes.append(
            Scene(
                scene.name, {11: scene.codes[11], 13: fine}, scene.descriptors, scene.gates,
                scene.valid,
            )
        )  # fmt: skip
    memory = Memory([Bank(tuple(scenes), ENCODER, 4)])
    read = endless(3, width_of(11), width_of(11))
    coarse = memory.field(5, 11, Rectangle(700, 700, 60, 60), read)
    fine = memory.field(5, 13, Rectangle(2800, 2800, 240, 240), read)
    same = (fine == coarse.repeat(4, 1).repeat(4, 2)).all(0)
    # Joints run between pixels of 11; all else is the same.
    assert same.mean() > 0.97


def test_stages_without_scenes_know_nothing_and_read_nothing() -> None:
    memory = Memory([Bank((synthetic_scene(1, 15),), ENCODER, 4)])

    def never(area: Rectangle) -> NDArray[np.uint8]:
        raise AssertionError("nothing is to be read")

    assert not memory.field(1, 11, Rectangle(0, 0, 20, 10), never).any()
    assert memory.field(1, 11, Rectangle(0, 0, 20, 10), never).shape == (4, 10, 20)
    assert memory.reach(11) == memory.reach(13) == 0
    assert memory.reach(15) > 0


def test_banks_are_mixed() -> None:
    one, two = synthetic_bank(1), synthetic_bank(2)
    both = Memory([one, two])
    read = endless(3, width_of(9), width_of(9))
    mixed = both.field(1, 9, Rectangle(0, 0, 90, 90), read)
    assert (mixed != Memory([one]).field(1, 9, Rectangle(0, 0, 90, 90), read)).any()
    assert (mixed != Memory([two]).field(1, 9, Rectangle(0, 0, 90, 90), read)).any()
    assert len({both.digest, Memory([one]).digest, Memory([two, one]).digest}) == 3
    assert both.credits == ["made up, CC0-1.0, nobody"]


def test_a_bank_behind_serves_only_the_stages_that_the_others_leave() -> None:
    scenes = tuple(scene for scene in synthetic_bank(1).scenes if scene.chosen_at == 11)
    own = Bank(scenes, ENCODER, 4)
    behind = dataclasses.replace(synthetic_bank(2), scenes=synthetic_bank(2).scenes[:9])
    memory = Memory([own], behind)
    read = endless(3, width_of(9), width_of(9))
    for zoom, like in ((9, Memory([behind])), (11, Memory([own])), (13, Memory([own]))):
        asked = (1, zoom, Rectangle(0, 0, 40, 40), read)
        np.testing.assert_array_equal(memory.field(*asked), like.field(*asked))
    assert memory.scenes == {7: 3, 9: 3, 11: 3}
    # What serves nothing is no part of the world, nor credited.
    whole = synthetic_bank(1)
    assert Memory([whole], behind).digest == Memory([whole]).digest
    assert memory.digest not in {Memory([own]).digest, Memory([own, behind]).digest}


def test_banks_of_other_encoders_are_refused() -> None:
    other = Bank(BANK.scenes, "6" * 64, 4)
    with pytest.raises(BankError, match=r"encoder 6666.*, expected those of 5555"):
        Memory([BANK, other])
    with pytest.raises(BankError, match="at least one"):
        Memory([])


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="zoom is 8, expected one of 7, 9, 11, 13, 15, 17"):
        MEMORY.field(1, 8, Rectangle(0, 0, 1, 1), endless(3, 64, 64))
    with pytest.raises(ValueError, match="at least 1 x 1"):
        field(9, 0, 0, 0, 5)
    read = endless(3, 64, 64)
    with pytest.raises(ValueError, match="a world of 128 pixels"):
        MEMORY.field(1, 7, Rectangle(0, 0, 5, 5), read, world=MapSize(4, 4))


def test_every_choosing_stage_has_its_settings() -> None:
    assert set(CHOICES) == set(CHOSEN_AT.values())


def test_snow_brighter_than_all_scenes_shows_nothing() -> None:
    def read(level: int) -> Callable[[Rectangle], NDArray[np.uint8]]:
        return lambda area: np.full((area.height, area.width, 3), level, np.uint8)

    assert not MEMORY.field(0, 15, Rectangle(500, 700, 40, 40), read(255)).any()
    assert MEMORY.field(0, 15, Rectangle(500, 700, 40, 40), read(120)).any()
