"""A recipe: everything that decides a training of the layout memory, read from a TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator.nets.config import LayoutConfig
from training.errors import TrainingError
from training.samples.groups import MOST_GROUPS


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a training; the first whose `until` is not reached counts.

    until: last step. groups: of windows in a step. rate: learning rate. own: share of a group's
    windows that are drawn from their own codes; the others are collages of other places'. pixels,
    features: weights of the objective; adversarial: how many times as long as theirs the critic's
    gradient is.
    calm: weight of the mean size of a code, which keeps codes of calm ground at zero.
    """

    until: int
    groups: int = 1
    rate: float = 4e-4
    own: float = 0.5
    pixels: float = 1.0
    features: float = 1.0
    adversarial: float = 0.0
    calm: float = 2e-3


@dataclass(frozen=True, slots=True)
class MemoryRecipe:
    """What the shipped bank is built from, and how the stages use it.

    megapixels: of child pixels, by the zoom at which scenes are chosen (keys are text in TOML).
    licences: classes that are taken, none for all but copyleft; exclude: globs on names.
    warp: whether imagery is bent before it is encoded, so that layouts are not those of their
    place. enlarged: most by which imagery is enlarged, by the zoom of the choice.
    resolved: metres that a source's pixels truly resolve where they are finer, by a glob on names.
    strengths, contrast: how far codes lead at zooms 7, 9, 11, 13, 15, and factors on their detail.
    """

    megapixels: Mapping[str, float] = field(default_factory=dict)
    licences: tuple[str, ...] = ("open", "attribution", "share-alike")
    exclude: tuple[str, ...] = ()
    warp: bool = False
    enlarged: Mapping[str, float] = field(default_factory=dict)
    resolved: Mapping[str, float] = field(default_factory=dict)
    strengths: tuple[float, ...] = (0.3, 0.6, 1.0, 0.7, 0.8)
    contrast: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training is made from.

    network: configuration of encoder and decoder. init: weights whose body the decoder starts
    from, or "". window: parent pixels along a training window; edge: those on each side that no
    loss sees; group: windows of a step; shares: of the groups, by stage 7 to 15.
    empty: share of own windows without codes, which teaches the bare network. ema: of the average.
    """

    network: LayoutConfig = field(default_factory=LayoutConfig)
    init: str = ""
    seed: int = 0
    window: int = 48
    edge: int = 4
    group: int = 4
    shares: tuple[float, ...] = (0.12, 0.16, 0.22, 0.25, 0.25)
    empty: float = 0.06
    ema: float = 0.998
    phases: tuple[Phase, ...] = (Phase(until=10_000),)
    memory: MemoryRecipe = field(default_factory=MemoryRecipe)

    def phase(self, step: int) -> Phase:
        """Return the phase of a step; the last one goes on for ever."""
        return next((phase for phase in self.phases if step < phase.until), self.phases[-1])


def read(path: Path) -> Recipe:
    """Read a recipe; raises TrainingError with one sentence for what is no recipe."""
    try:
        given = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise TrainingError(f"the recipe {path} cannot be read: {error}") from error
    network = _fields(LayoutConfig, given.pop("network", {}), path)
    phases = [_fields(Phase, each, path) for each in given.pop("phase", [])]
    memory = _fields(MemoryRecipe, given.pop("memory", {}), path)
    top = dict(given.pop("train", {}))
    if given:
        raise TrainingError(
            f"{path} has a part {sorted(given)[0]!r}, expected network, train, phase and memory"
        )
    parts = {"network": network, "phases": tuple(phases), "memory": memory}
    made: Recipe = _fields(Recipe, top | parts, path)
    for phase in made.phases:
        if not 1 <= phase.groups <= MOST_GROUPS:
            raise TrainingError(
                f"{path} asks for {phase.groups} groups in a step, expected 1 to {MOST_GROUPS}"
            )
    if not made.phases:
        raise TrainingError(f"{path} has no [[phase]], expected at least one")
    return made


def _fields(kind: type[Any], given: dict[str, Any], path: Path) -> Any:
    known = {each.name for each in dataclasses.fields(kind)}
    if strangers := given.keys() - known:
        raise TrainingError(
            f"{path} has the field {sorted(strangers)[0]!r}, expected some of "
            f"{', '.join(sorted(known))}"
        )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise TrainingError(f"{path} lacks a field: {error}") from error
