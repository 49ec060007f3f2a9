"""The judge of towns: what it looks at, what it learns from, and how it is held out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.townjudge import SIDE, ZOOM, Judge, TownPieces, described, dry_blocks, labelled
from generator.geography.choice import EARTH_FOLDER
from generator.geography.layerfile import LayerFile
from generator.geography.water import WaterLayer
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import tile_at
from tests.fakes_ground import earth_ground
from training.errors import TrainingError

GROUND = earth_ground()
WATER = WaterLayer.open(LayerFile.read(EARTH_FOLDER / "water.bin"))
PARIS, BEAUCE = (48.86, 2.35), (48.2, 1.5)


def piece(seed: int) -> Pixels:
    """Return noise, uint8 [256, 256, 3]."""
    return np.random.default_rng(seed).integers(20, 200, (SIDE, SIDE, 3), np.uint8)


def manifest(folder: Path, mask: int | None = None) -> Path:
    """Write pictures of a town and of the country, and a manifest; mask: value of both masks."""
    rows = []
    for number, (latitude, longitude) in enumerate((PARIS, BEAUCE)):
        Image.fromarray(np.tile(piece(number), (2, 2, 1))).save(folder / f"{number}.png")
        row = {"file": f"{number}.png", "mask": None, "lat": latitude, "lon": longitude}
        if mask is not None:
            row["mask"] = f"{number}.mask.png"
            Image.new("1", (SIDE // 2, SIDE // 2), mask).save(folder / row["mask"])
        rows.append(row | {"gsd_m": 12.6})
    (folder / "manifest.json").write_text(json.dumps(rows))
    return folder / "manifest.json"


def test_blocks_that_do_not_count_change_nothing() -> None:
    counted = np.ones((8, 8), np.bool_)
    counted[3:, 2] = False
    pixels = piece(0)
    other = pixels.copy()
    other[3 * 32 :, 64:96] = (10, 60, 90)
    assert np.array_equal(described(pixels, counted), described(other, counted))
    assert not np.array_equal(described(pixels, counted), described(other, np.ones_like(counted)))


def test_blocks_of_open_sea_are_not_dry() -> None:
    sea, land = tile_at(-30.0, 45.0, ZOOM), tile_at(BEAUCE[1], BEAUCE[0], ZOOM)
    for tile, dry in ((sea, False), (land, True)):
        area = Rectangle(tile.x * SIDE, tile.y * SIDE, SIDE, SIDE)
        assert (dry_blocks(WATER, area) == dry).all()
    assert dry_blocks(None, Rectangle(0, 0, SIDE, SIDE)).all()


def test_pieces_are_labelled_by_what_is_built_there(tmp_path: Path) -> None:
    pieces = labelled(manifest(tmp_path), GROUND, WATER)
    assert set(pieces.towns) == {True, False}
    # Each picture is a place of its own.
    assert len({*zip(pieces.places, pieces.towns, strict=True)}) == 2


def test_pieces_under_clouds_are_not_learnt_from(tmp_path: Path) -> None:
    assert len(labelled(manifest(tmp_path, mask=1), GROUND, WATER).towns) >= 2
    with pytest.raises(TrainingError, match="no pictures of 8 to 20 m of both"):
        labelled(manifest(tmp_path, mask=0), GROUND, WATER)


def test_a_manifest_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot read .*nowhere.json"):
        labelled(tmp_path / "nowhere.json", GROUND, WATER)


def test_a_held_out_place_is_told_by_the_others() -> None:
    rng = np.random.default_rng(0)
    towns = np.arange(60) % 2 == 0
    features = rng.normal(size=(60, 3)) + 3 * towns[:, None]
    places = np.arange(60) // 20
    told = TownPieces(features, towns, places).held_out()
    out = places == 1
    assert np.array_equal(told[out], Judge.fit(features[~out], towns[~out])(features[out]))
    assert ((told > 0.5) == towns).mean() > 0.9
