"""The networks of each family as training has them: padded, and together with what trains along."""

from __future__ import annotations

from torch import Tensor, nn

from generator.nets.body import padded
from generator.nets.build import AnyNetwork, build
from generator.nets.config import AnyConfig, LayoutConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import Encoder
from generator.nets.unet import ExactUNet


class LayoutPair(nn.Module):
    """Encoder and decoder, trained and averaged together: codes mean what both agree on."""

    def __init__(self, config: LayoutConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.decoder = LayoutDecoder(config)

    def forward(self, *_: Tensor) -> Tensor:
        """Not called: the parts are."""
        raise AssertionError("a pair is not called as a whole")


def trainable(config: AnyConfig) -> nn.Module:
    """Return the networks of a configuration with random weights, padded as training needs them."""
    if isinstance(config, LayoutConfig):
        pair = LayoutPair(config)
        padded(pair.decoder)
        return pair
    network = build(config)
    return padded(network) if isinstance(network, ExactUNet) else network


def take(ours: nn.Module, network: AnyNetwork, encoder: Encoder | None) -> None:
    """Take over the tensors of weights that have the same names and shapes."""
    if isinstance(ours, LayoutPair):
        _take(ours.decoder, network)
        if encoder is not None:
            _take(ours.encoder, encoder)
    else:
        _take(ours, network)


def _take(ours: nn.Module, theirs: nn.Module) -> None:
    shapes = {name: value.shape for name, value in ours.state_dict().items()}
    taken = {n: v for n, v in theirs.state_dict().items() if shapes.get(n) == v.shape}
    ours.load_state_dict(taken, strict=False)
