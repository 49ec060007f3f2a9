"""The commands of the experiments: help, mistakes, and their list."""

import importlib
from pathlib import Path

import pytest

from experiments.command import Experiment
from training.errors import TrainingError

FOLDER = Path(__file__).parents[1] / "experiments"
COMMANDS = sorted(
    path.stem for path in FOLDER.glob("*.py") if "\nEXPERIMENT = " in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_experiment_says_what_it_does_and_gives_an_example(name, capsys):
    experiment = importlib.import_module(f"experiments.{name}").EXPERIMENT
    with pytest.raises(SystemExit) as ended:
        experiment.main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: python -m experiments.{name} ")
    assert experiment.summary in " ".join(printed.split())
    assert f"\nexamples:\n  python -m experiments.{name}" in printed
    assert f"python -m experiments.{name}" in (FOLDER / "README.md").read_text("utf-8")


def test_a_mistake_is_one_sentence_and_status_2(capsys):
    def run(args):
        raise TrainingError("there is 1 place, expected 2")

    assert Experiment("seams", "Measure.", (), lambda parser: None, run).main([]) == 2
    assert capsys.readouterr().err == "seams: there is 1 place, expected 2\n"


def test_an_interrupt_is_one_line_and_status_130(capsys):
    def run(args):
        raise KeyboardInterrupt

    assert Experiment("seams", "Measure.", (), lambda parser: None, run).main([]) == 130
    assert capsys.readouterr().err == "Stopped.\n"
