import subprocess
import sys

import pytest
import torch

from generator import checkpoint
from generator.config import SamplerConfig
from tests.imagery import write_imagery
from training.dataset import Samples
from training.errors import TrainingError
from training.export import export
from training.loop import Trainer, batches, targets, train
from training.loss import energy_score, patches
from training.pyramid import Pyramid, prepare
from training.sources import read_manifest
from training.state import RunConfig, State

CONFIG = RunConfig(preset="exact-tiny", core=32)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    prepare(read_manifest(write_imagery(folder / "in")), None, folder / "out")
    return folder / "out"


def make(data, config=CONFIG):
    state = State(config, torch.device("cpu"))
    window = config.core + 2 * state.network.margin
    return state, Samples(Pyramid(data), "train", window, config.seed)


def weights(state):
    return torch.cat([p.detach().flatten() for p in state.network.parameters()])


def test_targets_are_what_the_parent_lacks(data):
    state, samples = make(data)
    batch = next(batches(samples, 2, 0, 0))
    _, clean, base = targets(batch, state.network.margin)
    assert clean.shape == base.shape == (2, 3, 128, 128)
    m = 4 * state.network.margin
    child = batch["child"][..., m:-m, m:-m]
    # Residual and base give the child back, up to the coarse part that is pinned to the parent.
    difference = (base + clean / 8 - child).abs().mean()
    assert difference < (base - child).abs().mean()


def test_an_interrupted_run_goes_on_to_the_step(data, tmp_path):
    whole, samples = make(data)
    (tmp_path / "whole").mkdir()
    train(whole, samples, tmp_path / "whole", 4, 0)
    first, samples = make(data)
    (tmp_path / "parts").mkdir()
    train(first, samples, tmp_path / "parts", 2, 0)
    second, samples = make(data)
    assert second.load(tmp_path / "parts")
    assert second.step == 2
    train(second, samples, tmp_path / "parts", 4, 0)
    assert torch.equal(weights(whole), weights(second))


def test_training_lowers_the_loss_on_one_batch(data):
    config = RunConfig(preset="exact-tiny", core=32)
    state, samples = make(data, config)
    batch = next(batches(samples, config.batch, 0, 0))
    trainer = Trainer(state)
    losses = [trainer.step(dict(batch))["features"] for _ in range(80)]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_energy_score_prefers_the_true_distribution():
    torch.manual_seed(0)

    def score(scale, shift):
        first, second, truth = torch.randn(3, 64, 3, 32, 32)
        samples = (scale * first + shift, scale * second + shift, truth)
        return float(energy_score(*map(patches, samples)))

    true = score(1.0, 0.0)
    assert true < min(score(0.3, 0.0), score(2.0, 0.0), score(1.0, 0.7))


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


def test_a_new_run_can_start_from_exported_weights(data):
    first, _ = make(data)
    second, _ = make(data, RunConfig(preset="exact-tiny", core=32, seed=5))
    assert not torch.equal(weights(first), weights(second))
    second.start_from(first.network)
    assert torch.equal(weights(first), weights(second))
    with pytest.raises(TrainingError, match="preset exact-s"):
        State(RunConfig(preset="exact-s"), torch.device("cpu")).start_from(first.network)


def test_command_line_explains_a_mistake(tmp_path):
    command = [sys.executable, "-m", "training", "train", "--data", str(tmp_path)]
    command += ["--run", str(tmp_path / "run"), "--steps", "1", "--preset", "exact-tiny"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("training: ")
    assert "Traceback" not in done.stderr
