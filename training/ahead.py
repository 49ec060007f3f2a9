"""The next step's batch, made while the present step runs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from training.ondevice import DeviceSamples
from training.state import Batch


class Ahead:
    """Batches of DeviceSamples, the following one begun in a thread; another is made on demand."""

    def __init__(self, samples: DeviceSamples) -> None:
        self.samples = samples
        self._pool = ThreadPoolExecutor(1)
        self._next: tuple[int, tuple[int, ...]] | None = None
        self._made: Future[Batch] | None = None

    def batch(self, step: int, groups: tuple[int, ...]) -> Batch:
        """Return what DeviceSamples.batch returns, and begin the batch of the step behind it."""
        if self._made is None or self._next != (step, groups):
            self.drop()
            self._made = self._pool.submit(self.samples.batch, step, groups)
        batch = self._made.result()
        self._next = (step + 1, groups)
        self._made = self._pool.submit(self.samples.batch, step + 1, groups)
        return batch

    def drop(self) -> None:
        """Wait for what is begun and forget it: its memory is free then."""
        if self._made is not None:
            self._made.exception()
        self._made = self._next = None

    def close(self) -> None:
        """End the thread."""
        self.drop()
        self._pool.shutdown()
