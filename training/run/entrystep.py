"""The step that moves a bank's entries: they are drawn under other places' parents and compared.

Each entry is moved towards what such places look like in the small; the decoder learns with them.
Descriptors, gates and the encoder stay.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.atomicfile import atomic_replace
from generator.cascade.checkpoint import Checkpoint
from generator.grid.tile import SCALE
from generator.nets.blocks import channels_last, crop
from generator.nets.body import padded
from generator.nets.codes import quantise
from generator.nets.decoder import LayoutDecoder
from training.drawing import decoder_and_bank, draw, rounded
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.losses.context import Drawn, Judges
from training.run.ema import Ema
from training.run.recipe import EntriesRecipe
from training.run.state import load_judges
from training.run.step import Batch, TrainingStep
from training.samples.entrybank import Entries
from training.samples.entrybatches import EntryBatches
from training.samples.groups import Groups
from training.samples.windows import BANDS

_MOMENTUM = 0.05
_AVERAGE = 0.99


class EntryStep(TrainingStep):
    """Moves the entries of weights, and their decoder; raises TrainingError for other weights."""

    def __init__(
        self, loaded: Checkpoint, options: EntriesRecipe, device: torch.device | str = "cpu"
    ) -> None:
        decoder, bank = decoder_and_bank(loaded)
        torch.manual_seed(options.seed)
        super().__init__(Judges(device))
        self.options, self.digest, self.device = options, loaded.digest, torch.device(device)
        self.entries = Entries(bank, options.window, self.device)
        self.first = padded(channels_last(decoder.to(self.device)))
        self.decoder = copy.deepcopy(self.first).requires_grad_(True)
        self.ema: Ema[LayoutDecoder] = Ema(self.decoder, _AVERAGE)
        self.optimiser = torch.optim.AdamW(
            self.decoder.parameters(), options.decoder_rate, betas=(0.85, 0.99), weight_decay=0.0
        )
        self.slopes: dict[int, Tensor] = {}
        self._done = 0

    @property
    def done(self) -> int:
        """Steps taken."""
        return self._done

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
        # The decoder, by AdamW.
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(made, gradients)
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        for each in self.optimiser.param_groups:
            each["lr"] = self.options.decoder_rate * self.slowing
        self.optimiser.step()
        self.ema.update(self.decoder)
        # The entries that were drawn, against the gradient at their codes.
        assert self._codes.grad is not None
        self.entries.move(self._index, self._moves(self._zooms, self._codes.grad))
        self._done += 1

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

    def save(self, path: Path) -> None:
        """Write what a later call goes on from, atomically."""
        state = {
            "weights": self.digest, "done": self.done, "slopes": self.slopes,
            "entries": self.entries.state(), "decoder": self.decoder.state_dict(),
            "ema": self.ema.network.state_dict(), "updates": self.ema.updates,
            "optimiser": self.optimiser.state_dict(),
            "standard": self.judges.moments.state_dict(),
            "adversary": self.judges.adversary.state_dict(),
        }  # fmt: skip
        with atomic_replace(path) as part:
            torch.save(state, part)

    def load(self, path: Path) -> bool:
        """Go on from what `save` wrote; returns False where there is nothing.

        Raises TrainingError for what belongs to other weights.
        """
        if not path.exists():
            return False
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if state["weights"] != self.digest:
                raise ValueError("it was begun with other weights")
            self.entries.load_state(state["entries"])
            self.decoder.load_state_dict(state["decoder"])
            self.ema.network.load_state_dict(state["ema"])
            self.optimiser.load_state_dict(state["optimiser"])
            load_judges(self.judges, state)
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(f"{path} cannot be continued: {error}") from error
        self.slopes = {zoom: size.to(self.device) for zoom, size in state["slopes"].items()}
        self._done = int(state["done"])
        self.ema.updates = int(state["updates"])
        return True
