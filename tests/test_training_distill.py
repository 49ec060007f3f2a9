import dataclasses
import sys

import pytest
import torch

from generator.cascade import checkpoint
from generator.imagery.sources import read_manifest
from generator.nets.config import SamplerConfig
from generator.nets.unet import padded
from tests.imagery import write_imagery
from tests.networks import tiny_network
from training import __main__, distill
from training.dataset import Samples
from training.distill import DistillTrainer, preset_of, pull
from training.errors import TrainingError
from training.export import export, run_config
from training.frozen import load_frozen
from training.imagery.pyramid import Pyramid, prepare
from training.loop import batches, train
from training.state import DistillConfig, RunConfig, State

CPU = torch.device("cpu")
CONFIG = DistillConfig(
    preset="exact-tiny", core=16, margin=8, pairs=1, chains=1, perceptual=0, adversarial=0,
    degradation="mild", teacher="digest",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("distill")
    prepare(read_manifest(write_imagery(path / "in")), None, path / "data")
    checkpoint.save(path / "teacher.safetensors", tiny_network(1), SamplerConfig(10), {})
    checkpoint.save(path / "other.safetensors", tiny_network(2), SamplerConfig(10), {})
    return path


def make(folder, config=CONFIG):
    state = State(config, CPU)
    state.start_from(tiny_network(3))
    samples = Samples(
        Pyramid(folder / "data"), "train", config.window, config.seed, config.degradation
    )
    teacher, _ = load_frozen(folder / "teacher.safetensors", CPU)
    return DistillTrainer(state, teacher), samples


def weights(state):
    return torch.cat([p.detach().flatten() for p in state.network.parameters()])


def test_nothing_pulls_a_sample_that_the_teacher_leaves_as_it_is():
    sample = torch.randn(2, 3, 8, 8)
    loss, gradient = pull(sample, sample.clone(), torch.tensor([0.9, 0.1]))
    assert loss == 0
    assert not gradient.any()


def test_the_pull_is_the_loss_s_gradient_and_weaker_at_noisier_times():
    sample, denoised = torch.randn(2, 2, 3, 8, 8)
    sample.requires_grad_()
    loss, gradient = pull(sample, denoised, torch.tensor([0.9, 0.1]))
    (slope,) = torch.autograd.grad(loss, sample)
    torch.testing.assert_close(slope, gradient.detach())
    error = (sample - denoised).detach()
    sizes = [float((gradient[i].detach() / error[i]).mean()) for i in (0, 1)]
    assert sizes[0] == pytest.approx(3 * sizes[1])


def test_a_teacher_that_agrees_adds_no_gradient_and_another_its_share(folder, monkeypatch):
    trainer, samples = make(folder)
    batch = next(batches(samples, 2, 0, 0))
    least = trainer.state.network.least_margin
    side = 4 * (CONFIG.window - 2 * least)
    residual, unit = torch.randn(2, 3, side, side), torch.tensor(2.0)
    monkeypatch.setattr(distill, "evaluate", lambda *_: residual)
    loss, gradient = trainer._teach(residual, batch, unit)
    assert loss == 0
    assert gradient.shape == (2, 3, 4 * CONFIG.core, 4 * CONFIG.core)
    assert not gradient.any()
    monkeypatch.setattr(distill, "evaluate", lambda *_: residual + 1)
    loss, gradient = trainer._teach(residual, batch, unit)
    assert loss > 0
    assert (gradient < 0).all()
    assert float(gradient.norm()) == pytest.approx(CONFIG.distillation * 2.0, rel=1e-4)


def test_the_teacher_sees_the_diffused_sample_whole_and_at_its_time(folder, monkeypatch):
    trainer, samples = make(folder)
    batch = next(batches(samples, 2, 0, 0))
    side = 4 * (CONFIG.window - 2 * trainer.state.network.least_margin)
    seen = []

    def evaluate(network, x, condition, time):
        seen.append((network, x, time))
        return torch.zeros(2, 3, side, side)

    monkeypatch.setattr(distill, "evaluate", evaluate)
    trainer._teach(torch.full((2, 3, side, side), 100.0), batch, torch.tensor(1.0))
    ((network, x, time),) = seen
    assert network is trainer.teacher
    assert x.shape == (2, 3, 4 * CONFIG.window, 4 * CONFIG.window)
    signal = x[..., 40:-40, 40:-40].mean((1, 2, 3)) / 100
    abar = trainer.abar[(time * 1000).round().long()]
    torch.testing.assert_close(signal, abar.sqrt(), atol=0.01, rtol=0)


def test_distilling_brings_one_step_nearer_to_the_teacher_and_leaves_it_as_it_was(folder):
    config = dataclasses.replace(
        CONFIG,
        rate=1e-2,
        distillation=20.0,
        chains_from=99,
    )
    trainer, samples = make(folder, config)
    before = [p.clone() for p in trainer.teacher.parameters()]
    batch = next(batches(samples, config.batch, 0, 0))
    rows = [trainer.step(dict(batch))["distillation"] for _ in range(24)]
    assert sum(rows[-4:]) < 0.9 * sum(rows[:4])
    assert all(map(torch.equal, before, trainer.teacher.parameters()))


def test_without_a_share_the_steps_are_those_of_train(folder):
    trainer, samples = make(folder, dataclasses.replace(CONFIG, distillation=0.0))
    fields = {f.name: getattr(CONFIG, f.name) for f in dataclasses.fields(RunConfig)}
    plain = State(RunConfig(**fields), CPU)
    plain.start_from(tiny_network(3))
    batch = next(batches(samples, CONFIG.batch, 0, 0))
    trainer.step(dict(batch))
    distill.Trainer(plain).step(dict(batch))
    assert torch.equal(weights(plain), weights(trainer.state))


def test_chains_are_further_pairs_before_their_step(folder, monkeypatch):
    trainer, samples = make(folder, dataclasses.replace(CONFIG, chains_from=1))
    seen = []
    original = distill.Trainer._conditions

    def conditions(self, batch):
        seen.append((self.state.config.pairs, self.state.config.chains))
        return original(self, batch)

    monkeypatch.setattr(distill.Trainer, "_conditions", conditions)
    stream = batches(samples, CONFIG.batch, 0, 0)
    for _ in range(2):
        trainer.step(next(stream))
    assert seen == [(2, 0), (1, 1)]
    assert (trainer.state.config.pairs, trainer.state.config.chains) == (1, 1)


def test_an_interrupted_distillation_goes_on_to_the_step(folder, tmp_path):
    config = dataclasses.replace(
        CONFIG, core=32, chains_from=1, perceptual=0.3, adversarial=1.0, pairs=1
    )

    def go(path, steps, resumed=False):
        path.mkdir(exist_ok=True)
        trainer, samples = make(folder, config)
        assert trainer.state.load(path) == resumed
        train(trainer.state, samples, path, steps, 0, trainer=trainer)
        return trainer.state

    whole = go(tmp_path / "whole", 2)
    go(tmp_path / "parts", 1)
    parts = go(tmp_path / "parts", 2, resumed=True)
    assert torch.equal(weights(whole), weights(parts))
    for ours, theirs in zip(whole.critic.parameters(), parts.critic.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def command(monkeypatch, folder, run, *options):
    line = ["training", "distill", "--data", folder / "data", "--run", run, "--workers", 0]
    line += ["--core", 16, "--margin", 8, "--perceptual", 0, "--adversarial", 0, *options]
    monkeypatch.setattr(sys, "argv", list(map(str, line)))
    return __main__.main()


def test_the_command_distils_continues_and_is_exported(monkeypatch, folder, tmp_path, capsys):
    teacher = ("--teacher", folder / "teacher.safetensors")
    run = tmp_path / "run"
    assert command(monkeypatch, folder, run, *teacher, "--steps", 2) == 0
    config = run_config(run)
    digest = checkpoint.load(folder / "teacher.safetensors").digest
    assert isinstance(config, DistillConfig)
    assert (config.preset, config.teacher, config.chains_from) == ("exact-tiny", digest, 2)
    assert command(monkeypatch, folder, run, *teacher, "--steps", 3) == 0
    assert "continuing" in capsys.readouterr().out
    record = export(run, tmp_path / "student.safetensors", "data", SamplerConfig())
    assert record["steps"] == 3
    assert record["config"]["teacher"] == digest
    other = ("--teacher", folder / "other.safetensors")
    assert command(monkeypatch, folder, run, *other, "--steps", 4) == 2
    assert "has the teacher " + digest[:16] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--teacher", "nowhere"), "cannot read the weights nowhere"),
        (("--pairs", "0", "--chains", "0"), "expected at least one"),
        (("--distillation", "-1"), "--distillation is -1, expected 0 or more"),
        (("--margin", "2"), "margin of at least"),
        (("--preset", "exact-s"), "the weights are of"),
    ],
)
def test_mistakes_are_explained(monkeypatch, folder, tmp_path, capsys, options, message):
    given = ("--teacher", folder / "teacher.safetensors", "--steps", 1, *options)
    assert command(monkeypatch, folder, tmp_path / "run", *given) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_the_paper_s_family_or_of_no_preset_is_refused(tmp_path):
    path = tmp_path / "paper.safetensors"
    checkpoint.save(path, tiny_network(0, "paper-tiny"), SamplerConfig(50), {})
    with pytest.raises(TrainingError, match="expected an exact one"):
        load_frozen(path, CPU)
    network = padded(tiny_network(0))
    network.config = dataclasses.replace(network.config, embedding=48)
    with pytest.raises(TrainingError, match="of no preset"):
        preset_of(network)
