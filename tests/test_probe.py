"""The yardsticks: a matrix product's rate and the network's work per tile."""

from __future__ import annotations

import pytest
import torch

from generator.base.basemap import BaseMap
from generator.cascade.cascade import Cascade
from generator.cascade.checkpoint import Checkpoint
from generator.cascade.probe import gflop_per_tile, matrix_rate, window_gflop
from generator.nets.config import PRESETS, SamplerConfig
from generator.nets.unet import ExactUNet
from tests.layouts import tiny_decoder


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_machine_multiplies_at_some_gigaflops(precision: str) -> None:
    assert 0.05 < matrix_rate(precision, seconds=0.01) < 1e7


def test_two_steps_are_more_than_twice_the_work_of_one() -> None:
    network = ExactUNet(PRESETS["exact-tiny"]).eval().requires_grad_(False)

    def work(steps: int) -> float:
        sampler = SamplerConfig(steps=steps)
        checkpoint = Checkpoint(network, sampler, {}, "")
        nowhere = BaseMap.__new__(BaseMap)
        device = torch.device("cpu")
        return gflop_per_tile(Cascade(nowhere, checkpoint, sampler, device, torch.float32))

    multiplications = sum(weight.numel() for weight in network.parameters())
    assert work(1) * 1e9 > 2 * multiplications
    assert work(2) > 2 * work(1)
    # Five steps go by way of states: more windows, of no more margin.
    assert work(4) < work(5) < 1.5 * work(4)


def test_a_layout_decoder_s_work_is_about_that_of_an_exact_network() -> None:
    decoder = tiny_decoder()
    assert window_gflop(decoder, 64) < 2 * window_gflop(ExactUNet(PRESETS["exact-tiny"]), 64, 1)
    checkpoint = Checkpoint(decoder, SamplerConfig(), {}, "")
    device = torch.device("cpu")
    nowhere = BaseMap.__new__(BaseMap)
    cascade = Cascade(nowhere, checkpoint, SamplerConfig(), device, torch.float32)
    # A tile in its block shares the block's margin.
    assert gflop_per_tile(cascade) == pytest.approx(window_gflop(decoder, 128) / 4)
