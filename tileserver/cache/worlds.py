"""What made each world whose tiles are stored, and since when."""

from __future__ import annotations

import json
import time
from typing import Any

from tileserver.cache.store import WORLD_BYTES, TileStore, check_world


class Worlds:
    """The table of worlds. Raises CacheError where it reads or writes."""

    def __init__(self, store: TileStore) -> None:
        self._store = store

    def record(self, world: bytes, about: dict[str, Any]) -> None:
        """Write down what made a world's tiles; the time of the first record stays."""
        check_world(world)
        with self._store.writing() as txn:
            _, made = _read(txn.get(world, b"", self._store.worlds))
            value = json.dumps({"about": about, "made": made or int(time.time())}, sort_keys=True)
            txn.put(world, value.encode(), db=self._store.worlds)

    def about(self) -> dict[bytes, dict[str, Any]]:
        """Return what made the tiles of each recorded world."""
        return {world: about for world, (about, _) in self.all().items()}

    def all(self) -> dict[bytes, tuple[dict[str, Any], int]]:
        """Return what made each recorded world and the Unix second of its first record.

        An unreadable record comes back empty.
        """
        with self._store.reading() as txn:
            return {world: _read(value) for world, value in txn.cursor(db=self._store.worlds)}

    def forget(self, world: bytes) -> None:
        """Remove the record of a world."""
        with self._store.writing() as txn:
            txn.delete(world, db=self._store.worlds)


def namespaces(store: TileStore) -> list[bytes]:
    """Return the worlds that have stored tiles or variants, recorded or not; quick."""
    found: set[bytes] = set()
    with store.reading() as txn:
        for table in (store.tiles, store.variants):
            cursor, place = txn.cursor(db=table), b""
            while cursor.set_range(place):
                world = cursor.key()[:WORLD_BYTES]
                found.add(world)
                place = world + b"\xff" * 10
    return sorted(found)


def _read(value: bytes) -> tuple[dict[str, Any], int]:
    try:
        row = json.loads(value)
        return dict(row["about"]), int(row["made"])
    except (ValueError, KeyError, TypeError):
        return {}, 0
