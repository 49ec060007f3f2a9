import functools
import json

import numpy as np
import pytest
from PIL import Image

import generator
from generator.grid.averaging import averaged
from generator.imagery.sources import read_manifest
from tests.fakes_imagery import tiny_weights
from tests.fakes_memory import ground
from tests.fakes_recipe import NETWORK
from training.cli import parser
from training.commands import prepare
from training.errors import TrainingError
from training.imagery import sharpen
from training.run import bank
from training.run.recipefile import read
from training.run.stages import make_bank
from training.run.state import TrainingState

RECIPE = (
    NETWORK
    + """
[[phase]]
until = 1

[memory]
megapixels = { 11 = 1 }
licences = []
"""
)
TERMS = {"licence": "CC0-1.0", "licence_class": "open", "place": "Somewhere", "sensor": "Landsat"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


_load = functools.cache(generator.load)


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch):
    monkeypatch.setattr(generator, "load", _load)


@pytest.fixture
def imagery(tmp_path):
    """A picture of 30 m with a mask, and one of 60 m; returns the folder of their manifest."""
    folder = tmp_path / "imagery"
    (folder / "made").mkdir(parents=True)
    Image.fromarray(ground(1, 67, 94)).save(folder / "made" / "a.jpg", quality=95)
    mask = np.full((67, 94), 255, np.uint8)
    mask[:, :20] = 0
    Image.fromarray(mask).save(folder / "made" / "a.mask.png")
    Image.fromarray(ground(2, 64, 64)).save(folder / "made" / "b.png")
    rows = [
        {"file": "made/a.jpg", "mask": "made/a.mask.png", "source": "made", "gsd_m": 30.0,
         "width": 94, "height": 67, "lat": 10.0, "lon": 5.0, "split": "train", **TERMS},
        {"file": "made/b.png", "mask": None, "source": "made", "gsd_m": 60.0,
         "width": 64, "height": 64, "lat": 20.0, "lon": 5.0, "split": "train", **TERMS},
    ]  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(rows))
    return folder


def change(imagery, **fields):
    rows = json.loads((imagery / "manifest.json").read_text())
    for row in rows:
        row.update(fields)
    (imagery / "manifest.json").write_text(json.dumps(rows))


def go(imagery, weights, out=None, **keys):
    recipe, out = imagery.parent / "r.toml", out or imagery.parent / "sharp"
    said = "\n".join(f"{key} = {value!r}" for key, value in keys.items())
    recipe.write_text(f"{RECIPE}\n[sharpen]\nweights = '{weights}'\n{said}\n")
    given = ["prepare", imagery / "manifest.json", "--out", out, "--sharpen", recipe]
    return prepare.run(parser().parse_args(list(map(str, given)))), out


def test_a_picture_in_range_is_written_with_twice_the_pixels_and_half_the_gsd(imagery, weights):
    status, out = go(imagery, weights)
    assert status == 0
    assert {path.name for path in out.iterdir()} == {
        "made__a.png", "made__a.mask.png", "manifest.json",
    }  # fmt: skip
    (row,) = json.loads((out / "manifest.json").read_text())
    assert (row["gsd_m"], row["width"], row["height"]) == (15.0, 184, 128)
    assert {key: row[key] for key in TERMS} == TERMS
    assert (row["lat"], row["lon"], row["split"]) == (10.0, 5.0, "train")
    (source,) = read_manifest(out)
    decoded = source.read()
    assert decoded.pixels.shape == (128, 184, 3)
    assert decoded.mask.shape == (64, 92)
    assert (decoded.mask[:, :20] == 0).all()
    assert (decoded.mask[:, 20:] == 255).all()


def test_no_layouts_of_a_memory_are_laid_into_it(imagery, weights, monkeypatch):
    given = []

    def load(**keys):
        given.append(keys["memory"])
        return _load(**keys)

    monkeypatch.setattr(generator, "load", load)
    assert go(imagery, weights)[0] == 0
    assert given == [()]


