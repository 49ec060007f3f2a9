"""What the shipped weights promise: exact seams, children that keep their parents, calm seas."""

import asyncio
import os
import random

import numpy as np
import pytest

import generator
from generator.cascade.checkpoint import DEFAULT
from generator.cascade.weightsheader import finest_zoom
from generator.grid.tile import STAGE_ZOOMS, Tile
from tests.local import local_service
from tests.networks import assert_nearly_same_pixels, assert_same_pixels
from tileserver.settings import Settings

pytestmark = pytest.mark.skipif(not DEFAULT.exists(), reason="the shipped weights are missing")

SERVED = [zoom for zoom in STAGE_ZOOMS if DEFAULT.exists() and zoom <= finest_zoom()]
SEED = 11
SIDE = 8
SEAM_SIDE = int(os.environ.get("ELSEWHERE_SOAK_SEAMS", "16"))


@pytest.fixture(scope="module")
def cascade():
    return generator.load()


@pytest.fixture(scope="module")
def store():
    return {}


def first(zoom):
    """Corner of a block in the middle of northern Italy: coast, plain and mountains."""
    tile = Tile(15, 17160, 11800)
    if zoom > 15:
        return Tile(zoom, tile.x << (zoom - 15), tile.y << (zoom - 15))
    return tile.parent(15 - zoom)


def mosaic(cascade, store, zoom, side=SIDE):
    corner = first(zoom)
    rows = [
        np.hstack(
            [
                cascade.render(SEED, Tile(zoom, corner.x + i, corner.y + j), store)
                for i in range(side)
            ]
        )
        for j in range(side)
    ]
    return np.vstack(rows).astype(np.float64)


@pytest.mark.parametrize(
    ("zoom", "side"),
    [(15, 4), *(pytest.param(z, SEAM_SIDE, marks=pytest.mark.slow) for z in SERVED)],
)
def test_seams_are_no_steeper_than_the_inside(cascade, store, zoom, side):
    """256 tiles: differences across borders against those a few pixels inside, 1.00 +- 0.03.

    Steps count up to three times their median, lest few steep edges of fields decide: at 17 the
    ratio scatters by 0.007 then between lines inside (0.034 if all counts), and a seam of one level
    gives 1.12 (1.08). The ratio of 16 tiles scatters by four times as much.
    """
    pixels = mosaic(cascade, store, zoom, side)
    ratios = []
    for axis in (0, 1):
        steps = np.abs(np.diff(pixels, axis=axis))
        steps = np.minimum(steps, 3 * np.median(steps[steps > 0])).mean((1 - axis, 2))
        border = [steps[256 * k - 1] for k in range(1, side)]
        inside = [steps[256 * k - 1 + d] for k in range(1, side) for d in INSIDE]
        ratios.append(np.mean(border) / np.mean(inside))
    assert abs(np.mean(ratios) - 1) <= 0.03 * 16 / side, ratios


INSIDE = (-64, -48, -32, -16, 16, 32, 48, 64)
"""Offsets from a border, multiples of 16: a child's phase within the pixels of its parent and of
its parent's parent is the same, so that what is seen is a seam and no grid of pixels."""


def block_means(pixels, side):
    count = len(pixels) // side
    return pixels.reshape(count, side, count, side, 3).mean((1, 3))


@pytest.mark.parametrize("zoom", SERVED)
def test_child_keeps_its_parent_s_colour_and_shape(cascade, store, zoom):
    child = mosaic(cascade, store, zoom, side=2)
    corner = first(zoom)
    rows = []
    for j in range(2):
        row = []
        for i in range(2):
            x, y = corner.x + i, corner.y + j
            parent = cascade.render(SEED, Tile(zoom - 2, x // 4, y // 4), store)
            left, top = x % 4 * 64, y % 4 * 64
            row.append(parent[top : top + 64, left : left + 64])
        rows.append(np.hstack(row))
    parent = np.vstack(rows).astype(np.float64)
    # Where layouts lead, the parent is blurred and held further out.
    strength = cascade.sampler.augmentation[STAGE_ZOOMS.index(zoom)]
    fine = 16 if strength <= 0.3 else 64
    ours = block_means(child, fine)
    theirs = block_means(parent, fine // 4)
    assert np.abs(ours - theirs).mean() <= 3


@pytest.mark.parametrize("zoom", [11, 13, 15])
def test_a_window_of_another_shape_has_the_pixels_of_the_tiles(cascade, store, zoom):
    corner = first(zoom)
    for side in (1, 3):
        tile = Tile(zoom, corner.x + 1, corner.y + 1)
        whole = cascade.window(SEED, tile, lambda t: cascade.render(SEED, t, store), tiles=side)
        rows = [
            np.hstack(
                [
                    cascade.render(SEED, Tile(zoom, tile.x + i, tile.y + j), store)
                    for i in range(side)
                ]
            )
            for j in range(side)
        ]
        if side == 1:
            # On CPUs with AVX10 oneDNN has other kernels for so small a window, in bfloat16 too.
            assert_nearly_same_pixels(whole, np.vstack(rows))
        else:
            assert_same_pixels(whole, np.vstack(rows), cascade.precision)


@pytest.mark.slow
def test_two_services_agree_in_any_order_and_company(cascade, tmp_path):
    """8 x 8 blocks at zooms 11, 13 and 15, one by one and 32 at a time, from empty caches."""
    tiles = [
        Tile(zoom, first(zoom).x + i, first(zoom).y + j)
        for zoom in (11, 13, 15)
        for i in range(SIDE)
        for j in range(SIDE)
    ]

    async def fetch(name, together):
        settings = Settings(cache=tmp_path / name, hold_seconds=600)
        service = local_service(settings, cascade)
        shuffled = random.Random(name).sample(tiles, len(tiles))
        found = {}
        for start in range(0, len(shuffled), together):
            part = shuffled[start : start + together]
            entries = await asyncio.gather(*(service.get(SEED, tile) for tile in part))
            found |= {tile: entry.payload for tile, entry in zip(part, entries, strict=True)}
        await asyncio.to_thread(service.close)
        return found

    async def run():
        assert await fetch("singly", 1) == await fetch("together", 32)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "tile"),
    [
        ("Pacific", Tile(9, 43, 250)),
        ("Antarctic ice", Tile(9, 375, 495)),
        pytest.param("Pacific", Tile(13, 700, 4000), marks=pytest.mark.slow),
        pytest.param("Antarctic ice", Tile(11, 1500, 1980), marks=pytest.mark.slow),
    ],
)
def test_flat_places_stay_without_grain(cascade, name, tile):
    pixels = cascade.render(SEED, tile, {}).astype(np.float64).mean(-1)
    grain = np.abs(np.diff(pixels, axis=1)).mean()
    assert grain < 2.0, f"{name}: neighbouring pixels differ by {grain:.1f} grey levels"
