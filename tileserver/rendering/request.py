"""What a request for a tile says besides the tile: how urgent it is, and who pays for it."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from tileserver.errors import UnavailableError


class Priority(IntEnum):
    """What a tile is wanted for; the smaller goes first."""

    INTERACTIVE = 0
    PREFETCH = 1
    SEEDING = 2


class RequestOptions(NamedTuple):
    """How and by whom a tile is requested.

    client: who pays for it, '' for nobody in particular. free: no budget counts. stored_only: only
    what is stored may be used.
    """

    priority: Priority = Priority.INTERACTIVE
    client: str = ""
    free: bool = True
    stored_only: bool = False


def stopping() -> UnavailableError:
    """Return the error for requests that come or wait while the server stops."""
    return UnavailableError("the server is stopping, expected to be back soon")
