import dataclasses

import pytest
import torch

from generator.cascade import checkpoint
from generator.imagery.sources import read_manifest
from generator.nets.config import SamplerConfig
from generator.nets.paper import PaperUNet
from tests.batches import made_up
from tests.imagery import write_imagery
from training.errors import TrainingError
from training.export import export
from training.imagery.pyramid import Pyramid, prepare
from training.loop import train
from training.paper import PaperTrainer
from training.samples.windows import Samples
from training.state import PaperState, RunConfig, State, open_state

CPU = torch.device("cpu")
CONFIG = RunConfig(
    "paper-tiny", core=8, margin=0, denoise=4, pairs=0, chains=0, rate=5e-3, perceptual=0,
    adversarial=0,
)  # fmt: skip


def weights(state):
    return torch.cat([p.detach().flatten() for p in state.network.parameters()])


def test_the_loss_is_the_noise_s_squared_error_weighted_by_p2():
    trainer = PaperTrainer(PaperState(CONFIG, CPU))
    batch = made_up(CONFIG, CPU)
    # A new network predicts no noise at all, so the error is the noise's own square.
    trainer.random.manual_seed(5)
    loss = trainer.loss(batch)
    trainer.random.manual_seed(5)
    t = torch.randint(1, 1001, (4,), generator=trainer.random)
    noise = torch.randn(batch["child"].shape, generator=trainer.random)
    ratio = trainer.abar[t] / (1 - trainer.abar[t])
    expected = (noise.square().mean((1, 2, 3)) / (1 + ratio)).mean()
    torch.testing.assert_close(loss, expected)


def test_training_lowers_the_loss():
    config = dataclasses.replace(CONFIG, rate=2e-2)
    trainer = PaperTrainer(PaperState(config, CPU))
    batch = made_up(config, CPU)
    losses = [trainer.step(dict(batch))["noise"] for _ in range(15)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_accumulated_batches_make_one_step():
    config = dataclasses.replace(CONFIG, denoise=1, accumulate=2)
    state = PaperState(config, CPU)
    batch = made_up(config, CPU)
    trainer = PaperTrainer(state)
    expected = 0.0
    for number in (0, 1):
        trainer.random.manual_seed(state.seed_of(number))
        part = {name: value[number : number + 1] for name, value in batch.items()}
        expected += float(trainer.loss(part).detach()) / 2
    assert state.seed_of(0) != state.seed_of(1)
    assert trainer.step(batch)["noise"] == pytest.approx(expected)


def test_a_run_trains_resumes_and_exports(tmp_path):
    data = tmp_path / "data"
    prepare(read_manifest(write_imagery(tmp_path / "in")), None, data)
    samples = Samples(Pyramid(data), "train", CONFIG.window)
    runs = [tmp_path / name for name in ("whole", "parts")]
    for run in runs:
        run.mkdir()
    whole = open_state(CONFIG, CPU)
    assert isinstance(whole, PaperState)
    train(whole, samples, runs[0], 3, 0)
    first = open_state(CONFIG, CPU)
    train(first, samples, runs[1], 1, 0)
    second = open_state(CONFIG, CPU)
    assert second.load(runs[1])
    train(second, samples, runs[1], 3, 0)
    assert torch.equal(weights(whole), weights(second))
    export(runs[0], tmp_path / "paper.safetensors", "digest", SamplerConfig(steps=50))
    loaded = checkpoint.load(tmp_path / "paper.safetensors")
    assert isinstance(loaded.network, PaperUNet)
    assert loaded.sampler.steps == 50


def test_a_faulty_window_or_family_is_one_sentence():
    with pytest.raises(TrainingError, match="expected --core 8 --margin 0 for preset paper-tiny"):
        open_state(dataclasses.replace(CONFIG, core=64), CPU)
    with pytest.raises(TrainingError, match="'paper-tiny', expected one of an exact network"):
        State(CONFIG, CPU)
    with pytest.raises(TrainingError, match="margin of at least 40 parent pixels"):
        open_state(RunConfig("exact-m"), CPU)
