"""Evaluation results as Markdown tables, and the JSON file that holds all numbers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.measure.classifier import ClassifierRow
from training.measure.rollouts import Rollouts
from training.measure.stages import StageRow


class Results:
    """The parts of an evaluation that are done, kept in a JSON file if there is one.

    Parts of a file that was made with the same settings need not be measured again.
    """

    def __init__(self, settings: dict[str, Any], path: Path | None) -> None:
        self.settings, self.path = settings, path
        self.parts: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            try:
                held = json.loads(path.read_text())
                same = held["settings"] == json.loads(json.dumps(settings))
                self.parts = held["parts"] if same else {}
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise TrainingError(
                    f"{path} is not a file that evaluate wrote; name another with --json"
                ) from error

    def add(self, name: str, numbers: Any, table: str) -> None:
        """Keep a part: its dataclasses, and the table that shows them."""
        self.parts[name] = {"numbers": _plain(numbers), "table": table}
        if self.path is None:
            return
        text = json.dumps({"settings": self.settings, "parts": self.parts}, indent=1)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial = self.path.with_suffix(".partial")
            partial.write_text(text)
            partial.replace(self.path)
        except OSError as error:
            raise TrainingError(f"cannot write {self.path}: {error}") from error


def markdown(headers: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def stages_table(rows: list[StageRow]) -> str:
    """Single stages; the kernel distance is left out where no row has it."""
    headers = [
        "zoom", "windows", "sliced Wasserstein / bicubic's", "real's", "spectrum dB", "bicubic's",
        "real's", "dB by octave", "real's", "of colour", "real's", "contrast / real's",
    ]  # fmt: skip
    lines = [
        [
            str(r.zoom), str(r.count), f"{r.made.sw / r.bicubic.sw:.2f}",
            f"{r.real.sw / r.bicubic.sw:.2f}", f"{r.made.spectrum:.1f}",
            f"{r.bicubic.spectrum:.1f}", f"{r.real.spectrum:.1f}", _signed(r.made.octaves),
            _signed(r.real.octaves), _signed(r.made.colours), _signed(r.real.colours),
            f"{r.made.contrast:.2f}",
        ]
        for r in rows
    ]  # fmt: skip
    if any(r.made.kid is not None for r in rows):
        headers += ["KID-Lite2 x 1000", "bicubic's", "real's"]
        for line, r in zip(lines, rows, strict=True):
            line += [_number(f.kid) for f in (r.made, r.bicubic, r.real)]
    return markdown(headers, lines)


def classifier_table(rows: list[ClassifierRow]) -> str:
    """Two-sample accuracies with their spread over the seeds."""
    lines = [
        [str(r.zoom), f"{_mean(r.made):.2f}", f"{min(r.made):.2f} to {max(r.made):.2f}",
         f"{_mean(r.bicubic):.2f}"]
        for r in rows
    ]  # fmt: skip
    return markdown(["zoom", "classifier accuracy", "over seeds", "bicubic's"], lines)


def rollouts_table(rollouts: Rollouts) -> str:
    """Tabulate rollouts against real imagery, at the imagery's own places, and over low texture."""
    headers = [
        "zoom", "tiles / real", "contrast", "real's", "ratio", "spectrum dB", "dB by octave",
        "of mean power", "spectral slope, dB", "real's", "gradient / real's", "kurtosis", "real's",
    ]  # fmt: skip
    parts = []
    for title, rows in (
        ("Land over the globe against real imagery of the zoom's resolution", rollouts.land),
        ("At the imagery's own places", rollouts.local),
        (
            "Yardstick: imagery of held-out places against that of training places",
            rollouts.yardstick,
        ),
    ):
        lines = [
            [
                str(r.zoom), f"{r.tiles} / {r.real_tiles}", f"{r.contrast:.0f}",
                f"{r.real_contrast:.0f}", f"{r.contrast / r.real_contrast:.2f}",
                f"{r.spectrum:.1f}", _signed(r.octaves), _signed(r.mean_octaves),
                _signed(r.slope), _signed(r.real_slope),
                f"{r.gradient / r.real_gradient:.2f}", f"{r.kurtosis:.1f}",
                f"{r.real_kurtosis:.1f}",
            ]
            for r in rows
        ]  # fmt: skip
        parts.append(f"{title}:\n\n{markdown(headers, lines)}")
    low_texture = [[str(r.zoom), str(r.tiles), f"{r.grain:.1f}", f"{r.repetition:+.2f}"]
            for r in rollouts.low_texture]  # fmt: skip
    names = ["zoom", "tiles", "grain, grey levels", "autocorrelation at 64 and 128 px"]
    parts.append(f"Sea, ice and sand:\n\n{markdown(names, low_texture)}")
    return "\n\n".join(parts)


def _signed(octaves: tuple[float, float]) -> str:
    return " ".join(f"{value:+.1f}" for value in octaves)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _plain(numbers: Any) -> Any:
    if dataclasses.is_dataclass(numbers) and not isinstance(numbers, type):
        return dataclasses.asdict(numbers)
    if isinstance(numbers, list):
        return [_plain(one) for one in numbers]
    if isinstance(numbers, dict):
        return {key: _plain(value) for key, value in numbers.items()}
    return numbers
