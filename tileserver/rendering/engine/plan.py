"""The plan of a scheduler: its jobs, what each waits for, and which is best to do next.

Everything here runs under the scheduler's lock.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from generator.grid.block import Block
from generator.grid.tile import Tile
from tileserver.rendering.engine.admission import Admission
from tileserver.rendering.engine.jobs import (
    WAITING,
    Answer,
    Ask,
    BlockKey,
    Job,
    Key,
    Priority,
    Rank,
    State,
    explained,
)
from tileserver.rendering.engine.viewports import Viewports
from tileserver.rendering.metrics import PRIORITIES, Metrics

if TYPE_CHECKING:
    from generator.cascade.renderer import Renderer

AGE_SECONDS = {Priority.INTERACTIVE: 5.0, Priority.PREFETCH: 12.0, Priority.SEEDING: 60.0}
"""A block that was asked for so long ago goes before all views."""


class Plan:
    """The unfinished jobs of a scheduler.

    renderer: says what a block needs; has: says whether a tile is there already.
    """

    def __init__(
        self,
        renderer: Renderer,
        has: Callable[[Key], bool],
        admission: Admission,
        metrics: Metrics,
    ) -> None:
        self.jobs: dict[BlockKey, Job] = {}
        self._renderer = renderer
        self._has = has
        self._admission = admission
        self._metrics = metrics
        # Those that somebody asked for, in the order of arrival.
        self._asked: dict[Priority, dict[Job, None]] = {priority: {} for priority in Priority}
        self._ready: list[tuple[Rank, int, int, Job]] = []
        self._numbers = itertools.count(1)
        self._viewports = Viewports()

    @property
    def asked(self) -> int:
        """Return how many blocks somebody waits for."""
        return sum(map(len, self._asked.values()))

    def add(self, key: Key, ask: Ask, answer: Answer, pace: float) -> None:
        """Let `answer` wait for a tile; plan its block if nobody did.

        pace: seconds that a block takes. Raises LaterError if there is no room or budget,
        GenerationError if the renderer refuses.
        """
        seed, tile = key
        job = self.jobs.get((seed, Block.of(tile)))
        if job is None or not job.clients:
            self._admission.check(self.asked, ask, pace, job is None)
        before = len(self.jobs)
        job = job or self._create((seed, Block.of(tile)))
        self._admission.charge(ask, len(self.jobs) - before)
        self._admission.join(job, ask)
        job.answers[answer] = tile
        now = time.monotonic()
        self._note_asked(job, ask.priority, now)
        view = self._viewports.number(seed, tile, now, answer)
        self.promote(job, (1 + ask.priority, -view, next(self._numbers)))
        self._count()

    def leave(self, key: Key, answer: Answer, client: str) -> None:
        """Let an answer wait no more; drop what nobody waits for now."""
        job = self.jobs.get((key[0], Block.of(key[1])))
        if job is None or answer not in job.answers:
            return
        del job.answers[answer]
        self._admission.leave(job, client)
        if not job.answers:
            self._asked[job.priority].pop(job, None)
        self._drop_unwanted(job)
        self._count()

    def pop(self, now: float) -> Job | None:
        """Return the best ready job, which is running from now on, or None."""
        self._promote_aged(now)
        while self._ready:
            rank, _, _, job = heapq.heappop(self._ready)
            if job.state is State.QUEUED and not job.inputs and rank == job.rank:
                job.state = State.RUNNING
                if job.since and not job.attempts and not job.refusals:
                    self._metrics.queue[PRIORITIES[job.priority]].observe(now - job.since)
                return job
        return None

    def push(self, job: Job) -> None:
        """Queue a job whose inputs are there: by rank, then the deepest zoom first."""
        heapq.heappush(self._ready, (job.rank, -job.key[1].top.z, next(self._numbers), job))

    def resume(self, job: Job) -> None:
        """Queue a job again that was set aside."""
        if job.state is State.ASIDE:
            job.state = State.QUEUED
            self.push(job)

    def link(self, job: Job) -> None:
        """Let a job wait for those of its inputs that are missing, which are planned too."""
        seed, block = job.key
        for need in self._renderer.needs(block):
            key = (seed, Block.of(need))
            source = self.jobs.get(key)
            if (source is not None and source.state is State.STORING) or self._has((seed, need)):
                continue
            if source is None:
                source = self.jobs[key] = Job(key, job.rank)
                self._connect(source, job)
                self.link(source)
            else:
                self._connect(source, job)
                self.promote(source, job.rank)
        if not job.inputs:
            self.push(job)

    def promote(self, job: Job, rank: Rank) -> None:
        """Move a job and all that it waits for forward, if that is forward."""
        if job.rank <= rank:
            return
        job.rank = rank
        if job.state is State.QUEUED and not job.inputs:
            self.push(job)
        for source in job.inputs:
            self.promote(source, rank)

    def free_users(self, job: Job) -> None:
        """Let those that waited for a job go on."""
        users, job.users = job.users, set()
        for user in users:
            user.inputs.discard(job)
            if not user.inputs:
                self.push(user)

    def answer(self, job: Job, tile: Tile) -> list[Answer]:
        """Take out who waits for one tile of a job; a job that nobody waits for takes no room."""
        answers = [answer for answer, wanted in job.answers.items() if wanted == tile]
        for answer in answers:
            del job.answers[answer]
        if not job.answers:
            self._asked[job.priority].pop(job, None)
            self._admission.finish(job)
        return answers

    def remove(self, job: Job) -> dict[Answer, Tile]:
        """Take a job out of everything, with the inputs that only it waited for."""
        answers, job.answers = job.answers, {}
        job.state = State.OVER
        job.pixels = None
        self.jobs.pop(job.key, None)
        self._asked[job.priority].pop(job, None)
        self._admission.finish(job)
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

    def _create(self, key: BlockKey) -> Job:
        """Make a job and those of its missing inputs; a failing renderer leaves nothing behind."""
        job = self.jobs[key] = Job(key)
        try:
            self.link(job)
        except Exception as error:
            self._drop_unwanted(job)
            raise explained(key, error) from error
        return job

    def _note_asked(self, job: Job, priority: Priority, now: float) -> None:
        known = job in self._asked[job.priority]
        if known and job.priority <= priority:
            return
        self._asked[job.priority].pop(job, None)
        job.priority, job.since = priority, now
        self._asked[priority][job] = None

    def _connect(self, source: Job, user: Job) -> None:
        source.users.add(user)
        user.inputs.add(source)

    def _promote_aged(self, now: float) -> None:
        """Put what has waited for long before everything else, the oldest first."""
        for priority, jobs in self._asked.items():
            for job in jobs:
                if job.since > now - AGE_SECONDS[priority]:
                    break
                if job.rank[0]:
                    self.promote(job, (0, 0, next(self._numbers)))

    def _drop_unwanted(self, job: Job) -> None:
        if job.wanted or job.state not in WAITING:
            return
        self.remove(job)
        self._metrics.dropped.inc()

    def _count(self) -> None:
        self._metrics.queue_length.set(len(self.jobs))
