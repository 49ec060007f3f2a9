"""Training against the clock on a machine that is lent for minutes: one lease, one run's part.

Whatever ends a lease (the clock, a signal, memory, a loss that is not finite), the state of the
last save lies in the output folder in parts that fit out of the machine.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from training.ahead import Ahead
from training.batchsize import groups, halved
from training.cooldown import cooled
from training.errors import TrainingError
from training.ondevice import DeviceSamples
from training.parts import split
from training.snapshot import Snapshot
from training.state import STATE, State
from training.stop import Stop
from training.trainer import Trainer

_MOST_FALLBACKS = 3
_GATHERING_STEPS, _GATHERING_SHARE = 40, 0.08
_TRIAL_STEPS, _WARM_STEPS = 6, 3


@dataclass(frozen=True, slots=True)
class Terms:
    """Of a lease: when it ends, how often it saves, and what may leave the machine.

    seconds: from `began` (a reading of time.monotonic) to the end of the last save.
    cool_down: seconds before the end over which the learning rates fall to a twentieth.
    keep: a name of training.parts.KEEPS, or None for the fullest that fits `limit_mib`.
    reserve: seconds at the end for what comes after the last save, such as a picture.
    """

    began: float
    seconds: float
    save_every: float = 120.0
    cool_down: float = 0.0
    part_mib: float = 15.5
    limit_mib: float = 60.0
    keep: str | None = None
    compile: bool = False
    reserve: float = 10.0


class Lease:
    """Runs a state's training on samples that are made on its device."""

    def __init__(
        self, state: State, samples: DeviceSamples, out: Path, terms: Terms,
        trainer: Trainer | None = None,
    ) -> None:  # fmt: skip
        self.state, self.out, self.terms = state, out, terms
        self.samples = Ahead(samples)
        self.trainer = trainer or Trainer(state)
        self.config = state.config
        self.stop = Stop()
        self.saved_step = -1
        self._safe = Snapshot(state)
        self._fallbacks = 0
        self._saving = 0.0
        self._sums: dict[str, float] = {}
        self._since: tuple[int, float] = (state.step, time.monotonic())

    def run(self) -> None:
        """Train to the end of the lease; the state's parts lie in `out` then."""
        self.stop.listen()
        self.out.mkdir(parents=True, exist_ok=True)
        if self.state.step and not self.state.optimiser.state:
            self._gather_moments()
        self.advance()
        self._save()
        if self.terms.compile:
            self._try_compiling()
        saved = shown = time.monotonic()
        while not self.stop.asked and self.left() > 0:
            self.advance()
            now = time.monotonic()
            if now - shown > 10:
                self._show()
                shown = now
            if now - saved > self.terms.save_every:
                self._save()
                saved = time.monotonic()
        self._show()
        if self.state.step != self.saved_step:
            self._save()
        self.samples.close()

    def left(self) -> float:
        """Seconds that training still has: the last save and the reserve are taken off."""
        end = self.terms.began + self.terms.seconds - 2 * self._saving - self.terms.reserve
        return end - time.monotonic()

    def advance(self) -> None:
        """Take one step; halves the batch where memory ends, falls back from what is not finite.

        Raises TrainingError where one sample of each kind is too much, or the loss stays infinite.
        """
        began = time.monotonic()
        try:
            losses = self._step()
        except torch.OutOfMemoryError:
            losses = None
        # Outside of the handler, whose traceback would hold on to the memory.
        if losses is None:
            self._shrink()
        elif not all(math.isfinite(value) for value in losses.values()):
            self._fall_back()
        else:
            self.state.seconds += time.monotonic() - began
            for name, value in losses.items():
                self._sums[name] = self._sums.get(name, 0.0) + value

    def _step(self) -> dict[str, float]:
        state, config = self.state, self.config
        # Without a cool-down the clock is not asked.
        share = cooled(self.left(), self.terms.cool_down) if self.terms.cool_down else 1.0
        state.config = dataclasses.replace(
            config, rate=config.rate * share, critic_rate=config.critic_rate * share
        )
        try:
            return self.trainer.step(self.samples.batch(state.step, groups(config)))
        finally:
            state.config = config

    def _shrink(self) -> None:
        smaller = halved(self.config)
        if smaller is None:
            raise TrainingError(
                f"a batch of {self.config.batch} samples does not fit the memory of "
                f"{self.state.device}, expected room for one sample of each kind"
            )
        print(f"out of memory: batch {self.config.batch} -> {smaller.batch}", flush=True)
        self._safe.restore(self.state)
        self.samples.drop()
        self.config = self.state.config = smaller
        if self.state.device.type == "cuda":
            torch.cuda.empty_cache()

    def _fall_back(self) -> None:
        """Return to the last safe weights, and go on behind the step that failed."""
        self._fallbacks += 1
        failed = self.state.step
        self._safe.restore(self.state)
        if self._fallbacks > _MOST_FALLBACKS:
            raise TrainingError(
                f"the loss was not finite at step {failed} again; "
                f"{self.out} holds step {self.saved_step}; expected a lower --rate"
            )
        print(f"loss not finite at step {failed}: back to step {self._safe.step}'s weights")
        self.state.step = failed
        self._sums.clear()
        self._since = (failed, time.monotonic())

    def _gather_moments(self) -> None:
        """Fill optimisers that came without moments, by steps whose weights are thrown away."""
        end = time.monotonic() + _GATHERING_SHARE * self.terms.seconds
        taken = 0
        while taken < _GATHERING_STEPS and time.monotonic() < end and not self.stop.asked:
            self.advance()
            taken += 1
        self._safe.restore_weights(self.state)
        self._safe = Snapshot(self.state)
        self._sums.clear()
        self._since = (self.state.step, time.monotonic())
        print(f"gathered the optimisers' moments in {taken} steps", flush=True)

    def _try_compiling(self) -> None:
        """Compile the network; keep it where that is faster within a sixth of the lease."""
        limit = time.monotonic() + self.terms.seconds / 6
        torch.compiler.set_stance("default")
        plain = self._timed(_TRIAL_STEPS)
        try:
            self.state.network.compile(dynamic=False)
            for _ in range(_WARM_STEPS):
                self.advance()
                if time.monotonic() > limit:
                    raise TimeoutError("compiling took too long")
            compiled = self._timed(_TRIAL_STEPS)
            kept = compiled < 0.97 * plain
            print(f"compiled: {compiled:.3f} s per step, plain {plain:.3f}", flush=True)
        except Exception as error:
            # Whatever a compiler dies of, the plain network goes on.
            print(f"not compiled: {error!s:.200}", flush=True)
            self._safe.restore(self.state)
            kept = False
        if not kept:
            torch.compiler.set_stance("force_eager")

    def _timed(self, steps: int) -> float:
        began = time.monotonic()
        for _ in range(steps):
            self.advance()
        return (time.monotonic() - began) / steps

    def _save(self) -> None:
        began = time.monotonic()
        self._safe = Snapshot(self.state)
        with tempfile.TemporaryDirectory() as scratch:
            self.state.save(Path(scratch))
            whole = torch.load(Path(scratch) / STATE, map_location="cpu", weights_only=True)
        terms = self.terms
        keep = split(whole, self.out, terms.part_mib, terms.limit_mib, terms.keep)
        self.saved_step = self.state.step
        self._saving = time.monotonic() - began
        print(f"saved step {self.saved_step} ({keep.name}) in {self._saving:.1f} s", flush=True)

    def _show(self) -> None:
        first, since = self._since
        steps, now = self.state.step - first, time.monotonic()
        if not steps:
            return
        row = {name: round(value / steps, 5) for name, value in self._sums.items()}
        rate = steps / (now - since)
        with (self.out / "log.jsonl").open("a") as log:
            line = {"step": self.state.step, "seconds": self.state.seconds, **row}
            log.write(json.dumps(line) + "\n")
        text = "  ".join(f"{name} {value:.4f}" for name, value in row.items())
        samples = rate * self.config.batch
        left = max(0.0, self.left())
        print(
            f"step {self.state.step}  {rate:.2f} steps/s  {samples:.0f} samples/s  "
            f"{left:.0f} s left  {text}",
            flush=True,
        )
        self._sums.clear()
        self._since = (self.state.step, now)
