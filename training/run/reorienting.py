"""Learns what layout codes become when their picture is mirrored or turned.

Windows of real imagery are encoded in all eight orientations; two layers learn to tell the codes of
seven of them from those of the first, as `generator.memory.reorientation` will. They are then
rounded to whole numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.cascade import checkpoint
from generator.cascade.checkpoint import Checkpoint
from generator.grid.averaging import averaged
from generator.grid.tile import SCALE
from generator.memory.bank import Codes
from generator.memory.orientation import ORIENTATIONS
from generator.memory.reorientation import MOST_ACTIVE, REACH, SIDE, TURNED, Reorientation
from generator.nets.conditioning import to_tensor
from generator.nets.config import LayoutConfig
from generator.nets.encoder import Encoder
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.progress import track
from training.run.export import check_there, described_size, weights_before
from training.run.recipe import Recipe, ReorientationRecipe
from training.samples import keyedfile
from training.samples.windows import Samples

WINDOW = 64
"""Parent pixels along a window that is encoded."""

_CROP = 44
_BATCH = 4
_HELD_OUT = 16
"""One window of so many is kept for the figures that are printed."""
_EIGHT_BITS = 127
_BEYOND = 0.9999
"""Share of the hidden numbers that stay within their range."""


def train_reorientation(recipe: Recipe, data: Path, folder: Path) -> None:
    """Add the reorientation of the recipe's encoder to the last weights of a run.

    Windows that are encoded already are kept in the folder; learning takes minutes and begins
    anew. Raises TrainingError and GeneratorError.
    """
    part, out = recipe.reorientation[0], folder / "reorientation-1.safetensors"
    weights = weights_before("reorientation", recipe, folder)
    check_there(weights)
    loaded = checkpoint.load(weights)
    pairs = collect(loaded, Pyramid(data), part, folder / "reorientation.npz")
    made = learn(pairs, loaded, part)
    whole = {**loaded.record.get("recipe", {}), "reorientation": [dataclasses.asdict(part)]}
    record = loaded.record | {"recipe": whole}
    checkpoint.save(
        out, loaded.network, loaded.sampler, record, loaded.specialists, loaded.encoder,
        loaded.bank, made,
    )  # fmt: skip
    print(f"wrote {out} ({described_size(out)})", flush=True)


def collect(
    loaded: Checkpoint, pyramid: Pyramid, part: ReorientationRecipe, path: Path
) -> NDArray[np.int8]:
    """Encode windows in all orientations, each turned back: int8 [windows, 8, h, w, D].

    They are kept in the file `path`. Raises TrainingError for weights without an encoder.
    """
    if loaded.encoder is None:
        raise TrainingError("the weights hold no encoder of layouts, expected one to learn from")
    key = f"{pyramid.digest} {loaded.encoder_digest} {part.windows} {part.seed}"
    held = keyedfile.load(path, key)
    if held is None:
        samples = Samples(pyramid, "train", WINDOW, part.seed)
        numbers = track(range(part.windows), "windows in eight orientations")
        every = [in_all_orientations(loaded.encoder, _window(samples, n)) for n in numbers]
        held = {"pairs": np.stack(every)}
        keyedfile.save(path, key, held)
    return held["pairs"]


def in_all_orientations(encoder: Encoder, picture: NDArray[np.uint8]) -> Codes:
    """Encode a picture [4 h, 4 w, 3] eight times, each turned back: int8 [8, h, w, D]."""
    found = []
    for orientation in ORIENTATIONS:
        turned = np.ascontiguousarray(orientation.of(picture))
        codes = encoder.codes(to_tensor(turned), to_tensor(averaged(turned, SCALE)))
        found.append(orientation.back(codes[0].permute(1, 2, 0).numpy()))
    return np.stack(found)


def _window(samples: Samples, number: int) -> NDArray[np.uint8]:
    """Return a window, uint8 [4 WINDOW, 4 WINDOW, 3], of each stage that has imagery in turn."""
    random = np.random.Generator(np.random.Philox(key=[samples.seed, number]))
    served = np.flatnonzero(samples.shares)
    pixels, _ = samples.child(int(served[number % len(served)]), random)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def learn(pairs: NDArray[np.int8], loaded: Checkpoint, part: ReorientationRecipe) -> Reorientation:
    """Learn the two layers and round them; prints how often they are right in held-out windows.

    pairs: int8 [windows, 8, h, w, D], as `collect` returns them.
    """
    config = loaded.network.config
    assert isinstance(config, LayoutConfig)
    torch.manual_seed(part.seed)
    kept = pairs[np.arange(len(pairs)) % _HELD_OUT > 0]
    scores = TURNED * config.dimensions * config.levels
    layers = nn.Sequential(
        nn.Conv2d(config.dimensions, part.width, SIDE), nn.ReLU(), nn.Conv2d(part.width, scores, 1)
    )
    optimizer = torch.optim.AdamW(layers.parameters(), part.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, part.rate, part.steps)
    # Each number of each turned code is told as one of its levels.
    for seen, turned in track(_crops(kept, part), "steps of the reorientation", part.steps):
        told = layers(seen).unflatten(1, (TURNED * config.dimensions, config.levels))
        loss = F.cross_entropy(told.transpose(1, 2), turned + config.levels // 2)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    made = rounded(layers, kept, config)
    right, apart, identical = figures(made, pairs[::_HELD_OUT])
    print(
        f"of {len(pairs[::_HELD_OUT])} held-out windows {100 * right:.0f} % of the numbers are "
        f"right, with a mean square error of {apart:.2f}; of codes that are left as they are it is "
        f"{identical:.2f}",
        flush=True,
    )
    return made


def _crops(pairs: NDArray[np.int8], part: ReorientationRecipe) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield codes [B, D, h, w] and those of the seven orientations within, int64 [B, 7 D, h', w'].

    Both as they are learned from, `part.steps` times.
    """
    random = np.random.default_rng(part.seed)
    side = min(_CROP, pairs.shape[2])
    inner = slice(REACH, side - REACH)
    for _ in range(part.steps):
        rows = random.integers(len(pairs), size=_BATCH)
        y, x = (int(random.integers(length - side + 1)) for length in pairs.shape[2:4])
        some = torch.from_numpy(pairs[rows, :, y : y + side, x : x + side]).permute(0, 1, 4, 2, 3)
        yield some[:, 0].float(), some[:, 1:, :, inner, inner].flatten(1, 2).long()


