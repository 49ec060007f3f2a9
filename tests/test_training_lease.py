import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from PIL import Image as Pillow

from generator.cascade import checkpoint
from generator.imagery.sources import read_manifest
from generator.nets.config import SamplerConfig
from generator.nets.unet import padded
from tests.imagery import write_imagery
from tests.networks import tiny_network
from training import __main__
from training.batchsize import groups, halved, with_batch
from training.dataset import Samples
from training.distill import DistillTrainer
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid, prepare
from training.lease import Lease, Terms
from training.ondevice import DeviceSamples
from training.pack import pack
from training.parts import join, join_to, split
from training.state import STATE, DistillConfig, RunConfig, State

CPU = torch.device("cpu")
CONFIG = RunConfig(
    preset="exact-tiny", core=16, margin=8, perceptual=0, adversarial=0,
    denoise=1, pairs=0, chains=0, degradation="mild",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    prepare(read_manifest(write_imagery(folder / "in")), None, folder / "out")
    return folder / "out"


@pytest.fixture
def make(data, tmp_path):
    samples = DeviceSamples(Samples(Pyramid(data), "train", CONFIG.window), CPU)

    def make(config=CONFIG, run=tmp_path / "none", seconds=60.0, **terms):
        state = State(config, CPU)
        state.load(run)
        terms = Terms(time.monotonic(), seconds, reserve=0.0, **terms)
        return Lease(state, samples, tmp_path / "out", terms)

    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    yield make
    for number, handler in zip((signal.SIGTERM, signal.SIGINT), handlers, strict=True):
        signal.signal(number, handler)


def weights(state):
    return torch.cat([p.detach().flatten() for p in state.network.parameters()])


def test_a_lease_ends_by_the_clock_with_its_state_in_parts(make, monkeypatch):
    lease = make()
    ends = iter([5.0, 5.0, 5.0, 5.0, -1.0])
    monkeypatch.setattr(lease, "left", lambda: next(ends, -1.0))
    lease.run()
    again = join(lease.out)
    assert again["step"] == lease.state.step == 5
    assert again["seconds"] > 0
    rows = [json.loads(line) for line in (lease.out / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == lease.state.step
    assert math.isfinite(rows[-1]["denoising"])


def test_what_is_left_counts_saving_and_the_reserve(make):
    lease = make(seconds=60.0)
    lease._saving = 4.0
    assert 40 < lease.left() <= 52


def test_two_leases_are_one_run(make, tmp_path):
    whole, first = make(), make()
    for _ in range(4):
        whole.advance()
    for _ in range(2):
        first.advance()
    first.out.mkdir()
    first._save()
    join_to(first.out, tmp_path / "run")
    second = make(run=tmp_path / "run")
    assert second.state.step == 2
    for _ in range(2):
        second.advance()
    assert torch.equal(weights(whole.state), weights(second.state))


def test_a_signal_ends_a_lease_with_its_state_saved(make, monkeypatch):
    lease = make()
    step = lease.advance

    def stopped_at_three():
        step()
        if lease.state.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(lease, "advance", stopped_at_three)
    lease.run()
    assert join(lease.out)["step"] == 3


def test_a_killed_lease_leaves_the_last_save(make, monkeypatch):
    lease = make(save_every=0.0)
    step = lease.advance

    def killed_at_three():
        if lease.state.step == 3:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr(lease, "advance", killed_at_three)
    with pytest.raises(KeyboardInterrupt):
        lease.run()
    assert join(lease.out)["step"] == 3


def test_out_of_memory_halves_the_batch_until_it_fits(make, monkeypatch, capsys):
    lease = make(dataclasses.replace(CONFIG, denoise=4, pairs=8, chains=4))
    step = lease.trainer.step

    def limited(batch):
        if len(batch["child"]) > 4:
            raise torch.OutOfMemoryError
        return step(batch)

    monkeypatch.setattr(lease.trainer, "step", limited)
    before = weights(lease.state)
    lease.advance()
    lease.advance()
    assert torch.equal(weights(lease.state), before)
    lease.advance()
    assert lease.state.step == 1
    assert groups(lease.state.config) == (1, 2, 1)
    assert "batch 16 -> 8" in capsys.readouterr().out
    monkeypatch.setattr(lease.trainer, "step", lambda batch: limited({"child": range(9)}))
    lease.advance()
    with pytest.raises(TrainingError, match="does not fit the memory"):
        lease.advance()


def test_a_loss_that_is_not_finite_falls_back_to_safe_weights(make, monkeypatch, capsys):
    lease = make()
    lease.advance()
    lease.out.mkdir()
    lease._save()
    safe, step = weights(lease.state), lease.trainer.step

    def poisoned(batch):
        losses = step(batch)
        if lease.state.step == 4:
            with torch.no_grad():
                next(lease.state.network.parameters()).fill_(math.nan)
            losses["denoising"] = math.nan
        return losses

    monkeypatch.setattr(lease.trainer, "step", poisoned)
    for _ in range(3):
        lease.advance()
    assert "back to step 1's weights" in capsys.readouterr().out
    assert torch.equal(weights(lease.state), safe)
    assert lease.state.step == 4
    lease.advance()
    assert lease.state.step == 5
    assert weights(lease.state).isfinite().all()
    monkeypatch.setattr(lease.trainer, "step", lambda batch: {"pixels": math.inf})
    lease.advance()
    lease.advance()
    with pytest.raises(TrainingError, match="expected a lower --rate"):
        lease.advance()


def test_moments_that_were_left_out_are_gathered_without_moving_the_weights(make, tmp_path):
    lease = make()
    for _ in range(3):
        lease.advance()
    lease.state.save(tmp_path)
    split(torch.load(tmp_path / STATE, weights_only=True), tmp_path / "parts", keep="weights")
    join_to(tmp_path / "parts", tmp_path / "run")
    other = make(run=tmp_path / "run")
    assert not other.state.optimiser.state
    other._gather_moments()
    assert other.state.step == 3
    assert torch.equal(weights(other.state), weights(lease.state))
    assert len(other.state.optimiser.state) == len(list(other.state.network.parameters()))


def test_rates_fall_over_the_last_seconds_and_are_saved_as_they_were(make, monkeypatch):
    lease = make(seconds=1000, cool_down=500.0)
    seen = []
    monkeypatch.setattr(lease.trainer, "step", lambda batch: seen.append(lease.state.config) or {})
    for left in (600.0, 250.0, 1.0):
        monkeypatch.setattr(lease, "left", lambda left=left: left)
        lease.advance()
    rates = [config.rate / CONFIG.rate for config in seen]
    assert rates == pytest.approx([1.0, 0.5, 0.05])
    assert lease.state.config == CONFIG


def test_a_network_that_cannot_be_compiled_trains_on(make, monkeypatch, capsys):
    lease = make(compile=True)
    stances = []
    monkeypatch.setattr(torch.compiler, "set_stance", stances.append)

    def refuse(dynamic):
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(lease.state.network, "compile", refuse)
    lease._try_compiling()
    assert "not compiled: no compiler here" in capsys.readouterr().out
    assert stances == ["default", "force_eager"]
    lease.advance()


def test_batches_scale_with_their_kinds():
    config = RunConfig(denoise=0, pairs=2, chains=1, accumulate=4)
    big = with_batch(config, 48)
    assert (big.denoise, big.pairs, big.chains, big.accumulate) == (0, 32, 16, 1)
    assert groups(config) == (0, 2, 1) * 4
    half = halved(big)
    assert half is not None
    assert groups(half) == (0, 16, 8)
    assert halved(RunConfig(denoise=1, pairs=1, chains=1)) is None


@pytest.mark.slow
def test_the_rehearsal_runs_the_whole_path(data, tmp_path):
    def training(*words):
        command = [sys.executable, "-m", "training", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    packed, out, run = tmp_path / "packed", tmp_path / "out", tmp_path / "run"
    pack(Pyramid(data), packed, 5, 48)
    words = ("lease", "--data", packed, "--out", out, "--rehearse", "--seconds", 8)
    words = (*words, "--batch", 3, "--workers", 1, "--perceptual", 0, "--adversarial", 0)
    done = training(*words, "--run", run)
    assert done.returncode == 0, done.stderr
    assert "rehearsed: step" in done.stdout
    with Pillow.open(out / "sheet.webp") as sheet:
        assert sheet.size == (8 * 128, 5 * 128)
    step = join(out)["step"]
    done = training("join", out, "--run", run)
    assert f"at step {step}" in done.stdout
    done = training(*words, "--run", run, "--degradation", "mild")
    assert f"continuing {run} at step {step}" in done.stdout
    assert join(out)["step"] > step
    done = training("split", run, "--out", tmp_path / "small", "--keep", "half-weights")
    assert "as 'half-weights'" in done.stdout
    done = training("lease", "--data", tmp_path, "--run", run, "--out", out)
    assert done.returncode == 2
    assert done.stderr.startswith("training: ")


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["training", *map(str, words)])
    return __main__.main()


def test_a_distillation_without_its_teacher_is_refused(data, tmp_path, monkeypatch, capsys):
    words = ("lease", "--data", data, "--run", tmp_path / "run", "--out", tmp_path / "out")
    assert run(monkeypatch, *words, "--distillation", 0.3) == 2
    assert "expected --teacher FILE" in capsys.readouterr().err
    state = State(DistillConfig(preset="exact-tiny", core=16, margin=8, teacher="other"), CPU)
    state.save(tmp_path / "run")
    assert run(monkeypatch, *words) == 2
    assert "expected --teacher FILE" in capsys.readouterr().err


def test_a_lease_distils_with_the_trainer_that_it_is_given(data, tmp_path):
    config = DistillConfig(
        preset="exact-tiny", core=16, margin=8, pairs=1, chains=1, perceptual=0, adversarial=0,
        degradation="mild", teacher="digest",
    )  # fmt: skip
    samples = DeviceSamples(Samples(Pyramid(data), "train", config.window), CPU)
    state = State(config, CPU)
    trainer = DistillTrainer(state, padded(tiny_network(1)))
    lease = Lease(state, samples, tmp_path, Terms(time.monotonic(), 60.0), trainer)
    lease.advance()
    assert lease._sums["distillation"] > 0
    lease._save()
    assert join(tmp_path)["config"]["teacher"] == "digest"


@pytest.mark.slow
def test_the_rehearsal_of_a_distillation_runs_the_whole_path(data, tmp_path, monkeypatch, capsys):
    teacher = tmp_path / "teacher.safetensors"
    checkpoint.save(teacher, tiny_network(1), SamplerConfig(10), {})
    words = ("lease", "--data", data, "--out", tmp_path / "out", "--rehearse", "--seconds", 8)
    words = (*words, "--batch", 3, "--workers", 1, "--perceptual", 0, "--adversarial", 0)
    assert run(monkeypatch, *words, "--run", tmp_path / "run", "--teacher", teacher) == 0
    assert "rehearsed: step" in capsys.readouterr().out
    assert run(monkeypatch, "join", tmp_path / "out", "--run", tmp_path / "run") == 0
    assert run(monkeypatch, *words, "--run", tmp_path / "run", "--teacher", teacher) == 0
    assert "continuing" in capsys.readouterr().out
