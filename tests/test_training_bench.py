import functools

import pytest
import torch

from generator.grid.errors import GeneratorError
from training.cli import main
from training.measure import bench
from training.measure.bench import Measured, measure, table

CPU = torch.device("cpu")
cost = functools.cache(bench.cost)


def test_costs_are_counted_without_weights():
    small, paper = (cost(name) for name in ("exact-s", "paper"))
    assert small.parameters == 3_549_456
    assert (small.margin, small.evaluations) == (26, 1)
    assert small.gflop == pytest.approx(23.9, abs=0.2)
    # About 2 TFLOP per evaluation, and four half-overlapping windows of 50 steps per tile.
    assert (paper.margin, paper.evaluations) == (16, 200)
    assert paper.gflop == pytest.approx(394e3, rel=0.01)
    assert paper.weights == pytest.approx(1164, rel=0.01)


def test_steps_multiply_margin_or_evaluations():
    assert cost("exact-tiny", 3).margin == 3 * cost("exact-tiny").margin
    assert cost("paper", 10).evaluations == 40
    assert cost("paper", 10).margin == 16


def test_a_convolution_s_cost_is_two_operations_per_weight_and_pixel():
    # The stem of the tiny network alone: 3x3 from 51 to 16 channels on 92 - 2 pixels.
    assert cost("exact-tiny").gflop > 2 * 9 * 51 * 16 * 90**2 / 1e9


def test_the_table_has_a_row_per_preset_and_what_was_measured():
    costs = [cost(name) for name in ("exact-s", "exact-tiny")]
    plain = table(costs).splitlines()
    assert len(plain) == 4
    assert plain[2].startswith("| exact-s | 3.55 M | 26 | 1 | 23.")
    assert len({line.count("|") for line in plain}) == 1
    whole = table(costs, {"exact-tiny": Measured(12.3, 456.7)}).splitlines()
    assert whole[0].endswith("ms / tile | peak MB |")
    assert whole[3].endswith("| 12 | 457 |")
    assert whole[2].endswith("|  |  |")


def test_a_tile_is_timed():
    measured = measure("exact-tiny", CPU, tries=1)
    assert 0 < measured.milliseconds < 60_000
    assert measured.memory > 1


def test_a_layout_decoder_costs_about_what_the_exact_network_does():
    layout, exact = cost("layout"), cost("exact-s")
    assert layout.evaluations == cost("layout-tiny", 9).evaluations == 1
    assert layout.margin == 36
    assert exact.gflop < layout.gflop < 1.5 * exact.gflop
    assert 0 < measure("layout-tiny", CPU, tries=1).milliseconds < 60_000


def test_the_command_prints_the_table_and_explains_mistakes(capsys, monkeypatch):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["training", "bench", *arguments])
        return main()

    assert run("exact-tiny") == 0
    assert "| exact-tiny |" in capsys.readouterr().out
    assert run("exact-huge") == 2
    assert "preset is 'exact-huge', expected one of" in capsys.readouterr().err
    assert run("exact-tiny", "--steps", "0") == 2
    assert "steps is 0, expected 1 or more" in capsys.readouterr().err
    with pytest.raises(GeneratorError, match="expected one of"):
        cost("none")
