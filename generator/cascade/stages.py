"""The stages of a cascade, and which of them samples from a network."""

from __future__ import annotations

from collections.abc import Callable

from generator.cascade.diffusionstage import DiffusionStage
from generator.cascade.layoutstage import LayoutStage
from generator.cascade.paperstage import PaperStage
from generator.nets.decoder import LayoutDecoder
from generator.nets.paper import PaperUNet
from generator.nets.unet import ExactUNet

AnyStage = DiffusionStage | PaperStage | LayoutStage
StageAt = Callable[[int], AnyStage]
"""The stage of a zoom: see `generator.cascade.cascade.Cascade.stage_at`."""


def stage_of(network: ExactUNet | PaperUNet | LayoutDecoder, steps: int) -> AnyStage:
    """Return the stage that samples from a network."""
    if isinstance(network, LayoutDecoder):
        return LayoutStage(network)
    if isinstance(network, PaperUNet):
        return PaperStage(network, steps)
    return DiffusionStage(network, steps)
