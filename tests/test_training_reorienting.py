"""What codes become when they are turned, learned by a recipe's stage and then served."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import generator
from generator.cascade import checkpoint
from generator.memory.orientation import ORIENTATIONS
from tests.imagery import prepared_imagery
from tests.layouts import tiny_bank, write_layouts
from training.cli import main
from training.run.export import BANKED
from training.run.recipe import ReorientationRecipe
from training.run.reorienting import figures, learn

RECIPE = """
[network]
preset = "layout-tiny"

[[phase]]
until = 1

[reorientation]
windows = 18
width = 8
steps = 3
"""


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Run the stage in a folder with prepared imagery or none; returns the exit status."""

    def run():
        words = ["train", tmp_path / "recipe.toml", "--data", tmp_path / "out",
                 "--run", tmp_path / "run", "--stage", "reorientation"]  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["training", *map(str, words)])
        return main()

    return run


def test_a_recipe_adds_it_to_finished_weights(tmp_path, train, capsys):
    prepared_imagery(tmp_path)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    before = write_layouts(tmp_path / "run" / BANKED, tiny_bank())
    assert train() == 0
    said = capsys.readouterr().out
    assert "of 2 held-out windows" in said
    out = tmp_path / "run" / "reorientation-1.safetensors"
    made, old = checkpoint.load(out), checkpoint.load(before)
    assert made.reorientation is not None
    assert made.record["recipe"]["reorientation"][0]["width"] == 8
    assert made.bank.digest == old.bank.digest
    assert made.encoder_digest == old.encoder_digest
    # Served, it is part of the world's identity.
    plain, turning = (generator.load(weights=path, device="cpu") for path in (before, out))
    assert turning.memory.digest != plain.memory.digest
    assert turning.identity != plain.identity
    # The same command learns the same from what is encoded already.
    first = made.reorientation.digest
    assert train() == 0
    assert "eight orientations" not in capsys.readouterr().out
    assert checkpoint.load(out).reorientation.digest == first


def test_it_learns_what_can_be_told(tmp_path):
    """Codes whose turned picture has the same codes but for one sign."""
    random = np.random.default_rng(0)
    codes = random.integers(-3, 4, (32, 24, 24, 4)).astype(np.int8)
    pairs = np.repeat(codes[:, None], len(ORIENTATIONS), 1)
    pairs[:, 1::2, ..., 0] *= -1
    loaded = checkpoint.load(write_layouts(tmp_path / "tiny.safetensors", tiny_bank()))
    made = learn(pairs, loaded, ReorientationRecipe(windows=32, width=96, steps=400, rate=2e-2))
    right, apart, identical = figures(made, pairs[:4])
    assert right > 0.8
    assert apart < identical / 4


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("\n[reorientation]\nwidth = 0\n", "[reorientation] width is 0, expected more"),
        ("\n[[reorientation]]\n[[reorientation]]\n", "has 2 parts [reorientation]"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(tmp_path, train, capsys, more, said):
    (tmp_path / "recipe.toml").write_text(RECIPE.split("[reorientation]")[0] + more)
    assert train() == 2
    assert said in capsys.readouterr().err


def test_it_needs_weights_to_add_it_to(tmp_path, train, capsys):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    assert train() == 2
    assert "banked.safetensors is missing, expected the stage bank" in capsys.readouterr().err
