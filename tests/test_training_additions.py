"""Scenes added to finished weights: from pictures to a served tile, and on where it stopped."""

import json
import math
import sys

import pytest
import torch
from PIL import Image

import generator
from generator.base.basemap import BaseMap
from generator.cascade import checkpoint
from generator.grid.tile import EQUATOR_RESOLUTION, TILE_SIZE, Tile, row_of
from generator.nets.factors import DetailFactors
from tests.imagery import prepared_imagery
from tests.layouts import tiny_bank, write_layouts
from training.cli import main
from training.run import additions
from training.run.export import BANKED, described_size
from training.run.selection import area_of

RECIPE = """
[network]
preset = "layout-tiny"

[[phase]]
until = 1

[[additions]]
megapixels = { 7 = 1 }
licences = ["open"]
take = ["land"]
keep = { 7 = 0.13 }
places = 5
drop = { 7 = ["scene-7"] }

[additions.entries]
steps = 2
group = 2

[[additions]]
megapixels = { 7 = 1 }
licences = ["open"]
take = ["more-*"]
strengths = [1, 0.75, 0.5, 0.25, 1, 0.6]
contrast = [1, 1, 1, 1, 1, 1.1]
saturation = [1, 1, 1, 1, 1, 0.5]
"""


PLACES = ((25, 5), (-5, -62), (44, 75), (41, -98), (23, 78), (-25, 130), (10, 20), (15, 35))
"""Sahara, Amazon, Kazakhstan, Great Plains, India, Australia; and two more."""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Prepare imagery, and cut pictures out of the base map: ground that the world asks for."""
    folder = tmp_path_factory.mktemp("given")
    data = prepared_imagery(folder)
    rows, size = [], TILE_SIZE << 5
    base = BaseMap.open()
    for number, (lat, lon) in enumerate(PLACES):
        x, y = int((lon + 180) / 360 * size), int(row_of(lat, size))
        cut = base.region(5, x - 32, y - 32, 64, 64).repeat(4, 0).repeat(4, 1)
        Image.fromarray(cut).save(folder / f"{number}.png")
        rows.append({
            "file": f"{number}.png", "lat": lat, "lon": lon, "split": "train",
            "gsd_m": EQUATOR_RESOLUTION / 2**7 * math.cos(math.radians(lat)),
            "source": "land" if number < 6 else "more-land", "licence_class": "open",
        })  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(rows))
    return data, folder / "manifest.json"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    write_layouts(tmp_path / "run" / BANKED, tiny_bank())
    return tmp_path / "run"


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["training", *map(str, words)])
    return main()


def train(monkeypatch, given, run, *words):
    return command(
        monkeypatch, "train", run.parent / "recipe.toml", "--data", given[0], "--run", run,
        "--imagery", given[1], "--stage", "additions", "--device", "cpu", *words,
    )  # fmt: skip


def names(path, zoom):
    bank = checkpoint.load(path).bank
    return [scene.name for scene in bank.scenes if scene.chosen_at == zoom]


def test_from_pictures_to_a_served_tile(given, run, tmp_path, monkeypatch, capsys):
    assert train(monkeypatch, given, run) == 0
    said = capsys.readouterr().out
    assert "candidates, " in said
    assert "cells of land at a median squared distance of" in said
    first, last, base = (checkpoint.load(run / name) for name in (
        "additions-1.safetensors", "additions-2.safetensors", BANKED
    ))  # fmt: skip
    # Some candidates are kept, what they replace is gone, and the decoder is as it was.
    there, offered = names(run / BANKED, 7), names(run / "additions-1" / BANKED, 7)
    kept = names(run / "additions-1.safetensors", 7)
    assert kept == [*there[1:], *offered]
    areas = [area_of(scene) for scene in first.bank.scenes if scene.name in offered]
    assert 0 < sum(areas) <= 0.13e6
    for name, value in base.network.state_dict().items():
        assert torch.equal(value, last.network.state_dict()[name])
    # The second takes what its globs say, and makes the weights serve 17.
    assert names(run / "additions-2.safetensors", 7)[len(kept) :] == ["6.png 7 [0]", "7.png 7 [0]"]
    assert (first.sampler.max_zoom, last.sampler.max_zoom) == (15, 17)
    assert last.sampler.factors(17) == DetailFactors(1.1, 0.5)
    # The record tells the lineage.
    record = last.record["additions"]
    assert [each["to"] for each in record] == [base.digest, first.digest]
    assert record[0] == {
        "to": base.digest, "scenes": len(offered), "dropped": 1, "entry_steps": 2,
    }  # fmt: skip
    assert [part["places"] for part in last.record["recipe"]["additions"]] == [5, 4000]
    # The weights of the last one are exported and serve.
    out = tmp_path / "out.safetensors"
    assert command(monkeypatch, "export", "--run", run, "--out", out) == 0
    assert checkpoint.load(out).digest == last.digest
    Image.new("RGB", (64, 32), (90, 80, 60)).save(tmp_path / "base.png")
    cascade = generator.load(tmp_path / "base.png", out)
    assert cascade.render(0, Tile(7, 60, 40)).shape == (256, 256, 3)
    assert cascade.memory.scenes[7] == len(kept) + 2


@pytest.mark.slow
def test_a_run_goes_on_where_it_stopped_and_makes_anew_what_the_recipe_changed(
    given, run, monkeypatch, capsys
):
    # Stopped while it asks the world, which is kept; then all is made as if never stopped.
    assert train(monkeypatch, given, run, "--seconds", "0") == 0
    assert "stopped; the same command goes on" in capsys.readouterr().out
    assert (run / "additions-1" / "demand-7.npz").exists()
    assert not (run / "additions-1.safetensors").exists()
    assert train(monkeypatch, given, run) == 0
    assert "place 1/5" not in capsys.readouterr().out
    digest = checkpoint.load(run / "additions-2.safetensors").digest

    def refuse(*_):
        raise AssertionError("nothing is to be built")

    monkeypatch.setattr(additions, "bank_of", refuse)
    assert train(monkeypatch, given, run) == 0
    assert capsys.readouterr().out.count("is there already") == 2
    # Without the weights that it began with, the first is taken as it is.
    (run / BANKED).unlink()
    # Other strengths need no other scenes.
    recipe = run.parent / "recipe.toml"
    recipe.write_text(RECIPE.replace("1, 0.6]", "1, 0.5]"))
    assert train(monkeypatch, given, run) == 0
    made = checkpoint.load(run / "additions-2.safetensors")
    assert made.sampler.augmentation[-1] == 0.5
    assert made.digest != digest
    assert len(made.record["additions"]) == 2


def test_what_cannot_be_added_is_said_before_anything_is_made(given, run, monkeypatch, capsys):
    recipe = run.parent / "recipe.toml"
    recipe.write_text(RECIPE.replace('"scene-7"', '"none"'))
    assert train(monkeypatch, given, run) == 2
    assert "drop names 'none' of zoom 7, expected globs" in capsys.readouterr().err
    assert not (run / "additions-1").exists()
    recipe.write_text(RECIPE.replace("keep = { 7 = 0.13 }", "keep = { 7 = 0.01 }"))
    assert train(monkeypatch, given, run) == 2
    assert "keep is 0.01 megapixels of zoom 7, expected as much" in capsys.readouterr().err
    (run / BANKED).unlink()
    assert train(monkeypatch, given, run) == 2
    assert "banked.safetensors is missing, expected the stage bank" in capsys.readouterr().err
    words = ("train", recipe, "--data", given[0], "--run", run, "--stage", "additions")
    assert command(monkeypatch, *words) == 2
    assert "--imagery is missing" in capsys.readouterr().err


def test_weights_that_are_too_large_to_ship_are_told(tmp_path):
    path = tmp_path / "w"
    with path.open("wb") as file:
        file.truncate(24_000_000)
    assert described_size(path) == "24.0 MB"
    with path.open("wb") as file:
        file.truncate(24_600_000)
    assert described_size(path) == ("24.6 MB, which is more than the 24 MB of shipped weights")
