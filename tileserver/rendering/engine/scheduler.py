"""Which block is made next: one job per block, inputs before users, the newest view first.

A job is one block of one world. It waits for the jobs of its inputs, is computed by the one
generator thread, handed to `deliver` for encoding and storing, and answers all who wait, tile by
tile. Who asks for a tile while the job of its block exists joins that job. A block that another
process has claimed is set aside and looked at again; meanwhile others are made.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from generator.cascade.renderer import PixelCache
from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tileserver.cache.tilecache import CachedTile
from tileserver.encode import check
from tileserver.errors import GenerationError, LaterError, UnavailableError
from tileserver.rendering.engine.admission import Admission
from tileserver.rendering.engine.jobs import (
    WAITING,
    Answer,
    Ask,
    Job,
    Key,
    State,
    Store,
    explained,
    fail,
    succeed,
)
from tileserver.rendering.engine.plan import Plan
from tileserver.rendering.metrics import Metrics

if TYPE_CHECKING:
    from generator.cascade.renderer import Renderer

MAX_ATTEMPTS = 8
"""How often a block may find an input gone and have it made again before it fails."""

ASIDE_SECONDS = (0.02, 0.5)
"""How soon a block that another process makes is looked at again: at first, and at last."""

RECENT_TILES = 384
"""Tiles whose pixels are kept for the next blocks: 384 x 192 KiB = 72 MiB."""

PACE_SECONDS = 0.5
"""What a block is thought to take until one has been made."""

log = logging.getLogger("elsewhere")


class _InputGoneError(Exception):
    """An input that was there when the job was planned is there no more."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


