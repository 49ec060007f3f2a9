"""A recipe: everything that decides a training, read from a TOML file.

Parts: network, train, phase, sampler, memory, sharpen and entries. Each is a dataclass here, whose
fields are the keys that the part may have.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator.grid.tile import STAGE_ZOOMS, STAGE_ZOOMS_LISTED
from generator.nets.build import preset
from generator.nets.config import (
    AnyConfig,
    LayoutConfig,
    NetworkConfig,
    PaperConfig,
    SamplerConfig,
)
from training.errors import TrainingError
from training.losses import terms
from training.samples.groups import MOST_GROUPS

FAMILIES: dict[str, type[AnyConfig]] = {
    "layout": LayoutConfig,
    "unet": NetworkConfig,
    "paper": PaperConfig,
}
"""Networks that can be trained, by what a recipe calls them."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a training; the first whose `until` is not reached counts.

    until: last step. groups: of windows in a step. rate: learning rate. own: of a layout memory,
    share of a group's windows with their own layouts; the others are collages of other places'.
    terms: weight of each term of the loss, by its name in training/losses/terms; empty for the
    family's own.
    """

    until: int
    groups: int = 1
    rate: float = 4e-4
    own: float = 0.5
    terms: Mapping[str, float] = field(default_factory=dict)


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
class SharpenRecipe:
    """Which pictures `prepare --sharpen` takes, and what enlarges them.

    finest, coarsest: metres per pixel; take: globs, of which one matches the file or the source;
    weights: those that enlarge, "" for the shipped ones.
    """

    finest: float = 21.0
    coarsest: float = 32.0
    take: tuple[str, ...] = ("*",)
    weights: str = ""


@dataclass(frozen=True, slots=True)
class EntriesRecipe:
    """A training of a bank's entries under many places' parents; several follow each other.

    steps: of this one. rate: levels that a number moves in a visit at most. decoder_rate: learning
    rate of the decoder, 0 to keep it. anchor: weight of the distance from an entry's first drawing;
    adversarial: how many times as long as that of all distances the critic's gradient is. window,
    edge: parent pixels along a window, and those on each side that no loss sees; group: windows
    that are compared with each other, groups: in a step; zooms: of the stages whose entries move;
    shares: of the groups for zooms 7 to 15, none for each stage's share of the codes.
    """

    steps: int = 0
    rate: float = 0.7
    decoder_rate: float = 5e-5
    anchor: float = 0.3
    adversarial: float = 2.0
    window: int = 48
    edge: int = 4
    group: int = 4
    groups: int = 1
    zooms: tuple[int, ...] = STAGE_ZOOMS
    shares: tuple[float, ...] = ()
    seed: int = 0

    @property
    def terms(self) -> dict[str, float]:
        """Weight of each term of the loss."""
        own = {"anchor": self.anchor, "adversarial": self.adversarial}
        return {"region_style": 1.0, "region_octaves": 1.0, **own}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training is made from.

    network: configuration. init: weights that the networks start from where they fit, or "";
    init_digest: the SHA-256 that they must have, or "". window: parent pixels along a training
    window; edge: those on each side that no loss sees; group: windows that are drawn together, and
    of a layout memory resemble each other; shares: of the groups, by stage 7 to 15. empty: of a
    layout memory, share of own-layout windows without codes. ema: of the average. sampler: of a
    diffusion network, how the exported weights are sampled.
    """

    network: AnyConfig = field(default_factory=LayoutConfig)
    init: str = ""
    init_digest: str = ""
    seed: int = 0
    window: int = 48
    edge: int = 4
    group: int = 4
    shares: tuple[float, ...] = (0.12, 0.16, 0.22, 0.25, 0.25)
    empty: float = 0.06
    ema: float = 0.998
    phases: tuple[Phase, ...] = (Phase(until=10_000),)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    memory: MemoryRecipe = field(default_factory=MemoryRecipe)
    sharpen: SharpenRecipe = field(default_factory=SharpenRecipe)
    entries: tuple[EntriesRecipe, ...] = ()

    @property
    def family(self) -> str:
        """What a recipe calls the network's kind, one of FAMILIES."""
        return next(name for name, kind in FAMILIES.items() if type(self.network) is kind)

    def phase(self, step: int) -> Phase:
        """Return the phase of a step; the last one goes on for ever."""
        return next((phase for phase in self.phases if step < phase.until), self.phases[-1])

    def terms(self, step: int) -> Mapping[str, float]:
        """Return the weight of each term of the loss at a step."""
        return self.phase(step).terms or _DEFAULT_TERMS[self.family]

    def as_json(self) -> dict[str, Any]:
        """Return the whole recipe for a record: a JSON object."""
        whole = dataclasses.asdict(self)
        whole["network"]["family"] = self.family
        return whole


_DENOISING = {"denoising": 1.0}
_DEFAULT_TERMS: dict[str, Mapping[str, float]] = {
    "layout": {"pixels": 1.0, "features": 1.0, "code_size": 2e-3},
    "unet": _DENOISING,
    "paper": _DENOISING,
}
_PARTS = ("network", "train", "phase", "sampler", "memory", "sharpen", "entries")


