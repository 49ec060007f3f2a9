import sys

import pytest
import torch

from generator.cascade import checkpoint
from generator.imagery.sources import read_manifest
from generator.nets.blocks import crop
from generator.nets.config import SamplerConfig
from generator.nets.resampling import upsample
from tests.imagery import write_imagery
from training.__main__ import main
from training.errors import TrainingError
from training.export import export
from training.imagery.pyramid import Pyramid, prepare
from training.loop import batches, train
from training.losses.distances import (
    energy_score,
    mixed_groups,
    patches,
    relativistic,
    shifted_window,
)
from training.samples.windows import Samples
from training.state import STATE, RunConfig, State
from training.trainer import Trainer, pinned_residual

CONFIG = RunConfig(preset="exact-tiny", core=32)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    prepare(read_manifest(write_imagery(folder / "in")), None, folder / "out")
    return folder / "out"


def make(data, config=CONFIG):
    state = State(config, torch.device("cpu"))
    return state, Samples(Pyramid(data), "train", config.window, config.seed)


def weights(state):
    return torch.cat([p.detach().flatten() for p in state.network.parameters()])


def test_residual_and_parent_give_the_child_back_up_to_what_is_pinned(data):
    _, samples = make(data)
    batch = next(batches(samples, 2, 0, 0))
    residual = crop(pinned_residual(batch["child"], batch["parent"]), 4 * CONFIG.margin)
    base = crop(upsample(batch["parent"]), 4 * (CONFIG.margin - 2))
    child = crop(batch["child"], 4 * CONFIG.margin)
    assert residual.shape == base.shape == child.shape == (2, 3, 128, 128)
    difference = (base + residual / 8 - child).abs().mean()
    assert difference < (base - child).abs().mean()


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_step(data, tmp_path):
    whole, samples = make(data)
    (tmp_path / "whole").mkdir()
    train(whole, samples, tmp_path / "whole", 2, 0)
    first, samples = make(data)
    (tmp_path / "parts").mkdir()
    train(first, samples, tmp_path / "parts", 1, 0)
    second, samples = make(data)
    assert second.load(tmp_path / "parts")
    assert second.step == 1
    train(second, samples, tmp_path / "parts", 2, 0)
    assert torch.equal(weights(whole), weights(second))


NONE = {"perceptual": 0, "adversarial": 0}


@pytest.mark.parametrize(
    ("scores", "lowered"),
    [
        pytest.param({}, ("pixels",), marks=pytest.mark.slow),
        ({"perceptual": 2, "adversarial": 1}, ("perceptual", "critic")),
    ],
)
def test_training_lowers_the_scores_on_one_batch(data, scores, lowered):
    fast = {"rate": 1e-2, "critic_rate": 1e-3, "chains": 0}
    config = RunConfig(preset="exact-tiny", core=32, **fast | NONE | scores)
    state, samples = make(data, config)
    batch = next(batches(samples, config.batch, 0, 0))
    trainer = Trainer(state)
    rows = [trainer.step(dict(batch)) for _ in range(25)]
    for name in lowered:
        values = [row[name] for row in rows]
        assert sum(values[-5:]) < 0.9 * sum(values[:5]), name


def test_denoising_alone_trains_without_the_pretrained_network(data):
    config = RunConfig(
        preset="exact-tiny", core=32, denoise=2, pairs=0, chains=0, perceptual=0, adversarial=0
    )
    state, samples = make(data, config)
    batch = next(batches(samples, config.batch, 0, 0))
    trainer = Trainer(state)
    assert trainer.perceptual is None
    before = weights(state)
    assert set(trainer.step(dict(batch))) == {"denoising", "norm"}
    assert not torch.equal(weights(state), before)


def test_accumulated_batches_make_one_step(data):
    """Two halves whose gradients are added move the weights as their mean gradient would."""
    config = RunConfig(
        preset="exact-tiny", core=32, denoise=1, pairs=0, chains=0, perceptual=0, adversarial=0,
        accumulate=2,
    )  # fmt: skip
    state, samples = make(data, config)
    assert config.batch == 2
    batch = next(batches(samples, 2, 0, 0))
    alone = []
    for i in range(2):
        trainer = Trainer(make(data, config)[0])
        trainer.random.manual_seed(7)
        trainer._backward({key: value[i : i + 1] for key, value in batch.items()})
        alone.append(trainer.state.network.head.weight.grad)
    trainer = Trainer(state)
    for i in range(2):
        trainer.random.manual_seed(7)
        trainer._backward({key: value[i : i + 1] for key, value in batch.items()})
    torch.testing.assert_close(state.network.head.weight.grad, alone[0] + alone[1])


def test_energy_score_prefers_the_true_distribution():
    torch.manual_seed(0)

    def score(scale, shift):
        first, second, truth = torch.randn(3, 64, 3, 32, 32)
        samples = (scale * first + shift, scale * second + shift, truth)
        return float(energy_score(*map(patches, samples)))

    true = score(1.0, 0.0)
    assert true < min(score(0.3, 0.0), score(2.0, 0.0), score(1.0, 0.7))


