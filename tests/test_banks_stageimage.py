import numpy as np
import pytest

from generator.banks.stageimage import (
    Resampling,
    StageImage,
    at_stage,
    mostly,
    resampling_for,
    size_after,
)
from generator.grid.averaging import averaged
from generator.imagery.sources import Decoded
from generator.memory.descriptor import grid_shape
from tests.fakes_memory import ground


@pytest.mark.parametrize(
    ("gsd", "zoom", "shrink", "grow"),
    [
        (15.0, 11, 1, 1.0),
        (20.9, 11, 1, 1.0),
        (10.0, 11, 1, 10 / 15),
        (9.0, 11, 1, 9 / 15),
        (1.0, 15, 3, 3 / 3.8),
        (1.0, 11, 15, 1.0),
        (30.0, 11, 1, 2.0),
        (500.0, 9, 1, 2.0),
    ],
)
def test_images_are_averaged_and_then_resized_to_the_stage(
    gsd: float, zoom: int, shrink: int, grow: float
) -> None:
    assert resampling_for(gsd, zoom) == Resampling(zoom, shrink, grow)


@pytest.mark.parametrize(("gsd", "zoom"), [(0.9, 11), (32.0, 11), (8.1, 15), (0.2, 15)])
def test_images_too_fine_or_too_coarse_do_not_serve(gsd: float, zoom: int) -> None:
    assert resampling_for(gsd, zoom) is None


def test_rows_that_repeat_are_averaged_first() -> None:
    assert resampling_for(240.0, 9, least=2) == Resampling(9, 2, 240 * 2 / 250)
    assert resampling_for(300.0, 9, least=2) is None


def test_averages_are_rounded_half_up() -> None:
    pixels = np.array([[0, 1], [0, 1]], np.uint8)[..., None].repeat(3, 2)
    assert averaged(pixels, 2).tolist() == [[[1, 1, 1]]]
    pixels[0, 1] = 0
    assert averaged(pixels, 2).tolist() == [[[0, 0, 0]]]


@pytest.mark.parametrize(
    "how", [Resampling(11, 3, 1.0), Resampling(15, 1, 1.7), Resampling(9, 2, 0.7)]
)
def test_a_view_is_whole_units_of_the_image_and_of_its_mask(how: Resampling) -> None:
    pixels = ground(1, 331, 257)
    seen = at_stage(Decoded(pixels, np.full((83, 65), 255, np.uint8)), how)
    assert seen.child.shape[:2] == size_after(331, 257, how)
    assert seen.good.shape == (seen.child.shape[0] // 4, seen.child.shape[1] // 4)
    assert seen.good.all()
    if min(seen.choosing.shape[:2]) >= 24:
        assert seen.valid.shape == grid_shape(*seen.choosing.shape[:2])
        assert seen.valid.all()


def test_the_mask_lies_where_the_image_is() -> None:
    mask = np.full((400, 400), 255, np.uint8)
    mask[200:, :100] = 0
    for how in (Resampling(15, 2, 1.0), Resampling(15, 1, 2.0), Resampling(11, 1, 1.0)):
        good = at_stage(Decoded(ground(1, 400, 400), mask), how).good
        height, width = good.shape
        assert not good[height // 2 + 1 :, : width // 4 - 1].any()
        assert good[: height // 2 - 1].all()
        assert good[:, width // 4 + 1 :].all()


@pytest.mark.parametrize(("bad", "valid"), [(3, True), (4, False)])
def test_windows_may_hold_specks_of_bad_ground(bad: int, valid: bool) -> None:
    good = np.ones((24, 32), bool)
    good[:bad, :6] = False
    seen = StageImage(15, np.zeros((96, 128, 3), np.uint8), good)
    assert seen.valid.tolist() == [[valid, True]]


def test_mostly_is_half_of_the_pixels() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:2, 0] = mask[2, 2] = True
    assert mostly(mask, 2).tolist() == [[True, False], [False, False]]
