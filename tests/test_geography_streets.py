"""Streets: the same in every window and at every zoom, in towns alone, and not over water."""

import hashlib
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography.geography import Geography
from generator.geography.layers import Shares
from generator.geography.streets import FIRST, Streets
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, cell_at
from tests.fakes_ground import earth_ground, random_ground
from tests.rectangles import child_means, whole_and_part

GROUND = earth_ground()
STREETS, RANDOM = Streets(GROUND.built), Streets(random_ground().built)
PARIS, DHAKA, SAHARA = (48.86, 2.35), (23.8, 90.4), (23.0, 10.0)
FIXED = "c245727fd8bc47f8"
"""Begin of the digest of streets at two places and three zooms."""


class Half:
    """Water west of the middle of the world (a CoverageLayer)."""

    digest = "half"

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return 255 in the west."""
        west = np.arange(area.x0, area.x0 + area.width) < cell_at(PARIS[1], 0, 256 << zoom)[0]
        return np.broadcast_to(np.uint8(255) * west, (area.height, area.width)).astype(np.uint8)


def around(place: tuple[float, float], zoom: int, side: int = 128) -> Rectangle:
    """Return a square of world pixels round latitude and longitude."""
    x, y = cell_at(place[1], place[0], 256 << zoom)
    return Rectangle((x - side // 2) // 4 * 4, (y - side // 2) // 4 * 4, side, side)


def drawn(zoom: int, area: Rectangle, streets: Streets = STREETS) -> Shares:
    """Return shares, zeros for none."""
    found = streets.shares(zoom, area)
    return np.zeros((area.height, area.width), np.uint8) if found is None else found


@settings(max_examples=40, deadline=None)
@given(st.integers(FIRST, 17), st.data())
def test_rectangles_agree_where_they_overlap(zoom: int, data: st.DataObject) -> None:
    world = 256 << zoom
    starts = st.integers(world - 300, world + 300) | st.integers(0, world)
    x0, y0 = data.draw(starts), data.draw(st.integers(0, world - 200))
    area, inside, at = whole_and_part(data, zoom, x0, y0)
    np.testing.assert_array_equal(drawn(zoom, inside, RANDOM), drawn(zoom, area, RANDOM)[at])


def test_every_machine_draws_the_same_streets() -> None:
    digest = hashlib.sha256()
    for zoom in (13, 15, 17):
        for place in (PARIS, DHAKA):
            digest.update(drawn(zoom, around(place, zoom)).tobytes())
    assert digest.hexdigest()[: len(FIXED)] == FIXED


def test_streets_are_those_of_the_zoom_above() -> None:
    area = around(PARIS, 15)
    fine = drawn(17, area.finer(SCALE)).astype(float)
    mean = child_means(fine, area)
    coarse = drawn(15, area).astype(float)
    assert 0.05 < coarse.mean() / 255 < 0.35
    assert np.corrcoef(mean.ravel(), coarse.ravel())[0, 1] > 0.9


def test_there_are_none_in_the_country_and_above_zoom_13() -> None:
    assert STREETS.shares(15, around(SAHARA, 15)) is None
    assert STREETS.shares(11, around(PARIS, 11)) is None
    assert STREETS.shares(13, around(PARIS, 13)) is not None


def test_worlds_have_streets_of_their_own() -> None:
    area, other = around(PARIS, 15), replace(STREETS, seed=7)
    first, second = (drawn(15, area, world).astype(float) for world in (STREETS, other))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.3
    assert 0.5 < second.mean() / first.mean() < 2
    assert other.digest == STREETS.digest


def completed(geography: Geography, zoom: int, core: Rectangle) -> np.ndarray:
    """Return a grey child of grey parents, with what geography draws into it."""
    ground = geography.parent_ground(zoom - 2, core.grown(1), grey, False)
    return geography.completed(zoom, core, grey(core.finer(SCALE)), ground)


def test_streets_lie_in_the_shade_where_pixels_are_wider() -> None:
    for zoom, darker in ((13, True), (15, False)):
        core = around(PARIS, zoom - 2, 64)
        made = completed(Geography(streets=STREETS), zoom, core)[..., 1].astype(int)
        share = drawn(zoom, core.finer(SCALE))
        assert (share > 100).sum() > 300
        assert (made[share > 100] < 85).all() == darker
        assert (made[share > 100] > 90).all() != darker
        assert (made[share == 0] == 90).all()


def test_streets_cross_no_water() -> None:
    geography, plain = (Geography(water=Half(), streets=some) for some in (STREETS, None))
    core = around(PARIS, 13, 64)
    with_streets, without = (completed(one, 15, core) for one in (geography, plain))
    water = Half().shares(15, core.finer(SCALE)) == 255
    assert 0.2 < water.mean() < 0.8
    changed = (with_streets != without).any(2)
    assert changed[~water].mean() > 0.1
    assert not changed[water].any()


def grey(area: Rectangle) -> np.ndarray:
    """Return a parent of one colour."""
    return np.full((area.height, area.width, 3), 90, np.uint8)
