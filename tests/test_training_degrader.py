import multiprocessing
import os
import signal

import numpy as np
import pytest
import torch

from training.ahead import Ahead
from training.degrader import Degrader

STRENGTHS = np.array([0.0, 0.3, 1.0])


def parents():
    return torch.rand(3, 3, 48, 40, generator=torch.Generator().manual_seed(0)) * 255


def test_parents_are_degraded_by_their_strengths_and_keep_their_layout():
    weak = Degrader("high-order", 0)(parents(), STRENGTHS, 5)
    assert weak.shape == (3, 3, 48, 40)
    assert torch.equal(weak[0], parents()[0].round())
    errors = (weak - parents()).abs().mean((1, 2, 3))
    assert errors[0] < errors[1] < errors[2]
    # Colours stay in their channels.
    red = torch.zeros(1, 3, 48, 40)
    red[:, 0] = 200
    assert Degrader("mild", 0)(red, np.array([0.5]), 0).mean((0, 2, 3)).argmax() == 0


def test_a_batch_is_degraded_alike_in_every_run_and_differently_at_every_step():
    first = Degrader("high-order", 0)(parents(), STRENGTHS, 5)
    assert torch.equal(first, Degrader("high-order", 0)(parents(), STRENGTHS, 5))
    same = parents()[:1].repeat(3, 1, 1, 1)
    one = Degrader("high-order", 0)(same, np.ones(3), 5)
    assert not torch.equal(one[0], one[1])
    for other in (
        Degrader("high-order", 0)(same, np.ones(3), 6),
        Degrader("high-order", 1)(same, np.ones(3), 5),
    ):
        assert not torch.equal(one, other)


@pytest.mark.slow
def test_processes_degrade_as_this_one_does():
    many = Degrader("high-order", 3, workers=2)
    try:
        many(parents(), STRENGTHS, 4)
        # Ctrl-C reaches all processes; these go on until they are closed.
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGINT)
        made = many(parents(), STRENGTHS, 5)
    finally:
        many.close()
    assert torch.equal(made, Degrader("high-order", 3)(parents(), STRENGTHS, 5))


class Counting:
    """Samples that only count."""

    def __init__(self):
        self.made = []

    def batch(self, step, groups):
        self.made.append((step, groups))
        if step == 9:
            raise torch.OutOfMemoryError
        return {"step": torch.tensor(step), "count": torch.tensor(sum(groups))}


def test_the_next_batch_is_made_ahead_and_another_on_demand():
    samples = Counting()
    ahead = Ahead(samples)
    assert int(ahead.batch(3, (2,))["step"]) == 3
    assert int(ahead.batch(4, (2,))["step"]) == 4
    assert samples.made[:2] == [(3, (2,)), (4, (2,))]
    jumped = ahead.batch(7, (1,))
    assert (int(jumped["step"]), int(jumped["count"])) == (7, 1)
    ahead.close()
    assert (5, (2,)) in samples.made


def test_what_fails_ahead_is_told_when_it_is_asked_for():
    ahead = Ahead(Counting())
    ahead.batch(8, (1,))
    with pytest.raises(torch.OutOfMemoryError):
        ahead.batch(9, (1,))
    ahead.drop()
    assert int(ahead.batch(10, (1,))["step"]) == 10
    ahead.close()
