"""The thread that maintains an open cache: marks of use, stale readers, room when it is scarce."""

from __future__ import annotations

import logging
import threading

import lmdb

from tileserver.cache.eviction import START, Evictor
from tileserver.cache.recency import Recency
from tileserver.cache.store import TileStore
from tileserver.errors import CacheError

SECONDS = 60.0
"""Time between two rounds."""

CLOSE_SECONDS = 5.0

log = logging.getLogger("elsewhere")


class Maintenance:
    """Runs from its making until `close`, so that neither readers nor the writer need to do it."""

    def __init__(self, store: TileStore, evictor: Evictor, recency: Recency) -> None:
        self._store = store
        self._evictor = evictor
        self._recency = recency
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name="cache-maintenance", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Ask for a round now, since room is getting scarce."""
        self._wake.set()

    def close(self) -> bool:
        """Write down what was read and stop; say whether that came to an end.

        It does not while another program holds a write transaction for long. A second call does
        nothing.
        """
        self._closing.set()
        self._wake.set()
        self._thread.join(CLOSE_SECONDS)
        return not self._thread.is_alive()

    def run_once(self, evict: bool) -> None:
        """Do one round; `evict` makes room too, where it is scarce. Raises CacheError."""
        try:
            self._store.env.reader_check()
        except lmdb.Error as error:
            raise self._store.unreadable(error) from error
        self._recency.flush()
        if evict and not self._closing.is_set() and self._evictor.share() >= START:
            self._evictor.make_room(stopped=self._closing.is_set)

    def _run(self) -> None:
        while not self._closing.is_set():
            # Only who stores evicts: programs that just read have better things to do.
            woken = self._wake.wait(SECONDS)
            self._wake.clear()
            try:
                self.run_once(woken)
                self._problem = ""
            except CacheError as error:
                if str(error) != self._problem:
                    log.warning("%s; it is tried again later", error)
                self._problem = str(error)
            except Exception:
                log.exception("the cache's maintenance failed")