def rounded(layers: nn.Sequential, pairs: NDArray[np.int8], config: LayoutConfig) -> Reorientation:
    """Round two layers to whole numbers whose sums are small; pairs say how active they are."""
    hidden, out = (
        layer.weight.detach().double().numpy() for layer in layers if isinstance(layer, nn.Conv2d)
    )
    hidden_bias, out_bias = (
        layer.bias.detach().double().numpy()
        for layer in layers
        if isinstance(layer, nn.Conv2d) and layer.bias is not None
    )
    hidden = hidden.transpose(2, 3, 1, 0).reshape(-1, len(hidden_bias))
    out = out[:, :, 0, 0].T
    # The hidden layer: eight bits for the weights of each number, then of the numbers themselves.
    scale = _EIGHT_BITS / np.abs(hidden).max(0)
    with torch.inference_mode():
        seen = torch.from_numpy(pairs[:, 0]).permute(0, 3, 1, 2)[::4].float()
        active = layers[:2](seen).permute(0, 2, 3, 1).reshape(-1, len(scale)).numpy()
    most = float(np.quantile(active * scale, _BEYOND))
    shift = max(0, int(np.ceil(np.log2(most / MOST_ACTIVE))))
    # The scores: each group of levels has a scale of its own, for they alone are compared.
    out = (out * (2.0**shift / scale)[:, None]).reshape(len(out), -1, config.levels)
    share = _EIGHT_BITS / np.abs(out).max((0, 2))
    biases = out_bias.reshape(-1, config.levels) * share[:, None]
    return Reorientation(
        np.rint(hidden * scale).astype(np.int8),
        np.rint(hidden_bias * scale).astype(np.int32),
        np.rint(out * share[:, None]).astype(np.int8).reshape(len(out), -1),
        np.rint(biases).astype(np.int32).ravel(),
        shift,
        config.dimensions,
        config.levels,
    )


def figures(made: Reorientation, pairs: NDArray[np.int8]) -> tuple[float, float, float]:
    """Return the share of numbers told rightly, their mean square error, and that of the identity.

    pairs: int8 [windows, 8, h, w, D].
    """
    inner = slice(REACH, -REACH)
    right, apart, identical = [], [], []
    for window in pairs:
        seen = np.lib.stride_tricks.sliding_window_view(window[0], (SIDE, SIDE), axis=(0, 1))
        seen = np.moveaxis(seen, 2, 4).reshape(-1, SIDE * SIDE * window.shape[3])
        for orientation in range(1, len(ORIENTATIONS)):
            truth = window[orientation][inner, inner].astype(np.int64)
            gap = made.told(seen, orientation).reshape(truth.shape) - truth
            right.append((gap == 0).mean())
            apart.append((gap**2).mean())
            identical.append(((window[0][inner, inner] - truth) ** 2).mean())
    return float(np.mean(right)), float(np.mean(apart)), float(np.mean(identical))
