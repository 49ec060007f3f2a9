"""Networks that draw from noise: their loss, their runs, and a tile of what they become."""

import dataclasses
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import generator
from generator.cascade import checkpoint
from generator.grid.tile import Tile
from generator.nets.blocks import crop
from generator.nets.config import PRESETS, SamplerConfig
from generator.nets.diffusion import alpha_bar
from generator.nets.resampling import upsample
from tests.imagery import prepared_imagery
from training.cli import main
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.losses.balance import score
from training.losses.context import ScoreContext
from training.run.diffusionstep import ExactUNetStep, PaperStep, consistent_residual
from training.run.export import export
from training.run.recipe import Phase, Recipe
from training.run.stages import batches_of, train_networks
from training.run.state import TrainingState

EXACT = Recipe(
    PRESETS["exact-tiny"], window=56, edge=12, group=1, phases=(Phase(3, groups=2, rate=1e-3),)
)
PAPER = Recipe(
    PRESETS["paper-tiny"], window=8, edge=0, group=1, phases=(Phase(3, groups=4, rate=2e-2),)
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    return prepared_imagery(folder)


def weights(state):
    return torch.cat([p.detach().flatten() for p in state.network.parameters()])


def batch_of(recipe, data):
    return batches_of(recipe, Pyramid(data))[0]


def test_residual_and_parent_give_the_child_back_up_to_what_is_pinned(data):
    batch = batch_of(EXACT, data)
    assert batch["child"].shape == (2, 3, 224, 224)
    residual = crop(consistent_residual(batch["child"], batch["parent"]), 4 * EXACT.edge)
    base = crop(upsample(batch["parent"]), 4 * (EXACT.edge - 2))
    child = crop(batch["child"], 4 * EXACT.edge)
    assert residual.shape == base.shape == child.shape == (2, 3, 128, 128)
    difference = (base + residual / 8 - child).abs().mean()
    assert difference < (base - child).abs().mean()


def test_the_paper_s_loss_is_the_noise_s_squared_error_weighted_by_p2(data):
    step, time = PaperStep(TrainingState(PAPER)), torch.tensor([1, 400, 700, 1000])
    # A new network predicts no noise at all, so the error is the noise's own square.
    step.random.manual_seed(5)
    drawn = step.predict(batch_of(PAPER, data), time)
    loss = score(ScoreContext(drawn, step.judges), {"denoising": 1.0})["denoising"]
    step.random.manual_seed(5)
    noise, abar = step.noise_like(drawn.truth), alpha_bar()[time]
    expected = (noise.square().mean((1, 2, 3)) / (1 + abar / (1 - abar))).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-3, atol=1e-3)


def test_the_exact_network_s_loss_is_the_residual_s_squared_error_weighted_by_p2(data):
    step, time = ExactUNetStep(TrainingState(EXACT)), torch.tensor([100, 900])
    batch = batch_of(EXACT, data)
    step.random.manual_seed(5)
    drawn = step.predict(batch, time)
    loss = score(ScoreContext(drawn, step.judges), {"denoising": 1.0})["denoising"]
    # A new network predicts no residual at all.
    residual = crop(consistent_residual(batch["child"], batch["parent"]), 4 * EXACT.edge)
    expected = (alpha_bar()[time] * residual.square().mean((1, 2, 3))).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-3, atol=1e-4)


