"""Whom to credit for layers of geography, as the index beside them says."""

from __future__ import annotations

import json
from pathlib import Path

from generator.geography.choice import INDEX
from generator.grid.errors import GeographyError


def credits(folder: Path) -> list[str]:
    """Return the credit lines of the layers of a folder, each once, in the index's order.

    A folder without an index credits nobody. Raises GeographyError for an index that cannot be
    read.
    """
    path = folder / INDEX
    try:
        given = [layer["credit"] for layer in json.loads(path.read_bytes()).values()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise GeographyError(
            f"{path} cannot be read, expected a JSON object with a credit for each layer"
        ) from None
    # A layer made of several sources credits each in a line of its own.
    lines = (str(line) for one in given for line in (one if isinstance(one, list) else [one]))
    return list(dict.fromkeys(line for line in lines if line))
