import numpy as np
import pytest

from generator.banks.nodata import outside_swath
from tests.fakes_clouds import discs, land

ALL = np.ones((96, 96), bool)


def wedge(level: int, slope: float = 0.4, start: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    """Return ground left of which is nothing, and where that is."""
    y, x = np.mgrid[0:96, 0:96]
    outside = x < start + slope * y
    pixels = land(96, 96)
    pixels[outside] = level
    return pixels, outside


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("level", [0, 3, 254])
@pytest.mark.parametrize("slope", [0.0, 0.4, -0.2])
def test_a_black_or_white_wedge_up_to_the_border_is_outside(
    turn: int, level: int, slope: float
) -> None:
    pixels, outside = wedge(level, slope)
    np.testing.assert_array_equal(
        outside_swath(np.rot90(pixels, turn), ALL), np.rot90(outside, turn)
    )


def test_the_corner_of_a_scene_is_two_lines() -> None:
    y, x = np.mgrid[0:96, 0:96]
    outside = x < np.where(y < 48, 44 - 0.8 * y, 6 + 0.5 * (y - 48))
    pixels = land(96, 96)
    pixels[outside] = 0
    # The row or two at the corner itself are on neither line.
    assert (outside_swath(pixels, ALL) == outside).mean() > 0.99


def test_what_the_mask_names_is_not_named_again() -> None:
    pixels, outside = wedge(0)
    assert not outside_swath(pixels, ~outside).any()
    # A strip that the mask leaves over is.
    less = np.roll(outside, -3, 1)
    less[:, -3:] = False
    np.testing.assert_array_equal(outside_swath(pixels, ~less), outside & ~less)


def test_a_black_lake_at_the_border_with_a_ragged_shore_is_ground() -> None:
    pixels = land(96, 96)
    shore = 30 + 12 * np.sin(np.arange(96) / 9) + np.random.default_rng(0).integers(-4, 5, 96)
    pixels[np.arange(96) < shore[:, None]] = 0
    assert not outside_swath(pixels, ALL).any()


def test_dark_ground_snow_and_black_lakes_inland_are_ground() -> None:
    pixels, outside = wedge(0)
    pixels[outside] = (5, 9, 14)
    assert not outside_swath(pixels, ALL).any()
    lakes = land(96, 96)
    lakes[discs(96, 96, 9, 4) > 0.5] = 0
    assert (lakes == 0).any()
    assert not outside_swath(lakes, ALL).any()
    assert not outside_swath(np.zeros((96, 96, 3), np.uint8), ALL).any()
