"""A stage of the layout memory: equal windows, parents that are kept, codes that show."""

import numpy as np
import pytest
import torch

from generator.cascade.layoutstage import LayoutStage, code_coverage
from generator.grid.averaging import averaged
from generator.grid.rectangle import Rectangle
from generator.nets.factors import AS_DRAWN, DetailFactors
from generator.nets.median import median
from tests.layouts import tiny_decoder
from tests.networks import assert_same_pixels, by_threads


@pytest.fixture
def parent():
    rows, columns = np.mgrid[0:160, 0:160]
    values = 120 + 50 * np.sin(rows / 9)[..., None] + 40 * np.cos(columns / 13)[..., None]
    return np.repeat(values, 3, 2).astype(np.uint8)


@pytest.fixture
def codes():
    return np.random.default_rng(0).integers(-3, 4, (4, 160, 160)).astype(np.int8)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("factors", [AS_DRAWN, DetailFactors(1.2, 0.6, 1.9, 0.2)])
def test_a_metatile_equals_its_single_tiles(parent, codes, strength, dtype, factors):
    stage = LayoutStage(tiny_decoder().to(dtype), factors, fading=True)
    codes[:, 70:90, 60:100] = 0
    m, core = stage.margin, 16
    resolution = np.linspace(100, 140, 160)

    def window(top, left, size):
        rows, columns = slice(top - m, top + size + m), slice(left - m, left + size + m)
        laid = np.ascontiguousarray(codes[:, rows, columns])
        return stage(parent[rows, columns], laid, resolution[rows], strength)

    whole = window(56, 60, 2 * core)
    assert whole.shape == (128, 128, 3)
    for j in (0, 1):
        for i in (0, 1):
            single = window(56 + core * j, 60 + core * i, core)
            block = whole[64 * j : 64 * j + 64, 64 * i : 64 * i + 64]
            assert_same_pixels(single, block, dtype)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_a_child_keeps_its_parent_s_colour_and_shape(parent, codes, strength):
    stage = LayoutStage(tiny_decoder())
    m = stage.margin
    child = stage(parent, codes, np.array([300.0]), strength)
    core = parent[m:-m, m:-m]
    assert np.abs(child.astype(float) - core.repeat(4, 0).repeat(4, 1)).max() > 2
    ours, theirs = averaged(child, 16).astype(float), averaged(core, 4).astype(float)
    assert np.abs(ours - theirs).mean() <= 3


def test_without_a_memory_all_codes_are_zero(parent, codes):
    stage = LayoutStage(tiny_decoder())
    bare = stage.latent(7, 9, Rectangle(-4, 2, 160, 150))
    assert bare.shape == (4, 150, 160)
    assert bare.dtype == np.int8
    assert not bare.any()
    made = [stage(parent[:150], laid, np.array([60.0]), 0.5) for laid in (bare, codes[:, :150])]
    assert (made[0] != made[1]).mean() > 0.3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_threads_do_not_change_a_pixel(parent, codes, dtype):
    stage = LayoutStage(tiny_decoder().to(dtype))
    results = by_threads(lambda: stage(parent, codes, np.array([50.0]), 0.6))
    assert_same_pixels(*results, dtype)


