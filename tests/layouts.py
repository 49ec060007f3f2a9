"""Tiny weights of the layout memory: decoder, encoder and a bank of random layouts."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import torch

from generator.cascade import checkpoint
from generator.memory import Bank
from generator.nets.config import PRESETS, LayoutConfig, SamplerConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import Encoder
from tests.fakes_memory import synthetic_bank
from tests.networks import tiny_network

STRENGTHS = (1.0, 0.75, 0.5, 0.25, 1.0)
"""What the stages 7 to 15 of the tiny weights are told."""


def tiny_decoder(seed: int = 0) -> LayoutDecoder:
    """Return a small decoder with random weights."""
    network = tiny_network(seed, "layout-tiny")
    assert isinstance(network, LayoutDecoder)
    return network


@cache
def tiny_encoder(seed: int = 0) -> Encoder:
    """Return a small encoder with random weights."""
    torch.manual_seed(seed)
    config = PRESETS["layout-tiny"]
    assert isinstance(config, LayoutConfig)
    return Encoder(config).eval().requires_grad_(False)


@cache
def tiny_bank(seed: int = 0, deep: bool = False) -> Bank:
    """Return a bank of random layouts that passes for one of the tiny encoder's.

    deep: with scenes of stage 17.
    """
    named = checkpoint.digest_of(tiny_encoder())
    return dataclasses.replace(synthetic_bank(seed, side=64, deep=deep), encoder=named)


def write_layouts(
    path: Path, bank: Bank | None = None, encoder: Encoder | None = None, *, deep: bool = False
) -> Path:
    """Write tiny weights with an encoder, and with a bank where one is given.

    deep: that serve stage 17 too.
    """
    more = (0.6,) if deep else ()
    sampler = SamplerConfig(1, STRENGTHS + more, (1.0,) * len(STRENGTHS + more))
    checkpoint.save(
        path, tiny_decoder(), sampler, {},
        encoder=tiny_encoder() if encoder is None else encoder, bank=bank,
    )  # fmt: skip
    return path
