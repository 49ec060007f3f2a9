"""The render engine: requests for tiles become blocks, computed by a thread or two.

The engine owns a `Scheduler`, which says what is made next and for whom, and a `ResultStore`, which
has the finished tiles. A block that another process has claimed is deferred; meanwhile others are
made.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial

from generator.cascade.ancestors import ancestors_of
from generator.cascade.renderer import PixelCache, Renderer, workers_of
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tileserver.archives.inputs import ArchivedInputs
from tileserver.cache.tilecache import CachedTile, TileCache
from tileserver.encode import check
from tileserver.errors import GenerationError, LaterError, UnavailableError
from tileserver.rendering.engine.policy import Admission
from tileserver.rendering.engine.results import ResultStore
from tileserver.rendering.engine.scheduler import Answer, Job, Key, Scheduler, explained
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.request import RequestOptions, stopping
from tileserver.settings import Settings

MAX_ATTEMPTS = 8
"""How often a block may find an input gone and have it made again before it fails."""

DEFER_SECONDS = (0.02, 0.5)
"""How soon a block that another process makes is looked at again: at first, and at last."""

RECENT_TILES = 384
"""Tiles whose pixels are kept for the next blocks: 384 x 192 KiB = 72 MiB."""

PACE_SECONDS = 0.5
"""What a block is thought to take until one has been made."""

log = logging.getLogger("elsewhere")


class _InputGoneError(Exception):
    """An input that was there when the job was scheduled is there no more."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


