"""A world of one's own imagery has its look: stripes of the pictures are stripes of the world."""

import numpy as np
import pytest
from numpy.typing import NDArray

import generator
from generator.banks import BankEncoder, BuildFolder, BuildOptions, build, gather
from generator.banks.weights import open_weights
from generator.cascade.checkpoint import DEFAULT
from generator.grid.tile import TILE_SIZE, Tile
from generator.imagery.options import Options
from generator.memory import bankfile
from tests.fakes_imagery import write_picture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DEFAULT.exists(), reason="the shipped weights are missing"),
]

PLAIN = Tile(13, 1966, 3045)
"""Farmland in Iowa: nothing that a base map knows has a direction there."""
NORMAL = np.array([np.cos(np.radians(30)), np.sin(np.radians(30))])
"""Across the stripes of the pictures, x and y."""
PERIOD = 9.0
"""Pixels of 10 m from stripe to stripe."""
SHOWN = PERIOD * 10 / 14
"""The same in pixels of the tile, of 14 m."""


def striped(seed: int, side: int = 640) -> NDArray[np.uint8]:
    """Return fields in the colours of farmland, all ploughed in one direction."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side]
    waves = np.sin(2 * np.pi * (NORMAL[0] * x + NORMAL[1] * y) / PERIOD + random.uniform(0, 6))
    fields = random.uniform(0.85, 1.15, (side // 64, side // 64)).repeat(64, 0).repeat(64, 1)
    light = fields * (1 + 0.3 * waves)
    return np.clip(light[..., None] * (96, 102, 72), 0, 255).astype(np.uint8)


def striped_share(pixels: NDArray[np.uint8]) -> float:
    """Return the share of a tile's spectrum whose period is that of the stripes, in any direction.

    Layouts are shown turned, and so are their stripes.
    """
    grey = pixels.astype(np.float64).mean(2)
    power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(TILE_SIZE), np.fft.fftfreq(TILE_SIZE)))
    band = np.abs(frequency * SHOWN - 1) < 0.2
    return float(power[band].sum() / power.sum())


def world(folder):
    """Return a zoom-13 tile of the world that has pictures of stripes for its memory."""
    folder.mkdir()
    for number in range(3):
        write_picture(folder / f"{number}.png", striped(number), 10.0, (42.0, -93.6))
    loaded = open_weights(None)
    found = gather(folder, Options(), (11,))
    work = BuildFolder(folder.with_suffix(".work"))
    maker = BankEncoder(loaded.encoder, loaded.encoder_digest)
    built = build(found.offers, maker, BuildOptions({11: 10e6}), work)
    bankfile.save(built.bank, folder.with_suffix(".bank"))
    memory = (str(folder.with_suffix(".bank")),)
    return generator.load(memory=memory).render(3, PLAIN)


def test_stripes_of_the_pictures_are_stripes_of_the_world(tmp_path):
    own = striped_share(world(tmp_path / "own"))
    bare = striped_share(generator.load(memory=()).render(3, PLAIN))
    shipped = striped_share(generator.load().render(3, PLAIN))
    assert own > 0.4
    assert max(bare, shipped) < 0.2, "which no other memory does"
