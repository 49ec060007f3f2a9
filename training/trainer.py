"""One step of training: samples are drawn, scored, and the networks updated."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from generator.nets.blocks import crop
from generator.nets.diffusion import RESIDUAL_GAIN, TIMESTEPS, alpha_bar, diffuse
from generator.nets.resampling import upsample
from generator.nets.unet import ExactUNet, low_frequency_consistency
from training.chain import generated_parent
from training.distributed import Averaged, Group
from training.frozen import load_frozen
from training.losses.distances import (
    denoising,
    energy_score,
    gradient_penalty,
    mixed_groups,
    patches,
    relativistic,
    shifted_window,
)
from training.losses.perceptual import GAINS, Perceptual, detail
from training.state import Batch, State

CHAIN_STRENGTHS = (0.2, 0.8)
"""Augmentation strengths that the network's own outputs are called at random, in training."""
FAINTEST_START = 0.4
"""Least contrast of a chain's start beside the imagery's own, from zoom 11 down."""
_FIRST_FAINT_BAND = 2


def pinned_residual(child: Tensor, parent: Tensor) -> Tensor:
    """Return x_0 of a window: [B, 3, 4w, 4w], zero within the pinning's reach of the edge."""
    residual = (crop(child, 2 * SCALE) - upsample(parent)) * RESIDUAL_GAIN
    pinned = low_frequency_consistency(F.pixel_unshuffle(residual, SCALE))
    edge = (child.shape[-1] - pinned.shape[-1]) // 2
    return F.pad(pinned, (edge,) * 4)


