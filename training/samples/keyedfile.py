"""Arrays in a file that names what they were made with: they are taken for that alone."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.atomicfile import atomic_replace

_KEY = "key"


def save(path: Path, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays, whole or not at all."""
    held: dict[str, Any] = {_KEY: np.array(key), **arrays}
    with atomic_replace(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **held)


def load(path: Path, key: str) -> dict[str, NDArray[Any]] | None:
    """Read what `save` wrote; None where there is nothing whole, or what has another key."""
    try:
        with path.open("rb") as file, np.load(file) as held:
            if str(held[_KEY]) != key:
                return None
            return {name: held[name] for name in held.files if name != _KEY}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None
