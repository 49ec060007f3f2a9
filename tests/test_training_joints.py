"""Repeats and joints of layouts: found where they are planted, and nowhere else."""

import numpy as np
import pytest
import torch

from generator.grid.rectangle import Rectangle
from generator.memory import Memory
from tests.fakes_memory import endless, synthetic_bank
from training.errors import TrainingError
from training.measure import joints
from training.measure.joints import (
    JointsRow,
    crop_middles,
    joints_of,
    joints_table,
    measure_joints,
    paired_crops,
)
from training.measure.repeats import RepeatsRow, measure_repeats, repeated, repeats_table

SIDE = 256
CPU = torch.device("cpu")


def whole(scene: int = 0, top: int = 0, left: int = 0) -> np.ndarray:
    """Return a window that shows one scene on, [3, 256, 256]."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.stack([np.full((SIDE, SIDE), scene), y + top, x + left]).astype(np.int32)


def halves(column: int) -> np.ndarray:
    """Return a window whose layouts join along the left edge of a column."""
    window = whole()
    window[:, :, column:] = whole(1)[:, :, column:]
    return window


def test_a_scene_that_goes_on_repeats_nothing():
    gaps, counts, share = repeated(whole())
    assert (len(gaps), len(counts), share) == (0, 0, 0)
    # Nothing shown is no repeat of nothing.
    assert repeated(np.full((3, SIDE, SIDE), -1, np.int32))[2] == 0


def test_a_repeated_piece_is_found_with_its_size_and_distance():
    window = whole()
    window[:, 100:120, 100:130] = window[:, 10:30, 40:70]
    gaps, counts, share = repeated(window)
    assert counts.tolist() == [600]
    assert gaps[0] == pytest.approx(np.hypot(90, 60))
    assert share == pytest.approx(2 * 600 / SIDE**2)
    # The same at other places of another scene repeats nothing.
    window[0, 100:120, 100:130] = 5
    assert len(repeated(window)[1]) == 0


def test_windows_are_counted_by_pieces_of_64_pixels():
    small, large = whole(), whole()
    small[:, 100:110, 100:110] = small[:, :10, :10]
    large[:, 100:116, 100:116] = large[:, :16, :16]
    row = measure_repeats(13, [whole(), small, large, whole(2, 5, 7)])
    assert (row.windows, row.repeated, row.any) == (4, 0.25, 0.5)
    assert row.gap == pytest.approx(4 * np.hypot(100, 100))
    assert measure_repeats(13, [whole()]) == RepeatsRow(13, 1, 0, 0, 0, None)
    line = repeats_table([row, measure_repeats(15, [whole()])]).splitlines()
    assert line[2] == "| 13 | 4 | 25 % | 50 % | 0 % | 566 |"
    assert line[3] == "| 15 | 1 | 0 % | 0 % | 0 % | – |"


def test_joints_lie_where_a_scene_does_not_go_on():
    joint, shown = joints_of(halves(100))
    assert np.argwhere(joint.any(0)).ravel().tolist() == [99]
    assert joint[:-1, 99].all()
    assert shown[:-1, :-1].all()
    assert not joints_of(whole(3, 9, -4))[0].any()
    # Where nothing is shown on one side there is no joint of layouts.
    window = halves(100)
    window[:, :, 100:] = -1
    assert not joints_of(window)[0].any()


def test_crops_lie_in_the_block_and_round_a_joint_or_clear_of_it():
    with_joint, without = crop_middles(joints_of(halves(128)))
    assert set(with_joint[:, 1]) == {256}
    assert with_joint[:, 0].min() == 32
    assert with_joint[:, 0].max() == 480
    gaps = abs(without[:, 1] - 256)
    assert gaps.min() > joints.CLEAR
    assert without.min() == 32
    assert without.max() == 480


def block(seed: int, column: int | None) -> np.ndarray:
    """Return noise, brighter from a column on."""
    pixels = np.random.default_rng(seed).integers(60, 120, (512, 512, 3))
    if column is not None:
        pixels[:, column:] += 80
    return pixels.astype(np.uint8)


def test_planted_joints_are_localised(monkeypatch):
    monkeypatch.setattr(joints, "STEPS", 16)
    monkeypatch.setattr(joints, "FOLDS", 2)
    columns = [80 + 16 * n for n in range(4)]
    layouts = [halves(column) for column in columns]
    blocks = [block(n, 4 * (column - 64)) for n, column in enumerate(columns)]
    row = measure_joints(13, blocks, layouts, 0, CPU)
    assert row.pairs == 4 * 16
    assert np.mean(row.found) > 0.75


def test_places_without_joints_are_left_out_and_too_few_are_refused():
    assert paired_crops([block(0, None)], [whole()], 0) == []
    with pytest.raises(TrainingError, match="0 places have joints at zoom 13, expected at least 3"):
        measure_joints(13, [block(0, None)], [whole()], 0, CPU)
    line = joints_table([JointsRow(13, 96, [0.5, 0.7], [0.52])]).splitlines()[2]
    assert line == "| 13 | 96 | 0.60 | 0.50 to 0.70 | 0.52 |"


@pytest.mark.parametrize("zoom", [9, 11, 13, 15])
def test_the_memory_says_what_its_field_shows(zoom):
    bank = synthetic_bank(1)
    memory, area = Memory([bank]), Rectangle(900, 700, 70, 50)
    scenes = [scene for scene in bank.scenes if zoom in scene.codes]
    read = endless(3, 256 << zoom - 2, 256 << zoom - 2)
    codes = memory.field(7, zoom, area, read)
    scene, row, column = memory.layouts(7, zoom, area, read)
    shown = scene >= 0
    assert shown.mean() > 0.5
    for y, x in np.argwhere(shown)[::17]:
        own = scenes[scene[y, x]].codes[zoom][row[y, x], column[y, x]]
        assert np.array_equal(own, codes[:, y, x])
    assert not codes[:, ~shown].any()


def test_a_memory_without_scenes_of_a_zoom_shows_no_layouts():
    with pytest.raises(ValueError, match="zoom is 8, expected one that scenes of the memory serve"):
        Memory([synthetic_bank(1)]).layouts(0, 8, Rectangle(0, 0, 4, 4), endless(3, 64, 64))
