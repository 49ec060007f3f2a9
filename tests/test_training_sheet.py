"""Contact sheets: which places, and what the command refuses."""

import pytest

from training import cli
from training.measure.sheet import MOST, PLACES, places_of


def test_further_places_come_behind_the_named_ones_and_none_twice():
    forty = places_of(40)
    assert forty[:16] == PLACES
    assert places_of(3) == PLACES[:3]
    assert len({(place.lat, place.lon) for place in places_of(MOST)}) == MOST
    assert forty[16].name == "42.90, -8.50"
    # Tokyo, the Alps and Iowa are among the named ones.
    assert sum(max(abs(p.lat - 35.7), abs(p.lon - 139.7)) < 1 for p in forty) == 1


@pytest.mark.parametrize("given", [["0"], ["51"], ["-2"], ["4", "--at", "peak=46.2,8.3"]])
def test_other_numbers_of_places_are_refused(monkeypatch, capsys, given):
    monkeypatch.setattr("sys.argv", ["training", "sheet", "--out", "x.png", "--places", *given])
    assert cli.main() == 2
    assert capsys.readouterr().err == (
        f"training: --places is {given[0]}, expected 1 to {MOST} and no --at\n"
    )
