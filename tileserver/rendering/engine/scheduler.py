"""Which block is made next: a graph of jobs, inputs before users, the newest view first.

A job is one block of one world. It waits for the jobs of its inputs. A request for a tile joins
the job of its block if there is one. Nothing here computes, stores or locks: the engine does, and
calls a `Scheduler` under its lock.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import TypeAlias

from generator.cascade.ancestors import Ancestors
from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tileserver.cache.claims import Claim
from tileserver.cache.tilecache import CachedTile
from tileserver.errors import GenerationError
from tileserver.rendering.engine.policy import Admission, Viewports
from tileserver.rendering.metrics import PRIORITIES, Metrics
from tileserver.rendering.request import Priority, RequestOptions

Key = tuple[int, Tile]
BlockKey = tuple[int, Block]
Answer: TypeAlias = "Future[CachedTile]"

Rank = tuple[int, int, int]
"""Smaller goes first: (0 if it has waited for long else 1 + priority, minus the view's number,
arrival)."""

LAST: Rank = (9, 0, 0)

AGE_SECONDS = {Priority.INTERACTIVE: 5.0, Priority.PREFETCH: 12.0, Priority.SEEDING: 60.0}
"""A block that was requested so long ago goes before all views."""


class JobState(Enum):
    """Where a job stands; DEFERRED is queued for later, since another process makes the block."""

    QUEUED = auto()
    DEFERRED = auto()
    RUNNING = auto()
    STORING = auto()
    OVER = auto()


WAITING = (JobState.QUEUED, JobState.DEFERRED)


@dataclass(eq=False, slots=True)
class Job:
    """One block to make.

    inputs: jobs it waits for; users: jobs that wait for its pixels. answers: who waits for which
    tile; clients: how many of them are whose. since: when it was requested. attempts: how often an
    input was gone; refusals: how often another process had the claim.
    """

    key: BlockKey
    rank: Rank = LAST
    priority: Priority = Priority.SEEDING
    since: float = 0.0
    state: JobState = JobState.QUEUED
    inputs: set[Job] = field(default_factory=set)
    users: set[Job] = field(default_factory=set)
    answers: dict[Answer, Tile] = field(default_factory=dict)
    clients: Counter[str] = field(default_factory=Counter)
    claim: Claim | None = None
    pixels: Mapping[Tile, Pixels] | None = None
    attempts: int = 0
    refusals: int = 0

    @property
    def wanted(self) -> bool:
        """Say whether anybody waits for this block."""
        return bool(self.users or self.answers)

    def tiles(self) -> list[Tile]:
        """Return the block's tiles, those that somebody waits for first."""
        first = dict.fromkeys(self.answers.values())
        return list(first | dict.fromkeys(self.key[1].tiles))


