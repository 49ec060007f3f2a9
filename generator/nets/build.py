"""From a configuration to its network."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from generator.grid.errors import GeneratorError
from generator.nets.config import PRESETS, AnyConfig, LayoutConfig, PaperConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.unet import ExactUNet

if TYPE_CHECKING:
    from generator.nets.paper import PaperUNet

AnyNetwork: TypeAlias = "ExactUNet | PaperUNet | LayoutDecoder"


def build(config: AnyConfig) -> AnyNetwork:
    """Return a network of this configuration with random weights."""
    if isinstance(config, LayoutConfig):
        return LayoutDecoder(config)
    if isinstance(config, PaperConfig):
        # Imported here, so that nothing but its weights needs the paper's network.
        from generator.nets.paper import PaperUNet

        return PaperUNet(config)
    return ExactUNet(config)


def preset(name: str) -> AnyConfig:
    """Return the configuration of a preset; raises GeneratorError if there is none so called."""
    if name not in PRESETS:
        raise GeneratorError(f"preset is {name!r}, expected one of {', '.join(PRESETS)}")
    return PRESETS[name]
