"""How much of a place comes back from its entry in a memory's bank.

Windows of a bank's scenes are found in the imagery. Each entry is drawn under the parent of another
place that fits it, at full strength, and compared with its own window; so is the nearest real
window of another place. An entry that is no nearer than that copies nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from generator.banks.options import SCALES
from generator.cascade.checkpoint import Checkpoint
from generator.grid.averaging import averaged
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.memory.bank import Bank, Codes, Scene
from generator.memory.config import CHOSEN_AT, STEP, WINDOW, choosing_scale
from generator.nets.body import padded
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import Encoder
from training.drawing import decoder_and_bank, draw
from training.errors import TrainingError
from training.imagery.pyramid import Image, Pyramid
from training.measure.copydistance import REGION, SIDE, CopyDistance
from training.measure.origins import Origin, Origins, of_other_places
from training.measure.report import markdown
from training.progress import track
from training.samples.entrybank import described

ZOOMS = (13, 15, 17)

POOL = 240
"""Real windows of each zoom that entries are compared with."""
LOST = 150.0
"""Mean squared gap of descriptors above which a scene's origin counts as not found."""

_EDGE = 8
"""Parent pixels round a window that are drawn and not looked at."""
_SIDE = SIDE // SCALE + 2 * _EDGE
_AROUND = max(REGION, SCALE * _SIDE)
_LATITUDE = 31


@dataclass(frozen=True, slots=True)
class RealWindow:
    """A real window of SIDE pixels with _EDGE parent pixels round it, uint8, and its image."""

    child: Pixels
    image: Image


@dataclass(frozen=True, slots=True)
class CopyDistances:
    """Copy distances of one entry's window, each as a whole and by tiles.

    entry: the bank's; untrained: codes that the encoder gives to the window itself, drawn under the
    same parent; other: the nearest real window of another place.
    """

    entry: tuple[float, float]
    untrained: tuple[float, float]
    other: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CopyRow:
    """Copy distances of one zoom, and the number of scenes that were not found in the imagery."""

    zoom: int
    windows: list[CopyDistances]
    lost: int


