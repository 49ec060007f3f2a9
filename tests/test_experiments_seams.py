import json

import numpy as np
import pytest
import torch

from experiments import seams
from experiments.seams import steps, summarise, table
from experiments.stitching import EXACT, INDEPENDENT, METHODS
from tests.planet import write_planet, write_weights


def ramp(width=256):
    """A picture that rises by one level per pixel along x, and is level along y."""
    return np.repeat(np.tile(np.arange(width, dtype=np.uint8), (width, 1))[..., None], 3, 2)


def test_a_step_across_the_border_is_told_from_the_slope_inside():
    picture = ramp() // 2
    picture[:, 128:] += 30
    (border, interior, anywhere), vertical = steps(picture)
    assert border == 31
    # Halved, the ramp steps at every other pixel, and at every one of the border's phase.
    assert interior == 1
    assert anywhere == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(vertical, 0)
    np.testing.assert_array_equal(steps(picture.transpose(1, 0, 2))[::-1], steps(picture))


def test_a_network_s_grid_is_no_seam():
    grid = np.zeros((256, 256, 3), np.uint8)
    grid[(np.arange(256) // 8) % 2 == 1] = 40
    _, (border, interior, anywhere) = steps(grid)
    assert border == interior == 40
    assert anywhere == pytest.approx(5, abs=0.6)


def numbers(places=6):
    """Steps with a border of 1.5 for the first method and 1 for the others, places unlike."""
    found = np.ones((places, 5, len(METHODS), 2, 3))
    found[:, :, 0, :, 0] = 1.5
    found[:, :, 1, :, 0] += np.linspace(-0.1, 0.1, places)[:, None, None]
    return found * np.arange(1, places + 1)[:, None, None, None, None]


def test_ratios_are_of_means_and_have_errors_over_the_places():
    rows = summarise(numbers())
    assert [(row.method, row.zoom) for row in rows[:5]] == [(method, 0) for method in METHODS]
    first, second, third = rows[:3]
    assert first.blocks == 4 * 6 * 5
    assert first.border == pytest.approx((5.25,) * 3)
    assert first.interior == pytest.approx((3.5,) * 3)
    assert first.ratio == pytest.approx((1.5,) * 3)
    # The same ratio everywhere leaves no doubt, though places differ by six times.
    assert first.ratio_error == pytest.approx((0,) * 3, abs=1e-12)
    assert first.border_error == pytest.approx((1.5 * np.std(range(6), ddof=1) / 6**0.5,) * 3)
    assert 0.01 < second.ratio_error[2] < 0.05
    assert third.ratio == pytest.approx((1,) * 3)
    assert {row.zoom for row in rows} == {0, 7, 9, 11, 13, 15}


def test_the_jackknife_of_a_plain_mean_is_its_standard_error():
    found = np.ones((8, 5, len(METHODS), 2, 3))
    found[..., 0] = np.random.default_rng(0).uniform(1, 2, (8, 1, 1, 1))
    row = summarise(found)[0]
    assert row.ratio_error == pytest.approx(row.border_error)


def test_the_table_shows_every_method_and_the_paper_s_figures():
    lines = table(summarise(numbers())).splitlines()
    assert "120 blocks" in lines[0]
    assert lines[4].startswith(f"| {INDEPENDENT} | 5.25 ± ")
    assert lines[4].endswith("| 3.50 | 1.500 ± 0.000 |")
    assert any(line.startswith("| paper's, overlap only | 17.66 | 18.09 | 17.88") for line in lines)
    assert lines[-1].startswith(f"| {EXACT} | 1.00 ± 0.00 |")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("seams")
    write_planet(path / "planet.png")
    write_weights(path / "tiny.safetensors")
    write_weights(path / "paper.safetensors", "paper-tiny")
    return path


def command(folder, *options):
    """Run seams in its smallest size; returns its exit status."""
    given = ["--weights", folder / "tiny.safetensors", "--base", folder / "planet.png"]
    given += ["--blocks", 2, *options]
    return seams.EXPERIMENT.main(list(map(str, given)))


@pytest.fixture
def one_thread():
    """Give the number of threads back after a command that set it."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_command_measures_and_finds_its_numbers_again(folder, tmp_path, capsys):
    options = ("--json", tmp_path / "numbers.json", "--threads", 1)
    assert command(folder, *options) == 0
    first = capsys.readouterr().out
    assert "40 blocks" in first
    held = json.loads((tmp_path / "numbers.json").read_text())["parts"]
    assert held["seams"]["table"] in first
    assert command(folder, *options) == 0
    printed = capsys.readouterr().out
    # What was measured is not measured again, and says the same.
    assert "places ━" not in printed
    assert held["seams"]["table"] in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--weights", "nowhere"), "cannot read the weights"),
        (("--base", "nowhere"), "nowhere"),
        (("--seed", -1), "--seed is -1, expected 0 to"),
        (("--threads", 0), "threads is 0"),
        (("--json", __file__), "not a file that "),
        (("--blocks", 10_000), "ask for fewer places"),
        (("--steps", 8), "fewer steps or a smaller network"),
    ],
)
def test_mistakes_are_explained_in_one_sentence(folder, capsys, options, message):
    assert command(folder, *options) == 2
    said = capsys.readouterr().err
    assert said.startswith("seams: ")
    assert message in said
    assert said.count("\n") == 1


def test_the_paper_s_weights_are_refused(folder, capsys):
    assert command(folder, "--weights", folder / "paper.safetensors") == 2
    assert "of the paper's network" in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-4", "1", "many"])
def test_too_few_blocks_are_refused(folder, capsys, count):
    with pytest.raises(SystemExit):
        command(folder, "--blocks", count)
    assert "no whole number of at least 2" in capsys.readouterr().err
