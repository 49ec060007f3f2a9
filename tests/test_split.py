from collections import Counter

import numpy as np
import pytest

from generator.grid.errors import ImageryError
from generator.imagery.split import SPLITS, Splitter, read_shares


def places(count):
    random = np.random.default_rng(0)
    return zip(random.uniform(-80, 80, count), random.uniform(-180, 180, count), strict=True)


def test_shares_are_met_over_many_places():
    splitter = Splitter((8, 1, 1))
    counts = Counter(splitter.split(lat, lon, "x") for lat, lon in places(4000))
    assert counts["train"] / 4000 == pytest.approx(0.8, abs=0.02)
    assert counts["val"] / 4000 == pytest.approx(0.1, abs=0.015)
    assert set(counts) == set(SPLITS)


def test_neighbours_in_a_cell_stay_together():
    splitter = Splitter()
    for lat, lon in places(100):
        south, west = np.floor(lat / 0.1) * 0.1, lon
        same = {splitter.split(south + step, west, str(step)) for step in (0.01, 0.04, 0.09)}
        assert len(same) == 1


def test_cells_are_about_as_wide_as_high_at_every_latitude():
    splitter = Splitter(cell=0.1)
    for lat in (0.05, 45.05, 70.05):
        cells = {splitter.place(lat, lon) for lon in np.arange(0, 10, 0.005)}
        assert len(cells) == pytest.approx(100 * np.cos(np.radians(lat)), abs=2)


def test_split_depends_on_the_place_alone_or_else_on_the_name():
    splitter = Splitter()
    assert splitter.split(10, 20, "a") == splitter.split(10, 20, "b")
    assert splitter.split(10, 180, "a") == splitter.split(10, -180, "a")
    assert {splitter.split(None, None, str(n)) for n in range(50)} == set(SPLITS)


def test_a_share_of_nought_gets_nothing():
    assert {Splitter((1, 0, 1)).split(a, o, "") for a, o in places(300)} == {"train", "test"}


@pytest.mark.parametrize("text", ["8:1", "a:b:c", "-1:1:1", "0:0:0", "nan:1:1", ""])
def test_bad_shares_are_explained(text):
    with pytest.raises(ImageryError, match="expected"):
        read_shares(text)
    assert read_shares("8:1:1") == (8, 1, 1)