def test_it_shows_what_the_picture_shows(imagery, weights):
    _, out = go(imagery, weights)
    with Image.open(imagery / "made" / "a.jpg") as before, Image.open(out / "made__a.png") as now:
        wanted = np.asarray(before)[:64, :92].astype(int)
        made = averaged(np.asarray(now), 2).astype(int)
    assert np.abs(made - wanted).mean() < 0.2 * np.abs(wanted - wanted.mean((0, 1))).mean()


def test_a_second_run_makes_nothing_anew_and_a_lost_picture_again(imagery, weights, monkeypatch):
    _, out = go(imagery, weights)
    before = {path: path.read_bytes() for path in out.iterdir()}
    real, calls = sharpen.upscale, []
    monkeypatch.setattr(sharpen, "upscale", lambda *a: calls.append(a) or real(*a))
    (out / "manifest.json").unlink()
    assert go(imagery, weights)[0] == 0
    assert not calls
    (out / "made__a.png").unlink()
    assert go(imagery, weights)[0] == 0
    assert len(calls) == 1
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_range_and_globs_say_what_is_taken(imagery, weights):
    _, out = go(imagery, weights, coarsest=60, take=["*/b.png", "else*"])
    assert [row["file"] for row in json.loads((out / "manifest.json").read_text())] == [
        "made__b.png"
    ]
    _, out = go(imagery, weights, coarsest=60, take=["made"])
    files = [row["file"] for row in json.loads((out / "manifest.json").read_text())]
    assert files == ["made__a.png", "made__b.png"]


@pytest.mark.parametrize(
    ("fields", "more", "words"),
    [
        ({"gsd_m": 60.0}, {}, "has no picture of the split train with 21 to 32 metres per pixel"),
        ({"split": "test"}, {}, "has no picture of the split train"),
        ({}, {"take": ["landsat*"]}, r"that matches landsat\*, expected at least one"),
        ({}, {"finest": 40}, "finest is 40 and coarsest 32, expected"),
        ({"gsd_m": 30.0, "file": "made/a.jpg"}, {}, "would both become made__a.png"),
        ({"file": "gone.jpg"}, {}, "none of the 1 pictures could be used"),
    ],
)
def test_what_cannot_be_sharpened_is_refused_in_one_sentence(imagery, weights, fields, more, words):
    change(imagery, **fields)
    with pytest.raises(TrainingError, match=words):
        go(imagery, weights, **more)
    assert not list((imagery.parent / "sharp").glob("*"))


def test_a_damaged_picture_is_left_out_and_the_others_are_made(imagery, weights, capsys):
    (imagery / "made" / "b.png").write_bytes(b"no picture")
    status, out = go(imagery, weights, coarsest=60)
    assert status == 1
    assert "left out: made/b.png cannot be used: " in capsys.readouterr().err
    assert len(read_manifest(out)) == 1


def test_a_folder_of_other_imagery_or_other_weights_is_refused(imagery, weights, tmp_path):
    given = (imagery / "manifest.json").read_bytes()
    with pytest.raises(TrainingError, match="were not made with these weights, expected another"):
        go(imagery, weights, imagery)
    assert (imagery / "manifest.json").read_bytes() == given
    go(imagery, weights)
    with pytest.raises(TrainingError, match="were not made with these weights"):
        go(imagery, tiny_weights(tmp_path / "other.safetensors", 1))


def test_a_bank_is_made_of_several_manifests(tmp_path, monkeypatch, capsys):
    recipe, run = tmp_path / "r.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    state = TrainingState(read(recipe))
    run.mkdir()
    state.save(run)
    manifests = []
    for number in range(2):
        folder = tmp_path / f"in{number}"
        folder.mkdir()
        Image.fromarray(ground(number, 384, 384, 16)).save(folder / "a.png")
        row = {"file": "a.png", "source": f"s{number}", "gsd_m": 15.0, "lat": 10.0 * number,
               "lon": 5.0, "split": "train"}  # fmt: skip
        (folder / "manifest.json").write_text(json.dumps([row]))
        manifests.append(str(folder / "manifest.json"))
    seen = []
    real = bank.build
    monkeypatch.setattr(bank, "build", lambda *a: seen.append(a[0]) or real(*a))
    make_bank(read(recipe), run, manifests)
    assert [offer.source.source for offer in seen[0]] == ["s0", "s1"]
    assert ", 2 scenes" in capsys.readouterr().out
