import contextlib
import json
import sys

import numpy as np
import pytest

from generator.cascade.cascade import Cascade
from tests.evaluation import write_evaluation
from training import cli
from training.measure import classifier, evaluate
from training.measure.classifier import ClassifierRow, classifier_table
from training.measure.figures import save_small
from training.measure.metrics import (
    absolute_error,
    colour_spectrum,
    decibels,
    octave_errors,
    spectrum,
)
from training.measure.report import Results, markdown


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("evaluate")
    write_evaluation(path)
    return path


def command(monkeypatch, folder, *options):
    """Run evaluate on four windows; returns its exit status."""
    given = ["--data", folder / "data", "--weights", folder / "tiny.safetensors", "--count", 4]
    given += ["--base", folder / "base.png"]
    line = ["training", "evaluate", *map(str, given), *map(str, options)]
    monkeypatch.setattr(sys, "argv", line)
    return cli.main()


def tiles(seed, spread, count=3):
    values = 120 + spread * np.random.default_rng(seed).standard_normal((count, 256, 256, 1))
    return list(values.clip(0, 255).astype(np.uint8).repeat(3, -1))


def test_noise_of_colour_is_measured_beside_luminance():
    grey = np.stack(tiles(0, 10))
    noise = np.random.default_rng(1).normal(0, 6, grey.shape)
    noise -= noise.mean(-1, keepdims=True)
    coloured, twice = (np.clip(grey + gain * noise, 0, 255).round() for gain in (1, 2))
    error = decibels(colour_spectrum(twice), colour_spectrum(coloured))
    assert octave_errors(error) == pytest.approx((6, 6), abs=0.2)
    assert absolute_error(decibels(spectrum(coloured), spectrum(grey))) < 0.1


def test_tables_hold_a_line_per_zoom():
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert "| 9 | 0.70 | 0.60 to 0.80 | 1.00 |" in classifier_table(
        [ClassifierRow(9, [0.6, 0.8], [1])]
    )


def test_figures_are_small_pictures(tmp_path):
    noisy = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    path = save_small(noisy, tmp_path / "deep" / "noisy.webp", 9_000)
    assert path.stat().st_size <= 9_000


@pytest.mark.slow
def test_stages_are_measured_and_kept(monkeypatch, folder, tmp_path, capsys):
    numbers, figures = tmp_path / "numbers.json", tmp_path / "figures"
    options = ("--only", "stages", "--json", numbers, "--figures", figures)
    assert command(monkeypatch, folder, *options) == 0
    printed = capsys.readouterr().out
    assert "### Single stages from real parents" in printed
    held = json.loads(numbers.read_text())
    rows = held["parts"]["stages"]["numbers"]
    assert {row["zoom"] for row in rows} >= {11, 15}
    assert all(row["count"] == 4 and row["bicubic"]["sw"] > 0 for row in rows)
    assert held["parts"]["stages"]["table"] in printed
    assert (figures / "single-stages.webp").stat().st_size < 150_000
    # The same command finds its numbers; another seed does not.
    monkeypatch.setattr(evaluate.Evaluation, "_stages", lambda self: ([], "measured again"))
    assert command(monkeypatch, folder, *options) == 0
    assert "measured again" not in capsys.readouterr().out
    assert command(monkeypatch, folder, *options, "--seed", 5) == 0
    assert "measured again" in capsys.readouterr().out


@pytest.mark.slow
def test_the_classifier_is_run_on_every_stage(monkeypatch, folder, tmp_path):
    monkeypatch.setattr(classifier, "SEEDS", 1)
    monkeypatch.setattr(classifier, "STEPS", 1)
    numbers = tmp_path / "numbers.json"
    assert command(monkeypatch, folder, "--only", "classifier", "--json", numbers) == 0
    rows = json.loads(numbers.read_text())["parts"]["classifier"]["numbers"]
    assert {row["zoom"] for row in rows} >= {11, 15}
    assert all(0 <= row["made"][0] <= 1 and len(row["bicubic"]) == 1 for row in rows)


@pytest.mark.slow
def test_chains_are_compared_with_real_tiles_and_kept(monkeypatch, folder, tmp_path, capsys):
    numbers, kept = tmp_path / "numbers.json", tmp_path / "chains"
    options = ("--only", "kid", "--places", 4, "--zooms", 15, "--json", numbers, "--chains", kept)
    assert command(monkeypatch, folder, *options) == 0
    (row,) = json.loads(numbers.read_text())["parts"]["kid"]["numbers"]
    assert (row["zoom"], row["tiles"]) == (15, 4)
    assert row["kid"] > 0
    assert len(list(kept.glob("*/*/15.png"))) == 4
    # The chains are there: nothing is drawn again, and the numbers are the same.
    monkeypatch.setattr(Cascade, "render", None)
    again = tmp_path / "again.json"
    assert command(monkeypatch, folder, *options[:-3], again, *options[-2:]) == 0
    assert json.loads(again.read_text())["parts"]["kid"]["numbers"] == [row]


def test_a_part_goes_on_with_the_rows_that_it_has(tmp_path):
    asked = []

    def row(zoom):
        asked.append(zoom)
        if zoom == 13 and len(asked) == 2:
            raise KeyboardInterrupt
        return ClassifierRow(zoom, [0.5], [1.0])

    for _ in range(2):
        results = Results({"seed": 0}, tmp_path / "numbers.json")
        with contextlib.suppress(KeyboardInterrupt):
            rows = results.rows("classifier", ClassifierRow, (11, 13), row)
            results.add("classifier", rows, "a table")
    assert asked == [11, 13, 13]
    held = json.loads((tmp_path / "numbers.json").read_text())
    assert [row["zoom"] for row in held["parts"]["classifier"]["numbers"]] == [11, 13]
    assert held["rows"] == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--only", "repeats", "--zooms", 13), "hold no layouts of zoom 13"),
        (("--only", "kid", "--chains", __file__), "cannot write to"),
        (("--seed", -1), "--seed is -1, expected 0 to 2**64 - 1"),
        (("--data", "nowhere"), "training prepare"),
        (("--weights", "nowhere"), "cannot read the weights"),
        (("--sources", "nowhere"), "there is no source 'nowhere'; the imagery has "),
        (("--json", __file__), "not a file that evaluate wrote"),
    ],
)
def test_mistakes_are_explained_in_one_sentence(monkeypatch, folder, capsys, options, message):
    assert command(monkeypatch, folder, *options) == 2
    said = capsys.readouterr().err
    assert said.startswith("training: ")
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("count", ["0", "-4", "3", "many", "²"])
def test_too_few_windows_are_refused(monkeypatch, folder, capsys, count):
    with pytest.raises(SystemExit):
        command(monkeypatch, folder, "--count", count)
    assert "no whole number of at least 4" in capsys.readouterr().err
