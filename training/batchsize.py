"""How many samples of each kind a step takes, and how that changes with the memory."""

from __future__ import annotations

import dataclasses

from training.state import RunConfig


def groups(config: RunConfig) -> tuple[int, ...]:
    """Sizes of the groups of samples that a step's batch consists of, in their order."""
    return (config.denoise, config.pairs, config.chains) * config.accumulate


def halved(config: RunConfig) -> RunConfig | None:
    """Half the samples of each kind, or None where each has one at most."""
    smaller = _scaled(config, 0.5)
    return None if smaller == config else smaller


def with_batch(config: RunConfig, batch: int) -> RunConfig:
    """Bring a step to about `batch` samples, the kinds in their shares, without accumulation."""
    once = config.denoise + config.pairs + config.chains
    return _scaled(dataclasses.replace(config, accumulate=1), batch / once)


def _scaled(config: RunConfig, factor: float) -> RunConfig:
    def size(count: int) -> int:
        return max(1, int(count * factor + 0.25)) if count else 0

    return dataclasses.replace(
        config,
        denoise=size(config.denoise),
        pairs=size(config.pairs),
        chains=size(config.chains),
    )
