"""A cascade with geography: a pure function of the address as without, and part of the world."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import generator
from generator.cascade.cascade import Cascade
from generator.cascade.renderer import missing_blocks
from generator.geography.geography import Geography
from generator.geography.opening import open_geography
from generator.geography.surface import REACH
from generator.grid.block import Block
from generator.grid.errors import BaseMapError, GeographyError
from generator.grid.rectangle import Rectangle
from generator.grid.tile import Tile
from tests.fakes_ground import cover_bytes, random_ground, random_towns, relief_bytes
from tests.geographies import Stripes, striped
from tests.planet import tiny_cascade


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> Cascade:
    made = tiny_cascade(tmp_path_factory.mktemp("world"))
    made.geography = striped()
    return made


@pytest.mark.parametrize("first", [Tile(7, 126, 60), Tile(9, 300, 200), Tile(11, 1070, 676)])
def test_a_block_equals_its_tiles_made_in_another_order(cascade: Cascade, first: Tile) -> None:
    tiles = [Tile(first.z, first.x + dx, first.y + dy) for dy in (0, 1) for dx in (0, 1)]
    together: dict[Tile, np.ndarray] = {}
    for tile in tiles:
        cascade.render(3, tile, together)
    for tile in reversed(tiles):
        np.testing.assert_array_equal(cascade.render(3, tile, {}), together[tile])


def test_what_a_block_reads_is_among_its_needs(cascade: Cascade) -> None:
    store: dict[Tile, np.ndarray] = {}
    for tile in (Tile(9, 511, 200), Tile(11, 1070, 0), Tile(11, 1071, 676)):
        for block in missing_blocks(cascade, tile, store.__contains__):
            needed = {tile: store[tile] for tile in cascade.needs(block)}
            store |= cascade.compute(1, block, needed.__getitem__)


def test_a_stage_draws_the_water(cascade: Cascade) -> None:
    tile = Tile(7, 60, 50)
    with_water = cascade.render(0, tile)
    cascade.geography, kept = None, cascade.geography
    without = cascade.render(0, tile)
    cascade.geography = kept
    shares = Stripes(500).shares(7, Rectangle(60 * 256, 50 * 256, 256, 256))
    assert shares is not None
    assert 0 < shares.mean() < 255
    assert (with_water != without)[shares > 0].mean() > 0.5


@pytest.mark.parametrize("zoom", [5, 7, 9])
def test_a_part_of_what_was_looked_at_is_as_if_nothing_else_had_been(zoom: int) -> None:
    rng = np.random.default_rng(zoom)
    geography = replace(striped(), ground=random_ground())
    pixels = rng.integers(0, 256, (256, 256, 3)).astype(np.uint8)

    def read(area: Rectangle) -> np.ndarray:
        return pixels[np.ix_(*(np.arange(at, at + n) % 256 for at, n in spans(area)))]

    wide = Rectangle(1000, 700, 200, 190)
    whole = geography.parent_ground(zoom, wide, read, zoom == 5)
    for _ in range(10):
        x, y = (int(at) for at in rng.integers(0, 130, 2))
        part = Rectangle(wide.x0 + x, wide.y0 + y, 60, 50)
        alone = geography.parent_ground(zoom, part, read, zoom == 5)
        cut = whole.part(part)
        for name in ("dry", "filled", "parent", "built", "water", "covered", "roads"):
            np.testing.assert_equal(getattr(cut, name), getattr(alone, name), name)
        np.testing.assert_equal(cut.wet(part.grown(-5)), alone.wet(part.grown(-5)))


def test_a_road_over_a_river_does_not_tint_it_at_the_next_zoom() -> None:
    area = Rectangle(60 * 64, 50 * 64, 200, 190)
    plain = np.full((190 + 2 * REACH, 200 + 2 * REACH, 3), (40, 70, 90), np.uint8)
    shares = Stripes(1265).shares(7, area.grown(REACH))
    assert shares is not None
    # A parent of water that bright roads have been drawn over.
    drawn = np.where(shares[..., None] > 0, np.uint8(180), plain)
    found = [
        replace(bridged, rivers=Stripes(0)).parent_ground(7, area, lambda _: drawn, False)
        for bridged in (Geography(roads=(Stripes(1265),)), Geography())
    ]
    over = found[0].covered[REACH:-REACH, REACH:-REACH] == 255
    wet, tinted = (one.wet(area).astype(int)[over] for one in found)
    assert np.abs(wet - (40, 70, 90)).max() <= 3
    assert (tinted > 150).any()


def spans(area: Rectangle) -> tuple[tuple[int, int], tuple[int, int]]:
    return (area.y0, area.height), (area.x0, area.width)


def test_geography_is_part_of_the_worlds_identity(cascade: Cascade) -> None:
    kept = cascade.geography
    found = []
    for geography in (None, striped(), striped(roads=False), Geography(), kept):
        cascade.geography = geography
        found.append(cascade.identity)
    assert len(set(found)) == 4
    assert found[1] == found[4]


def test_neither_base_map_nor_zooms_above_it_change(cascade: Cascade) -> None:
    block = Block.of(Tile(4, 3, 5))
    kept, cascade.geography = cascade.geography, None
    plain = cascade.compute(0, block, {}.__getitem__)
    cascade.geography = kept
    drawn = cascade.compute(0, block, {}.__getitem__)
    for tile in plain:
        np.testing.assert_array_equal(plain[tile], drawn[tile])


def test_no_geography_for_a_picture_of_ones_own_nor_where_none_is_asked_for() -> None:
    assert open_geography("none", None) is None
    assert open_geography(None, Path("mars.png")) is None


def test_made_up_planets_have_water_and_rivers() -> None:
    found = open_geography(None, Path("planet:3"))
    assert found is not None
    assert None not in (found.water, found.rivers)
    assert not found.roads


def index(folder: Path, **layers: tuple[str, str]) -> Path:
    listed = {
        name: {"file": file, "sha256": sha256, "credit": f"© {name}"}
        for name, (file, sha256) in layers.items()
    }
    (folder / "layers.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder


def test_bad_folders_are_refused_with_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(GeographyError, match=r"expected a folder with layers\.json: No such file"):
        open_geography(str(tmp_path), None)
    (tmp_path / "layers.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(GeographyError, match="no index of layers, expected a JSON object"):
        open_geography(str(tmp_path), None)
    index(tmp_path, volcanoes=("a.bin", ""))
    with pytest.raises(GeographyError, match="names a layer 'volcanoes', expected: water, rivers"):
        open_geography(str(tmp_path), None)
    index(tmp_path, water=("water.bin", "0" * 64))
    with pytest.raises(GeographyError, match=r"water\.bin cannot be read \(No such file"):
        open_geography(str(tmp_path), None)
    (tmp_path / "water.bin").write_bytes(b"something else")
    with pytest.raises(GeographyError, match="is damaged: its SHA-256 begins"):
        open_geography(str(tmp_path), None)
    digest = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(GeographyError, match=r"water\.bin"):
        open_geography(str(index(tmp_path, water=("water.bin", digest))), None)


@pytest.mark.parametrize("lacking", ["towns", "landcover", "relief"])
def test_figures_of_the_ground_need_all_of_their_layers(tmp_path: Path, lacking: str) -> None:
    data = {
        "towns": random_towns(64).to_bytes(),
        "landcover": cover_bytes(),
        "relief": relief_bytes(),
    }
    del data[lacking]
    for name, each in data.items():
        (tmp_path / name).write_bytes(each)
    listed = {name: (name, hashlib.sha256(each).hexdigest()) for name, each in data.items()}
    with pytest.raises(GeographyError, match=f"names .* but no {lacking}, expected all of towns"):
        open_geography(str(index(tmp_path, **listed)), None)


def test_folders_are_opened_before_weights_are(tmp_path: Path) -> None:
    with pytest.raises(GeographyError, match="expected a folder with layers"):
        generator.load(weights=tmp_path / "none", geography=str(tmp_path))


def test_a_folder_may_hold_any_of_the_layers(tmp_path: Path) -> None:
    found = open_geography(str(index(tmp_path)), None)
    assert found == Geography()


def test_a_planet_that_is_none_is_refused() -> None:
    with pytest.raises(BaseMapError, match="planet:x"):
        open_geography(None, Path("planet:x"))
