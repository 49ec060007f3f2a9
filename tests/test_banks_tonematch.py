import numpy as np
import pytest

from generator.banks.tonematch import (
    BaseColours,
    is_base_map,
    matched,
    mean_colour,
    rows_repeat,
)
from generator.base import tone
from tests.fakes_imagery import source
from tests.fakes_memory import ground

SHIPPED = BaseColours()
"""The shipped base map's, read when first asked for."""


class Constant(BaseColours):
    """A base map of one colour."""

    def __init__(self, *colour: float) -> None:
        self.colour = np.array(colour)

    def at(self, lat, lon):  # type: ignore[no-untyped-def]
        return None if lat is None else self.colour


PIXELS = ground(1, 64, 64)
GOOD = np.ones((16, 16), bool)


def test_imagery_moves_to_the_toned_colour_of_its_place() -> None:
    base = Constant(60, 80, 50)
    wanted = tone.apply(np.array([60, 80, 50], np.uint8)).astype(float)
    before = mean_colour(PIXELS, GOOD)
    after = mean_colour(matched(PIXELS, GOOD, source(PIXELS, place=(47.0, 8.0)), base), GOOD)
    assert (np.abs(after - wanted) < 0.1 * np.abs(before - wanted) + 2).all()
    assert (np.sign(wanted - before) * (after - before) >= -1).all()


def test_a_coast_is_matched_by_its_land() -> None:
    # Half of the picture is sea, bluer than any land: it neither counts nor decides the gain.
    coast = np.zeros((64, 64, 3), np.uint8) + np.array([80, 80, 60], np.uint8)
    coast[:, 32:] = (20, 40, 60)
    toned = tone.apply(np.array([60, 80, 50], np.uint8)).astype(float)
    out = matched(coast, GOOD, source(coast, place=(47.0, 8.0)), Constant(60, 80, 50))
    np.testing.assert_allclose(out[0, 0], toned, atol=4)


def test_land_near_a_place_counts_and_not_the_sea() -> None:
    # Tokyo bay: within 40 km of it lie land and sea.
    red, _, blue = SHIPPED.at(35.4, 139.8)
    assert red > blue
    # The middle of the Pacific has no land.
    red, _, blue = SHIPPED.at(0.0, -140.0)
    assert blue > red


def test_gains_are_bounded() -> None:
    dark = np.full((64, 64, 3), 10, np.uint8)
    out = matched(dark, GOOD, source(dark, place=(47.0, 8.0)), Constant(250, 250, 250))
    assert out.max() == 25


def test_without_a_place_one_gain_keeps_the_hue() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8) + np.array([60, 40, 20], np.uint8)
    out = matched(pixels, GOOD, source(pixels), Constant(0, 0, 0))[0, 0].astype(float)
    np.testing.assert_allclose(out / out[0], [1, 2 / 3, 1 / 3], atol=0.02)
    assert out.mean() == pytest.approx(95, abs=6)


def test_imagery_of_the_base_map_gets_its_tone_curve() -> None:
    named = source(PIXELS, source="blue-marble", place=(10.0, 10.0), gsd=500.0)
    out = matched(PIXELS, GOOD, named, Constant(0, 0, 0))
    np.testing.assert_array_equal(out, tone.apply(PIXELS))


def test_base_map_imagery_is_known_by_its_colour_if_it_is_coarse() -> None:
    mean = np.array([40.0, 50, 30])
    coarse = source(PIXELS, place=(10.0, 10.0), gsd=500.0)
    fine = source(PIXELS, place=(10.0, 10.0), gsd=10.0)
    assert is_base_map(coarse, mean, Constant(42, 55, 29))
    assert not is_base_map(coarse, mean, Constant(60, 55, 29))
    assert not is_base_map(fine, mean, Constant(42, 55, 29))


@pytest.mark.parametrize(("lat", "repeats"), [(44.0, False), (-46.0, True)])
def test_rows_repeat_far_from_the_equator(lat: float, repeats: bool) -> None:
    assert rows_repeat(source(PIXELS, source="blue-marble", place=(lat, 0.0))) is repeats
    assert not rows_repeat(source(PIXELS, place=(lat, 0.0)))


def test_the_shipped_base_map_is_read_at_places_and_over_the_dateline() -> None:
    sahara, pacific = SHIPPED.at(23.0, 10.0), SHIPPED.at(0.0, -179.99)
    assert sahara is not None
    assert pacific is not None
    assert sahara[0] > 120
    assert pacific[2] > 2 * pacific[0]
    assert SHIPPED.at(None, 10.0) is None
    np.testing.assert_allclose(pacific, SHIPPED.at(0.0, 180.0), atol=3)
