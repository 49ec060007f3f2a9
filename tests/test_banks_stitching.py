import numpy as np
import pytest

from generator.banks.stitching import stitching_lines
from tests.fakes_clouds import land


def sea(level: int, seed: int) -> np.ndarray:
    grain = np.random.default_rng(seed).integers(-3, 4, (128, 160, 1))
    return (np.array((level - 8, level, level + 6)) + grain).astype(np.uint8)


@pytest.mark.parametrize("slope", [0.0, 0.3, -0.25])
@pytest.mark.parametrize("turned", [False, True])
def test_two_swaths_over_the_sea_meet_in_a_line(slope: float, turned: bool) -> None:
    y, x = np.mgrid[0:128, 0:160]
    line = 70 + slope * (y - 64)
    both = np.where((x < line)[..., None], sea(120, 0), sea(60, 1))
    found = stitching_lines(both.transpose(1, 0, 2)).T if turned else stitching_lines(both)
    assert found.any(1).mean() > 0.7
    assert (np.abs(x - line)[found] <= 4).all()


def test_a_coast_is_no_join() -> None:
    y, x = np.mgrid[0:128, 0:160]
    straight = np.where((x < 70)[..., None], sea(60, 0), land(128, 160, 1))
    bent = np.where((x < 70 + 9 * np.sin(y / 9))[..., None], sea(60, 0), sea(120, 1))
    assert not stitching_lines(straight).any()
    assert not stitching_lines(bent).any()


def test_a_short_or_a_faint_step_and_even_ground_are_none() -> None:
    y, x = np.mgrid[0:128, 0:160]
    short = np.where(((x < 70) & (y < 60))[..., None], sea(120, 0), sea(60, 1))
    faint = np.where((x < 70)[..., None], sea(66, 0), sea(60, 1))
    assert not stitching_lines(short).any()
    assert not stitching_lines(faint).any()
    assert not stitching_lines(sea(60, 0)).any()
    assert not stitching_lines(sea(60, 0)[:, :20]).any()