class Trainer:
    """Runs steps of a State on batches of samples; processes of a group share each step."""

    def __init__(self, state: State, group: Group | None = None) -> None:
        self.state = state
        self.group = group or Group(device=state.device)
        self.abar = alpha_bar().to(state.device)
        self.random = torch.Generator(state.device)
        config = state.config
        self.perceptual: Perceptual | None = None
        if config.perceptual or config.adversarial:
            self.perceptual = Perceptual().to(state.device)
        self.upstream: ExactUNet = state.network
        if config.upstream:
            self.upstream = load_frozen(Path(config.upstream), state.device)[0]

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the network, and the critic, once; returns the losses."""
        state, config = self.state, self.state.config
        state.begin_step()
        sums: dict[str, Tensor] = {}
        batch = {key: value.to(state.device) for key, value in batch.items()}
        share = self.group.share(config.accumulate)
        memory = Averaged(state.critic.buffers(), config.accumulate)
        for number, part in zip(share, _parts(batch, len(share)), strict=True):
            self.random.manual_seed(state.seed_of(number))
            memory.begin()
            for name, value in self._backward(part).items():
                value = value.detach() / config.accumulate
                sums[name] = sums[name] + value if name in sums else value
            memory.end()
        memory.finish(self.group)
        self.group.sum_gradients(state.network)
        self.group.sum_gradients(state.critic)
        self.group.sum(sums.values())
        sums["norm"] = torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        state.optimiser.step()
        if config.adversarial:
            state.critic_optimiser.step()
        state.ema.update(state.network)
        state.step += 1
        return {name: float(value) for name, value in sums.items()}

    def _backward(self, batch: Batch) -> dict[str, Tensor]:
        """Add one batch's gradients to the networks'; returns the losses."""
        d = self.state.config.denoise
        losses: dict[str, Tensor] = {}
        if d:
            losses["denoising"] = self._denoise({k: v[:d] for k, v in batch.items()})
            (losses["denoising"] / self.state.config.accumulate).backward()  # type: ignore[no-untyped-call]  # torch
        if len(batch["child"]) > d:
            losses |= self._sample({k: v[d:] for k, v in batch.items()})
        return losses

    def _denoise(self, batch: Batch) -> Tensor:
        config = self.state.config
        whole = pinned_residual(batch["child"], batch["parent"])
        t = torch.randint(
            1, TIMESTEPS + 1, (len(whole),), generator=self.random, device=whole.device
        )
        noise = torch.randn(whole.shape, generator=self.random, device=whole.device)
        x = diffuse(whole, noise, self.abar[t])
        out = self._network(x, batch, t / TIMESTEPS)
        return denoising(out, crop(whole, SCALE * config.margin), self.abar[t])

    def _sample(self, batch: Batch) -> dict[str, Tensor]:
        """Two one-step samples of every condition, and what the scores say of them."""
        config = self.state.config
        truth, twice = self._conditions(batch)
        side = SCALE * twice["parent"].shape[-1]
        noise = torch.randn(
            (len(twice["parent"]), 3, side, side), generator=self.random, device=truth.device
        )
        network = self.state.network
        whole = evaluate(network, noise, twice, torch.ones(len(noise), device=noise.device))
        out = crop(whole, SCALE * (config.margin - network.least_margin))
        base = crop(upsample(twice["parent"]), SCALE * (config.margin - 2))
        images = base + out / RESIDUAL_GAIN
        leaf = images.detach().requires_grad_()
        windows = shifted_window([*leaf.chunk(2), truth], self.random)
        losses = {"pixels": energy_score(*(patches(w * RESIDUAL_GAIN) for w in windows))}
        (gradient,) = torch.autograd.grad(losses["pixels"], leaf, retain_graph=True)
        unit = gradient.norm()
        if self.perceptual is not None:
            seen, maps, slopes = self._see(windows, batch["gsd"])
            losses |= seen
            (other,) = torch.autograd.grad(maps, leaf, slopes)
            scale = (config.perceptual + config.adversarial) * unit / (other.norm() + 1e-12)
            gradient = gradient + other * scale
        images.backward(gradient / config.accumulate)  # type: ignore[no-untyped-call]  # torch
        return losses

    def _see(
        self, windows: list[Tensor], gsd: Tensor
    ) -> tuple[dict[str, Tensor], list[Tensor], list[Tensor]]:
        """Losses of what is seen in two samples and the truth, the maps, and the gradient at them.

        windows: [B, 3, H, W] each. Every map has the same say in a loss, and each loss its share.
        """
        assert self.perceptual is not None
        views = torch.cat(windows)
        maps = [detail(views), *self.perceptual(views)]
        seen = [m.detach().requires_grad_() for m in maps]
        losses = self._features(seen, gsd)
        shared = [torch.zeros_like(m) for m in seen]
        for name in ("perceptual", "adversarial"):
            if share := getattr(self.state.config, name):
                parts = torch.autograd.grad(
                    losses[name], seen, retain_graph=True, materialize_grads=True
                )
                shared = [
                    s + part * (share / (gain * part.norm() + 1e-9))
                    for s, part, gain in zip(shared, parts, GAINS, strict=True)
                ]
        return losses, maps, shared

    def _features(self, maps: list[Tensor], gsd: Tensor) -> dict[str, Tensor]:
        """Losses of what the pretrained network sees in first samples, second ones and truths."""
        config, standard = self.state.config, self.state.critic.standard
        standard.update([m.chunk(3)[2].detach() for m in maps])
        maps = standard(maps)
        thirds = [m.chunk(3) for m in maps]
        groups = [mixed_groups([t[i] for t in thirds[1:]], self._fixed()) for i in range(3)]
        losses = {"perceptual": energy_score(*groups)}
        if config.adversarial:
            losses |= self._judge(maps, gsd)
        return losses

    def _judge(self, whole: list[Tensor], gsd: Tensor) -> dict[str, Tensor]:
        """Teach the critic; returns its loss and the generator's."""
        critic = self.state.critic
        three = gsd.repeat(3)
        seen = [m.detach().requires_grad_() for m in whole]
        judged = critic(seen, three)
        slope = gradient_penalty(judged, seen)
        scores = [s.chunk(3) for s in judged]
        real = [s[2] for s in scores]
        learned = 0.5 * sum(
            (relativistic(real, [s[i] for s in scores]) for i in (0, 1)), torch.zeros(())
        )
        total = learned + self.state.config.penalty * slope
        (total / self.state.config.accumulate).backward()  # type: ignore[no-untyped-call]  # torch
        critic.requires_grad_(False)
        scores = [s.chunk(3) for s in critic(whole, three)]
        critic.requires_grad_(True)
        real = [s[2].detach() for s in scores]
        made = 0.5 * sum(
            (relativistic([s[i] for s in scores], real) for i in (0, 1)), torch.zeros(())
        )
        return {"adversarial": made, "critic": learned.detach(), "slope": slope.detach()}

    def _conditions(self, batch: Batch) -> tuple[Tensor, Batch]:
        """Truths [B, 3, 4c, 4c], and the conditions of two samples of each.

        From a real parent, the truth's coarse part is the parent's, to which samples are pinned.
        The last `chains` samples get two parents of the network's own making, each drawn anew by a
        chain of up to `hops` stages, no more than lead there from zoom 5: the whole chain is then
        scored against the child, and its last stage learns to follow such parents. Stages upstream
        with weights of their own make them as they are. Zoom 7 keeps its degraded parents: there
        the product starts from the base map.
        """
        config, margin = self.state.config, self.state.config.margin
        first = len(batch["child"]) - config.chains
        residual = crop(pinned_residual(batch["child"], batch["parent"]), SCALE * margin)
        base = crop(upsample(batch["parent"]), SCALE * (margin - 2))
        truth = base + residual / RESIDUAL_GAIN
        twice = {key: torch.cat([value, value]) for key, value in batch.items()}
        count = len(batch["child"])
        for i in range(first, count):
            longest = min(int(batch["band"][i]), config.hops)
            if not longest:
                continue
            rows = [i, count + i]
            hops = 1 + int(torch.randint(longest, (), generator=self.random, device=truth.device))
            twice["parent"][rows] = generated_parent(
                self.upstream, twice["child"][rows], twice["gsd"][rows],
                self._strength(2), margin, self.random, hops, self._start(int(batch["band"][i])),
            )  # fmt: skip
            twice["augmentation"][rows] = self._strength(1).expand(2)
            truth[i] = crop(batch["child"][i], SCALE * margin)
        return truth, twice

    def _strength(self, count: int) -> Tensor:
        low, high = CHAIN_STRENGTHS
        return low + (high - low) * torch.rand(
            count, generator=self.random, device=self.state.device
        )

    def _start(self, band: int) -> float:
        """Contrast of the start of a chain that ends at a band.

        Imagery of these resolutions was stretched by scenes to twice the base map's contrast, from
        which the product's chains start. The truth keeps its own.
        """
        if band < _FIRST_FAINT_BAND:
            return 1.0
        place = float(torch.rand((), generator=self.random, device=self.state.device))
        return math.exp(place * math.log(FAINTEST_START))

    def _fixed(self) -> torch.Generator:
        """A generator that draws the same within a step."""
        return torch.Generator(self.state.device).manual_seed(self.state.step)

    def _network(self, x: Tensor, condition: Batch, time_: Tensor) -> Tensor:
        network = self.state.network
        out = evaluate(network, x, condition, time_)
        return crop(out, SCALE * (self.state.config.margin - network.least_margin))


def evaluate(network: ExactUNet, x: Tensor, condition: Batch, time_: Tensor) -> Tensor:
    """One evaluation of a padded network, [B, 3, 4(w-2m), 4(w-2m)], m its least margin.

    x: noisy residuals [B, 3, 4w, 4w]; condition: parent [B, 3, w, w], gsd and augmentation [B];
    time_: [B] in (0, 1].
    """
    with torch.autocast(x.device.type, torch.bfloat16):
        code = network.embedding(time_, condition["gsd"], condition["augmentation"])
        out: Tensor = network(x, condition["parent"], network.modulations(code))
    return out


def _parts(batch: Batch, count: int) -> list[Batch]:
    """Cut a step's samples into `count` batches."""
    size = len(batch["child"]) // count
    return [{k: v[i * size : (i + 1) * size] for k, v in batch.items()} for i in range(count)]