class EntryComparison:
    """Draws entries of one stage and compares them with the windows that they came from."""

    def __init__(
        self, network: LayoutDecoder, encoder: Encoder, zoom: int, origins: Origins
    ) -> None:
        self.decoder, self.encoder = padded(network), encoder
        self.zoom, self.origins = zoom, origins

    def pool(self, count: int, random: np.random.Generator) -> None:
        """Gather real windows; raises TrainingError where the imagery has none."""
        images = self.origins.serving(self.zoom)
        found: list[RealWindow] = []
        for number in random.permutation(len(images)):
            image = images[number]
            for child in self.origins.windows(image, self.zoom, SCALE * _SIDE, random):
                found.append(RealWindow(child, image))
            if len(found) >= count:
                break
        if len(found) < 2:
            raise TrainingError(f"no imagery has windows of zoom {self.zoom} to compare with")
        edge = SCALE * _EDGE
        self.real = found
        self.distance = CopyDistance(np.stack([r.child[edge:-edge, edge:-edge] for r in found]))
        self.described = [
            described(averaged(r.child, SCALE), choosing_scale(self.zoom)) for r in found
        ]

    def compare(
        self, scene: Scene, origin: Origin, random: np.random.Generator
    ) -> CopyDistances | None:
        """Compare a random window of a scene; None where it lies too near its image's edge."""
        # Draw a window of the scene, and find what is really there.
        codes, scale = scene.codes[self.zoom], choosing_scale(self.zoom)
        i, j = random.permutation(np.argwhere(scene.valid))[0]
        y, x = (
            int(np.clip(scale * (STEP * at + WINDOW // 2) - _SIDE // 2, 0, max(0, side - _SIDE)))
            for at, side in zip((i, j), codes.shape, strict=False)
        )
        own = self._own(origin, SCALE * y, SCALE * x)
        others = [of_other_places(origin.image, real.image) for real in self.real]
        if own is None or not any(others):
            return None
        # Draw the entry, and fresh codes of the window itself, under the parent of another place.
        parent = self._parent(scene, (int(i), int(j)), others)
        child = _middle(own, SCALE * _SIDE)
        fresh = self.encoder.codes(_tensor(child), _tensor(averaged(child, SCALE)))
        stored = torch.cat([_stored(codes, y, x), fresh.float()])
        maps = self.distance.maps(self._drawn(stored, parent))
        # Compare both, and the real windows of other places, with what is there.
        region = _middle(own, REGION)
        pairs = [(float(a), float(b)) for a, b in zip(*self.distance(maps, region), strict=True)]
        near = self.distance(self.distance.real[others], region)
        return CopyDistances(pairs[0], pairs[1], (float(near[0].min()), float(near[1].min())))

    def _own(self, origin: Origin, y: int, x: int) -> Pixels | None:
        """Return what surrounds a scene's window in its image; None where that is cut off."""
        child = self.origins.at_stage(origin.image, CHOSEN_AT[self.zoom]).child
        child = child[:, ::-1] if origin.mirrored else child
        middle = SCALE * _SIDE // 2
        top, left = (at + middle - _AROUND // 2 for at in (origin.y + y, origin.x + x))
        if min(top, left) < 0 or top + _AROUND > len(child) or left + _AROUND > child.shape[1]:
            return None
        return child[top : top + _AROUND, left : left + _AROUND]

    def _parent(self, scene: Scene, place: tuple[int, int], others: Sequence[bool]) -> Pixels:
        """Return the parent of another place that is most like a place of a scene."""
        wanted = scene.descriptors[place].astype(np.float32)
        gaps = [
            float(((descriptor - wanted)[:_LATITUDE] ** 2).sum()) if other else np.inf
            for (descriptor, _), other in zip(self.described, others, strict=True)
        ]
        return averaged(self.real[int(np.argmin(gaps))].child, SCALE)

    def _drawn(self, codes: Tensor, parent: Pixels) -> Pixels:
        """Draw codes [n, D, w, w] under one parent at full strength: uint8 [n, SIDE, SIDE, 3]."""
        count = len(codes)
        gsd = torch.full((count,), SCALES[CHOSEN_AT[self.zoom]].nominal)
        with torch.inference_mode():
            under = _tensor(parent).expand(count, -1, -1, -1)
            images = draw(self.decoder, codes, under, gsd, [1.0] * count)
        pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        edge = SCALE * _EDGE
        return np.asarray(pixels.permute(0, 2, 3, 1)[:, edge:-edge, edge:-edge].numpy())


def _middle(picture: Pixels, side: int) -> Pixels:
    first = (len(picture) - side) // 2
    return picture[first : first + side, first : first + side]


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float() / 127.5 - 1


def _stored(codes: Codes, y: int, x: int) -> Tensor:
    """Return a window of a scene's codes, float32 [1, D, w, w], 0 outside the scene."""
    out = np.zeros((_SIDE, _SIDE, codes.shape[2]), np.float32)
    part = codes[y : y + _SIDE, x : x + _SIDE]
    out[: part.shape[0], : part.shape[1]] = part
    return torch.from_numpy(out.transpose(2, 0, 1).copy())[None]


def measure_copies(
    loaded: Checkpoint, pyramid: Pyramid, zooms: Sequence[int], count: int, seed: int
) -> list[CopyRow]:
    """Compare windows of up to `count` scenes of each zoom with the places they came from.

    loaded: weights with a bank, pyramid: prepared imagery that has the bank's scenes. Raises
    TrainingError where either lacks what is compared.
    """
    decoder, bank = decoder_and_bank(loaded)
    assert loaded.encoder is not None
    origins = Origins(pyramid)
    rows = []
    for zoom in zooms:
        random = np.random.default_rng([seed, zoom])
        comparison = EntryComparison(decoder, loaded.encoder, zoom, origins)
        comparison.pool(POOL, random)
        rows.append(_measured(comparison, bank, count, random))
    return rows


def _measured(
    comparison: EntryComparison, bank: Bank, count: int, random: np.random.Generator
) -> CopyRow:
    """Compare windows of up to `count` scenes, in random order."""
    zoom = comparison.zoom
    scenes = [s for s in bank.scenes if zoom in s.codes and s.valid.any()]
    windows: list[CopyDistances] = []
    lost = 0
    for number in track(random.permutation(len(scenes)), f"zoom {zoom}: scenes"):
        scene = scenes[number]
        origin = comparison.origins.find(scene)
        if origin is None or origin.gap > LOST:
            lost += 1
        elif (distances := comparison.compare(scene, origin, random)) is not None:
            windows.append(distances)
        if len(windows) == count:
            break
    return CopyRow(zoom, windows, lost)


def copies_table(rows: Sequence[CopyRow]) -> str:
    """Tabulate shares and medians: of entries as they are and of untrained ones, by zoom."""
    headers = ["zoom", "windows", "scenes not found", "compared", "codes"]
    headers += ["no nearer than another place", "median", "of another place", "ratio"]
    lines = []
    for row in rows:
        first = [str(row.zoom), str(len(row.windows)), str(row.lost)]
        if not row.windows:
            lines.append([*first, *["–"] * 6])
            continue
        for what, at in (("whole", 0), ("tiles", 1)):
            other = np.array([window.other[at] for window in row.windows])
            for name in ("entry", "untrained"):
                own = np.array([getattr(window, name)[at] for window in row.windows])
                share = f"{100 * (own >= other).mean():.0f} %"
                medians = [f"{np.median(x):.3f}" for x in (own, other)]
                ratio = f"{np.median(own / other):.2f}"
                lines.append([*first, what, name, share, *medians, ratio])
    return markdown(headers, lines)
