"""The step that moves a bank's entries: they are drawn under other places' parents and compared.

Each entry is moved towards what such places look like in the small; the decoder learns with them.
Descriptors, gates and the encoder stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.cascade.checkpoint import Checkpoint
from generator.grid.tile import SCALE
from generator.memory.bank import Bank
from generator.nets.blocks import crop
from generator.nets.codes import quantise
from training.drawing import draw, rounded
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.losses.context import Drawn
from training.run.decoderstep import DecoderStep
from training.run.recipe import EntriesRecipe
from training.run.step import Batch
from training.samples.entrybank import Entries
from training.samples.entrybatches import EntryBatches
from training.samples.groups import Groups
from training.samples.windows import BANDS

_MOMENTUM = 0.05
_AVERAGE = 0.99


class EntryStep(DecoderStep):
    """Moves the entries of weights, and their decoder; raises TrainingError for other weights."""

    name, counter = "entries", "entry_steps"

    def __init__(
        self, loaded: Checkpoint, options: EntriesRecipe, device: torch.device | str = "cpu"
    ) -> None:
        self.options = options
        super().__init__(loaded, options.seed, _AVERAGE, device)
        self.entries = Entries(self._bank, options.window, self.device)
        self.slopes: dict[int, Tensor] = {}

    @property
    def rate(self) -> float:
        """Learning rate of the decoder."""
        return self.options.decoder_rate

    @property
    def bank(self) -> Bank:
        """The bank with its entries as they are now."""
        return self.entries.rounded()

    @property
    def summary(self) -> str:
        """Say how much of the entries has moved."""
        return f": {100 * self.entries.changed():.1f} % of the numbers are others than before"

    @property
    def weights(self) -> Mapping[str, float]:
        """Weights of the terms."""
        return self.options.terms

    @property
    def shares(self) -> tuple[float, ...]:
        """Each stage's share of the groups: the options', or its codes' share of all."""
        chosen, asked = self.options.zooms, self.options.shares
        areas = [float(self.entries.area(band.zoom) * (band.zoom in chosen)) for band in BANDS]
        if asked:
            asked += (0.0,) * (len(areas) - len(asked))
            areas = [share * bool(area) for share, area in zip(asked, areas, strict=True)]
        if not sum(areas):
            raise TrainingError(f"the bank has no entries of zooms {', '.join(map(str, chosen))}")
        return tuple(area / sum(areas) for area in areas)

    def batches(self, pyramid: Pyramid) -> EntryBatches:
        """Return the batches of all steps, from prepared imagery; raises TrainingError."""
        options = self.options
        groups = Groups(pyramid, options.window, options.group, self.shares, options.seed)
        return EntryBatches(groups, self.entries, options.groups)

    def draw(self, batch: Batch) -> Drawn:
        """Draw entries under a batch's parents, as they are and as they were at first."""
        self._zooms, levels = batch["zoom"].tolist(), batch["level"].tolist()
        batch = self.on_device(batch)
        child, gsd, self._index = batch["child"].float() / 127.5 - 1, batch["gsd"], batch["index"]
        parent = rounded(F.avg_pool2d(child, SCALE))
        # Draw the entries as they are, and as they were at first.
        self._codes = self.entries.read(self._index).requires_grad_(True)
        images = draw(self.decoder, quantise(self._codes), parent, gsd, levels)
        with torch.no_grad():
            before = draw(self.first, self.entries.read_first(self._index), parent, gsd, levels)
        edge = SCALE * self.options.edge
        made, real, first = (crop(each, edge) for each in (images, child, before))
        # A window without an entry counts for nothing: it is real, and compared with itself.
        bare = (self._index < 0).flatten(1).all(1)[:, None, None, None]
        made, first = torch.where(bare, real, made), torch.where(bare, real, first)
        return Drawn(made, real, gsd, first=first, group=self.options.group)

    def backward(self, made: list[Tensor], gradients: list[Tensor]) -> None:
        """Move the decoder, then the entries."""
        super().backward(made, gradients)
        # The entries that were drawn, against the gradient at their codes.
        assert self._codes.grad is not None
        self.entries.move(self._index, self._moves(self._zooms, self._codes.grad))

    def _moves(self, zooms: list[int], slopes: Tensor) -> Tensor:
        """Return steps against slopes [B, D, w, w]: of one size where those are usual or more."""
        usual = torch.empty(len(zooms), device=self.device)
        for zoom in sorted(set(zooms)):
            rows = [row for row, each in enumerate(zooms) if each == zoom]
            size = slopes[rows].square().mean().sqrt()
            held = self.slopes.get(zoom, size)
            self.slopes[zoom] = held + _MOMENTUM * (size - held)
            usual[rows] = self.slopes[zoom]
        rate = self.options.rate * self.slowing
        return -rate * torch.tanh(slopes / (usual[:, None, None, None] + 1e-12))

    def state(self) -> dict[str, Any]:
        """Return all that moves, for `take`."""
        return super().state() | {"slopes": self.slopes, "entries": self.entries.state()}

    def take(self, state: dict[str, Any]) -> None:
        """Take what `state` returned; raises KeyError, RuntimeError, ValueError for another's."""
        super().take(state)
        self.entries.load_state(state["entries"])
        self.slopes = {zoom: size.to(self.device) for zoom, size in state["slopes"].items()}