def test_detail_fades_out_where_a_memory_shows_nothing(parent, codes):
    laid = codes.copy()
    laid[:, :, codes.shape[2] // 2 :] = 0
    stage = LayoutStage(tiny_decoder(), fading=True)
    edge = stage.margin
    weight = code_coverage(laid, edge)
    full = LayoutStage(tiny_decoder())(parent, laid, np.array([300.0]), 0.5).astype(int)
    made = stage(parent, laid, np.array([300.0]), 0.5).astype(int)
    without = LayoutStage(tiny_decoder(), DetailFactors(contrast=0.0))
    bare = without(parent, laid, np.array([300.0]), 0.5).astype(int)
    assert made.shape[:2] == weight.shape
    assert {0.0, 1.0} < set(np.unique(weight).tolist())
    np.testing.assert_array_equal(made[weight == 1], full[weight == 1])
    np.testing.assert_array_equal(made[weight == 0], bare[weight == 0])
    between = (weight > 0) & (weight < 1)
    assert (abs(made - bare)[between] <= abs(full - bare)[between] + 1).all()
    # A real picture is trusted: at strength 0 the network sharpens it everywhere.
    whole = LayoutStage(tiny_decoder())(parent, laid, np.array([300.0]), 0.0)
    np.testing.assert_array_equal(stage(parent, laid, np.array([300.0]), 0.0), whole)


def test_a_child_shows_as_much_of_its_detail_as_is_asked(parent, codes):
    stage, resolution = LayoutStage(tiny_decoder(), fading=True), np.array([300.0])
    full = stage(parent, codes, resolution, 0.5)
    shown = np.ones(full.shape[:2], np.float32)
    np.testing.assert_array_equal(stage(parent, codes, resolution, 0.5, shown), full)
    # None in the west.
    half = full.shape[1] // 2
    shown[:, :half] = 0
    made = stage(parent, codes, resolution, 0.5, shown)
    bare = LayoutStage(tiny_decoder(), DetailFactors(contrast=0.0))
    none = bare(parent, codes, resolution, 0.5)
    np.testing.assert_array_equal(made[:, :half], none[:, :half])
    np.testing.assert_array_equal(made[:, half:], full[:, half:])
    # A real picture has all of it.
    plain = stage(parent, codes, resolution, 0.0)
    np.testing.assert_array_equal(stage(parent, codes, resolution, 0.0, shown), plain)


def test_detail_keeps_within_its_limit(parent, codes):
    def child(factors: DetailFactors) -> np.ndarray:
        return LayoutStage(tiny_decoder(), factors)(parent, codes, np.array([300.0]), 0.5)

    # Parents are of a middle grey, at which all that is lighter is added.
    bare, strong = (child(DetailFactors(contrast=by)).astype(float) for by in (0.0, 6.0))
    limited = child(DetailFactors(contrast=6.0, limit=0.1)).astype(float)
    lighter, far = (limited - bare)[bare < 200], (strong - bare)[bare < 200]
    assert far.max() > 30
    assert lighter.max() < 0.1 * 127.5 + 1
    # What is small is hardly less.
    small = (far > 3) & (far < 6)
    assert small.sum() > 100
    assert (lighter[small] >= far[small] * 0.8 - 1).all()


@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 10), (16, 6)])
def test_fading_is_the_same_in_every_window(top, left):
    random = np.random.default_rng(4)
    codes = (random.random((1, 60, 56)) < random.random((60, 56)) ** 3).astype(np.int8)
    whole = code_coverage(codes, 8)
    part = code_coverage(codes[:, top : top + 40, left : left + 36], 8)
    rows, columns = slice(4 * top, 4 * (top + 24)), slice(4 * left, 4 * (left + 20))
    np.testing.assert_array_equal(part, whole[rows, columns])


@pytest.mark.parametrize("strength", [0.0, 0.7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_windows_agree_where_small_spots_of_the_parent_go(parent, codes, strength, dtype):
    spotted = parent.copy()
    spotted[::9, ::7] = 255
    stage = LayoutStage(tiny_decoder().to(dtype), fading=True, median=11)
    m, resolution = stage.margin, np.linspace(100, 140, 160)
    assert m == LayoutStage(tiny_decoder()).margin + 6

    def window(top, left, size):
        rows, columns = slice(top - m, top + size + m), slice(left - m, left + size + m)
        laid = np.ascontiguousarray(codes[:, rows, columns])
        return stage(spotted[rows, columns], laid, resolution[rows], strength)

    whole, part = window(64, 60, 32), window(72, 70, 16)
    assert whole.shape == (128, 128, 3)
    assert_same_pixels(part, whole[32:96, 40:104], dtype)


def test_a_stage_with_a_median_draws_the_filtered_parent_where_codes_lead(parent, codes):
    spotted = parent.copy()
    spotted[::9, ::7] = 255
    plain, filtering = LayoutStage(tiny_decoder()), LayoutStage(tiny_decoder(), median=11)
    inner, laid = slice(6, -6), np.ascontiguousarray(codes[:, 6:-6, 6:-6])
    made = filtering(spotted, codes, np.array([2.0]), 0.7)
    filtered = median(spotted, 11)[1:-1, 1:-1]
    np.testing.assert_array_equal(made, plain(filtered, laid, np.array([2.0]), 0.7))
    # A real picture is trusted, spots and all.
    whole = filtering(spotted, codes, np.array([2.0]), 0.0)
    np.testing.assert_array_equal(whole, plain(spotted[inner, inner], laid, np.array([2.0]), 0.0))


@pytest.mark.parametrize("side", [0, 11])
def test_codes_beyond_the_code_margin_say_nothing(parent, codes, side):
    stage = LayoutStage(tiny_decoder(), fading=True, median=side)
    beyond = slice(stage.margin - stage.code_margin, stage.code_margin - stage.margin)
    whole = stage(parent, codes, np.array([2.0]), 0.7)
    inner = np.ascontiguousarray(codes[:, beyond, beyond])
    np.testing.assert_array_equal(stage(parent, inner, np.array([2.0]), 0.7), whole)


def test_where_no_code_draws_nothing_of_the_parent_is_made_sharp():
    rng = np.random.default_rng(4)
    plain, sharp = (LayoutStage(tiny_decoder(), fading=True, edges=e) for e in (False, True))
    margin = sharp.margin
    parent = np.zeros((2 * margin + 40, 2 * margin + 40, 3), np.uint8) + 90
    parent[:, margin + 18 :] = 200
    laid = rng.integers(-3, 4, (sharp.network.config.dimensions, *parent.shape[:2])).astype(np.int8)
    laid[:, margin + 14 :] = 0
    with_edges, without = (
        stage(parent, laid, np.array([300.0]), 0.7).astype(int) for stage in (sharp, plain)
    )
    assert np.abs(with_edges - without)[:40].max() > 20
    assert np.array_equal(with_edges[80:], without[80:])
