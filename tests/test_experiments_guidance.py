import json

import pytest

from experiments.guidance import CELLS, COLUMNS, EXPERIMENT, RegionScore, regions_table
from tests.evaluation import write_evaluation
from training.imagery.pyramid import Image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("guidance")
    write_evaluation(path)
    return path


def command(folder, *options):
    given = ["--data", folder / "data", "--weights", folder / "tiny.safetensors", "--count", 4]
    given += ["--base", folder / "base.png", *options]
    return EXPERIMENT.main(list(map(str, given)))


def test_the_cells_of_the_regions_cover_the_globe_once():
    for lat in (-89.0, -1.0, 0.0, 45.0, 90.0):
        for lon in (-180.0, -61.0, -60.0, 0.0, 59.0, 60.0, 180.0):
            image = Image(0, None, 640, 640, 60.0, 1, lat, lon, "a", "test", None)
            assert sum(cell.holds(image) for cell in CELLS) == 1
    columns = dict(COLUMNS)
    assert all("south" not in CELLS[k].name for k in columns["north"])
    assert sorted(columns["north"] + columns["south"]) == list(columns["total"])


def test_the_table_has_a_line_for_each_weights():
    ours = [RegionScore(7, "north", 12, 3.21, 40.2)]
    theirs = [RegionScore(7, "north", 12, 9.0, 50.0)]
    table = regions_table(ours, theirs).splitlines()
    assert table[2] == "| 7 | with | 3.2 / 40 (12) | – | – | – | – | – |"
    assert table[3].startswith("| 7 | without | 9.0 / 50 (12) |")


@pytest.mark.slow
def test_regions_are_measured_with_and_without_guidance(folder, tmp_path, capsys):
    numbers = tmp_path / "numbers.json"
    options = ("--without", folder / "other.safetensors", "--json", numbers)
    assert command(folder, *options) == 0
    printed = capsys.readouterr().out
    first, second = (part["numbers"] for part in json.loads(numbers.read_text())["parts"].values())
    assert {(s["zoom"], s["column"]) for s in first} >= {(11, "north"), (15, "total")}
    assert len(first) == len(second)
    assert first[0]["sw"] != second[0]["sw"]
    # The same command finds its numbers.
    assert command(folder, *options) == 0
    assert capsys.readouterr().out == printed[printed.index("KID") :]


def test_mistakes_are_explained_in_one_sentence(folder, capsys):
    assert command(folder, "--without", "nowhere") == 2
    said = capsys.readouterr().err
    assert said.startswith("guidance: ")
    assert "cannot read the weights" in said
    assert said.count("\n") == 1
