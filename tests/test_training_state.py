import dataclasses

import pytest
import torch

from generator.nets.build import build
from generator.nets.config import PRESETS
from training.errors import TrainingError
from training.state import RunConfig, State

CPU = torch.device("cpu")


@pytest.fixture
def wide(monkeypatch):
    config = dataclasses.replace(PRESETS["exact-tiny"], context=(16, 1))
    monkeypatch.setitem(PRESETS, "exact-tiny-wide", config)
    return RunConfig("exact-tiny-wide", core=16, margin=24)


def test_a_wide_network_starts_from_weights_without_its_context(wide):
    state = State(wide, CPU)
    context = state.network.context.stem.weight.clone()
    narrow = build(PRESETS["exact-tiny"])
    state.start_from(narrow)
    for network in (state.network, state.ema.network):
        assert torch.equal(network.stem.weight, narrow.stem.weight)
        assert torch.equal(network.context.stem.weight, context)


def test_weights_of_another_width_or_a_lost_context_are_refused(wide):
    with pytest.raises(TrainingError, match="the weights are of"):
        State(wide, CPU).start_from(build(PRESETS["exact-s"]))
    narrow = State(RunConfig("exact-tiny", core=16), CPU)
    with pytest.raises(TrainingError, match="the weights are of"):
        narrow.start_from(build(PRESETS["exact-tiny-wide"]))


def test_a_window_that_the_context_does_not_fit_is_refused(wide):
    with pytest.raises(TrainingError, match="margin of at least 16 parent pixels"):
        State(dataclasses.replace(wide, margin=12), CPU)


def test_seeds_of_steps_and_batches_differ():
    state = State(RunConfig("exact-tiny", core=16, seed=3), CPU)
    first = {state.seed_of(batch) for batch in range(8)}
    state.step = 1
    assert len(first | {state.seed_of(batch) for batch in range(8)}) == 16
    assert state.seed_of(0) == 3 * 1_000_003 + 1
