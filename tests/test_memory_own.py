"""A world of one's own imagery has its look: stripes of the pictures are stripes of the world."""

import numpy as np
import pytest
from numpy.typing import NDArray

import generator
from generator.banks import BankEncoder, BuildFolder, BuildOptions, build, gather
from generator.banks.weights import open_weights
from generator.cascade.checkpoint import DEFAULT
from generator.grid.tile import Tile
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
"""Across the stripes of the pictures, x and y; their mirror image runs the other way."""
PERIOD = 9.0
"""Pixels from stripe to stripe, of 10 m as of zoom 13."""


def striped(seed: int, side: int = 640) -> NDArray[np.uint8]:
    """Return fields in the colours of farmland, all ploughed in one direction."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side]
    waves = np.sin(2 * np.pi * (NORMAL[0] * x + NORMAL[1] * y) / PERIOD + random.uniform(0, 6))
    fields = random.uniform(0.85, 1.15, (side // 64, side // 64)).repeat(64, 0).repeat(64, 1)
    light = fields * (1 + 0.3 * waves)
    return np.clip(light[..., None] * (96, 102, 72), 0, 255).astype(np.uint8)


def across(pixels: NDArray[np.uint8]) -> float:
    """Return the share of the gradients' energy that lies across the stripes: 0.5 of anything."""
    grey = pixels.astype(np.float64).mean(2)
    down, right = np.gradient(grey)
    along_normal = NORMAL[0] * right + NORMAL[1] * down
    return float((along_normal**2).sum() / (right**2 + down**2).sum())


def world(folder, mirrored):
    """Return a zoom-13 tile of the world that has pictures of stripes for its memory."""
    folder.mkdir()
    for number in range(3):
        pixels = striped(number)
        shown = np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels
        write_picture(folder / f"{number}.png", shown, 10.0, (42.0, -93.6))
    loaded = open_weights(None)
    found = gather(folder, Options(), (11,))
    work = BuildFolder(folder.with_suffix(".work"))
    maker = BankEncoder(loaded.encoder, loaded.encoder_digest)
    built = build(found.offers, maker, BuildOptions({11: 10e6}), work)
    bankfile.save(built.bank, folder.with_suffix(".bank"))
    memory = (str(folder.with_suffix(".bank")),)
    return generator.load(memory=memory).render(3, PLAIN)


def test_stripes_of_the_pictures_are_stripes_of_the_world(tmp_path):
    one = across(world(tmp_path / "one", mirrored=False))
    other = across(world(tmp_path / "other", mirrored=True))
    bare = across(generator.load(memory=()).render(3, PLAIN))
    print(one, other, bare)
    assert one > 0.7, "gradients lie across the stripes"
    assert other < 0.45, "and across the mirrored ones where the pictures are mirrored"
    assert abs(bare - 0.5) < 0.15, "which no network without a memory does"