def read(path: Path) -> Recipe:
    """Read a recipe; raises TrainingError with one sentence for what is no recipe."""
    try:
        given = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"the recipe {path} cannot be read: {error}") from error
    if strangers := given.keys() - set(_PARTS):
        raise TrainingError(
            f"{path} has a part {sorted(strangers)[0]!r}, expected some of {', '.join(_PARTS)}"
        )
    reader = _Reader(path)
    made: dict[str, Any] = {"network": reader.network(given.get("network", {}))}
    made |= {
        name: reader.part(name, kind, given.get(name, {}))
        for name, kind in (
            ("sampler", SamplerConfig), ("memory", MemoryRecipe), ("sharpen", SharpenRecipe)
        )
    }  # fmt: skip
    made["entries"] = reader.several("entries", EntriesRecipe, given.get("entries", []))
    made["phases"] = reader.several("phase", Phase, given.get("phase", []))
    recipe: Recipe = reader.part("train", Recipe, given.get("train", {}), made)
    _check(recipe, path)
    return recipe


def _check(recipe: Recipe, path: Path) -> None:
    """Raise TrainingError for values that no training can have."""
    if not recipe.phases:
        raise TrainingError(f"{path} has no [[phase]], expected at least one")
    for name, parts in (("phase", recipe.phases), ("entries", recipe.entries)):
        for part in parts:
            if not 1 <= part.groups <= MOST_GROUPS:
                raise TrainingError(
                    f"{path}: [{name}] groups is {part.groups}, expected 1 to {MOST_GROUPS}"
                )
    known = terms.names()
    for phase in recipe.phases:
        if strangers := phase.terms.keys() - set(known):
            raise TrainingError(
                f"{path}: [[phase]] terms has {sorted(strangers)[0]!r}, expected some of "
                f"{', '.join(known)}"
            )
    for name, shares in (
        ("train", recipe.shares), *(("entries", each.shares) for each in recipe.entries)
    ):  # fmt: skip
        right = len(shares) == len(STAGE_ZOOMS) and min(shares) >= 0 and sum(shares) > 0
        if not right and (shares or name == "train"):
            raise TrainingError(
                f"{path}: [{name}] shares is {list(shares)}, expected {len(STAGE_ZOOMS)} numbers "
                "from 0, not all of them 0"
            )
    if wrong := {zoom for each in recipe.entries for zoom in each.zooms} - set(STAGE_ZOOMS):
        raise TrainingError(
            f"{path}: [entries] zooms has {min(wrong)}, expected some of {STAGE_ZOOMS_LISTED}"
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the parts of one file into dataclasses; raises TrainingError, which names the key."""

    path: Path

    def network(self, given: Any) -> AnyConfig:
        """Read [network]: a preset, or a family and its sizes."""
        given = dict(self._table("network", given))
        if "preset" in given:
            if len(given) > 1:
                raise self._error("network", "has a preset and other keys, expected one of both")
            return preset(str(given["preset"]))
        family = given.pop("family", "layout")
        if family not in FAMILIES:
            raise self._error(
                "network", f"family is {family!r}, expected one of {', '.join(FAMILIES)}"
            )
        made: AnyConfig = self.part("network", FAMILIES[family], given)
        return made

    def several(self, name: str, kind: type[Any], given: Any) -> tuple[Any, ...]:
        """Read a part that may be there once or several times."""
        return tuple(
            self.part(name, kind, each) for each in (given if isinstance(given, list) else [given])
        )

    def part(
        self, name: str, kind: type[Any], given: Any, made: Mapping[str, Any] | None = None
    ) -> Any:
        """Read a part as a dataclass; made: its fields that other parts say."""
        given, made = self._table(name, given), dict(made or {})
        fields = {each.name: each for each in dataclasses.fields(kind) if each.name not in made}
        if strangers := given.keys() - fields.keys():
            raise self._error(
                name, f"has the key {sorted(strangers)[0]!r}, expected some of {', '.join(fields)}"
            )
        hints = typing.get_type_hints(kind)
        for key, value in given.items():
            made[key] = self._value(name, key, value, hints[key])
        for key, each in fields.items():
            lacks = each.default is each.default_factory is dataclasses.MISSING
            if lacks and key not in made:
                raise self._error(name, f"lacks the key {key!r}, expected {_said(hints[key])}")
        return kind(**made)

    def _value(self, name: str, key: str, value: Any, hint: Any) -> Any:
        """Return a value as its field has it."""
        made = _as(value, hint)
        if made is None:
            raise self._error(name, f"{key} is {value!r}, expected {_said(hint)}")
        return made

    def _table(self, name: str, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise self._error(name, f"is {given!r}, expected a table of keys")
        return given

    def _error(self, name: str, said: str) -> TrainingError:
        return TrainingError(f"{self.path}: [{name}] {said}")


def _as(value: Any, hint: Any) -> Any:
    """Return a value of TOML as a type has it; None where it is of another."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, list) or (inner[-1] is not ... and len(value) != len(inner)):
            return None
        kinds = [inner[0]] * len(value) if inner[-1] is ... else inner
        made = tuple(_as(each, kind) for each, kind in zip(value, kinds, strict=True))
        return None if None in made else made
    if origin is not None:  # a mapping
        if not isinstance(value, dict):
            return None
        held = {key: _as(each, inner[1]) for key, each in value.items()}
        return None if None in held.values() else held
    if hint is float and type(value) is int:
        return value
    return value if type(value) is hint else None


def _said(hint: Any) -> str:
    """Return in words what a type is in TOML."""
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    if hint in names:
        return names[hint]
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        many = "a list" if inner[-1] is ... else f"a list of {len(inner)}"
        return f"{many}, each {names[inner[0]]}"
    return f"a table, each value {names[inner[1]]}"
