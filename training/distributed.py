"""Data parallel training: processes that share the batches of a step and add up their gradients.

Started by torchrun, which tells each process its rank and their number. A step's batches
(`--accumulate`) are dealt out to the processes; sample and noise of a batch are addressed by its
number in the run, so any number of processes makes the same steps, up to the order of additions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.data import Sampler

from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of one training and this one's place among them; alone by default."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this process is the one that prints, logs and saves."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Return this process's numbers of `count` batches; raises TrainingError if uneven."""
        if count % self.size:
            raise TrainingError(
                f"--accumulate is {count}, expected a multiple of the {self.size} processes"
            )
        each = count // self.size
        return range(self.rank * each, (self.rank + 1) * each)

    def sum(self, values: Iterable[Tensor]) -> None:
        """Replace tensors by their sums over all processes, in place; they must be alike."""
        found = list(values)
        if self.size == 1 or not found:
            return
        flat = torch.cat([value.reshape(-1).float() for value in found])
        dist.all_reduce(flat)
        sizes = [value.numel() for value in found]
        for value, total in zip(found, torch.split(flat, sizes), strict=True):
            value.copy_(total.view(value.shape))

    def sum_gradients(self, module: nn.Module) -> None:
        """Add up the gradients of a module over all processes."""
        self.sum(p.grad for p in module.parameters() if p.grad is not None)

    def copy_first(self, module: nn.Module) -> None:
        """Give all processes the leading one's weights and buffers; returns when all have them."""
        if self.size > 1:
            for value in (*module.parameters(), *module.buffers()):
                dist.broadcast(value.data, 0)
            dist.barrier()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process, so that all stop at the same step."""
        if self.size == 1:
            return flag
        total = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(total)
        return bool(total > 0)

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        """End the communication, at the end of the training."""
        if self.size > 1:
            dist.destroy_process_group()


def join(device: str) -> Group:
    """Join the processes that torchrun started, or be alone without it.

    device: cpu or cuda; processes on one machine take one CUDA device each. Raises TrainingError.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Group(device=torch.device(device))
    if not dist.is_available():
        raise TrainingError("this torch has no distributed package; train with one process")
    where = torch.device(device)
    if where.type == "cuda":
        local, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= there:
            raise TrainingError(
                f"process {local} has no CUDA device of its own, expected at most {there} processes"
            )
        where = torch.device("cuda", local)
        torch.cuda.set_device(where)
    dist.init_process_group("nccl" if where.type == "cuda" else "gloo")
    return Group(dist.get_rank(), dist.get_world_size(), where)


class Addresses(Sampler[int]):
    """Numbers of the samples that a process draws, from a step on, without end.

    size: samples of one batch; accumulate: batches of a step. Sample i of batch b of step s has
    the number (s accumulate + b) size + i, whichever process draws it.
    """

    def __init__(self, size: int, accumulate: int, step: int, group: Group) -> None:
        self.size, self.accumulate, self.step = size, accumulate, step
        self.share = group.share(accumulate)

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers in the order of their use."""
        step = self.step
        while True:
            for batch in self.share:
                first = (step * self.accumulate + batch) * self.size
                yield from range(first, first + self.size)
            step += 1


class Averaged:
    """Buffers that every batch of a step moves from where the step began; their mean is kept.

    Running statistics would otherwise depend on the order of a step's batches, and so on how they
    are dealt out. A step of one batch moves them as if this class were not there.
    """

    def __init__(self, buffers: Iterable[Tensor], count: int) -> None:
        self.buffers = list(buffers) if count > 1 else []
        self.count = count
        self._before = [buffer.clone() for buffer in self.buffers]
        self._total = [torch.zeros_like(buffer) for buffer in self.buffers]

    def begin(self) -> None:
        """Before a batch: go back to where the step began."""
        for buffer, before in zip(self.buffers, self._before, strict=True):
            buffer.copy_(before)

    def end(self) -> None:
        """After a batch: remember where it moved the buffers."""
        for buffer, total in zip(self.buffers, self._total, strict=True):
            total += buffer / self.count

    def finish(self, group: Group) -> None:
        """After the last batch: keep the mean over all batches of all processes."""
        group.sum(self._total)
        for buffer, total in zip(self.buffers, self._total, strict=True):
            buffer.copy_(total)
