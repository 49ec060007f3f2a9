"""From a configuration to its network."""

from __future__ import annotations

from generator.grid.errors import GeneratorError
from generator.nets.config import PRESETS, AnyConfig, LayoutConfig, PaperConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.paper import PaperUNet
from generator.nets.unet import ExactUNet

AnyNetwork = ExactUNet | PaperUNet | LayoutDecoder


def build(config: AnyConfig) -> AnyNetwork:
    """Return a network of this configuration with random weights."""
    if isinstance(config, LayoutConfig):
        return LayoutDecoder(config)
    return PaperUNet(config) if isinstance(config, PaperConfig) else ExactUNet(config)


def preset(name: str) -> AnyConfig:
    """Return the configuration of a preset; raises GeneratorError if there is none so called."""
    if name not in PRESETS:
        raise GeneratorError(f"preset is {name!r}, expected one of {', '.join(PRESETS)}")
    return PRESETS[name]
