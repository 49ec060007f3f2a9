"""Regions that eviction spares, such as those that were seeded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

from tileserver.cache.store import WORLD_BYTES, TileStore, Txn, check_world
from tileserver.regions.idranges import IdRanges, id_ranges
from tileserver.regions.region import Box


class Pin(NamedTuple):
    """A pinned region: the tiles of some zooms of a world that meet a box (None: the whole map)."""

    world: bytes
    bbox: Box | None
    zooms: tuple[int, ...]


class Pins:
    """The pinned regions of a store. Raises CacheError where it writes or reads."""

    def __init__(self, store: TileStore) -> None:
        self._store = store

    def add(self, world: bytes, bbox: Box | None, zooms: Iterable[int]) -> None:
        """Keep a region (box None: the map) from eviction, stored now or later; once is enough.

        Raises TileError for one off the map.
        """
        check_world(world)
        pin = Pin(world, bbox, tuple(sorted(set(zooms))))
        id_ranges(pin.bbox, pin.zooms)
        key, value = _row(pin)
        with self._store.writing() as txn:
            txn.put(key, value, db=self._store.pins)

    def remove(
        self,
        world: bytes | None = None,
        bbox: Box | None = None,
        zooms: Iterable[int] | None = None,
    ) -> int:
        """Unpin the regions that fit what is given, exactly as pinned; return how many."""
        chosen = None if zooms is None else tuple(sorted(set(zooms)))
        fitting = [
            pin
            for pin in self.all()
            if (world is None or pin.world == world)
            and (bbox is None or pin.bbox == tuple(bbox))
            and (chosen is None or pin.zooms == chosen)
        ]
        with self._store.writing() as txn:
            return sum(txn.delete(_row(pin)[0], db=self._store.pins) for pin in fitting)

    def all(self) -> list[Pin]:
        """Return every pinned region; what cannot be read is left out."""
        with self._store.reading() as txn:
            return _read(txn, self._store)

    def cover(self) -> dict[bytes, IdRanges]:
        """Return the pinned tile numbers of each world."""
        found: dict[bytes, list[tuple[int, int]]] = {}
        for pin in self.all():
            found.setdefault(pin.world, []).extend(id_ranges(pin.bbox, pin.zooms).ranges)
        return {world: IdRanges(ranges) for world, ranges in found.items()}


def _row(pin: Pin) -> tuple[bytes, bytes]:
    value = json.dumps({"bbox": pin.bbox, "zooms": pin.zooms}).encode()
    return pin.world + hashlib.sha256(value).digest()[:8], value


def _read(txn: Txn, store: TileStore) -> list[Pin]:
    pins = []
    for key, value in txn.cursor(db=store.pins):
        try:
            about = json.loads(value)
            bbox: Box | None = None
            if about["bbox"] is not None:
                west, south, east, north = map(float, about["bbox"])
                bbox = (west, south, east, north)
            pins.append(Pin(key[:WORLD_BYTES], bbox, tuple(about["zooms"])))
        except (ValueError, KeyError, TypeError):
            continue
    return pins