def test_windows_are_cut_alike_and_move():
    image = torch.arange(192.0 * 192).view(1, 1, 192, 192)
    corners = set()
    for seed in range(5):
        a, b = shifted_window([image, image + 1], torch.Generator().manual_seed(seed))
        assert a.shape == (1, 1, 160, 160)
        assert torch.equal(a + 1, b)
        corners.add(float(a[0, 0, 0, 0]))
    assert len(corners) > 2


def test_patches_hold_tone_at_the_coarsest_octave_alone():
    flat = torch.full((1, 3, 64, 64), 0.7)
    parts = patches(flat)
    assert [part.shape[2] for part in parts] == [16, 8, 4, 2]
    assert max(float(part.abs().max()) for part in parts[:-1]) < 1e-6
    torch.testing.assert_close(parts[-1], torch.full((1, 48, 2, 2), 0.7))


def test_mixing_keeps_lengths_and_is_the_same_for_one_generator():
    torch.manual_seed(0)
    first, second = torch.randn(2, 2, 24, 5, 5)
    ours, theirs = (mixed_groups([m], torch.Generator().manual_seed(3))[0] for m in (first, second))
    assert ours.shape == (6, 8, 5, 5)
    torch.testing.assert_close(ours.square().sum(), first.square().sum())
    torch.testing.assert_close((ours - theirs).square().sum(), (first - second).square().sum())


def test_relativistic_loss_falls_as_the_better_scores_rise():
    low, high = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    losses = [float(relativistic([b], [w])) for b, w in ((high, low), (low, low), (low, high))]
    assert losses[0] < losses[1] < losses[2]
    assert losses[1] == pytest.approx(0.6931, abs=1e-3)


def test_exported_weights_load_and_carry_the_record(data, tmp_path):
    state, _ = make(data)
    state.step = 5
    state.save(tmp_path)
    out = tmp_path / "weights.safetensors"
    export(tmp_path, out, "digest-of-data", SamplerConfig())
    loaded = checkpoint.load(out)
    assert loaded.record["steps"] == 5
    assert loaded.record["data"] == "digest-of-data"
    assert loaded.record["config"]["preset"] == "exact-tiny"


def test_a_state_of_another_preset_is_refused(data, tmp_path):
    state, _ = make(data)
    state.save(tmp_path)
    other = State(RunConfig(preset="exact-s"), torch.device("cpu"))
    with pytest.raises(TrainingError, match="not a state of preset exact-s"):
        other.load(tmp_path)


def test_a_state_without_a_critic_is_refused(data, tmp_path):
    state, _ = make(data)
    state.save(tmp_path)
    held = torch.load(tmp_path / STATE, weights_only=True)
    del held["critic"]
    torch.save(held, tmp_path / STATE)
    other, _ = make(data)
    with pytest.raises(TrainingError, match="critic"):
        other.load(tmp_path)


def test_a_state_with_terms_of_another_version_is_not_exported(data, tmp_path):
    state, _ = make(data)
    state.save(tmp_path)
    held = torch.load(tmp_path / STATE, weights_only=True)
    held["config"] |= {"lattice": 3.0, "amounts": 8.0}
    torch.save(held, tmp_path / STATE)
    with pytest.raises(TrainingError, match="configuration has amounts, lattice, expected only"):
        export(tmp_path, tmp_path / "weights.safetensors", "digest-of-data", SamplerConfig())


def test_weights_whose_record_names_other_terms_start_a_run(data, tmp_path):
    first, _ = make(data)
    path = tmp_path / "weights.safetensors"
    record = {"config": {"lattice": 3.0}, "stages": {"15": {"gain": [1.08, 0.82]}}}
    checkpoint.save(path, first.network, SamplerConfig(), record)
    loaded = checkpoint.load(path)
    assert loaded.record == record
    second, _ = make(data, RunConfig(preset="exact-tiny", core=32, seed=5))
    second.start_from(loaded.network)
    assert torch.equal(weights(second), weights(first).bfloat16().float())


def test_a_new_run_can_start_from_exported_weights(data):
    first, _ = make(data)
    second, _ = make(data, RunConfig(preset="exact-tiny", core=32, seed=5))
    assert not torch.equal(weights(first), weights(second))
    second.start_from(first.network)
    assert torch.equal(weights(first), weights(second))
    with pytest.raises(TrainingError, match="preset exact-s"):
        State(RunConfig(preset="exact-s"), torch.device("cpu")).start_from(first.network)


def test_command_line_explains_a_mistake(tmp_path, monkeypatch, capsys):
    words = ["training", "train", "--data", str(tmp_path), "--run", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", [*words, "--steps", "1", "--preset", "exact-tiny"])
    assert main() == 2
    said = capsys.readouterr().err
    assert said.startswith("training: ")
    assert len(said.splitlines()) == 1
