"""The benchmark measures what it says, here with a fast renderer in the network's place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from generator.cascade.cascade import Cascade
from generator.grid.block import Block
from generator.grid.tile import Tile, tile_at
from tests.fakes import FakeRenderer
from tests.fakes_cascade import FakeStage
from tileserver.commands import coldbench as module
from tileserver.commands.coldbench import (
    bench,
    cold,
    cold_tile,
    layout_choice,
    network_rate,
    page_view,
    rectangle,
    table,
)
from tileserver.rendering.batch import BatchRenderer


class _OneStep(FakeRenderer):
    multistep = None
    memory: object = None

    def stage_at(self, zoom: int) -> FakeStage:
        return FakeStage()


class _WithLayouts(_OneStep):
    memory = object()

    def chosen(self, seed: int, block: Block, read: Callable[[Tile], object]) -> None:
        for need in self.needs(block):
            read(need)
        time.sleep(0.02)


@pytest.fixture
def cascade() -> Cascade:
    return cast(Cascade, _OneStep())


def test_a_cold_tile_pays_for_every_ancestor() -> None:
    renderer = FakeRenderer(delay=0.002)
    with cold(renderer, 0) as maker:
        maker.make([Tile(15, 16384, 16384)])
    blocks = len(renderer.calls)
    assert {block.stage or block.top.z for _, block in renderer.calls} == {5, 7, 9, 11, 13, 15}
    assert cold_tile(renderer, 0, 0.0, 0.0) > 0.002 * blocks / 2


def test_each_measurement_starts_from_an_empty_cache() -> None:
    renderer = FakeRenderer()
    page_view(renderer, 0, 13)
    first = len(renderer.calls)
    page_view(renderer, 0, 13)
    assert len(renderer.calls) == 2 * first > 12


def test_the_report_is_whole_json_and_a_table(
    cascade: Cascade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "warm_tile", lambda *args: 0.1)
    report: dict[str, Any] = json.loads(json.dumps(bench(cascade, quick=True)))
    assert report["cold_tile_s"] > 0
    assert report["neighbours_per_s"] > 0
    assert report["page_view_s"].keys() == {"13"}
    assert report["matrix_gflops"] > 0
    assert 10 < report["peak_memory_mib"] < 1e6
    assert report["layouts_tile_ms"] is None
    lines = table(report).splitlines()
    assert not any(line.startswith("layouts") for line in lines)
    assert any(line.startswith("stored tile") and line.endswith("0.100 ms") for line in lines)


def test_the_choice_of_layouts_is_told_beside_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    cascade = cast(Cascade, _WithLayouts())
    maker, tile = BatchRenderer(cascade, 0), tile_at(2.35, 48.86, 15)
    maker.make(tile)
    # A block has four tiles.
    assert layout_choice(cascade, maker, tile) >= 0.02 / 4
    monkeypatch.setattr(module, "layout_choice", lambda *args: 100.0)
    report = network_rate(cascade, 0, 2.35, 48.86)
    assert report["layouts_tile_ms"] == 100_000
    assert report["network_tile_ms"] == pytest.approx(-100_000, rel=0.05)


def test_a_rectangle_stays_on_the_map_and_holds_its_tile() -> None:
    for tile in (Tile(3, 0, 0), Tile(3, 7, 7), Tile(3, 4, 4)):
        found = rectangle(tile, 6, 4)
        assert len(set(found)) == 24
        assert tile in found


def test_a_place_lies_in_its_tile() -> None:
    west, south, east, north = tile_at(2.35, 48.86, 15).bounds
    assert west <= 2.35 <= east
    assert south <= 48.86 <= north
