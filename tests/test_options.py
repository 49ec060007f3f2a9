"""Options: what cannot be meant is refused when it is said."""

import pytest

from generator.grid.errors import ImageryError
from generator.imagery.options import Options


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"finest": 0}, "finest resolution wanted has gsd_m 0, expected 0.05"),
        ({"clouds": 120}, "cloud cover is 120, expected 0 to 100"),
        ({"items": 0}, "items is 0, expected at least 1"),
        ({"patience": 0}, "patience is 0, expected seconds above 0"),
        ({"box": (0, 10, 5, 5)}, "expected west, south, east, north"),
        ({"box": (0, 10, 500, 15)}, "expected west, south, east, north"),
    ],
)
def test_impossible_wishes_are_explained(given, message):
    with pytest.raises(ImageryError, match=message):
        Options(**given)


def test_a_box_may_cross_the_dateline():
    assert Options(box=(170, -10, -170, 10)).box == (170, -10, -170, 10)
