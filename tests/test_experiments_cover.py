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
from experiments.cover import PLACES, effective, fitting, shown_labels
from experiments.fitprobe import LETTERS, read_labels, shares
from generator.grid.tile import Tile
from tests.fakes_memory import synthetic_scene
from tests.layouts import tiny_bank, write_layouts
from training.measure.sites import Site


def test_there_are_ten_places_of_each_kind() -> None:
    assert [len(places) for places in PLACES.values()] == [10] * 4
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


@pytest.mark.parametrize(
    ("kind", "share"), [("cropland", 0.5), ("forest", 0.25), ("savanna and desert", 0.25)]
)
def test_what_fits_depends_on_the_kind_of_place(kind: str, share: float) -> None:
    crop = np.array([255, 127, 100, 0, np.nan])
    forest = np.array([0, 127, 0, 0, np.nan])
    assert fitting(kind, crop, forest) == share


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
    folder = cover.Path(cover.__file__).parent
    labels = read_labels(folder / "builtup.json", folder / "cover.json")
    assert set(labels) == {"built-up", *LETTERS}
    assert len(labels["crop"]) > 200


def test_a_probe_is_written_though_nobody_reads_what_is_printed(tmp_path: Path) -> None:
    weights, out = write_layouts(tmp_path / "w", tiny_bank()), tmp_path / "probe.json"
    labels = {scene.name: [[20, 200]] for scene in tiny_bank().scenes if scene.chosen_at == 11}
    (tmp_path / "built.json").write_text(json.dumps(labels))
    (tmp_path / "cover.json").write_text("{}")
    line = [sys.executable, "-m", "experiments.fitprobe", "--weights", weights, "--out", out]
    line += ["--built-up", tmp_path / "built.json", "--cover", tmp_path / "cover.json"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        ran = subprocess.run(line, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(out.read_text())
