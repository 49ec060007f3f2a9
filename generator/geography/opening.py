"""Opens the geography of a world: files of layers with their index, or a made-up planet's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from generator.geography.blocks import TownBlocks
from generator.geography.choice import INDEX, MADE_UP, NONE, chosen, layers_folder
from generator.geography.credits import credits
from generator.geography.dunes import Dunes
from generator.geography.geography import Geography
from generator.geography.ground import GroundFigures
from generator.geography.hillshade import Hillshade
from generator.geography.layerfile import LayerFile
from generator.geography.linekinds import KINDS
from generator.geography.lines import LineLayer
from generator.geography.parcels import Parcels
from generator.geography.planet import PlanetRivers, PlanetWater
from generator.geography.ponds import Ponds
from generator.geography.streets import Streets
from generator.geography.terrain import terrain
from generator.geography.vegetation import Vegetation
from generator.geography.water import WaterLayer
from generator.grid.errors import GeographyError
from generator.planets.planet import Planet

LAYERS = ("water", "rivers", "roads", "rail", "towns", "landcover", "relief")
"""Names of layers in an index."""

_GROUND = ("towns", "landcover", "relief")


def open_geography(geography: str | None, base: Path | None) -> Geography | None:
    """Open the layers of a world, None for a world without any.

    geography: none, a folder, or None for the base map's own (`generator.geography.choice`).
    Raises GeographyError with one sentence for a folder without an index, for a layer that is not
    known, missing, damaged or of another kind, and BaseMapError for a name of no planet.
    """
    choice = chosen(geography, base)
    if choice == NONE:
        return None
    if choice == MADE_UP:
        return _made_up(base)
    folder = layers_folder(choice)
    assert folder is not None
    files = _checked(folder)
    ground = _ground(files, folder)
    relief = None if ground is None else ground.relief
    lines = {name: LineLayer(file, name, relief) for name, file in files.items() if name in KINDS}
    found = Geography(
        WaterLayer.open(files["water"]) if "water" in files else None,
        lines.get("rivers"),
        tuple(lines[name] for name in ("roads", "rail") if name in lines),
        credits=tuple(credits(folder)),
    )
    return found if ground is None else _with_rules(found, ground)


def _with_rules(found: Geography, ground: GroundFigures) -> Geography:
    """Return a geography with figures of the ground, and what is drawn by rule after these."""
    source, drawn = ground.digest, terrain()
    both = f"{source} {drawn.digest}"
    return replace(
        found,
        ground=ground,
        parcels=Parcels(ground.cover, ground.built, ground.relief, drawn, source=both),
        streets=Streets(ground.built, source=source),
        blocks=TownBlocks(ground.built, source=source),
        dunes=Dunes(ground.cover, source=source),
        hillshade=Hillshade(ground.relief, ground.cover, ground.built, drawn, source=both),
        vegetation=Vegetation(ground.cover, ground.built, ground.relief, drawn, source=both),
        ponds=Ponds(ground.cover, ground.relief, source=source),
    )


def _ground(files: dict[str, LayerFile], folder: Path) -> GroundFigures | None:
    """Return the figures of the ground, None where a folder has no layer of them."""
    held = [name for name in _GROUND if name in files]
    if not held:
        return None
    for name in _GROUND:
        if name not in files:
            raise GeographyError(
                f"{folder / INDEX} names {' and '.join(held)} but no {name}, "
                f"expected all of {', '.join(_GROUND)}, or none"
            )
    return GroundFigures.open(*(files[name] for name in _GROUND))


def _made_up(base: Path | None) -> Geography:
    planet = Planet.named(base)
    if planet is None:
        raise GeographyError(f"base map is {base}, expected planet:N such as planet:3")
    return Geography(PlanetWater(planet), PlanetRivers(planet))


def _checked(folder: Path) -> dict[str, LayerFile]:
    """Read the files that an index lists, by layer, each with the content that it names."""
    path = folder / INDEX
    try:
        index: Any = json.loads(path.read_bytes())
        listed = {str(name): (str(one["file"]), str(one["sha256"])) for name, one in index.items()}
    except OSError as error:
        raise GeographyError(
            f"geography is {folder}, expected a folder with {INDEX}: {error.strerror}"
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError):
        raise GeographyError(
            f"{path} is no index of layers, expected a JSON object with file and sha256 of each"
        ) from None
    found = {}
    for name, (file, expected) in listed.items():
        if name not in LAYERS:
            raise GeographyError(f"{path} names a layer {name!r}, expected: {', '.join(LAYERS)}")
        found[name] = LayerFile.read(folder / file, expected)
    return found
