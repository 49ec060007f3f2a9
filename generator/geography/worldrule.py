"""What is drawn by rule over an Earth's ground: in every world otherwise, of the same layers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WorldRule:
    """A rule in the world of a seed.

    Each says its NAME, and a VERSION that is raised whenever the same layers would give something
    else. source: hexadecimal digits of the layers.
    """

    NAME: ClassVar[str]
    VERSION: ClassVar[int]

    source: str = ""
    seed: int = 0

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all but the seed that decides pixels."""
        return hashlib.sha256(f"{self.NAME} {self.VERSION} {self.source}".encode()).hexdigest()
