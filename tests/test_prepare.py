import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from generator.imagery.sources import read_manifest
from tests.imagery import write_imagery
from training.cli import main
from training.errors import TrainingError
from training.imagery.prepare import prepare
from training.imagery.pyramid import Pyramid, describe

LIMIT = 3_000_000
"""Holds one made-up image with its levels, 640 x 640 pixels, but not two."""


@pytest.fixture(scope="module")
def imagery(tmp_path_factory):
    return read_manifest(write_imagery(tmp_path_factory.mktemp("in")))


@pytest.fixture(scope="module")
def whole(imagery, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    assert prepare(imagery, None, out) == []
    return Pyramid(out)


def assert_equal(one, two):
    assert one.images == two.images
    assert one.digest == two.digest
    for image in one.images:
        np.testing.assert_array_equal(one.pixels(image), two.pixels(image))
        np.testing.assert_array_equal(one.mask(image), two.mask(image))


def bytes_of(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_shards_are_bounded_and_hold_whole_images(imagery, whole, tmp_path):
    prepare(imagery, None, tmp_path, LIMIT)
    pyramid = Pyramid(tmp_path)
    assert len(pyramid.shards) == 7
    assert all(shard.size <= LIMIT for shard in pyramid.shards)
    assert_equal(pyramid, whole)
    for image in pyramid.images:
        number, start = pyramid.locate(image.offset)
        size = image.height * image.width * 3
        loaded = np.array(pyramid.shard(number))[start : start + size]
        np.testing.assert_array_equal(loaded, whole.pixels(image).ravel())
        if image.mask_offset is not None:
            assert pyramid.locate(image.mask_offset)[0] == number


def test_image_larger_than_a_shard_gets_its_own(imagery, whole, tmp_path):
    prepare(imagery, None, tmp_path, 1000)
    assert_equal(Pyramid(tmp_path), whole)


@pytest.mark.parametrize("stop", [0, 3, 6])
def test_stopped_preparation_goes_on_and_gives_the_same_bytes(imagery, tmp_path, stop):
    def interrupted():
        raise KeyboardInterrupt

    sources = [*imagery[:stop], replace(imagery[stop], read=interrupted), *imagery[stop + 1 :]]
    with pytest.raises(KeyboardInterrupt):
        prepare(sources, None, tmp_path / "a", 2 * LIMIT)
    # What a kill in the middle of writing leaves behind: bytes and half a line.
    for file in (tmp_path / "a").iterdir():
        file.write_bytes(file.read_bytes() + b'{"key": "ha')
    read = []

    def counted(source):
        return replace(source, read=lambda: (read.append(source.name), source.read())[1])

    prepare([counted(source) for source in imagery], None, tmp_path / "a", 2 * LIMIT)
    prepare(imagery, None, tmp_path / "b", 2 * LIMIT)
    assert read == [source.name for source in imagery[stop:]]
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_lost_pixels_are_noticed_when_resuming(imagery, whole, tmp_path):
    prepare(imagery, None, tmp_path, LIMIT)
    (tmp_path / "index.json").unlink()
    (tmp_path / "pixels-00002.bin").write_bytes(b"short")
    prepare(imagery, None, tmp_path, LIMIT)
    assert_equal(Pyramid(tmp_path), whole)


def test_repeated_preparation_reads_nothing(imagery, tmp_path):
    prepare(imagery, None, tmp_path)
    before = bytes_of(tmp_path)

    def unexpected():
        raise AssertionError

    assert prepare([replace(s, read=unexpected) for s in imagery], None, tmp_path) == []
    assert bytes_of(tmp_path) == before


def test_folder_of_other_imagery_is_refused_and_left_alone(imagery, tmp_path):
    prepare(imagery, None, tmp_path)
    before = bytes_of(tmp_path)
    for sources, size in ((imagery[1:], 1 << 30), (imagery, 12345)):
        with pytest.raises(TrainingError, match="other imagery or settings"):
            prepare(sources, None, tmp_path, size)
    (tmp_path / "journal.jsonl").unlink()
    with pytest.raises(TrainingError, match="cannot be added to"):
        prepare(imagery, None, tmp_path)
    del before["journal.jsonl"]
    assert bytes_of(tmp_path) == before


def test_single_file_of_an_earlier_version_is_read(imagery, whole, tmp_path):
    assert len(whole.shards) == 1
    (tmp_path / "pixels.bin").write_bytes(whole.shard(0).tobytes())
    rows = json.loads((whole._folder / "index.json").read_text())
    del rows["shards"]
    (tmp_path / "index.json").write_text(json.dumps(rows))
    assert_equal(Pyramid(tmp_path), whole)


def test_cut_short_shard_is_explained(imagery, tmp_path):
    prepare(imagery, None, tmp_path)
    (tmp_path / "pixels-00000.bin").write_bytes(b"short")
    with pytest.raises(TrainingError, match="cut short"):
        Pyramid(tmp_path)


def test_pyramid_travels_to_another_process_without_its_bytes(whole):
    whole.pixels(whole.images[0])
    state = pickle.dumps(whole)
    assert len(state) < 100_000
    assert_equal(pickle.loads(state), whole)


def test_nothing_usable_is_explained(tmp_path):
    manifest = write_imagery(tmp_path)
    for file in tmp_path.glob("*.jpg"):
        file.write_bytes(b"nothing")
    with pytest.raises(TrainingError, match="none of the 7 images"):
        prepare(read_manifest(manifest), None, tmp_path / "out")


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["training", "prepare", *map(str, words)])
    return main()


def test_command_prepares_says_what_is_there_and_names_what_is_not(tmp_path, monkeypatch, capsys):
    manifest = write_imagery(tmp_path / "in")
    (tmp_path / "in" / "3.jpg").write_bytes(b"nothing")
    assert run(monkeypatch, manifest, "--out", tmp_path / "out", "--shard-size", 0.003) == 1
    said = capsys.readouterr()
    assert "left out: 3.jpg" in said.err
    assert "6 images" in said.out
    assert "test: 2 images" in said.out
    assert "val: none" in said.out
    # A mended image would move all that follow it: sample i would be another.
    (tmp_path / "in" / "3.jpg").write_bytes((tmp_path / "in" / "4.jpg").read_bytes())
    assert run(monkeypatch, manifest, "--out", tmp_path / "out", "--shard-size", 0.003) == 2
    assert "other imagery" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--split", "8:1"), "8:1:1"),
        (("--cell", "0"), "above 0"),
        (("--gsd", "3"), "is a manifest"),
    ],
)
def test_command_explains_bad_options(tmp_path, monkeypatch, capsys, words, message):
    manifest = write_imagery(tmp_path)
    assert run(monkeypatch, manifest, "--out", tmp_path / "out", *words) == 2
    assert message in capsys.readouterr().err


def test_description_counts_by_split_and_source(whole):
    text = describe(whole)
    assert "7 images" in text
    assert "source-60: 2 images, 0.8 Mpx, 60 to 60 m per pixel" in text
