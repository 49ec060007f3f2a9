"""The training loop: one step, logging, checkpoints, resuming."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from generator.diffusion import RESIDUAL_GAIN, TIMESTEPS, alpha_bar, diffuse
from generator.network import SCALE, crop, pin, upsample
from training.chain import generated_parent
from training.dataset import Samples
from training.features import random_features, shifted_window
from training.loss import denoising, energy_score, patches
from training.state import Batch, State

CHAIN_STRENGTH = 0.2
"""Augmentation strength that the network's own outputs count as, in training and by default."""
_LOG_EVERY = 20


class _From(Sampler[int]):
    def __init__(self, first: int) -> None:
        self.first = first

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, 2**40))


def batches(samples: Samples, size: int, step: int, workers: int) -> Iterator[Batch]:
    """Batches from the given step on: the same whether or not the run was interrupted."""
    loader = DataLoader(
        samples, size, sampler=_From(step * size), num_workers=workers, drop_last=True
    )
    return iter(loader)


def targets(batch: Batch, margin: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pinned residuals of a batch and what they stand on.

    Returns the residual of the whole window for diffusing, [B, 3, 4w, 4w], zero within the
    pinning's reach of the edge; its core, and the core's upsampled parent, each [B, 3, 4c, 4c].
    """
    base = upsample(batch["parent"])
    residual = (crop(batch["child"], 2 * SCALE) - base) * RESIDUAL_GAIN
    pinned = pin(F.pixel_unshuffle(residual, SCALE))
    edge = (batch["child"].shape[-1] - pinned.shape[-1]) // 2
    whole = F.pad(pinned, (edge,) * 4)
    return whole, crop(whole, SCALE * margin), crop(base, SCALE * (margin - 2))


class Trainer:
    """Runs steps of a State on batches of samples."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.abar = alpha_bar().to(state.device)
        self.random = torch.Generator(state.device)

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the network once; returns the losses."""
        state, config = self.state, self.state.config
        self.random.manual_seed(config.seed * 1_000_003 + state.step)
        losses = self._losses({key: value.to(state.device) for key, value in batch.items()})
        total = losses["denoising"] + losses["pixels"] + config.features * losses["features"]
        state.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch
        losses["norm"] = torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        for group in state.optimiser.param_groups:
            group["lr"] = config.rate * min(1.0, (state.step + 1) / 100)
        state.optimiser.step()
        state.ema.update(state.network)
        state.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        config, network = self.state.config, self.state.network
        d = config.denoise
        self._continue_chains(batch, d + config.pairs)
        whole, clean, base = targets(batch, network.margin)

        def each(value: Tensor) -> Tensor:
            # The denoised samples once, the others twice.
            return torch.cat([value, value[d:]])

        noise = torch.randn(each(whole).shape, generator=self.random, device=whole.device)
        t = torch.randint(1, TIMESTEPS + 1, (d,), generator=self.random, device=whole.device)
        time_ = torch.full((len(noise),), TIMESTEPS, device=whole.device)
        time_[:d] = t
        x = torch.cat([diffuse(whole[:d], noise[:d], self.abar[t]), noise[d:]])
        with torch.autocast(whole.device.type, torch.bfloat16):
            code = network.embedding(
                time_ / TIMESTEPS, each(batch["gsd"]), each(batch["augmentation"])
            )
            out = network(x, each(batch["parent"]), network.modulations(code))
        first, second = out[d:].chunk(2)
        samples = [first, second, clean[d:]]
        images = [base[d:] * RESIDUAL_GAIN + residual for residual in samples]
        windows = shifted_window(samples, self.random)
        return {
            "denoising": denoising(out[:d], clean[:d], self.abar[t]),
            "pixels": energy_score(*map(patches, windows)),
            "features": energy_score(*random_features(images, self.random)),
        }

    def _continue_chains(self, batch: Batch, first: int) -> None:
        """Give the samples from `first` on parents of the network's own making.

        Zoom 7 keeps its degraded parents: there the product starts from the base map.
        """
        child, gsd = batch["child"][first:], batch["gsd"][first:]
        strength = torch.full_like(gsd, CHAIN_STRENGTH)
        own = generated_parent(self.state.network, child, gsd, strength, self.random)
        bridge = batch["band"][first:] == 0
        own = torch.where(bridge.view(-1, 1, 1, 1), batch["parent"][first:], own)
        strength = torch.where(bridge, batch["augmentation"][first:], strength)
        batch["parent"] = torch.cat([batch["parent"][:first], own])
        batch["augmentation"] = torch.cat([batch["augmentation"][:first], strength])


class _Stop:
    """SIGTERM and Ctrl-C end the run after the present step, with its state saved."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True


def train(
    state: State, samples: Samples, folder: Path, steps: int, workers: int, save_every: float = 180
) -> None:
    """Train until `steps`, printing rate and ETA and saving every `save_every` seconds."""
    trainer = Trainer(state)
    stream = batches(samples, state.config.batch, state.step, workers)
    began = saved = last = time.monotonic()
    first, sums, counts = state.step, dict[str, float](), dict[str, int]()
    stop = _Stop()
    with (folder / "log.jsonl").open("a", buffering=1) as log:
        while state.step < steps and not stop.asked:
            for name, value in trainer.step(next(stream)).items():
                sums[name] = sums.get(name, 0.0) + value
                counts[name] = counts.get(name, 0) + 1
            now = time.monotonic()
            state.seconds += now - last
            last = now
            if state.step % _LOG_EVERY == 0:
                row = {name: round(sums[name] / counts[name], 5) for name in sums}
                log.write(json.dumps({"step": state.step, "seconds": state.seconds, **row}) + "\n")
                rate = (state.step - first) / (now - began)
                text = "  ".join(f"{name} {value:.4f}" for name, value in row.items())
                eta = (steps - state.step) / rate / 60
                line = f"{state.step}/{steps}  {rate:.2f} steps/s  ETA {eta:.0f} min  {text}"
                print(line, flush=True)
                sums.clear()
                counts.clear()
            if now - saved > save_every:
                state.save(folder)
                saved = now
    state.save(folder)
