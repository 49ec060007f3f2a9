import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from generator.base.basemap import BaseMap
from generator.cascade import checkpoint
from generator.cascade.cascade import Cascade
from generator.cascade.diffusionstage import DiffusionStage
from generator.cascade.paperstage import PaperStage
from generator.cascade.stages import stage_of
from generator.grid.block import Block
from generator.grid.tile import Tile
from generator.nets.config import PRESETS, SamplerConfig
from generator.nets.diffusion import alpha_bar
from tests.networks import tiny_network


@pytest.fixture
def stage():
    return PaperStage(tiny_network(preset="paper-tiny"), 2)


def inputs(stage, x0, y0, width, height):
    """Parent, noise and resolutions of a rectangle of parent pixels with the stage's margin."""
    m = stage.margin
    rows = np.arange(y0 - m, y0 + height + m)
    columns = np.arange(x0 - m, x0 + width + m)
    parent = 120 + 60 * np.sin(rows / 5)[:, None] * np.cos(columns / 7)[None]
    size = 4 * (width + 2 * m), 4 * (height + 2 * m)
    noise = stage.noise(3, 9, 4 * (x0 - m), 4 * (y0 - m), *size)
    return np.repeat(parent[..., None], 3, 2).astype(np.uint8), noise, 100.0 + rows


def test_a_window_s_pixels_depend_on_the_address_alone(stage):
    half = 2 * stage.margin
    whole = stage(*inputs(stage, 0, half, 2 * half, 2 * half), 0.0)
    assert whole.shape == (8 * half, 8 * half, 3)
    for row in (0, 1):
        for column in (0, 1):
            one = stage(*inputs(stage, column * half, (1 + row) * half, half, half), 0.0)
            block = whole[4 * half * row :, 4 * half * column :][: 4 * half, : 4 * half]
            np.testing.assert_array_equal(block, one)


def test_all_windows_share_one_noise_tile(stage):
    half = 2 * stage.margin
    _, first, _ = inputs(stage, 0, 0, half, half)
    _, second, _ = inputs(stage, 5 * half, -3 * half, half, half)
    assert first.shape == (3, 32, 32)
    np.testing.assert_array_equal(first, second)
    # Half a window further it begins anew, so that overlaps agree.
    np.testing.assert_array_equal(first[:, 16:], first[:, :16])
    assert np.unique(first[0, :16, :16]).size > 240


def test_a_network_that_knows_the_noise_gives_its_image_back(stage, monkeypatch):
    target = 0.3 * torch.randn(1, 3, 32, 32)
    abar = alpha_bar()

    def knowing(x, features, code):
        a = abar[int(code)]
        return (x - a.sqrt() * target) / (1 - a).sqrt()

    monkeypatch.setattr(stage.network.embedding, "forward", lambda time, resolution: time)
    monkeypatch.setattr(stage.network, "forward", knowing)
    made = stage(*inputs(stage, 0, 0, 4, 4), 0.0)
    expected = (target[0, :, 8:24, 8:24].clamp(-1, 1) + 1) * 127.5
    np.testing.assert_allclose(made, expected.permute(1, 2, 0).numpy(), atol=1)


def test_each_window_is_told_the_resolution_of_its_middle_row(stage, monkeypatch):
    told = []
    embedding = stage.network.embedding.forward

    def listening(time, resolution):
        told.append((float(time), float(resolution)))
        return embedding(time, resolution)

    monkeypatch.setattr(stage.network.embedding, "forward", listening)
    parent, noise, resolution = inputs(stage, 0, 0, 4, 8)
    stage(parent, noise, resolution, 0.0)
    assert told == [(t, 100.0 + y) for y in (2, 6) for t in (1000.0, 500.0)]
    told.clear()
    stage(parent, noise, np.array([37.5]), 0.0)
    assert {metres for _, metres in told} == {37.5}


def test_the_stage_follows_the_network():
    assert isinstance(stage_of(tiny_network(), 1), DiffusionStage)
    assert isinstance(stage_of(tiny_network(preset="paper-tiny"), 1), PaperStage)


def test_a_cascade_renders_with_the_paper_s_network(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 128, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "base.png")
    path = tmp_path / "paper.safetensors"
    config = dataclasses.replace(
        PRESETS["paper-tiny"], window=64, multipliers=(1, 1, 1, 1), attention=(3,)
    )
    checkpoint.save(path, tiny_network(preset=config), SamplerConfig(steps=1), {})
    base, loaded = BaseMap.open(tmp_path / "base.png"), checkpoint.load(path)
    cascade = Cascade(base, loaded, loaded.sampler, torch.device("cpu"), torch.float32)
    assert cascade.describe()["network"]["family"] == "paper"
    tile = Tile(7, 33, 60)
    assert set(cascade.needs(Block.of(tile))) <= {Tile(5, x, y) for x in (7, 8) for y in (14, 15)}
    single = cascade.render(1, tile)
    assert single.shape == (256, 256, 3)
    assert single.std() > 1
