"""The command `steps`: counts that the sampler itself gives, and a table of them."""

import pytest

from experiments import steps
from experiments.steps import count
from generator.cascade.checkpoint import save
from generator.nets.config import NetworkConfig, SamplerConfig
from tests.networks import tiny_network

SHIPPED_LIKE = NetworkConfig(widths=(8, 8), embedding=8)


def test_a_region_shares_its_states():
    network = tiny_network(preset=SHIPPED_LIKE)
    alone, memory = count(network, 4, 1)
    assert (alone, memory) == ({0: 1, 1: 4}, 4 * 3 * 512 * 512 * 4)
    assert count(network, 4, 4)[0] == {0: 16, 1: 25}
    assert count(network, 2, 4)[0] == {0: 16}


def test_the_command_prints_a_table(tmp_path, capsys):
    narrow = NetworkConfig(widths=(8, 8), blocks=(0, 0, 1), embedding=8)
    save(tmp_path / "w.safetensors", tiny_network(preset=narrow), SamplerConfig(), {})
    weights = ["--weights", str(tmp_path / "w.safetensors")]
    given = ["--steps", "1", "9", "--side", "2", "--seconds", "0.4"]
    assert steps.EXPERIMENT.main([*weights, *given]) == 0
    lines = [line.split("|") for line in capsys.readouterr().out.splitlines() if "|" in line]
    assert [cells[2].strip() for cells in lines[2:]] == [
        "window of 2 x 2 tiles", "window of 8 x 8 tiles",
        "window of 2 x 2 tiles", "window of 8 x 8 tiles", "states, 2 x 2 tiles",
    ]  # fmt: skip
    assert [cells[3].strip() for cells in lines[2:]] == ["8", "8", "72", "72", "72"]


@pytest.mark.parametrize("given", [["--side", "3"], ["--steps", "0"]])
def test_the_command_says_what_it_takes(given, capsys):
    assert steps.EXPERIMENT.main(given) == 2
    assert "--side takes an even number" in capsys.readouterr().err
