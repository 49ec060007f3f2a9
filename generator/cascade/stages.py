"""The stages of a cascade, and which of them samples from a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from generator.cascade.checkpoint import Checkpoint
from generator.cascade.diffusionstage import DiffusionStage
from generator.cascade.layoutstage import LayoutStage
from generator.memory.config import KEEP_EDGES, MEDIANS
from generator.memory.field import Memory
from generator.nets.build import AnyNetwork
from generator.nets.config import SamplerConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.unet import ExactUNet

if TYPE_CHECKING:
    from generator.cascade.paperstage import PaperStage

AnyStage: TypeAlias = "DiffusionStage | PaperStage | LayoutStage"
StageAt = Callable[[int], AnyStage]
"""The stage of a zoom: see `generator.cascade.cascade.Cascade.stage_at`."""


def stage_of(network: AnyNetwork, steps: int) -> AnyStage:
    """Return the stage that samples from a network."""
    if isinstance(network, LayoutDecoder):
        return LayoutStage(network)
    if isinstance(network, ExactUNet):
        return DiffusionStage(network, steps)
    # Imported here, so that a cascade without the paper's network does without its code.
    from generator.cascade.paperstage import PaperStage

    return PaperStage(network, steps)


def stages_of(
    checkpoint: Checkpoint, sampler: SamplerConfig, memory: Memory | None
) -> dict[int, AnyStage]:
    """Return the stage of each zoom; stages that draw from noise share those of their network."""
    shared: dict[AnyNetwork, AnyStage] = {}
    stages: dict[int, AnyStage] = {}
    for zoom in sampler.zooms:
        network = checkpoint.network_of(zoom)
        if isinstance(network, LayoutDecoder):
            fading = memory is not None and memory.reach(zoom) > 0
            edges = fading and zoom in KEEP_EDGES
            side = MEDIANS.get(zoom, 0) if fading else 0
            stages[zoom] = LayoutStage(network, sampler.factors(zoom), fading, edges, side)
        else:
            if network not in shared:
                shared[network] = stage_of(network, sampler.steps)
            stages[zoom] = shared[network]
    return stages
