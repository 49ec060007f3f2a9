import json

import numpy as np
import pytest
import torch
from PIL import Image

from generator.grid.errors import ImageryError
from generator.imagery.sources import read_manifest
from tests.imagery import write_imagery
from training.errors import TrainingError
from training.imagery.prepare import LEVELS, prepare
from training.imagery.pyramid import Pyramid
from training.samples.degradation import degrade
from training.samples.windows import BANDS, Samples

WINDOW = 60


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    base = folder / "base.png"
    Image.new("RGB", (64, 32), (10, 60, 90)).save(base)
    out = folder / "out"
    assert prepare(read_manifest(write_imagery(folder / "in")), base, out) == []
    return out


def test_pyramid_holds_every_image_at_its_levels(prepared):
    pyramid = Pyramid(prepared)
    finest = [image for image in pyramid.images if image.level == 1]
    assert len(finest) == 7
    assert {image.level for image in pyramid.images} == set(LEVELS) - {8}
    first = pyramid.pixels(finest[0])
    with Image.open(prepared.parent / "in" / "0.jpg") as opened:
        np.testing.assert_array_equal(first, np.asarray(opened))
    half = next(i for i in pyramid.images if i.level == 2 and i.source == finest[0].source)
    assert half.gsd == 2 * finest[0].gsd
    expected = first.reshape(320, 2, 320, 2, 3).mean((1, 3))
    assert np.abs(pyramid.pixels(half) - expected).max() <= 0.5
    assert finest[0].base == [10.0, 60.0, 90.0]


def test_unreadable_image_is_named_and_the_rest_goes_on(tmp_path):
    manifest = write_imagery(tmp_path)
    (tmp_path / "2.jpg").write_bytes(b"not a picture")
    failed = prepare(read_manifest(manifest), None, tmp_path / "out")
    assert len(failed) == 1
    assert "2.jpg" in failed[0]
    assert len({image.source for image in Pyramid(tmp_path / "out").images}) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gsd_m": None}, "needs file, gsd_m"),
        ({"gsd_m": -3}, "0.05 to 20000"),
        ({"split": "other"}, "train, val, test"),
    ],
)
def test_bad_rows_of_a_manifest_are_explained(tmp_path, change, message):
    manifest = write_imagery(tmp_path)
    rows = json.loads(manifest.read_text())
    rows[1] |= change
    manifest.write_text(json.dumps(rows))
    with pytest.raises(ImageryError, match=message):
        read_manifest(manifest)


def test_missing_manifest_and_missing_pyramid_are_explained(tmp_path):
    with pytest.raises(ImageryError, match="cannot read the manifest"):
        read_manifest(tmp_path / "none.json")
    with pytest.raises(TrainingError, match="training prepare"):
        Pyramid(tmp_path)


def test_a_sample_is_a_function_of_its_number(prepared):
    first, again = (Samples(Pyramid(prepared), "train", WINDOW, seed=3) for _ in range(2))
    for index in (0, 5, 17):
        a, b = first[index], again[index]
        assert all(torch.equal(a[key], b[key]) for key in a)
    assert not torch.equal(first[0]["child"], first[1]["child"])


def test_samples_have_the_shape_range_and_resolution_of_their_band(prepared):
    samples = Samples(Pyramid(prepared), "train", WINDOW)
    seen = set()
    for index in range(40):
        sample = samples[index]
        band = BANDS[int(sample["band"])]
        seen.add(band.zoom)
        assert sample["child"].shape == (3, 4 * WINDOW, 4 * WINDOW)
        assert sample["parent"].shape == (3, WINDOW, WINDOW)
        assert sample["child"].min() >= -1
        assert sample["child"].max() <= 1
        assert band.finest * 0.99 <= sample["gsd"] <= band.coarsest * 1.03
    assert seen == {7, 9, 11, 13, 15}


def test_undegraded_parent_is_the_average_of_its_child(prepared):
    samples = Samples(Pyramid(prepared), "train", WINDOW)
    sample = next(s for s in map(samples.__getitem__, range(50)) if s["augmentation"] == 0)
    mean = torch.nn.functional.avg_pool2d(sample["child"], 4)
    assert (mean - sample["parent"]).abs().max() <= 1.01 / 127.5


def test_stages_are_drawn_by_the_shares_that_are_asked_for(prepared):
    samples = Samples(Pyramid(prepared), "train", WINDOW, shares=(0, 0, 0, 1, 9))
    assert samples.shares == pytest.approx([0, 0, 0, 0.1, 0.9, 0])
    drawn = [BANDS[int(samples[index]["band"])].zoom for index in range(40)]
    assert set(drawn) == {13, 15}
    assert 30 <= drawn.count(15) < 40
    with pytest.raises(TrainingError, match="no imagery serves zoom 7"):
        Samples(Pyramid(prepared), "test", WINDOW, shares=(1, 0, 0, 0, 0))


def test_only_images_of_the_split_are_drawn(prepared):
    samples = Samples(Pyramid(prepared), "test", WINDOW)
    assert {i.split for images, _ in samples.choices for i in images} == {"test"}
    with pytest.raises(TrainingError, match="val image"):
        Samples(Pyramid(prepared), "val", WINDOW)


def test_degradation_grows_with_its_level():
    random = np.random.default_rng(0)
    parent = random.integers(0, 255, (64, 64, 3)).astype(np.float32)
    np.testing.assert_array_equal(degrade(parent, 0.0, random), parent)
    weak, strong = (degrade(parent, s, np.random.default_rng(1)) for s in (0.3, 1.0))
    assert parent.std() > weak.std() > strong.std()
    assert strong.min() >= 0
    assert strong.max() <= 255


def test_degraded_parents_keep_their_colour_and_are_8_bits():
    parent = np.full((64, 64, 3), (60, 120, 180), np.float32)
    made = degrade(parent, 1.0, np.random.default_rng(3))
    np.testing.assert_allclose(made.mean((0, 1)), (60, 120, 180), atol=1.5)
    np.testing.assert_array_equal(made, np.rint(made))
