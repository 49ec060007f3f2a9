import json
import sys

import numpy as np
import pytest

from generator.imagery.sources import read_manifest
from tests.imagery import write_imagery
from training.__main__ import main
from training.dataset import Samples
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid, prepare
from training.pack import PACK, pack, unpack

WINDOW = 60


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    manifest = write_imagery(folder / "in")
    rows = json.loads(manifest.read_text())
    rows[5]["split"] = "val"
    rows.append(rows[2] | {"gsd_m": 0.8, "source": "fine"})
    manifest.write_text(json.dumps(rows))
    prepare(read_manifest(manifest), None, folder / "out")
    return Pyramid(folder / "out")


def size(folder):
    return sum(f.stat().st_size for f in folder.glob("0*.*"))


def finest(images):
    return {(i.source, i.split): i for i in reversed(list(images))}


def test_a_packed_folder_unpacks_to_the_same_images(pyramid, tmp_path):
    packed = pack(pyramid, tmp_path / "packed", 10, WINDOW)
    assert set(packed) == {"source-600", "source-200", "source-60", "source-16", "source-4", "fine"}
    again = unpack(tmp_path / "packed", tmp_path / "out")
    assert {i.split for i in again.images} == {"train", "val"}
    ours, theirs = finest(again.images), finest(i for i in pyramid.images if i.level == 1)
    for key, image in ours.items():
        if key[0] == "fine":
            continue
        other = theirs[key]
        assert (image.gsd, image.lat, image.lon) == (other.gsd, other.lat, other.lon)
        difference = again.pixels(image).astype(int) - pyramid.pixels(other)
        assert np.abs(difference).mean() < 3
        masks = again.mask(image), pyramid.mask(other)
        assert (masks[0] is None) == (masks[1] is None)
        if masks[0] is not None:
            np.testing.assert_array_equal(*masks)
    assert Samples(again, "train", WINDOW)[3]["child"].shape == (3, 240, 240)


def test_an_image_is_kept_at_the_finest_level_that_training_draws(pyramid, tmp_path):
    pack(pyramid, tmp_path / "packed", 10, WINDOW)
    again = unpack(tmp_path / "packed", tmp_path / "out")
    fine = [image for image in again.images if image.source == "fine"]
    assert [(i.level, i.gsd, i.height) for i in fine] == [(2, 1.6, 320), (4, 3.2, 160)]


def test_masks_of_coarser_levels_equal_those_of_prepare(pyramid, tmp_path):
    pack(pyramid, tmp_path / "packed", 10, WINDOW)
    again = unpack(tmp_path / "packed", tmp_path / "out")
    masked = [i for i in again.images if i.mask_offset is not None]
    theirs = [i for i in pyramid.images if i.mask_offset is not None]
    assert [i.level for i in masked] == [i.level for i in theirs] == [1, 2, 4]
    for ours, other in zip(masked, theirs, strict=True):
        np.testing.assert_array_equal(again.mask(ours), pyramid.mask(other))


def test_the_limit_holds_and_sources_share_it(pyramid, tmp_path):
    pack(pyramid, tmp_path / "all", 10, WINDOW)
    limit = 0.6 * size(tmp_path / "all") / 2**20
    packed = pack(pyramid, tmp_path / "some", limit, WINDOW)
    assert size(tmp_path / "some") <= limit * 2**20
    assert 2 <= len(packed) < 6
    with pytest.raises(TrainingError, match="not one image fits"):
        pack(pyramid, tmp_path / "none", 1e-4, WINDOW)


def test_the_command_unpacks_and_refuses_what_is_no_pack(pyramid, tmp_path, capsys, monkeypatch):
    pack(pyramid, tmp_path / "packed", 10, WINDOW)
    for packed, status in (("packed", 0), ("none", 2)):
        words = ["training", "unpack", str(tmp_path / packed), "--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", words)
        assert main() == status
    said = capsys.readouterr()
    assert f"images in {tmp_path / 'out'}" in said.out
    assert "holds no packed imagery" in said.err


def test_unpacking_again_opens_what_is_there_and_notices_another_pack(pyramid, tmp_path):
    pack(pyramid, tmp_path / "packed", 10, WINDOW)
    first = unpack(tmp_path / "packed", tmp_path / "out")
    stamp = (tmp_path / "out" / "index.json").stat().st_mtime_ns
    unpack(tmp_path / "packed", tmp_path / "out")
    assert (tmp_path / "out" / "index.json").stat().st_mtime_ns == stamp
    limit = 0.6 * size(tmp_path / "packed") / 2**20
    pack(pyramid, tmp_path / "packed", limit, WINDOW)
    other = unpack(tmp_path / "packed", tmp_path / "out")
    assert other.digest != first.digest
    assert len(other.images) < len(first.images)


def test_missing_and_damaged_packs_are_explained(pyramid, tmp_path):
    with pytest.raises(TrainingError, match="holds no packed imagery"):
        unpack(tmp_path, tmp_path / "out")
    pack(pyramid, tmp_path / "packed", 10, WINDOW)
    assert (tmp_path / "packed" / PACK).exists()
    (tmp_path / "packed" / "00001.webp").write_bytes(b"no picture")
    with pytest.raises(TrainingError, match="packed image 00001"):
        unpack(tmp_path / "packed", tmp_path / "out")
