"""First views are asked for as the page asks, and their times are what they are said to be."""

import json
from pathlib import Path

import pytest

from experiments import viewbench
from experiments.viewbench import (
    ZOOMS,
    fetch,
    first_view,
    made_from,
    middle_first,
    table,
    with_parents,
)
from generator.grid.tile import Tile
from tests.live import live
from tileserver.errors import StartError


def test_the_middle_of_a_view_comes_first_and_what_it_is_made_from_before_it() -> None:
    view = [Tile(9, 100 + x, 200 + y) for y in range(3) for x in range(3)]
    ordered = middle_first(view)
    assert ordered[0] == Tile(9, 101, 201)
    assert set(ordered[-4:]) == {Tile(9, x, y) for x in (100, 102) for y in (200, 202)}
    asked = with_parents(ordered)
    assert asked[:3] == [Tile(5, 6, 12), Tile(7, 25, 50), Tile(9, 101, 201)]
    assert len(asked) == len(set(asked))


def test_what_a_tile_is_made_from_are_the_stages_over_it() -> None:
    assert [tile.z for tile in made_from(Tile(13, 4000, 3000))] == [5, 7, 9, 11]
    assert [tile.z for tile in made_from(Tile(10, 500, 400))] == [5, 7, 9]
    assert made_from(Tile(5, 3, 3)) == []


def test_a_view_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewbench, "PAGE", (3, 3))
    with live(tmp_path) as server:
        server.fake.delay = 0.01
        view = first_view(server.root.rstrip("/"), 5, 7)
        assert 0.01 < view.parent <= view.middle <= view.whole < 20
        seeds = {seed for seed, _ in server.fake.calls}
    assert seeds == {5}


def test_a_tile_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    with live(tmp_path) as server:
        server.fake.broken.add(Tile(5, 1, 1))
        with pytest.raises(StartError, match="status 500, expected 200"):
            fetch(server.root.rstrip("/"), 0, [Tile(5, 1, 1)])


def test_the_report_is_json_and_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewbench, "PAGE", (2, 2))
    with live(tmp_path) as server:
        report = viewbench.viewbench(server.root.rstrip("/"), rounds=1, busy=1)
    assert set(json.loads(json.dumps(report))["views"]) == set(map(str, ZOOMS))
    text = table(report)
    assert "zoom 13, 4 tiles: middle tile" in text
    assert "; 1\n" in text
