import json
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import sampling
from experiments.paddedstage import PaddedStage
from experiments.sampling import CORE, SamplingRow, cost_of, parse
from generator.cascade import checkpoint
from generator.cascade.diffusionstage import DiffusionStage
from generator.cascade.loading import MAX_STEPS
from generator.cascade.probe import window_gflop
from generator.imagery.sources import read_manifest
from generator.nets.config import SamplerConfig
from tests.imagery import write_imagery
from tests.layouts import tiny_bank, tiny_decoder, write_layouts
from tests.networks import assert_same_pixels, tiny_network
from training.errors import TrainingError
from training.imagery.prepare import prepare
from training.measure.bench import cost


def test_rows_are_read_with_and_without_a_name():
    assert parse("shipped:1", 16) == [SamplingRow("shipped", None, 1, 16)]
    path = Path("a:b/t.safetensors")
    assert parse(f"teacher={path}:2,50@4", 16) == [
        SamplingRow("teacher", path, 2, 16), SamplingRow("teacher", path, 50, 4),
    ]  # fmt: skip
    assert parse("a/t.safetensors:1", 8)[0].name == "t"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shipped", "is no row"),
        ("shipped:", "is no row"),
        ("shipped:two", "is no row"),
        ("shipped:1@", "is no row"),
        ("shipped:0", f"expected 1 to {MAX_STEPS} steps"),
        (f"shipped:{MAX_STEPS + 1}", f"expected 1 to {MAX_STEPS} steps"),
        ("shipped:1@3", "at least 4 windows"),
    ],
)
def test_faulty_rows_are_explained(text, message):
    with pytest.raises(TrainingError, match=message):
        parse(text, 16)


def test_each_step_costs_its_own_larger_window():
    one, three = (window_gflop(tiny_network(), CORE, steps) for steps in (1, 3))
    assert one == pytest.approx(cost("exact-tiny").gflop, rel=1e-3)
    margin = tiny_network().margin
    areas = [(64 + 2 * k * margin) ** 2 for k in (1, 2, 3)]
    assert three / one == pytest.approx(sum(areas) / areas[0], rel=0.1)


def test_a_tile_is_timed_where_it_can_be_afforded():
    cheap, dear = (cost_of(tiny_network(), 2, limit) for limit in (1e9, 0.0))
    assert cheap.halo == dear.halo == 2 * tiny_network().margin
    assert cheap.milliseconds > 0
    assert dear.milliseconds is None
    layouts = cost_of(tiny_decoder(), 1)
    assert layouts.halo == tiny_decoder().margin
    assert layouts.gflop > 0
    assert layouts.milliseconds > 0


def window(margin):
    side = 16 + 2 * margin
    parent = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    noise = np.random.default_rng(1).standard_normal((3, 4 * side, 4 * side), np.float32)
    return parent, noise


def test_one_padded_step_gives_a_tile_s_pixels():
    stage, other = DiffusionStage(tiny_network(), 1), PaddedStage(tiny_network(), 1, 32)
    parent, noise = window(32)
    extra = 32 - stage.margin
    inner = slice(extra, -extra)
    exact = stage(
        parent[inner, inner], noise[:, 4 * extra : -4 * extra, 4 * extra : -4 * extra],
        np.array([16.0]), 0.3,
    )  # fmt: skip
    ours = other(parent, noise, np.array([16.0]), 0.3)
    assert ours.shape == (64, 64, 3)
    assert_same_pixels(ours, exact, torch.float32)


def test_more_padded_steps_agree_with_the_exact_ones_away_from_the_edge():
    stage, other = (
        DiffusionStage(tiny_network(), 2),
        PaddedStage(tiny_network(), 2, 2 * tiny_network().margin),
    )
    parent, noise = window(stage.margin)
    told = (parent, noise, np.array([16.0]), 0.3)
    exact, ours = stage(*told), other(*told)
    assert_same_pixels(ours, exact, torch.float32)
    once = PaddedStage(tiny_network(), 1, stage.margin)(*told)
    assert (np.abs(once.astype(int) - exact) > 1).mean() > 0.02


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("table")
    prepare(read_manifest(write_imagery(path / "in")), None, path / "data")
    checkpoint.save(path / "tiny.safetensors", tiny_network(0), SamplerConfig(), {})
    checkpoint.save(path / "paper.safetensors", tiny_network(0, "paper-tiny"), SamplerConfig(), {})
    write_layouts(path / "layouts.safetensors", tiny_bank())
    return path


def command(folder, *words):
    line = ["--data", folder / "data", "--count", 4, *words]
    return sampling.EXPERIMENT.main(list(map(str, line)))


@pytest.mark.slow
def test_rows_are_measured_printed_and_kept(monkeypatch, folder, tmp_path, capsys):
    row, numbers = f"ours={folder / 'tiny.safetensors'}:1,2", tmp_path / "numbers.json"
    assert command(folder, row, "--json", numbers) == 0
    printed = capsys.readouterr().out
    halo = tiny_network().margin
    lines = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ours")]
    assert [(line[1], line[7]) for line in lines[:2]] == [("1", str(halo)), ("2", str(2 * halo))]
    assert len(lines) == 4
    parts = json.loads(numbers.read_text())["parts"]
    assert all(part["numbers"]["cost"]["gflop"] > 0 for part in parts.values())
    # What the file holds is not measured again; a row may be called otherwise.
    monkeypatch.setattr(sampling, "measure_stages", None)
    assert command(folder, row.replace("ours", "mine"), "--json", numbers) == 0
    again = capsys.readouterr().out
    assert (
        again.strip().splitlines()[2:4]
        == [
            line.replace("ours", "mine")
            for line in printed.splitlines()
            if line.startswith("| ours")
        ][:2]
    )


def test_mistakes_are_explained(folder, capsys):
    assert command(folder, "nowhere:1") == 2
    assert "cannot read the weights nowhere" in capsys.readouterr().err
    assert command(folder, f"{folder / 'paper.safetensors'}:1") == 2
    assert "expected exact ones or layouts" in capsys.readouterr().err
    assert command(folder, f"{folder / 'layouts.safetensors'}:2") == 2
    assert "draws layouts in 1 step, 2 were asked for" in capsys.readouterr().err


@pytest.mark.slow
def test_layouts_have_a_row_too(folder, capsys):
    assert command(folder, f"laid={folder / 'layouts.safetensors'}:1") == 0
    (line, _) = (x for x in capsys.readouterr().out.splitlines() if x.startswith("| laid"))
    assert line.split(" | ")[7] == str(tiny_decoder().margin)