class RenderEngine:
    """Makes tiles of any world with one renderer, for requests from any thread.

    max_queue: how many different blocks may be requested and unfinished at a time. budget: blocks
    made for one client per minute, None for any number.
    """

    def __init__(
        self,
        renderer: Renderer,
        store: ResultStore,
        metrics: Metrics,
        max_queue: int = 256,
        budget: int | None = None,
    ) -> None:
        self.store = store
        self.metrics = metrics
        self._changed = threading.Condition()  # guards all that follows
        self._recent = PixelCache(RECENT_TILES)
        self._ancestors = ancestors_of(renderer)
        self._scheduler = Scheduler(
            self._ancestors, self._has, Admission(max_queue, budget), metrics
        )
        self._pace = PACE_SECONDS
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"generator-{number}", daemon=True)
            for number in range(workers_of(renderer))
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def open(
        cls, settings: Settings, metrics: Metrics, cache: TileCache, renderer: Renderer
    ) -> RenderEngine:
        """Return an engine that stores in a cache, which its caller closes afterwards.

        Raises CacheError.
        """
        store = ResultStore(cache, metrics, renderer, ArchivedInputs.of(settings))
        return cls(renderer, store, metrics, settings.max_queue, settings.budget)

    def problem(self) -> str | None:
        """Return why tiles cannot be made and stored, or None."""
        if not all(thread.is_alive() for thread in self._threads):
            return "the generator has stopped"
        return self.store.problem

    def request(self, key: Key, options: RequestOptions) -> Answer:
        """Ask for a tile; the answer carries its bytes or a ServerError.

        Raises UnavailableError when the queue is full or the engine stops, BudgetError when the
        client has had its share, GenerationError when the renderer refuses the tile.
        """
        answer: Answer = Future()
        with self._changed:
            entry = self.store.find(*key)
            if entry is not None:
                answer.set_result(entry)
                return answer
            if self._closed:
                raise stopping()
            try:
                self._scheduler.add(key, options, answer, self._pace)
            except LaterError:
                self.metrics.refused.inc()
                raise
            self._changed.notify_all()
        return answer

    def abandon(self, key: Key, answer: Answer, client: str = "") -> None:
        """Take a request back; queued jobs that nobody waits for any more are dropped."""
        with self._changed:
            self._scheduler.leave(key, answer, client)
        answer.cancel()

    def refuse(self) -> None:
        """Turn everybody away, those in the queue and those to come; the running block goes on."""
        with self._changed:
            self._closed = True
            answers = self._scheduler.remove_waiting()
            self._changed.notify_all()
        fail(answers, stopping())

    def close(self) -> None:
        """Turn everybody away, finish the running block and store everything.

        A second call does nothing.
        """
        self.refuse()
        for thread in self._threads:
            thread.join()
        self.store.close()

    def _has(self, key: Key) -> bool:
        return key in self._recent or self.store.has(*key)

    # The render threads: these take the lock themselves.

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                # Another process may make the block now, or may have made it meanwhile.
                if not self._claim(job) or self._finish_if_stored(job):
                    continue
                pixels = self._compute(job)
            except _InputGoneError as gone:
                self._release(job)
                self._retry(job, gone.key)
            except BaseException as error:
                log.exception("block %s of seed %d could not be made", job.key[1], job.key[0])
                self._end(job, explained(job.key, error))
            else:
                self._put(job, pixels)

    def _next(self) -> Job | None:
        """Wait for the best ready job and start it; None when the engine is closed."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                job = self._scheduler.pop(now)
                if job is not None:
                    return job
                due = self._scheduler.due
                self._changed.wait(None if due is None else due - now)
            return None

    def _claim(self, job: Job) -> bool:
        """Claim a started job's block; one that another process makes is deferred."""
        job.claim = self.store.claim(*job.key)
        if job.claim is not None:
            return True
        with self._changed:
            if job.refusals == 0:
                self.metrics.awaited.inc()
            if job.wanted and not self._closed:
                soon, late = DEFER_SECONDS
                wait = min(late, soon * 1.5 ** min(job.refusals, 20))
                self._scheduler.defer(job, time.monotonic() + wait)
                return False
            answers = self._scheduler.remove(job)
        fail(answers, stopping())
        return False

    def _finish_if_stored(self, job: Job) -> bool:
        """Answer all who wait for a block if the whole of it is stored; say whether it is."""
        seed, block = job.key
        if not all(self.store.has(seed, tile) for tile in block.tiles):
            return False
        with self._changed:
            wanted = set(job.answers.values())
        entries = {tile: self.store.find(seed, tile) for tile in wanted}
        if not all(entries.values()):
            return False
        for tile, entry in entries.items():
            if entry is not None:
                self._answer(job, tile, entry)
        with self._changed:
            self._scheduler.free_users(job)
        self._end(job, None)
        return True

    def _compute(self, job: Job) -> dict[Tile, Pixels]:
        """Compute a block: uint8 [256, 256, 3] for each of its tiles."""
        started = time.perf_counter()
        seed, block = job.key
        with self._changed:
            waiting = self._scheduler.waiting(seed)
        pixels = self._ancestors.compute(
            seed, block, partial(self._read, seed), partial(self._is_there, seed), waiting
        )
        if pixels.keys() != set(block.tiles):
            raise GenerationError(f"block {block} was made as {list(map(str, pixels))}")
        for tile in pixels:
            check(pixels[tile])
        seconds = time.perf_counter() - started
        with self._changed:
            self._pace += 0.2 * (seconds - self._pace)
        self.metrics.generation[block.top.z].observe(seconds)
        return pixels

    def _is_there(self, seed: int, tile: Tile) -> bool:
        with self._changed:
            return self._scheduler.is_there(seed, tile)

    def _read(self, seed: int, tile: Tile) -> Pixels:
        """Return an input's pixels, read-only uint8 [256, 256, 3]."""
        key = (seed, tile)
        with self._changed:
            pixels = self._recent.get(key)
            if pixels is None:
                pixels = self._scheduler.pixels(seed, tile)
            if pixels is not None:
                return pixels
        pixels = self.store.pixels(seed, tile)
        if pixels is None:
            raise _InputGoneError(key)
        with self._changed:
            self._recent.put(key, pixels)
        return pixels

    def _retry(self, job: Job, lost: Key) -> None:
        """Have a lost input made, and the job after it."""
        error: Exception | None = None
        with self._changed:
            job.attempts += 1
            if job.attempts >= MAX_ATTEMPTS:
                error = GenerationError(
                    f"tile {lost[1]}, an input of block {job.key[1]}, keeps vanishing"
                )
            elif self._closed or not job.wanted:
                fail(self._scheduler.remove(job), stopping())
            else:
                try:
                    self._scheduler.retry(job)
                except Exception as failure:
                    error = explained(job.key, failure)
        if error is not None:
            self._end(job, error)

    def _put(self, job: Job, pixels: dict[Tile, Pixels]) -> None:
        """Keep a computed block's pixels for its users and hand it to the store."""
        seed, block = job.key
        with self._changed:
            for tile in block.tiles:
                if tile.kind != "average":  # an average is nobody's input
                    self._recent.put((seed, tile), pixels[tile])
                pixels[tile].setflags(write=False)
            self._scheduler.start_storing(job, pixels)
            self._changed.notify_all()
            ordered = {tile: pixels[tile] for tile in job.tiles()}
        try:
            self.store.put(seed, ordered, partial(self._answer, job), partial(self._end, job))
        except Exception as error:
            self._end(job, error)

    # The store's thread calls these two for a block that it was given.

    def _answer(self, job: Job, tile: Tile, entry: CachedTile) -> None:
        """Answer those who wait for a tile whose bytes exist."""
        with self._changed:
            answers = self._scheduler.take_answers(job, tile)
        succeed(answers, entry)

    def _end(self, job: Job, error: Exception | None) -> None:
        """Forget a job that is stored or has failed; answer who still waits."""
        with self._changed:
            remove = self._scheduler.remove if error is None else self._scheduler.remove_with_users
            answers = remove(job)
            self._changed.notify_all()
        self._release(job)
        if error is not None:
            self.metrics.failures.inc()
            fail(answers, explained(job.key, error))
            return
        # These came between the tile's bytes and the block's end.
        for answer, tile in answers.items():
            entry = self.store.find(job.key[0], tile)
            if entry is not None:
                succeed([answer], entry)
            else:
                fail([answer], UnavailableError(f"tile {tile} was lost again; try again soon"))

    def _release(self, job: Job) -> None:
        claim, job.claim = job.claim, None
        if claim is not None:
            claim.release()


def fail(answers: Iterable[Answer], error: Exception) -> None:
    """Answer all with an error."""
    for answer in answers:
        if answer.set_running_or_notify_cancel():
            answer.set_exception(error)


def succeed(answers: Iterable[Answer], entry: CachedTile) -> None:
    """Answer all with a tile."""
    for answer in answers:
        if answer.set_running_or_notify_cancel():
            answer.set_result(entry)
