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
from training.chain import coarse_colours, generated_parent
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
        losses, real, fake = self._forward(batch)
        total = losses["denoising"] + losses["energy"]
        if state.step >= config.adversarial_from:
            state.critic.requires_grad_(False)
            with torch.no_grad():
                expected = self._critic(real)
            losses["adversarial"] = generator_adversarial(self._critic(fake), expected)
            ramp = min(1.0, (state.step - config.adversarial_from + 1) / 300)
            total = total + ramp * config.adversarial_weight * losses["adversarial"]
        state.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch
        losses["norm"] = torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        for group in state.optimiser.param_groups:
            group["lr"] = config.rate * min(1.0, (state.step + 1) / 100)
        state.optimiser.step()
        state.ema.update(state.network)
        if state.step >= config.adversarial_from - 200:
            losses |= self._train_critic(real, {**fake, "child": fake["child"].detach()})
        state.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _forward(self, batch: Batch) -> tuple[dict[str, Tensor], Batch, Batch]:
        """Losses against the truth, and what the critic compares: (losses, real, fake)."""
        config, network = self.state.config, self.state.network
        d, p = config.denoise, config.denoise + config.pairs
        own = generated_parent(
            network, batch["child"][p:], batch["gsd"][p:], batch["augmentation"][p:], self.random
        )
        batch["parent"] = torch.cat([batch["parent"][:p], own])
        clean, base = targets(batch, network.margin)
        whole = full_residual(batch)

        def each(value: Tensor) -> Tensor:
            # The denoised samples, the pairs twice, the chains.
            return torch.cat([value[:p], value[d:]])

        noise = torch.randn(
            each(whole).shape, generator=self.random, device=whole.device, dtype=whole.dtype
        )
        t = torch.randint(1, TIMESTEPS + 1, (d,), generator=self.random, device=whole.device)
        time_ = torch.full((len(noise),), TIMESTEPS, device=whole.device)
        time_[:d] = t
        x = torch.cat([diffuse(whole[:d], noise[:d], self.abar[t]), noise[d:]])
        with torch.autocast(whole.device.type, torch.bfloat16):
            code = network.embedding(
                time_ / TIMESTEPS, each(batch["gsd"]), each(batch["augmentation"])
            )
            out = network(x, each(batch["parent"]), network.modulations(code))
        losses = {
            "denoising": denoising(out[:d], clean[:d], self.abar[t]),
            "energy": energy_score(out[d:p], out[p : p + config.pairs], clean[d:p]),
        }
        sampled = each(base)[d:] + out[d:] / RESIDUAL_GAIN
        edge = SCALE * network.margin
        real = {
            "child": each(crop(batch["child"], edge))[d:],
            "coarse": each(crop(coarse_colours(batch["child"]), edge))[d:],
            "gsd": each(batch["gsd"])[d:],
        }
        return losses, real, {**real, "child": sampled}

    def _critic(self, seen: Batch) -> Tensor:
        with torch.autocast(seen["child"].device.type, torch.bfloat16):
            logits: Tensor = self.state.critic(seen["child"], seen["coarse"], seen["gsd"])
        return logits

    def _train_critic(self, real: Batch, fake: Batch) -> dict[str, Tensor]:
        state = self.state
        state.critic.requires_grad_(True)
        penalised = state.step % PENALTY_EVERY == 0
        images = real["child"].clone().requires_grad_(penalised)
        logits = self._critic({**real, "child": images})
        other = self._critic(fake)
        loss = discriminator_adversarial(other, logits)
        losses = {"critic": loss, "margin": (logits.mean() - other.mean()).detach()}
        if penalised:
            losses["penalty"] = gradient_penalty(logits, images)
            loss = loss + 0.5 * PENALTY_EVERY * state.config.penalty * losses["penalty"]
        state.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        torch.nn.utils.clip_grad_norm_(state.critic.parameters(), 5.0)
        state.critic_optimiser.step()
        return losses


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