class Scheduler:
    """The unfinished jobs of an engine and the order in which they are made.

    ancestors: says what is made before a block; has: says whether a tile is there already.
    """

    def __init__(
        self,
        ancestors: Ancestors,
        has: Callable[[Key], bool],
        admission: Admission,
        metrics: Metrics,
    ) -> None:
        self.jobs: dict[BlockKey, Job] = {}
        self._ancestors = ancestors
        self._has = has
        self._admission = admission
        self._metrics = metrics
        # Those that somebody requested, in the order of arrival.
        self._requested: dict[Priority, dict[Job, None]] = {priority: {} for priority in Priority}
        self._ready: list[tuple[Rank, int, int, Job]] = []
        self._deferred: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count(1)
        self._viewports = Viewports()

    @property
    def requested(self) -> int:
        """Return how many blocks somebody waits for."""
        return sum(map(len, self._requested.values()))

    # Requests.

    def add(self, key: Key, options: RequestOptions, answer: Answer, pace: float) -> None:
        """Let `answer` wait for a tile; schedule its block if nobody did.

        pace: seconds that a block takes. Raises LaterError if there is no room or budget,
        GenerationError if the renderer refuses.
        """
        seed, tile = key
        job = self.jobs.get((seed, Block.of(tile)))
        # Only what adds to the queue needs room in it, and only what is new costs.
        if job is None or not job.clients:
            self._admission.check(self.requested, options, pace, job is None)
        before = len(self.jobs)
        job = job or self._create((seed, Block.of(tile)))
        self._admission.charge(options, len(self.jobs) - before)
        self._admission.join(job.clients, options.client)
        job.answers[answer] = tile
        # The newest view goes first; within it, requests keep their order.
        now = time.monotonic()
        self._note_requested(job, options.priority, now)
        view = self._viewports.number(seed, tile, now, answer)
        self._promote(job, (1 + options.priority, -view, next(self._numbers)))
        self._count()

    def leave(self, key: Key, answer: Answer, client: str) -> None:
        """Let an answer wait no more; drop what nobody waits for now."""
        job = self.jobs.get((key[0], Block.of(key[1])))
        if job is None or answer not in job.answers:
            return
        del job.answers[answer]
        self._admission.leave(job.clients, client)
        if not job.answers:
            self._requested[job.priority].pop(job, None)
        self._drop_unwanted(job)
        self._count()

    def take_answers(self, job: Job, tile: Tile) -> list[Answer]:
        """Take out who waits for one tile of a job; a job that nobody waits for takes no room."""
        answers = [answer for answer, wanted in job.answers.items() if wanted == tile]
        for answer in answers:
            del job.answers[answer]
        if not job.answers:
            self._requested[job.priority].pop(job, None)
            self._admission.finish(job.clients)
        return answers

    # The next job.

    def pop(self, now: float) -> Job | None:
        """Return the best ready job, which is running from now on, or None."""
        while self._deferred and self._deferred[0][0] <= now:
            job = heapq.heappop(self._deferred)[2]
            if job.state is JobState.DEFERRED:
                job.state = JobState.QUEUED
                self._push(job)
        self._promote_aged(now)
        while self._ready:
            rank, _, _, job = heapq.heappop(self._ready)
            # A job that was promoted, dropped or got inputs again left an outdated entry behind.
            if job.state is JobState.QUEUED and not job.inputs and rank == job.rank:
                job.state = JobState.RUNNING
                if job.since and not job.attempts and not job.refusals:
                    self._metrics.queue[PRIORITIES[job.priority]].observe(now - job.since)
                return job
        return None

    def waiting(self, seed: int) -> list[Block]:
        """Return the blocks of a world that have not begun."""
        return [
            block
            for (world, block), job in self.jobs.items()
            if world == seed and job.state in WAITING
        ]

    @property
    def due(self) -> float | None:
        """Return when, on the monotonic clock, a deferred job is looked at again, if one is."""
        return self._deferred[0][0] if self._deferred else None

    def defer(self, job: Job, due: float) -> None:
        """Set a running job aside until `due`."""
        job.state = JobState.DEFERRED
        job.refusals += 1
        heapq.heappush(self._deferred, (due, next(self._numbers), job))

    def retry(self, job: Job) -> None:
        """Queue a running job again, after those of its inputs that are gone."""
        job.state = JobState.QUEUED
        self._link(job)

    # The ends of jobs.

    def start_storing(self, job: Job, pixels: Mapping[Tile, Pixels]) -> None:
        """Note that a job is computed; its users may read its pixels while they are stored."""
        job.pixels = pixels
        job.state = JobState.STORING
        self.free_users(job)

    def pixels(self, seed: int, tile: Tile) -> Pixels | None:
        """Return a tile's pixels if its job is being stored."""
        job = self.jobs.get((seed, Block.of(tile)))
        return None if job is None or job.pixels is None else job.pixels[tile]

    def free_users(self, job: Job) -> None:
        """Let those that waited for a job go on."""
        users, job.users = job.users, set()
        for user in users:
            user.inputs.discard(job)
            if not user.inputs:
                self._push(user)

    def remove(self, job: Job) -> dict[Answer, Tile]:
        """Take a job out of everything, with the inputs that only it waited for."""
        answers, job.answers = job.answers, {}
        job.state = JobState.OVER
        job.pixels = None
        self.jobs.pop(job.key, None)
        self._requested[job.priority].pop(job, None)
        self._admission.finish(job.clients)
        sources, job.inputs = job.inputs, set()
        for source in sources:
            source.users.discard(job)
            self._drop_unwanted(source)
        self._count()
        return answers

    def remove_with_users(self, job: Job) -> dict[Answer, Tile]:
        """Take a failed job out with every job that cannot be made without it."""
        users, job.users = job.users, set()
        answers = self.remove(job)
        for user in users:
            if user.state in WAITING:
                answers |= self.remove_with_users(user)
        return answers

    def remove_waiting(self) -> list[Answer]:
        """Take out all jobs that have not begun."""
        queued = [job for job in self.jobs.values() if job.state in WAITING]
        return [answer for job in queued for answer in self.remove(job)]

    # The graph.

    def _create(self, key: BlockKey) -> Job:
        """Make a job and those of its missing inputs; a failing renderer leaves nothing behind."""
        job = self.jobs[key] = Job(key)
        try:
            self._link(job)
        except Exception as error:
            self._drop_unwanted(job)
            raise explained(key, error) from error
        return job

    def _link(self, job: Job) -> None:
        """Let a job wait for those of its inputs that are missing, which are scheduled too."""
        seed, block = job.key
        for missing in self._ancestors.inputs(seed, block, partial(self.is_there, seed)):
            key = (seed, missing)
            source = self.jobs.get(key)
            if source is None:
                source = self.jobs[key] = Job(key, job.rank)
                self._connect(source, job)
                self._link(source)
            else:
                self._connect(source, job)
                self._promote(source, job.rank)
        if not job.inputs:
            self._push(job)

    def is_there(self, seed: int, tile: Tile) -> bool:
        """Say whether a tile's pixels can be read, perhaps from a job that is being stored."""
        return self.pixels(seed, tile) is not None or self._has((seed, tile))

    def _connect(self, source: Job, user: Job) -> None:
        source.users.add(user)
        user.inputs.add(source)

    def _drop_unwanted(self, job: Job) -> None:
        if not job.wanted and job.state in WAITING:
            self.remove(job)
            self._metrics.dropped.inc()

    # The order.

    def _push(self, job: Job) -> None:
        """Queue a job whose inputs are there: by rank, then the deepest zoom first."""
        heapq.heappush(self._ready, (job.rank, -job.key[1].top.z, next(self._numbers), job))

    def _promote(self, job: Job, rank: Rank) -> None:
        """Move a job and all that it waits for forward, if that is forward."""
        if job.rank <= rank:
            return
        job.rank = rank
        if job.state is JobState.QUEUED and not job.inputs:
            self._push(job)
        for source in job.inputs:
            self._promote(source, rank)

    def _promote_aged(self, now: float) -> None:
        """Put what has waited for long before everything else, the oldest first."""
        for priority, jobs in self._requested.items():
            for job in jobs:
                if job.since > now - AGE_SECONDS[priority]:
                    break
                if job.rank[0]:
                    self._promote(job, (0, 0, next(self._numbers)))

    def _note_requested(self, job: Job, priority: Priority, now: float) -> None:
        known = job in self._requested[job.priority]
        if known and job.priority <= priority:
            return
        self._requested[job.priority].pop(job, None)
        job.priority, job.since = priority, now
        self._requested[priority][job] = None

    def _count(self) -> None:
        self._metrics.queue_length.set(len(self.jobs))


def explained(key: BlockKey, error: BaseException) -> GenerationError:
    """Return the error as a sentence for those who asked."""
    if isinstance(error, GenerationError):
        return error
    seed, block = key
    return GenerationError(
        f"block {block} of seed {seed} could not be made: {type(error).__name__}: {error}"
    )