def test_training_lowers_the_loss_of_one_batch(data):
    step = PaperStep(TrainingState(PAPER))
    batch = batch_of(PAPER, data)
    losses = [float(step.step(dict(batch))["denoising"]) for _ in range(15)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.parametrize("terms", [
    {"denoising": 1.0}, {"denoising": 1.0, "features": 0.1, "adversarial": 1.0},
])  # fmt: skip
def test_a_step_moves_the_network_by_the_terms_of_the_recipe(data, terms):
    phases = (dataclasses.replace(EXACT.phases[0], terms=terms),)
    state = TrainingState(dataclasses.replace(EXACT, phases=phases))
    before = weights(state)
    losses = ExactUNetStep(state).step(batch_of(EXACT, data))
    assert terms.keys() <= losses.keys()
    assert all(np.isfinite(list(losses.values())))
    assert not torch.equal(weights(state), before)
    # The pretrained network is loaded only where a term asks for it.
    assert ("perceptual" in vars(state.judges)) == ("features" in terms)


@pytest.mark.parametrize("recipe", [EXACT, PAPER])
def test_an_interrupted_run_goes_on_to_the_step(data, tmp_path, recipe):
    whole = train_networks(recipe, data, tmp_path / "whole", 2)
    train_networks(recipe, data, tmp_path / "parts", 1)
    parts = train_networks(recipe, data, tmp_path / "parts", 2)
    assert torch.equal(weights(whole), weights(parts))
    with pytest.raises(TrainingError, match="is no state of this recipe"):
        TrainingState(PAPER if recipe is EXACT else EXACT).load(tmp_path / "whole")


@pytest.mark.parametrize(("name", "window", "edge"), [("exact-tiny", 56, 12), ("paper-tiny", 8, 0)])
def test_a_recipe_becomes_weights_that_draw_a_tile(
    data, tmp_path, monkeypatch, capsys, name, window, edge
):
    recipe, run, out, base = (tmp_path / n for n in ("r.toml", "run", "o.safetensors", "base.png"))
    Image.new("RGB", (64, 32), (90, 80, 60)).save(base)
    recipe.write_text(
        f"[network]\npreset = '{name}'\n[train]\nwindow = {window}\nedge = {edge}\ngroup = 2\n"
        "[[phase]]\nuntil = 2\n[sampler]\nsteps = 2\n"
    )
    for words in (
        ["train", recipe, "--data", data, "--run", run, "--device", "cpu"],
        ["export", "--run", run, "--out", out],
    ):
        monkeypatch.setattr(sys, "argv", ["training", *map(str, words)])
        assert main() == 0, capsys.readouterr().err
    loaded = checkpoint.load(out)
    assert loaded.sampler == SamplerConfig(steps=2)
    assert loaded.record["steps"] == 2
    assert loaded.record["recipe"]["phases"][0]["until"] == 2
    cascade = generator.load(base, out)
    # A tile of the paper's network, which has many small windows, would take a minute.
    if name == "exact-tiny":
        assert cascade.render(0, Tile(7, 60, 40)).shape == (256, 256, 3)


def test_a_run_starts_from_weights_of_its_family(data, tmp_path):
    train_networks(EXACT, data, tmp_path / "run", 1)
    (tmp_path / "run" / "recipe.toml").write_text(
        "[network]\npreset = 'exact-tiny'\n[train]\nwindow = 56\nedge = 12\n[[phase]]\nuntil = 1\n"
    )
    path = tmp_path / "first.safetensors"
    export(tmp_path / "run", path)
    second = TrainingState(dataclasses.replace(EXACT, init=str(path), seed=5))
    second.start()
    held = torch.cat([p.flatten() for p in checkpoint.load(path).network.parameters()])
    assert torch.equal(weights(second), held)
    with pytest.raises(TrainingError, match="expected weights of the family paper"):
        TrainingState(dataclasses.replace(PAPER, init=str(path))).start()


@pytest.mark.parametrize(
    ("recipe", "step", "words"),
    [
        (dataclasses.replace(PAPER, window=64), PaperStep, "expected window = 8 and edge = 0"),
        (dataclasses.replace(EXACT, edge=11), ExactUNetStep, "expected an even edge of at least"),
        (dataclasses.replace(EXACT, window=58), ExactUNetStep, "leaves a multiple of 4"),
    ],
)
def test_a_faulty_window_is_one_sentence(recipe, step, words):
    with pytest.raises(TrainingError, match=words):
        step(TrainingState(recipe))


def test_command_line_explains_a_mistake(tmp_path, monkeypatch, capsys):
    words = ["training", "train", str(tmp_path / "none.toml"), "--data", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*words, "--run", str(tmp_path / "run")])
    assert main() == 2
    said = capsys.readouterr().err
    assert said.startswith("training: the recipe ")
    assert len(said.splitlines()) == 1
