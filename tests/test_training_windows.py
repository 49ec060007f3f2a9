import json

import numpy as np
import pytest
from PIL import Image as Pillow

from generator.cascade.diffusionstage import DiffusionStage
from generator.cascade.layoutstage import LayoutStage
from generator.imagery.sources import read_manifest
from generator.memory import Memory
from tests.layouts import tiny_bank, tiny_decoder
from tests.networks import tiny_network
from training.errors import TrainingError
from training.imagery.prepare import prepare
from training.imagery.pyramid import Pyramid
from training.measure.realparents import (
    CORE,
    draw_real_parents,
    draw_real_windows,
    evaluation_windows,
)
from training.measure.realtiles import is_land
from training.measure.sites import SITES, evenly_spread

ELEVEN = 2


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory):
    """Two places at 60 m, one at 40 m, and a blue sea."""
    folder = tmp_path_factory.mktemp("imagery")
    random = np.random.default_rng(0)
    rows = []
    for number, (gsd, lat, source, split) in enumerate(
        [(60.0, 10.0, "a", "test"), (60.0, -20.0, "a", "train"), (40.0, 30.0, "b", "test")]
        + [(60.0, 40.0, "sea", "test")]
    ):
        noise = random.integers(0, 60, (640, 640, 3))
        pixels = noise + np.linspace(40, 180, 640)[:, None].astype(int)
        if source == "sea":
            pixels = np.full((640, 640, 3), (5, 20, 60)) + noise // 20
        Pillow.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
        rows.append(
            {"file": f"{number}.png", "gsd_m": gsd, "lat": lat, "lon": 5.0, "source": source,
             "split": split}
        )  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(rows))
    assert prepare(read_manifest(folder / "manifest.json"), None, folder / "out") == []
    return Pyramid(folder / "out")


@pytest.fixture(scope="module")
def stage():
    return DiffusionStage(tiny_network(), 1)


def test_pairs_belong_together_and_repeat_themselves(pyramid, stage):
    samples = evaluation_windows(pyramid, "test")
    pairs = draw_real_parents(stage, samples, ELEVEN, range(3), clean=True)
    assert pairs.truth.shape == pairs.made.shape == pairs.bicubic.shape == (3, 256, 256, 3)
    averaged = pairs.truth.reshape(3, CORE, 4, CORE, 4, 3).mean((2, 4))
    assert np.abs(averaged - pairs.parents).max() <= 1
    assert np.abs(pairs.bicubic.astype(int) - pairs.truth).mean() < 25
    again = draw_real_parents(stage, samples, ELEVEN, range(1, 3), clean=True)
    np.testing.assert_array_equal(again.made, pairs.made[1:])
    np.testing.assert_array_equal(draw_real_windows(samples, ELEVEN, range(3)), pairs.truth)


def test_degraded_parents_differ_from_clean_ones(pyramid, stage):
    samples = evaluation_windows(pyramid, "test")
    clean, degraded = (
        draw_real_parents(stage, samples, ELEVEN, range(3), clean=c) for c in (True, False)
    )
    np.testing.assert_array_equal(clean.truth, degraded.truth)
    assert (clean.parents != degraded.parents).any()


def test_layouts_are_drawn_over_parents_that_count_as_real(pyramid):
    class Told(LayoutStage):
        def __call__(self, parent, codes, resolution, strength):
            told.append((strength, bool(codes.any())))
            return super().__call__(parent, codes, resolution, strength)

    told = []
    stage, samples = Told(tiny_decoder()), evaluation_windows(pyramid, "test")
    memory = Memory([tiny_bank()])
    bare = draw_real_parents(stage, samples, ELEVEN, range(2))
    laid = draw_real_parents(stage, samples, ELEVEN, range(2), memory=memory)
    assert [strength for strength, _ in told] == [0.0] * 4
    # A window of open sea shows no layout.
    assert [laid for _, laid in told[:2]] == [False, False]
    assert any(laid for _, laid in told[2:])
    np.testing.assert_array_equal(bare.truth, laid.truth)
    assert (bare.made != laid.made).mean() > 0.1
    again = draw_real_parents(stage, samples, ELEVEN, range(1, 2), memory=memory)
    np.testing.assert_array_equal(again.made, laid.made[1:])


def test_a_restricted_view_lists_fewer_images_and_leaves_the_whole_alone(pyramid):
    count = len(pyramid.images)
    view = pyramid.restricted(lambda image: image.source == "b")
    assert {image.source for image in view.images} == {"b"}
    assert len(pyramid.images) == count
    with pytest.raises(TrainingError, match="val image"):
        evaluation_windows(pyramid, "val")


def test_sea_and_ice_are_told_from_land():
    sea = np.full((256, 256, 3), (5, 20, 60), np.uint8)
    land = np.full((256, 256, 3), (90, 100, 60), np.uint8)
    assert not is_land(sea)
    assert is_land(land)
    assert not is_land(np.full((256, 256, 3), 240, np.uint8))
    half = sea.copy()
    half[:, :130] = land[:, :130]
    assert is_land(half)


def test_fifty_sites_lie_on_all_sides_of_the_globe():
    assert len(SITES) == len({(site.lat, site.lon) for site in SITES}) == 50
    assert sum(site.low_texture for site in SITES) == 10
    quarters = {(site.lat > 0, site.lon > 0) for site in SITES if not site.low_texture}
    assert len(quarters) == 4
    some = evenly_spread(10, SITES)
    assert len(set(some)) == 10
    assert any(site.low_texture for site in some)
    assert evenly_spread(500, SITES) == SITES
