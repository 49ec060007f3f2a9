"""Which tile is made next: one job per tile, inputs before users, the newest view first.

A job is one tile of one world. It waits for the jobs of its inputs, is computed by the one
generator thread, handed to `deliver` for encoding and storing, and then answers all who waited. A
tile that is asked for while its job exists joins that job, whether a request or another job asks.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from generator.tile import Tile
from tileserver.cache import Entry
from tileserver.encode import check
from tileserver.errors import GenerationError, UnavailableError
from tileserver.jobs import Answer, Job, Key, Pixels, Rank, State, Store, explained, fail
from tileserver.metrics import Metrics
from tileserver.viewports import Viewports

if TYPE_CHECKING:
    from generator.cascade import Renderer

AGE_SECONDS = 5.0
"""A tile that was asked for so long ago goes before all views."""

RECENT_TILES = 384
"""Computed or decoded tiles kept for those that need them: 384 x 192 KiB = 72 MiB."""

MAX_ATTEMPTS = 8
"""How often a tile may find an input gone and have it made again before it fails."""

log = logging.getLogger("elsewhere")


class _InputGoneError(Exception):
    """An input that was there when the job was planned is there no more."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


class Scheduler:
    """Runs `renderer` in one thread for requests from any thread.

    max_queue: how many different tiles may be asked for and unfinished at a time.
    """

    def __init__(
        self, renderer: Renderer, store: Store, metrics: Metrics, max_queue: int = 256
    ) -> None:
        self.renderer = renderer
        self.store = store
        self.metrics = metrics
        self.max_queue = max_queue
        self._changed = threading.Condition()
        self._jobs: dict[Key, Job] = {}
        self._asked: dict[Job, None] = {}  # in the order of arrival
        self._ready: list[tuple[Rank, int, int, Job]] = []
        self._numbers = itertools.count(1)
        self._viewports = Viewports()
        self._recent: OrderedDict[Key, Pixels] = OrderedDict()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="generator", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Return how many tiles are unfinished, inputs included."""
        return len(self._jobs)

    @property
    def alive(self) -> bool:
        """Say whether the generator thread still works."""
        return self._thread.is_alive()

    def request(self, key: Key) -> Answer:
        """Ask for a tile; the answer carries its bytes or a ServerError.

        Raises UnavailableError when the queue is full or the server stops, GenerationError when
        the renderer refuses the tile.
        """
        answer: Answer = Future()
        with self._changed:
            job = self._jobs.get(key)
            if job is None:
                entry = self.store.find(key)
                if entry is not None:
                    answer.set_result(entry)
                    return answer
            self._admit(job)
            job = job or self._plan(key)
            job.answers.add(answer)
            now = time.monotonic()
            if job not in self._asked:
                self._asked[job] = None
                job.since = now
            view = self._viewports.number(*key, now)
            self._promote(job, (1, -view, next(self._numbers)))
            self._changed.notify()
        return answer

    def abandon(self, key: Key, answer: Answer) -> None:
        """Take a request back; queued jobs that nobody waits for any more are dropped."""
        with self._changed:
            job = self._jobs.get(key)
            if job is not None and answer in job.answers:
                job.answers.discard(answer)
                if not job.answers:
                    self._asked.pop(job, None)
                self._drop_unwanted(job)
        answer.cancel()

    def refuse(self) -> None:
        """Turn everybody away, those in the queue and those to come; the running tile goes on."""
        with self._changed:
            self._closed = True
            queued = [job for job in self._jobs.values() if job.state is State.QUEUED]
            answers = [answer for job in queued for answer in self._remove(job)]
            self._changed.notify_all()
        fail(answers, UnavailableError("the server is stopping, expected to be back soon"))

    def close(self) -> None:
        """Turn everybody away, finish the running tile, and stop."""
        self.refuse()
        self._thread.join()

    def _admit(self, job: Job | None) -> None:
        if self._closed:
            raise UnavailableError("the server is stopping, expected to be back soon")
        if (job is None or job not in self._asked) and len(self._asked) >= self.max_queue:
            raise UnavailableError(
                f"{len(self._asked)} tiles are waiting to be made, which is as many as may wait; "
                "try again soon"
            )

    # Planning: every method below runs with the lock held unless it says otherwise.

    def _plan(self, key: Key) -> Job:
        """Make a job and those of its missing inputs; a failing renderer leaves nothing behind."""
        job = self._jobs[key] = Job(key)
        try:
            self._link_inputs(job)
        except Exception as error:
            self._drop_unwanted(job)
            raise explained(key, error) from error
        return job

    def _link_inputs(self, job: Job) -> None:
        seed, tile = job.key
        for need in self.renderer.needs(tile):
            key = (seed, need)
            source = self._jobs.get(key)
            if source is None and (key in self._recent or self.store.has(key)):
                continue
            if source is None:
                source = self._jobs[key] = Job(key, job.rank)
                self._connect(source, job)
                self._link_inputs(source)
            elif source.state is not State.STORING:
                self._connect(source, job)
                self._promote(source, job.rank)
        if not job.inputs:
            self._push(job)

    def _connect(self, source: Job, user: Job) -> None:
        source.users.add(user)
        user.inputs.add(source)

    def _promote(self, job: Job, rank: Rank) -> None:
        """Move a job and all that it waits for forward, if that is forward."""
        if job.rank <= rank:
            return
        job.rank = rank
        if job.state is State.QUEUED and not job.inputs:
            self._push(job)
        for source in job.inputs:
            self._promote(source, rank)

    def _push(self, job: Job) -> None:
        """Queue a job whose inputs are there: by rank, then the deepest zoom first."""
        heapq.heappush(self._ready, (job.rank, -job.key[1].z, next(self._numbers), job))

    def _promote_aged(self) -> None:
        """Put what has waited for long before everything else, the oldest first."""
        limit = time.monotonic() - AGE_SECONDS
        for job in self._asked:
            if job.since > limit:
                break
            self._promote(job, (0, 0, next(self._numbers)) if job.rank[0] else job.rank)

    def _drop_unwanted(self, job: Job) -> None:
        if job.wanted or job.state is not State.QUEUED:
            return
        self._remove(job)
        self.metrics.dropped.inc()

    def _remove(self, job: Job) -> set[Answer]:
        """Take a job out of everything, with the inputs that only it waited for."""
        answers, job.answers = job.answers, set()
        job.state = State.OVER
        job.pixels = None
        self._jobs.pop(job.key, None)
        self._asked.pop(job, None)
        sources, job.inputs = job.inputs, set()
        for source in sources:
            source.users.discard(job)
            self._drop_unwanted(source)
        return answers

    def _remove_with_users(self, job: Job) -> set[Answer]:
        """Take a failed job out with every job that cannot be made without it."""
        users, job.users = job.users, set()
        answers = self._remove(job)
        for user in users:
            if user.state is State.QUEUED:
                answers |= self._remove_with_users(user)
        return answers

    # The generator thread: these take the lock themselves.

    def _run(self) -> None:
        while (job := self._next()) is not None:
            started = time.perf_counter()
            seed, tile = job.key
            try:
                pixels = self.renderer.compute(seed, tile, partial(self._read, seed))
                check(pixels)
            except _InputGoneError as gone:
                self._plan_again(job, gone.key)
            except BaseException as error:
                log.exception("tile %s of seed %d could not be made", tile, seed)
                self._end(job, explained(job.key, error))
            else:
                self.metrics.generation.labels(tile.z).observe(time.perf_counter() - started)
                self._computed(job, pixels)

    def _next(self) -> Job | None:
        """Wait for the best ready job and start it; None when the scheduler is closed."""
        with self._changed:
            while not self._closed:
                self._promote_aged()
                while self._ready:
                    rank, _, _, job = heapq.heappop(self._ready)
                    if job.state is State.QUEUED and not job.inputs and rank == job.rank:
                        job.state = State.RUNNING
                        return job
                self._changed.wait()
            return None

    def _read(self, seed: int, tile: Tile) -> Pixels:
        """Return an input's pixels, read-only uint8 [256, 256, 3]."""
        key = (seed, tile)
        with self._changed:
            pixels = self._recent.get(key)
            if pixels is not None:
                self._recent.move_to_end(key)
                return pixels
            job = self._jobs.get(key)
            if job is not None and job.pixels is not None:
                return job.pixels
        pixels = self.store.pixels(key)
        if pixels is None:
            raise _InputGoneError(key)
        with self._changed:
            self._remember(key, pixels)
        return pixels

    def _remember(self, key: Key, pixels: Pixels) -> None:
        pixels.setflags(write=False)
        self._recent[key] = pixels
        while len(self._recent) > RECENT_TILES:
            self._recent.popitem(last=False)

    def _plan_again(self, job: Job, lost: Key) -> None:
        """Have a lost input made, and the job after it."""
        error: Exception | None = None
        with self._changed:
            job.attempts += 1
            job.state = State.QUEUED
            if job.attempts >= MAX_ATTEMPTS:
                error = GenerationError(
                    f"tile {lost[1]}, an input of {job.key[1]}, keeps vanishing"
                )
            elif not job.wanted:
                self._drop_unwanted(job)
            else:
                try:
                    self._link_inputs(job)
                except Exception as failure:
                    error = explained(job.key, failure)
        if error is not None:
            self._end(job, error)

    def _computed(self, job: Job, pixels: Pixels) -> None:
        with self._changed:
            self._remember(job.key, pixels)
            job.pixels = pixels
            job.state = State.STORING
            users, job.users = job.users, set()
            for user in users:
                user.inputs.discard(job)
                if not user.inputs:
                    self._push(user)
        try:
            self.store.deliver(job.key, pixels, lambda result: self._end(job, result))
        except Exception as error:
            self._end(job, error)

    def _end(self, job: Job, result: Entry | Exception) -> None:
        """Answer all who wait for a job that is stored or has failed."""
        with self._changed:
            if isinstance(result, Entry):
                answers = self._remove(job)
            else:
                answers = self._remove_with_users(job)
        if isinstance(result, Entry):
            for answer in answers:
                if answer.set_running_or_notify_cancel():
                    answer.set_result(result)
        else:
            self.metrics.failures.inc()
            fail(answers, explained(job.key, result))
