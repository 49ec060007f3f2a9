"""The training loop: one step, logging, checkpoints, resuming."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from generator.diffusion import RESIDUAL_GAIN, TIMESTEPS, alpha_bar, diffuse
from generator.network import SCALE, crop, pin, upsample
from training.dataset import Samples
from training.loss import (
    denoising,
    discriminator_adversarial,
    energy_score,
    generator_adversarial,
    gradient_penalty,
)
from training.state import Batch, State

PENALTY_EVERY = 4
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


def targets(batch: Batch, margin: int) -> tuple[Tensor, Tensor]:
    """Clean pinned residual and upsampled parent of a batch, each [B, 3, 4c, 4c]."""
    base = upsample(batch["parent"])
    residual = (crop(batch["child"], 2 * SCALE) - base) * RESIDUAL_GAIN
    pinned = pin(F.pixel_unshuffle(residual, SCALE))
    spent = 2 + (residual.shape[-1] - pinned.shape[-1]) // (2 * SCALE)
    rest = SCALE * (margin - spent)
    return crop(pinned, rest), crop(base, SCALE * (margin - 2))


def full_residual(batch: Batch) -> Tensor:
    """Residual on the whole window for diffusing, zero within the pinning's reach of the edge."""
    base = upsample(batch["parent"])
    residual = (crop(batch["child"], 2 * SCALE) - base) * RESIDUAL_GAIN
    pinned = pin(F.pixel_unshuffle(residual, SCALE))
    edge = (batch["child"].shape[-1] - pinned.shape[-1]) // 2
    return F.pad(pinned, (edge,) * 4)


class Trainer:
    """Runs steps of a State on batches of samples."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.abar = alpha_bar().to(state.device)
        self.random = torch.Generator(state.device)

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the networks once; returns the losses."""
        state, config = self.state, self.state.config
        self.random.manual_seed(config.seed * 1_000_003 + state.step)
        batch = {key: value.to(state.device) for key, value in batch.items()}
        denoised, pair, clean, base, abar = self._forward(batch)
        n = config.denoise
        losses = {"denoising": denoising(denoised, clean[:n], abar)}
        first, second = pair.chunk(2)
        truth = clean[n:]
        losses["energy"] = energy_score(first, second, truth)
        total = losses["denoising"] + losses["energy"]
        adversarial = state.step >= config.adversarial_from
        if adversarial:
            state.critic.requires_grad_(False)
            fake = self._critic(pair, base[n:].repeat(2, 1, 1, 1), batch, 2)
            with torch.no_grad():
                real = self._critic(truth, base[n:], batch, 1)
            losses["adversarial"] = generator_adversarial(fake, real.repeat(2, 1))
            ramp = min(1.0, (state.step - config.adversarial_from + 1) / 300)
            total = total + ramp * config.adversarial_weight * losses["adversarial"]
        state.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch
        norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        warm = min(1.0, (state.step + 1) / 100)
        for group in state.optimiser.param_groups:
            group["lr"] = config.rate * warm
        state.optimiser.step()
        state.ema.update(state.network)
        if state.step >= config.adversarial_from - 200:
            losses |= self._train_critic(pair.detach(), truth, base[n:], batch)
        state.step += 1
        losses["norm"] = norm
        return {name: float(value.detach()) for name, value in losses.items()}

    def _forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        config, network = self.state.config, self.state.network
        n = config.denoise
        clean, base = targets(batch, network.margin)
        whole = full_residual(batch)
        noise = torch.randn(
            (n + 2 * config.pairs, *whole.shape[1:]), generator=self.random, device=whole.device
        )
        t = torch.randint(1, TIMESTEPS + 1, (n,), generator=self.random, device=whole.device)
        abar = self.abar[t]
        noisy = diffuse(whole[:n], noise[:n], abar)
        x = torch.cat([noisy, noise[n:]])
        last = torch.full((2 * config.pairs,), TIMESTEPS, device=whole.device)
        time_ = torch.cat([t, last]) / TIMESTEPS

        def both(value: Tensor) -> Tensor:
            return torch.cat([value, value[n:]])

        with torch.autocast(whole.device.type, torch.bfloat16):
            code = network.embedding(time_, both(batch["gsd"]), both(batch["augmentation"]))
            out = network(x, both(batch["parent"]), network.modulations(code))
        return out[:n], out[n:], clean, base, abar

    def _critic(self, residual: Tensor, base: Tensor, batch: Batch, copies: int) -> Tensor:
        n = self.state.config.denoise
        gsd = batch["gsd"][n:].repeat(copies)
        augmentation = batch["augmentation"][n:].repeat(copies)
        with torch.autocast(residual.device.type, torch.bfloat16):
            logits: Tensor = self.state.critic(residual, base, gsd, augmentation)
        return logits

    def _train_critic(
        self, pair: Tensor, truth: Tensor, base: Tensor, batch: Batch
    ) -> dict[str, Tensor]:
        state = self.state
        state.critic.requires_grad_(True)
        penalised = state.step % PENALTY_EVERY == 0
        images = truth.clone().requires_grad_(penalised)
        real = self._critic(images, base, batch, 1)
        fake = self._critic(pair, base.repeat(2, 1, 1, 1), batch, 2)
        loss = discriminator_adversarial(fake, real.repeat(2, 1))
        losses = {"critic": loss, "margin": (real.mean() - fake.mean()).detach()}
        if penalised:
            losses["penalty"] = gradient_penalty(real, images)
            loss = loss + 0.5 * PENALTY_EVERY * state.config.penalty * losses["penalty"]
        state.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        torch.nn.utils.clip_grad_norm_(state.critic.parameters(), 5.0)
        state.critic_optimiser.step()
        return losses


def train(
    state: State, samples: Samples, folder: Path, steps: int, workers: int, save_every: float = 180
) -> None:
    """Train until `steps`, printing rate and ETA and saving every `save_every` seconds."""
    trainer = Trainer(state)
    size = state.config.denoise + state.config.pairs
    stream = batches(samples, size, state.step, workers)
    began = saved = last = time.monotonic()
    first, sums, counts = state.step, dict[str, float](), dict[str, int]()
    with (folder / "log.jsonl").open("a", buffering=1) as log:
        while state.step < steps:
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
