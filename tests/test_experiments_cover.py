"""The experiment of land cover: places, labels of what is shown, and how varied that is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mercantile
import numpy as np
import pytest

from experiments import cover
from experiments.cover import FITS, PLACES, effective, fitting, shown_labels
from experiments.fitprobe import LABELS, read_labels, shares
from generator.geography.layers import FIGURES
from generator.grid.tile import Tile
from tests.fakes_memory import synthetic_scene
from tests.layouts import tiny_bank, write_layouts
from training.measure.sites import Site


def test_there_are_ten_places_of_each_kind() -> None:
    assert [len(places) for places in PLACES.values()] == [10] * 6
    expected = mercantile.tile(-0.1, 51.5, 11)
    assert Site(51.5, -0.1).tile(cover.ZOOM) == Tile(11, expected.x, expected.y)


def test_labels_are_those_of_the_window_that_is_shown() -> None:
    scene = synthetic_scene(1)
    rows, columns = scene.valid.shape
    labels = {scene.name: np.arange(rows * columns).reshape(rows, columns).tolist()}
    shown = np.array([[0, 0, 0, 1, -1], [0, 16, 95, 20, 0], [0, 31, 95, 20, 0]])
    found = shown_labels([scene, synthetic_scene(2)], labels, shown)
    assert found[:3].tolist() == [0, columns + 2, rows * columns - 1]
    assert np.isnan(found[3:]).all()


def test_what_fits_is_counted_among_labelled_pixels() -> None:
    labels = np.array([255, 127, 100, 0, np.nan])
    assert fitting(labels, True) == 0.5
    assert fitting(labels, False) == 0.25
    assert np.isnan(fitting(labels[4:], True))
    assert set(FITS) < set(PLACES)
    assert {figure for figure, _ in FITS.values()} < set(FIGURES)


def test_scenes_are_counted_as_equally_frequent_ones() -> None:
    assert effective(np.array([3, 3, 5, 5, -1])) == pytest.approx(2)
    assert effective(np.array([7, 7, 7])) == pytest.approx(1)


def test_words_share_a_part_of_a_scene_and_water_does_not_count() -> None:
    found = shares(["CF W", "CWW BBF"], "C")
    assert found[0][0] == 127.5
    assert np.isnan(found[0][1])
    assert found[1] == [255, 0]
    assert shares(["CF W", "CWW BBF"], "W") == [[0, 255], [170, 0]]


def test_the_labels_of_the_repository_are_words_of_known_letters() -> None:
    labels = read_labels(LABELS)
    assert set(labels) == set(FIGURES)
    assert min(len(labels[figure]) for figure in ("crop", "relief")) > 200


def test_labels_of_relief_are_degrees_of_scenes_of_three_stages() -> None:
    degrees = {name: np.array(label) for name, label in read_labels(LABELS)["relief"].items()}
    assert {name.split()[-2] for name in degrees} >= {"9", "11", "15"}
    assert all(
        one.ndim in (0, 2) and one.min() >= 0 and one.max() <= 255 for one in degrees.values()
    )


def test_a_probe_is_written_though_nobody_reads_what_is_printed(tmp_path: Path) -> None:
    weights, out = write_layouts(tmp_path / "w", tiny_bank()), tmp_path / "probe.json"
    labels = {scene.name: [[20, 200]] for scene in tiny_bank().scenes if scene.chosen_at == 11}
    (tmp_path / "builtup.json").write_text(json.dumps(labels))
    (tmp_path / "cover.json").write_text("{}")
    (tmp_path / "relief.json").write_text(json.dumps(labels))
    line = [sys.executable, "-m", "experiments.fitprobe", "--weights", weights, "--out", out]
    line += ["--labels", tmp_path]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        ran = subprocess.run(line, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    told = json.loads(out.read_text())["weights"]
    assert all(rows.keys() <= {"built-up", "relief"} for rows in told.values())
