"""Archives read by ranges: the tiles that were written, or one sentence, never other bytes."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pmtiles.tile import TileType, deserialize_header, serialize_header

from generator.grid.tile import Tile
from tests.archives import TILES, file_server, write_archive
from tests.fakes import FakeRenderer
from tileserver.archives import tilearchive as module
from tileserver.archives.tilearchive import TileArchive, archive_of, expect_world
from tileserver.archives.wholeness import is_whole
from tileserver.errors import ArchiveDamagedError, ArchiveError
from tileserver.settings import Settings


@pytest.mark.parametrize("format", ["png", "webp", "jpg"])
def test_every_tile_is_what_was_written(tmp_path: Path, format: str) -> None:
    written = write_archive(tmp_path / "a.pmtiles", format=format, seed=7)
    archive = TileArchive.open(str(tmp_path / "a.pmtiles"))
    assert {tile: archive.payload(tile) for tile in TILES} == written
    assert archive.payload(Tile(4, 0, 0)) is None
    assert (archive.seed, archive.world) == (7, FakeRenderer().fingerprint(7))
    assert (archive.encoding.format, archive.zooms) == (format.replace("jpg", "jpeg"), (0, 3))
    assert not archive.remote
    archive.close()


def test_leaf_directories_are_read_once_while_they_are_remembered(tmp_path: Path) -> None:
    tiles = [Tile(8, x, y) for x in range(128) for y in range(128)]
    file = tmp_path / "a.pmtiles"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.archives.payload", lambda *_: os.urandom(9 + os.urandom(1)[0]))
        patch.setattr(module, "is_whole", lambda *_: True)
        written = write_archive(file, tiles)
        archive = TileArchive.open(str(file))
        assert deserialize_header(file.read_bytes()[:127])["leaf_directory_length"] > 0
        assert all(archive.payload(tile) == data for tile, data in written.items())
    assert 2 < archive._directory.cache_info().misses < 10
    archive.close()


def test_an_archive_behind_a_url_is_read_by_ranges_over_one_connection(tmp_path: Path) -> None:
    written = write_archive(tmp_path / "a.pmtiles")
    with file_server(tmp_path) as (root, handler):
        archive = TileArchive.open(f"{root}/a.pmtiles?signature=secret")
        assert archive.remote
        assert archive.name == f"{root}/a.pmtiles"
        assert archive.modified == 784111777
        assert len(handler.asked) == 1
        assert {tile: archive.payload(tile) for tile in TILES} == written
        archive.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": 200}, "answered with status 200, expected 206"),
        ({"status": 302}, "answered with status 302, expected 206: range requests, no redirect"),
        ({"status": 404}, "answered with status 404"),
        ({"headers_instead": {"content-range": "bytes 7-16390/9"}}, "other bytes than asked"),
        ({"headers_instead": {"content-encoding": "gzip"}}, "other bytes than asked"),
        ({"headers_instead": {"etag": '"new"'}}, "was changed since the server started"),
        ({"broken": True}, "half of what was asked"),
    ],
)
def test_what_a_server_answers_wrongly_is_no_tile(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    last = TILES[-1]
    written = write_archive(tmp_path / "a.pmtiles")
    with file_server(tmp_path) as (root, handler):
        archive = TileArchive.open(f"{root}/a.pmtiles")
        assert archive.payload(last) == written[last]
        for name, value in change.items():
            setattr(handler, name, value)
        with pytest.raises(ArchiveError) as refused:
            archive.payload(last)
        assert sentence in str(refused.value)
        for name in change:
            delattr(handler, name)
        assert archive.payload(last) == written[last]
        archive.close()


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(ArchiveError, match="cannot be reached"):
        TileArchive.open("http://127.0.0.1:1/a.pmtiles?signature=secret")


def header_with(data: bytes, **values: object) -> bytes:
    return serialize_header(deserialize_header(data[:127]) | values) + data[127:]  # type: ignore[operator]


def metadata_with(data: bytes, text: bytes) -> bytes:
    head = deserialize_header(data[:127])
    packed = gzip.compress(text)
    place = {"metadata_offset": len(data), "metadata_length": len(packed)}
    return header_with(data, **place) + packed + bytes(head["tile_data_length"] * 0)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: b"", "has 0 bytes where 127 are needed"),
        (lambda data: data[:-1], "is cut off: it has"),
        (lambda data: b"PK" + data[2:], "is not PMTiles of version 3"),
        (lambda data: b"PMTiles\x02" + data[8:], "is not PMTiles of version 3"),
        (lambda data: header_with(data, tile_type=TileType.MVT), "tiles of the type MVT"),
        (lambda data: header_with(data, min_zoom=4), "its zooms are 4 to 3, of 0 to 17"),
        (lambda data: header_with(data, max_zoom=18), "its zooms are 0 to 18, of 0 to 17"),
        (lambda data: metadata_with(data, b"{}"), "does not say which world it holds"),
        (lambda data: metadata_with(data, b"{"), "does not say which world it holds"),
        (lambda data: metadata_with(data, b" " * (9 << 20)), "cannot be unpacked"),
        (lambda data: data[:130] + b"xx" + data[132:], "cannot be unpacked"),
    ],
)
def test_a_file_that_cannot_be_served_is_refused_when_it_is_opened(
    tmp_path: Path, damage: Callable[[bytes], bytes], sentence: str
) -> None:
    file = tmp_path / "a.pmtiles"
    write_archive(file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ArchiveError) as refused:
        TileArchive.open(str(file))
    assert sentence in str(refused.value)
    assert len(str(refused.value)) < 250 + len(str(tmp_path))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"cannot be read \(No such file or directory\)"):
        TileArchive.open(str(tmp_path / "none.pmtiles"))


def test_a_file_that_is_written_to_while_it_is_served_gives_no_tile(tmp_path: Path) -> None:
    file = tmp_path / "a.pmtiles"
    write_archive(file)
    archive = TileArchive.open(str(file))
    with file.open("r+b") as stream:
        stream.truncate(2000)
    with pytest.raises(ArchiveError, match="was changed since the server started"):
        archive.payload(TILES[-1])
    archive.close()


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_flipped_bit_never_gives_other_pixels(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "flipped"
    folder.mkdir(exist_ok=True)
    sound, file = folder / "sound.pmtiles", folder / "a.pmtiles"
    tiles = [Tile(1, x, y) for x in (0, 1) for y in (0, 1)]
    if not sound.exists():
        write_archive(sound, tiles)
    data = bytearray(sound.read_bytes())
    # Half of the flips in the first 600 bytes: header, directory and metadata.
    data[int(place * 2 * 600) if place < 0.5 else int((2 * place - 1) * len(data))] ^= 1 << bit
    file.write_bytes(data)
    written = {tile: TileArchive.open(str(sound)).payload(tile) for tile in tiles}
    try:
        archive = TileArchive.open(str(file))
    except ArchiveError:
        return
    for tile in tiles:
        try:
            found = archive.payload(tile)
        except ArchiveError:
            continue
        assert found == written[tile]
    archive.close()


def test_a_directory_that_unpacks_without_end_or_holds_endless_numbers_is_damage(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.pmtiles"
    write_archive(file)
    data = file.read_bytes()
    for content in (bytes(9 << 20), b"\xff" * 1000, b"\xff\xff\xff\xff\x0f"):
        packed = gzip.compress(content)
        file.write_bytes(header_with(data, root_offset=len(data), root_length=len(packed)) + packed)
        with pytest.raises(ArchiveDamagedError):
            TileArchive.open(str(file))


def test_directories_in_a_ring_are_damage(tmp_path: Path) -> None:
    file = tmp_path / "a.pmtiles"
    write_archive(file)
    data = file.read_bytes()
    packed = gzip.compress(bytes([1, 0, 0, 60, 1]))  # one entry: a directory, at the same place
    packed = gzip.compress(bytes([1, 0, 0, len(packed), 1]))
    place = {"root_offset": len(data), "leaf_directory_offset": len(data)}
    file.write_bytes(header_with(data, **place, root_length=len(packed)) + packed)
    archive = TileArchive.open(str(file))
    with pytest.raises(ArchiveDamagedError, match="deeper than 4"):
        archive.payload(Tile(0, 0, 0))
    archive.close()


def test_the_settings_archive_has_to_be_of_their_seed(tmp_path: Path) -> None:
    file = str(tmp_path / "a.pmtiles")
    write_archive(Path(file), seed=7)
    assert archive_of(Settings()) is None
    with pytest.raises(ArchiveError, match="holds world 7 and this server's is 0.*--seed 7"):
        archive_of(Settings(archive=file))
    with pytest.raises(ArchiveError, match="expected --archive FILE"):
        archive_of(Settings(archive_only=True))
    archive = archive_of(Settings(archive=file, seed=7))
    assert archive is not None
    expect_world(archive.name, 7, archive.world, archive.world)
    with pytest.raises(ArchiveError, match="holds another world of seed 7"):
        expect_world(archive.name, 7, archive.world, b"x" * 16)
    archive.close()


def test_pictures_are_whole_only_to_their_last_byte(tmp_path: Path) -> None:
    for extension, format in (("png", "png"), ("webp", "webp"), ("jpg", "jpeg")):
        (data,) = write_archive(tmp_path / f"{format}.pmtiles", TILES[:1], extension).values()
        assert is_whole(data, format)
        for wrong in (b"", data[:-1], data + b"x", data[:20], b"x" + data[1:]):
            assert not is_whole(wrong, format), (format, len(wrong))


def test_the_export_says_which_world_it_holds(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.pmtiles", seed=2**64 - 1)
    data = (tmp_path / "a.pmtiles").read_bytes()
    head = deserialize_header(data[:127])
    text = data[head["metadata_offset"] :][: head["metadata_length"]]
    seed, world = str(2**64 - 1), FakeRenderer().fingerprint(2**64 - 1).hex()
    about = json.loads(gzip.decompress(text))["elsewhere"]
    assert (about["seed"], about["world"]) == (seed, world)
