from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from generator.base import tone
from generator.imagery.sources import read_manifest
from tests.imagery import write_imagery
from training.errors import TrainingError
from training.imagery.prepare import prepare
from training.imagery.pyramid import Image, Pyramid
from training.samples.windows import (
    BANDS,
    Samples,
    _choices,
    _jitter,
    _match_tone,
    conditioning_gsd,
    toned,
)

WINDOW = 60


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    prepare(read_manifest(write_imagery(folder / "in")), None, folder / "out", 3_000_000)
    return Pyramid(folder / "out")


def image(source, side, gsd=16.0, base=None):
    return Image(0, None, side, side, gsd, 1, 10.0, 10.0, source, "train", base)


def test_the_blue_marbles_windows_are_in_the_worlds_tone_and_others_as_they_are():
    pixels = np.full((4, 4, 3), (30, 60, 90), np.uint8)
    np.testing.assert_array_equal(toned(image("blue-marble", 4), pixels), tone.apply(pixels))
    assert toned(image("a", 4), pixels) is pixels


def test_sources_are_balanced_by_the_square_root_of_their_area():
    images = [image("large", 800)] * 8 + [image("small", 800)] * 2
    chosen, weights = _choices(images, BANDS[3], 400)
    share = Counter()
    for row, weight in zip(chosen, weights, strict=True):
        share[row.source] += weight
    assert share["large"] / share["small"] == pytest.approx(2)
    assert sum(share.values()) == pytest.approx(1)


def test_within_a_source_images_are_drawn_by_area():
    _, weights = _choices([image("a", 800), image("a", 400)], BANDS[3], 400)
    assert weights[0] / weights[1] == pytest.approx(4)


def test_scales_are_drawn_by_their_share(pyramid):
    samples = Samples(pyramid, "train", WINDOW)
    counts = Counter(int(samples[i]["band"]) for i in range(300))
    for number, band in enumerate(BANDS):
        assert counts[number] / 300 == pytest.approx(band.share, abs=0.08)


def test_tone_moves_towards_the_base_map_by_a_share_and_not_beyond():
    child = np.full((8, 8, 3), 100, np.float32)
    base = [140.0, 100.0, 80.0]
    tones = np.array(
        [_match_tone(child, image("a", 8, base=base), np.random.default_rng(i)) for i in range(40)]
    ).mean((1, 2))
    toned = tone.apply(np.array(base, np.uint8)).astype(float)
    for channel in range(3):
        low, high = sorted((100.0, toned[channel]))
        assert low - 0.1 <= tones[:, channel].min() <= tones[:, channel].max() <= high + 2
    assert 100 < tones[:, 0].mean() < tones[:, 0].max()
    for same in (image("blue-marble", 8, base=base), image("a", 8)):
        np.testing.assert_array_equal(_match_tone(child, same, np.random.default_rng(0)), child)


def test_jitter_is_centred_and_stays_in_range():
    child = np.full((4, 4, 3), 120, np.float32)
    tones = np.array([_jitter(child, np.random.default_rng(i)) for i in range(400)])
    assert tones.mean() == pytest.approx(120, abs=4)
    assert 8 < tones.mean((1, 2, 3)).std() < 25
    extreme = np.tile(np.array([0, 255], np.float32)[:, None, None], (1, 2, 3))
    for i in range(50):
        jittered = _jitter(extreme, np.random.default_rng(i))
        assert jittered.min() >= 0
        assert jittered.max() <= 255


def test_conditioning_resolutions_vary_within_their_band_where_one_asks_for_it():
    random = np.random.default_rng(0)
    for band in BANDS:
        for gsd in (band.finest, (band.finest * band.coarsest) ** 0.5, band.coarsest):
            seen = np.array([conditioning_gsd(band, gsd, random) for _ in range(500)])
            if band.varied == 1:
                assert (seen == gsd).all()
            else:
                assert seen.min() == pytest.approx(max(gsd / band.varied, band.finest), rel=0.01)
                assert seen.max() == pytest.approx(min(gsd * band.varied, band.coarsest), rel=0.01)
    assert {band.varied for band in BANDS} == {1.0, 2.0}


def test_masked_ground_is_never_drawn(pyramid, monkeypatch):
    masked = [im for im in pyramid.images if im.mask_offset is not None]
    assert masked
    monkeypatch.setattr(pyramid, "mask", lambda im: np.zeros((im.height, im.width), np.uint8))
    with pytest.raises(TrainingError, match="no usable window"):
        Samples(pyramid, "train", WINDOW).draw(0, np.random.default_rng(0))


# Python 3.12 warns of forking with threads, torch of more workers than cores; both are meant.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_samples_are_the_same_for_every_number_of_workers(pyramid):
    samples = Samples(pyramid, "train", WINDOW, 7)

    def load(workers):
        loader = DataLoader(samples, 2, sampler=range(5, 13), num_workers=workers)
        return list(loader)

    expected = load(0)
    assert torch.equal(expected[1]["parent"][1], samples[8]["parent"])
    for workers in (1, 2):
        for ours, theirs in zip(load(workers), expected, strict=True):
            assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