class Scheduler:
    """Runs `renderer` in one thread for requests from any thread.

    max_queue: how many different blocks may be asked for and unfinished at a time. budget: blocks
    made for one client per minute, None for any number.
    """

    def __init__(
        self,
        renderer: Renderer,
        store: Store,
        metrics: Metrics,
        max_queue: int = 256,
        budget: int | None = None,
    ) -> None:
        self.renderer = renderer
        self.store = store
        self.metrics = metrics
        self._changed = threading.Condition()
        self._recent = PixelCache(RECENT_TILES)
        self._plan = Plan(renderer, self._has, Admission(max_queue, budget), metrics)
        self._aside: list[tuple[float, int, Job]] = []
        self._pace = PACE_SECONDS
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="generator", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Return how many blocks are unfinished, inputs included."""
        return len(self._plan.jobs)

    @property
    def alive(self) -> bool:
        """Say whether the generator thread still works."""
        return self._thread.is_alive()

    def request(self, key: Key, ask: Ask = Ask()) -> Answer:  # noqa: B008 (immutable)
        """Ask for a tile; the answer carries its bytes or a ServerError.

        Raises UnavailableError when the queue is full or the server stops, BudgetError when the
        client has had its share, GenerationError when the renderer refuses the tile.
        """
        answer: Answer = Future()
        with self._changed:
            entry = self.store.find(key)
            if entry is not None:
                answer.set_result(entry)
                return answer
            if self._closed:
                raise stopping()
            try:
                self._plan.add(key, ask, answer, self._pace)
            except LaterError:
                self.metrics.refused.inc()
                raise
            self._changed.notify()
        return answer

    def abandon(self, key: Key, answer: Answer, client: str = "") -> None:
        """Take a request back; queued jobs that nobody waits for any more are dropped."""
        with self._changed:
            self._plan.leave(key, answer, client)
        answer.cancel()

    def refuse(self) -> None:
        """Turn everybody away, those in the queue and those to come; the running block goes on."""
        with self._changed:
            self._closed = True
            queued = [job for job in self._plan.jobs.values() if job.state in WAITING]
            answers = [answer for job in queued for answer in self._plan.remove(job)]
            self._changed.notify_all()
        fail(answers, stopping())

    def close(self) -> None:
        """Turn everybody away, finish the running block, and stop."""
        self.refuse()
        self._thread.join()

    def _has(self, key: Key) -> bool:
        return key in self._recent or self.store.has(key)

    # The generator thread: these take the lock themselves.

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                if not self._claimed(job):
                    continue
                started = time.perf_counter()
                pixels = self._compute(job)
            except _InputGoneError as gone:
                self._release(job)
                self._plan_again(job, gone.key)
            except BaseException as error:
                log.exception("block %s of seed %d could not be made", job.key[1], job.key[0])
                self._end(job, explained(job.key, error))
            else:
                seconds = time.perf_counter() - started
                self._pace += 0.2 * (seconds - self._pace)
                self.metrics.generation[job.key[1].top.z].observe(seconds)
                self._computed(job, pixels)

    def _next(self) -> Job | None:
        """Wait for the best ready job and start it; None when the scheduler is closed."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                while self._aside and self._aside[0][0] <= now:
                    self._plan.resume(heapq.heappop(self._aside)[2])
                job = self._plan.pop(now)
                if job is not None:
                    return job
                self._changed.wait(self._aside[0][0] - now if self._aside else None)
            return None

    def _claimed(self, job: Job) -> bool:
        """Claim a started job's block and look again whether it is stored; True to make it."""
        job.claim = self.store.claim(job.key)
        if job.claim is None:
            with self._changed:
                if job.refusals == 0:
                    self.metrics.awaited.inc()
                soon, late = ASIDE_SECONDS
                due = time.monotonic() + min(late, soon * 1.5 ** min(job.refusals, 20))
                job.refusals += 1
                job.state = State.ASIDE
                if job.wanted and not self._closed:
                    heapq.heappush(self._aside, (due, id(job), job))
                    return False
                answers = self._plan.remove(job)
            fail(answers, stopping())
            return False
        seed, block = job.key
        if not all(self.store.has((seed, tile)) for tile in block.tiles):
            return True
        entries = {tile: self.store.find((seed, tile)) for tile in set(job.answers.values())}
        if not all(entries.values()):
            return True
        for tile, entry in entries.items():
            if entry is not None:
                self._made(job, tile, entry)
        with self._changed:
            self._plan.free_users(job)
        self._end(job, None)
        return False

    def _compute(self, job: Job) -> dict[Tile, Pixels]:
        seed, block = job.key
        pixels = self.renderer.compute(seed, block, partial(self._read, seed))
        if pixels.keys() != set(block.tiles):
            raise GenerationError(f"block {block} was made as {list(map(str, pixels))}")
        for tile in pixels:
            check(pixels[tile])
        return pixels

    def _read(self, seed: int, tile: Tile) -> Pixels:
        """Return an input's pixels, read-only uint8 [256, 256, 3]."""
        key = (seed, tile)
        with self._changed:
            pixels = self._recent.get(key)
            if pixels is not None:
                return pixels
            job = self._plan.jobs.get((seed, Block.of(tile)))
            if job is not None and job.pixels is not None:
                return job.pixels[tile]
        pixels = self.store.pixels(key)
        if pixels is None:
            raise _InputGoneError(key)
        with self._changed:
            self._recent.put(key, pixels)
        return pixels

    def _plan_again(self, job: Job, lost: Key) -> None:
        """Have a lost input made, and the job after it."""
        error: Exception | None = None
        with self._changed:
            job.attempts += 1
            job.state = State.QUEUED
            if job.attempts >= MAX_ATTEMPTS:
                error = GenerationError(
                    f"tile {lost[1]}, an input of block {job.key[1]}, keeps vanishing"
                )
            elif self._closed or not job.wanted:
                fail(self._plan.remove(job), stopping())
            else:
                try:
                    self._plan.link(job)
                except Exception as failure:
                    error = explained(job.key, failure)
        if error is not None:
            self._end(job, error)

    def _computed(self, job: Job, pixels: dict[Tile, Pixels]) -> None:
        seed, block = job.key
        with self._changed:
            for tile in block.tiles:
                if tile.kind != "average":  # an average is nobody's input
                    self._recent.put((seed, tile), pixels[tile])
                pixels[tile].setflags(write=False)
            job.pixels = pixels
            job.state = State.STORING
            self._plan.free_users(job)
            ordered = {tile: pixels[tile] for tile in job.tiles()}
        try:
            self.store.deliver(seed, ordered, _Receiver(self, job))
        except Exception as error:
            self._end(job, error)

    def _made(self, job: Job, tile: Tile, entry: CachedTile) -> None:
        """Answer those who wait for a tile whose bytes exist."""
        with self._changed:
            answers = self._plan.answer(job, tile)
        succeed(answers, entry)

    def _end(self, job: Job, error: Exception | None) -> None:
        """Forget a job that is stored or has failed; answer who still waits."""
        with self._changed:
            plan = self._plan
            answers = plan.remove(job) if error is None else plan.remove_with_users(job)
            self._changed.notify()
        self._release(job)
        if error is not None:
            self.metrics.failures.inc()
            fail(answers, explained(job.key, error))
        elif answers:  # asked for between the tile's bytes and the block's end
            for answer, tile in answers.items():
                entry = self.store.find((job.key[0], tile))
                if entry is not None:
                    succeed([answer], entry)
                else:
                    fail([answer], UnavailableError(f"tile {tile} was lost again; try again soon"))

    def _release(self, job: Job) -> None:
        claim, job.claim = job.claim, None
        if claim is not None:
            claim.release()


def stopping() -> UnavailableError:
    """Return what those are told who come while the server stops."""
    return UnavailableError("the server is stopping, expected to be back soon")


class _Receiver:
    """Passes on what the store tells about one job."""

    def __init__(self, scheduler: Scheduler, job: Job) -> None:
        self._scheduler, self._job = scheduler, job

    def made(self, tile: Tile, entry: CachedTile) -> None:
        self._scheduler._made(self._job, tile, entry)

    def over(self, error: Exception | None) -> None:
        self._scheduler._end(self._job, error)
