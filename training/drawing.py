"""Draw layouts with a decoder whose convolutions are padded, as training and its measures do."""

from __future__ import annotations

import torch
from torch import Tensor

from generator.cascade.checkpoint import Checkpoint
from generator.memory.bank import Bank
from generator.nets.decoder import LayoutDecoder
from generator.nets.factors import AS_DRAWN, DetailFactors
from training.errors import TrainingError


def draw(
    decoder: LayoutDecoder,
    codes: Tensor,
    parent: Tensor,
    gsd: Tensor,
    levels: list[float],
    factors: DetailFactors = AS_DRAWN,
    edges: Tensor | None = None,
) -> Tensor:
    """Return children of a padded decoder, [B, 3, 4w, 4w] in about [-1, 1].

    codes: [B, D, w, w]; parent: [B, 3, w, w] in [-1, 1]; gsd: metres per child pixel, [B]; levels:
    how far codes lead, one in [0, 1] for each; factors: on the codes' detail, numbers,
    tensors [B, 1, 1, 1] or, of contrast, maps [B, 1, 4w, 4w]; edges: parents
    enlarged sharply, [B, 3, 4w, 4w].
    """
    with torch.autocast(parent.device.type, torch.bfloat16):
        code = decoder.embedding(gsd, torch.tensor(levels, device=gsd.device))
        image: Tensor = decoder(codes, parent, levels, decoder.modulations(code), factors, edges)
    return image


def rounded(image: Tensor) -> Tensor:
    """Round an image in [-1, 1] to 8 bits."""
    return ((image.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def passed_on(image: Tensor) -> Tensor:
    """Round an image as the next stage reads it; the gradient is that of the identity."""
    return image + (rounded(image) - image).detach()


def decoder_and_bank(loaded: Checkpoint) -> tuple[LayoutDecoder, Bank]:
    """Return decoder and bank of weights; raises TrainingError where they lack one."""
    if not isinstance(loaded.network, LayoutDecoder) or loaded.encoder is None:
        raise TrainingError("the weights hold no decoder and encoder of layouts, expected both")
    if loaded.bank is None or not any(scene.valid.any() for scene in loaded.bank.scenes):
        raise TrainingError("the weights hold no bank of layouts, expected one to train")
    if loaded.specialists:
        raise TrainingError("the weights hold networks of single stages, expected one network")
    return loaded.network, loaded.bank
