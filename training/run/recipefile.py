"""Reads a recipe from its TOML file; what is wrong is said in one sentence that names the key."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.grid.tile import STAGE_ZOOMS
from generator.memory.config import CHOICES
from generator.nets.build import preset
from generator.nets.config import STAGE_COUNTS, AnyConfig, SamplerConfig
from training.errors import TrainingError
from training.losses import terms
from training.run.recipe import (
    FAMILIES,
    AdditionRecipe,
    ChainsRecipe,
    EntriesRecipe,
    MemoryRecipe,
    Phase,
    Recipe,
    ReorientationRecipe,
    SharpenRecipe,
)
from training.samples.groups import MOST_GROUPS

_PARTS = (
    "network", "train", "phase", "sampler", "memory", "sharpen", "entries", "chains", "additions",
    "reorientation",
)  # fmt: skip


def read(path: Path) -> Recipe:
    """Read a recipe; raises TrainingError with one sentence for what is no recipe."""
    given = _parts(path)
    reader = _Reader(path)
    made: dict[str, Any] = {"network": reader.network(given.get("network", {}))}
    made |= {
        name: reader.part(name, kind, given.get(name, {}))
        for name, kind in (
            ("sampler", SamplerConfig), ("memory", MemoryRecipe), ("sharpen", SharpenRecipe)
        )
    }  # fmt: skip
    made["entries"] = reader.several("entries", EntriesRecipe, given.get("entries", []))
    made["chains"] = reader.several("chains", ChainsRecipe, given.get("chains", []))
    made["additions"] = reader.additions(given.get("additions", []))
    given_part = given.get("reorientation", [])
    made["reorientation"] = reader.several("reorientation", ReorientationRecipe, given_part)
    made["phases"] = reader.several("phase", Phase, given.get("phase", []))
    recipe: Recipe = reader.part("train", Recipe, given.get("train", {}), made)
    _check(recipe, path)
    return recipe


def read_sharpen(path: Path) -> SharpenRecipe:
    """Read which pictures `prepare` enlarges, of a recipe that need not say anything else.

    Raises TrainingError.
    """
    sharpen: SharpenRecipe = _Reader(path).part(
        "sharpen", SharpenRecipe, _parts(path).get("sharpen", {})
    )
    return sharpen


def _parts(path: Path) -> dict[str, Any]:
    """Return the parts of a recipe as TOML has them; raises TrainingError for unknown ones."""
    try:
        given = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"the recipe {path} cannot be read: {error}") from error
    if strangers := given.keys() - set(_PARTS):
        raise TrainingError(
            f"{path} has a part {sorted(strangers)[0]!r}, expected some of {', '.join(_PARTS)}"
        )
    return given


def _check(recipe: Recipe, path: Path) -> None:
    """Raise TrainingError for values that no training can have."""
    if not recipe.phases:
        raise TrainingError(f"{path} has no [[phase]], expected at least one")
    _check_shares(path, "train", recipe.shares, STAGE_COUNTS)
    _check_levels(path, "memory", recipe.memory)
    _check_parts(path, "memory", recipe.memory)
    for phase in recipe.phases:
        _check_groups(path, "phase", phase.groups)
        _check_known(path, "phase", "terms", phase.terms, terms.names())
    for entries in recipe.entries:
        _check_entries(path, "entries", entries)
    for chains in recipe.chains:
        _check_chains(path, chains)
    _check_additions(path, recipe)
    _check_reorientation(path, recipe.reorientation)


def _check_entries(path: Path, part: str, entries: EntriesRecipe) -> None:
    _check_groups(path, part, entries.groups)
    _check_known(path, part, "zooms", entries.zooms, STAGE_ZOOMS)
    if entries.shares:
        _check_shares(path, part, entries.shares, STAGE_COUNTS)


def _check_additions(path: Path, recipe: Recipe) -> None:
    """Raise TrainingError for what cannot be added, before hours are spent on it."""
    zooms, stages = [str(zoom) for zoom in CHOICES], len(recipe.memory.strengths)
    for part in recipe.additions:
        _check_known(path, "additions", "megapixels", part.megapixels, zooms)
        _check_known(path, "additions", "keep", part.keep, list(part.megapixels))
        _check_known(path, "additions", "drop", part.drop, zooms)
        _check_parts(path, "additions", part)
        for glob, sides in part.crop.items():
            _check_rectangle(path, "additions", f"crop of {glob!r}", sides)
        _check_entries(path, "additions.entries", part.entries)
        _check_known(path, "additions", "quilt_codes", part.quilt_codes, zooms)
        if not (part.megapixels or part.drop or part.crop or part.quilt_codes):
            raise TrainingError(f"{path}: [additions] lacks the key 'megapixels', expected a table")
        if part.places < 1:
            raise TrainingError(f"{path}: [additions] places is {part.places}, expected at least 1")
        # Scenes of the last stage are of use where the weights have numbers for it.
        if part.strengths or part.contrast or part.saturation or part.sharpness:
            _check_levels(path, "additions", part)
            stages = len(part.strengths)
        if lacking := [zoom for zoom in part.megapixels if int(zoom) not in STAGE_ZOOMS[:stages]]:
            raise TrainingError(
                f"{path}: [additions] adds scenes of zoom {lacking[0]} to weights of {stages} "
                f"stages, expected {len(STAGE_ZOOMS)} strengths and factors on contrast"
            )


def _check_parts(path: Path, part: str, memory: MemoryRecipe) -> None:
    for glob, sides in memory.part.items():
        _check_rectangle(path, part, f"part of {glob!r}", sides)
    for glob, each in memory.hide.items():
        for sides in each:
            _check_rectangle(path, part, f"hide of {glob!r}", sides)


def _check_rectangle(path: Path, part: str, what: str, sides: Sequence[float]) -> None:
    if len(sides) != 4 or not (0 <= sides[0] < sides[2] <= 1 and 0 <= sides[1] < sides[3] <= 1):
        raise TrainingError(
            f"{path}: [{part}] {what} is {list(sides)}, expected left, top, right and bottom from "
            "0 to 1"
        )


def _check_chains(path: Path, chains: ChainsRecipe) -> None:
    _check_groups(path, "chains", chains.groups)
    for key, right, wanted in (
        ("window", chains.window >= 32 and not chains.window % 16, "a multiple of 16 from 32"),
        ("edge", 0 <= 2 * chains.edge <= chains.window - 24 and not chains.edge % 4,
         "a multiple of 4 that leaves 24 of the window"),
        ("group", chains.group > 1, "at least 2"),
        ("places", chains.places > 0, "at least 1"),
        ("pool", chains.pool > 0, "at least 1"),
        ("ema", 0 <= chains.ema < 1, "from 0, under 1"),
    ):  # fmt: skip
        if not right:
            said = getattr(chains, key)
            raise TrainingError(f"{path}: [chains] {key} is {said}, expected {wanted}")


def _check_reorientation(path: Path, parts: Sequence[ReorientationRecipe]) -> None:
    if len(parts) > 1:
        raise TrainingError(f"{path} has {len(parts)} parts [reorientation], expected one at most")
    for part in parts:
        for key in ("windows", "width", "steps"):
            if getattr(part, key) < (2 if key == "windows" else 1):
                raise TrainingError(
                    f"{path}: [reorientation] {key} is {getattr(part, key)}, expected more"
                )


def _check_groups(path: Path, part: str, groups: int) -> None:
    if not 1 <= groups <= MOST_GROUPS:
        raise TrainingError(f"{path}: [{part}] groups is {groups}, expected 1 to {MOST_GROUPS}")


def _check_known(
    path: Path, part: str, key: str, given: Iterable[object], known: Sequence[object]
) -> None:
    strangers = [each for each in given if each not in known]
    if strangers:
        raise TrainingError(
            f"{path}: [{part}] {key} has {strangers[0]!r}, expected some of "
            f"{', '.join(map(str, known))}"
        )


def _check_levels(path: Path, part: str, memory: MemoryRecipe) -> None:
    stages = len(memory.strengths)
    if stages not in STAGE_COUNTS or len(memory.contrast) != stages:
        raise TrainingError(
            f"{path}: [{part}] strengths has {stages} numbers and contrast {len(memory.contrast)}, "
            f"expected {_either(STAGE_COUNTS)} of each, one for each stage"
        )
    for key in ("saturation", "sharpness"):
        if (given := len(getattr(memory, key))) not in (0, stages):
            raise TrainingError(
                f"{path}: [{part}] {key} has {given} numbers, expected as many as strengths, "
                f"{stages}, or none"
            )


def _check_shares(path: Path, part: str, shares: Sequence[float], counts: Sequence[int]) -> None:
    if len(shares) not in counts or min(shares) < 0 or not sum(shares):
        raise TrainingError(
            f"{path}: [{part}] shares is {list(shares)}, expected {_either(counts)} numbers from "
            "0, not all of them 0"
        )


def _either(counts: Sequence[int]) -> str:
    return " or ".join(map(str, counts))


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

    def additions(self, given: Any) -> tuple[AdditionRecipe, ...]:
        """Read all [[additions]], each with a training of its entries, which keeps the decoder."""
        made = []
        for each in given if isinstance(given, list) else [given]:
            rest = dict(self._table("additions", each))
            kept = {"decoder_rate": 0.0}
            entries = self.part("additions.entries", EntriesRecipe, rest.pop("entries", {}), kept)
            made.append(self.part("additions", AdditionRecipe, rest, {"entries": entries}))
        return tuple(made)

    def part(
        self, name: str, kind: type[Any], given: Any, made: Mapping[str, Any] | None = None
    ) -> Any:
        """Read a part as a dataclass; made: its fields that other parts say."""
        given, made = self._table(name, given), dict(made or {})
        fields = {each.name: each for each in dataclasses.fields(kind) if each.name not in made}
        for key in sorted(given.keys() - fields.keys()):
            wanted = f"some of {', '.join(fields)}"
            raise self._error(name, f"has the key {key!r}, expected {wanted}")
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
        return f"{many}, each {_said(inner[0])}"
    return f"a table, each value {_said(inner[1])}"
