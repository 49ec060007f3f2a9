"""From which zoom on a place has its name: by size, away from larger ones, whatever the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from web.labelzooms import FIRST, HEIGHT, INHABITANTS, LAST, ROOM, Label, _world, label_zooms

PLACES = st.lists(
    st.builds(
        Label,
        st.text("abcdefgh", min_size=2, max_size=12),
        st.floats(-84, 84),
        st.floats(-180, 180),
        st.integers(1_000, 9_000_000),
        st.booleans(),
    ),
    max_size=30,
    unique_by=lambda label: label.population * (3 if label.capital else 1),
)


def boxes(labels: list[Label], zooms: list[int], zoom: int) -> list[tuple[float, float, float]]:
    found = []
    for label, first in zip(labels, zooms, strict=True):
        if first <= zoom:
            x, y = (256 * 2**zoom * value for value in _world(label))
            found.append((x, y, 7 * len(label.name) + ROOM[0]))
    return found


@given(PLACES)
def test_no_name_lies_on_another_before_the_last_zoom(labels: list[Label]) -> None:
    zooms = label_zooms(labels)
    for zoom in range(FIRST, LAST):
        shown = boxes(labels, zooms, zoom)
        for index, (x, y, width) in enumerate(shown):
            for u, v, other in shown[:index]:
                assert abs(x - u) >= (width + other) / 2 or abs(y - v) >= HEIGHT + ROOM[1]


@given(PLACES, st.randoms())
def test_the_order_of_the_places_does_not_matter(labels: list[Label], random: object) -> None:
    mixed = labels.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    before = dict(zip(labels, label_zooms(labels), strict=True))
    assert dict(zip(mixed, label_zooms(mixed), strict=True)) == before


@given(PLACES)
def test_small_places_wait_for_deep_zooms(labels: list[Label]) -> None:
    for label, zoom in zip(labels, label_zooms(labels), strict=True):
        assert FIRST <= zoom <= LAST
        if not label.capital:
            assert label.population >= INHABITANTS.get(zoom, 0)


def test_a_village_beside_a_city_waits_and_one_alone_does_not() -> None:
    city = Label("City", 50, 10, 2_000_000)
    beside = Label("Village", 50.02, 10, 6_000)
    alone = Label("Village", 60, 30, 6_000)
    assert label_zooms([beside, city, alone]) == [12, 3, 8]  # 91 pixels apart at 12, 45 at 11
