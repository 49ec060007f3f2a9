"""The name of a world: 16 bytes that change with anything that decides its pixels."""

from __future__ import annotations

import hashlib
from functools import lru_cache


@lru_cache(maxsize=4096)
def fingerprint(identity: bytes, seed: int) -> bytes:
    """Return the 16-byte name of a seed's world under a renderer's identity.

    Whoever knows the identity can name every world, without the renderer itself.
    """
    return hashlib.sha256(identity + seed.to_bytes(8, "big")).digest()[:16]
