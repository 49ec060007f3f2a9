"""Which geography a world has: the Earth's layers, a made-up planet's, a folder's, or none."""

from __future__ import annotations

from pathlib import Path

from generator.planets.planet import Planet

EARTH = "earth"
MADE_UP = "made-up"
NONE = "none"

EARTH_FOLDER = Path(__file__).with_name("earth")
"""The Earth's layers, with licences and credits in INDEX."""

INDEX = "layers.json"


def chosen(geography: str | None, base: Path | None) -> str:
    """Return EARTH, MADE_UP, NONE or a folder's path.

    geography: NONE, a folder, or None for the base map's own: EARTH for the Blue Marble, MADE_UP
    for a made-up planet, NONE for a picture of one's own. Raises BaseMapError for a base map that
    names no such made-up planet.
    """
    if geography is not None:
        return geography
    if base is None:
        return EARTH
    return NONE if Planet.named(base) is None else MADE_UP


def layers_folder(choice: str) -> Path | None:
    """Return the folder whose layers a choice means, None where it means none in files."""
    if choice in (MADE_UP, NONE):
        return None
    return EARTH_FOLDER if choice == EARTH else Path(choice)
