"""A training that is told to stop saves, and leaves signals as they were."""

import os
import signal

import torch
from torch.utils.data import Dataset

from training.losses.context import Drawn, Judges
from training.run import loop
from training.run.machine import Machine
from training.run.step import TrainingStep
from training.run.stop import Stop


class Numbers(Dataset):
    def __len__(self):
        return 2**40

    def __getitem__(self, number):
        return {"number": torch.tensor(number)}


class Counted(TrainingStep):
    """Takes steps that do nothing, and sends a signal to its process at one of them."""

    done, weights = 0, {}

    def __init__(self, stop_at):
        super().__init__(Judges())
        self.stop_at = stop_at

    def draw(self, batch):
        assert int(batch["number"]) == self.done
        if self.done == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return Drawn(torch.zeros(1, 3, 8, 8, requires_grad=True), torch.zeros(1, 3, 8, 8), None)

    def backward(self, made, gradients):
        self.done += 1


def test_a_signal_ends_the_loop_after_the_step_and_saves():
    before, saved = signal.getsignal(signal.SIGTERM), []
    step = Counted(stop_at=3)
    done = loop.run(step, Numbers(), 9, lambda: saved.append(step.done), Machine())
    assert (done, step.done, saved) == (False, 4, [4])
    assert signal.getsignal(signal.SIGTERM) == before
    step.stop_at = -1
    assert loop.run(step, Numbers(), 9, lambda: saved.append(step.done), Machine())
    assert saved == [4, 9]


def test_signals_are_only_a_wish_within_its_context():
    with Stop() as stop:
        assert not stop.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
