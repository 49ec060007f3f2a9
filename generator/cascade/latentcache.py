"""Intermediate latents of multi-step sampling, kept by their address while there is room."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor

Key = tuple[int, ...]


class LatentCache:
    """Latents by address; the one that was used longest ago is dropped first.

    limit: bytes that may be kept; latent_bytes: of one latent.
    """

    def __init__(self, limit: int, latent_bytes: int) -> None:
        self.limit, self.latent_bytes = limit, latent_bytes
        self._kept: OrderedDict[Key, Tensor] = OrderedDict()

    @property
    def bytes(self) -> int:
        """Bytes of the latents that are kept now."""
        return len(self._kept) * self.latent_bytes

    def get(self, key: Key) -> Tensor | None:
        """Return a latent, which counts as used now, or None where it is not kept."""
        latent = self._kept.get(key)
        if latent is not None:
            self._kept.move_to_end(key)
        return latent

    def keep(self, key: Key, latent: Tensor) -> None:
        """Keep a latent, dropping others beyond the limit."""
        self._kept[key] = latent
        while self._kept and self.bytes > self.limit:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Drop all latents."""
        self._kept.clear()
