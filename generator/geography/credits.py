"""Whom to credit for layers of geography, as the index beside them says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from generator.geography.choice import EARTH_FOLDER, INDEX
from generator.grid.errors import GeographyError


def credits(names: Iterable[str] | None = None, folder: Path = EARTH_FOLDER) -> list[str]:
    """Return the credit lines of some layers of a folder, None for all, each once, in its order.

    A folder without an index credits nobody. Raises GeographyError for an index that cannot be
    read, or that lacks a layer asked for.
    """
    path = folder / INDEX
    try:
        layers = json.loads(path.read_bytes())
        wanted = layers if names is None else list(names)
        given = [layers[name]["credit"] for name in wanted]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, LookupError, TypeError):
        raise GeographyError(
            f"{path} cannot be read, expected a JSON object with a credit for each layer"
        ) from None
    # A layer made of several sources credits each in a line of its own.
    lines = (str(line) for one in given for line in (one if isinstance(one, list) else [one]))
    return list(dict.fromkeys(line for line in lines if line))
