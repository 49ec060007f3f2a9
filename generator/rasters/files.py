"""Where the pixels of a picture are: one file or one for each colour, here or on a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SLOWEST = 1000
"""Bytes per second; a server that sends less for as long as one waits has not answered."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where the red, green and blue of a picture are.

    name: what messages call it. addresses: one file, or one for each colour; paths or http URLs.
    patience: seconds that a server may take.
    """

    name: str
    addresses: tuple[str, ...]
    patience: float = 20.0

    @property
    def remote(self) -> bool:
        """Whether any of it lies on a web server."""
        return any(is_url(address) for address in self.addresses)

    def settings(self) -> dict[str, Any]:
        """Return GDAL's settings for servers: limits on silence, and no listing of folders."""
        return {
            "GDAL_HTTP_CONNECTTIMEOUT": max(1, round(self.patience)),
            "GDAL_HTTP_LOW_SPEED_TIME": max(1, round(self.patience)),
            "GDAL_HTTP_LOW_SPEED_LIMIT": SLOWEST,
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        }

    def said(self, error: Exception) -> str:
        """Return an error's words without addresses, which may hold a key."""
        words = str(error)
        for address in self.addresses:
            words = words.replace(f"/vsicurl/{address}", self.name).replace(address, self.name)
        return words


def is_url(address: str) -> bool:
    """Whether an address is that of a web server."""
    return address.lower().startswith(("http://", "https://"))
