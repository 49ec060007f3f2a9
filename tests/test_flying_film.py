"""Films: what is written, that it goes on where it was stopped, and what a failure leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.grid.tile import Tile
from generator.rasters.notice import NOTICE
from tests.fakes import FakeRenderer
from tileserver.batch.progress import silent
from tileserver.cache.tilecache import TileCache
from tileserver.errors import FlightError
from tileserver.flying import encoders
from tileserver.flying.encoders import FilmMetadata
from tileserver.flying.film import Film, FilmTarget, seed_tiles
from tileserver.flying.flight import Flight, FlightPlan
from tileserver.flying.framefolder import FrameFolder, key_of, unfinished
from tileserver.flying.frames import FrameRenderer, region
from tileserver.flying.route import read_route
from tileserver.rendering.batch import BatchRenderer

PLAN = FlightPlan(read_route("46.5,7.6 47.4,8.5"), (4e6, 2e5), (64, 36), 5, seconds=2)
FLIGHT = Flight(PLAN)
TEXTS = FilmMetadata("World 0", "Invented", "Credit")
NAMES = ["film.mp4", "film.webp", "film"]


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BatchRenderer]:
    cache = TileCache.open(tmp_path_factory.mktemp("cache"))
    maker = BatchRenderer(FakeRenderer(), 0, cache)
    seed_tiles(maker, region(FLIGHT), silent)
    yield maker
    cache.close()


def make(maker: BatchRenderer, path: Path, flight: Flight = FLIGHT, stop_at: int = 10**9) -> None:
    """Make a film; raise KeyboardInterrupt after so many reports."""
    reports = 0

    def report(step: str, done: int, total: int, worked: int) -> None:
        nonlocal reports
        reports += 1
        if reports == stop_at:
            raise KeyboardInterrupt

    film = Film(maker, flight, FilmTarget.of(path, flight, force=True))
    try:
        film.make(TEXTS, report)
    finally:
        film.close()


def content(path: Path) -> list[bytes]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file.read_bytes() for file in files]


def drawn(maker: BatchRenderer) -> list[np.ndarray]:
    renderer = FrameRenderer(FLIGHT, maker.pixels)
    return [renderer.frame(number) for number in range(FLIGHT.frames)]


def test_an_mp4_holds_every_frame_with_its_colours_and_its_time(
    maker: BatchRenderer, tmp_path: Path
) -> None:
    av = pytest.importorskip("av")
    make(maker, tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        stream = film.streams.video[0]
        frames = list(film.decode(stream))
        texts = film.metadata
        assert (stream.codec_context.name, stream.average_rate) == ("h264", 5)
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)
    assert [frame.time for frame in frames] == pytest.approx([n / 5 for n in range(10)])
    for frame, wanted in zip(frames, drawn(maker), strict=True):
        found = frame.to_ndarray(format="rgb24", src_colorspace="ITU709").astype(int)
        assert found.shape == wanted.shape
        assert np.abs(found.mean((0, 1)) - wanted.mean((0, 1))).max() < 3
    assert texts["comment"] == NOTICE
    assert (texts["title"], texts["copyright"]) == ("World 0", "Credit")
    assert os.listdir(tmp_path) == ["film.mp4"]


def test_a_webp_is_animated_and_says_what_it_is(maker: BatchRenderer, tmp_path: Path) -> None:
    make(maker, tmp_path / "film.webp")
    with Image.open(tmp_path / "film.webp") as film:
        assert (film.n_frames, film.info["loop"]) == (10, 0)
        assert NOTICE in film.getexif()[0x010E]
        for number, wanted in enumerate(drawn(maker)):
            film.seek(number)
            film.load()
            assert film.info["duration"] == 200
            assert (
                np.abs(np.asarray(film.convert("RGB")).mean((0, 1)) - wanted.mean((0, 1))).max() < 4
            )
    assert os.listdir(tmp_path) == ["film.webp"]


def test_a_folder_holds_every_frame_exactly(maker: BatchRenderer, tmp_path: Path) -> None:
    make(maker, tmp_path / "film")
    assert os.listdir(tmp_path) == ["film"]
    paths = sorted((tmp_path / "film").iterdir())
    assert [path.name for path in paths] == [f"{n:06}.png" for n in range(1, 11)]
    for path, wanted in zip(paths, drawn(maker), strict=True):
        with Image.open(path) as picture:
            assert picture.info["Disclaimer"] == NOTICE
            np.testing.assert_array_equal(np.asarray(picture), wanted)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stop_at", [4, 15])
def test_a_stopped_film_goes_on_and_ends_in_the_same_bytes(
    maker: BatchRenderer, tmp_path: Path, name: str, stop_at: int
) -> None:
    if name.endswith("mp4"):
        pytest.importorskip("av")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    make(maker, tmp_path / "a" / name)
    with pytest.raises(KeyboardInterrupt):
        make(maker, tmp_path / "b" / name, stop_at=stop_at)
    assert not (tmp_path / "b" / name).exists()
    there = tmp_path / "b" / f".{name}.frames" / "frames"
    before = {path.name: path.stat().st_mtime_ns for path in there.iterdir()}
    assert len(before) == min(stop_at, 10)
    (there / "000002.png").write_bytes(b"")  # as a power cut leaves it
    make(maker, tmp_path / "b" / name)
    assert content(tmp_path / "b" / name) == content(tmp_path / "a" / name)
    assert os.listdir(tmp_path / "b") == [name]


def test_frames_of_another_film_are_not_taken(maker: BatchRenderer, tmp_path: Path) -> None:
    other = Flight(FlightPlan(PLAN.points, (5e6, 2e5), PLAN.size, PLAN.fps, seconds=2))
    seed_tiles(maker, region(other), silent)
    with pytest.raises(KeyboardInterrupt):
        make(maker, tmp_path / "film", other, stop_at=5)
    film = Film(maker, FLIGHT, FilmTarget.of(tmp_path / "film", FLIGHT, force=False))
    assert film.fresh
    film.make(TEXTS, silent)
    film.close()
    (tmp_path / "b").mkdir()
    make(maker, tmp_path / "b" / "film")
    assert content(tmp_path / "film") == content(tmp_path / "b" / "film")


def test_what_frames_depend_on_has_another_key() -> None:
    keys = {key_of(PLAN, bytes(16)), key_of(PLAN, bytes(15) + b"a")}
    for changed in (
        FlightPlan(PLAN.points[::-1], PLAN.altitudes, PLAN.size, PLAN.fps, seconds=2),
        FlightPlan(PLAN.points, PLAN.altitudes, (36, 64), PLAN.fps, seconds=2),
        FlightPlan(PLAN.points, PLAN.altitudes, PLAN.size, PLAN.fps),
        FlightPlan(PLAN.points, PLAN.altitudes, PLAN.size, PLAN.fps, 0.5),
    ):
        keys.add(key_of(changed, bytes(16)))
    assert len(keys) == 6
    assert key_of(PLAN, bytes(16)) in keys


def test_one_program_at_a_time_makes_a_film(tmp_path: Path) -> None:
    work = FrameFolder(tmp_path / "film.mp4", "a")
    with pytest.raises(FlightError, match=r"film.mp4 is being made by another program"):
        FrameFolder(tmp_path / "film.mp4", "a")
    assert unfinished(tmp_path / "film.mp4") == unfinished(tmp_path / "other.mp4") == []
    work.close()
    assert unfinished(tmp_path / "film.mp4") == []
    assert unfinished(tmp_path / "other.mp4") == [(work.folder, 1)]
    FrameFolder(tmp_path / "film.mp4", "a").close()


def test_a_tile_that_cannot_be_made_ends_the_film_and_keeps_the_rest(tmp_path: Path) -> None:
    renderer, cache = FakeRenderer(), TileCache.open(tmp_path / "cache")
    renderer.broken.add(next(tile for tile in region(FLIGHT).walk() if tile.z == 4))
    maker = BatchRenderer(renderer, 0, cache)
    with pytest.raises(FlightError, match=r"could not be made, tile 4/.* is broken"):
        seed_tiles(maker, region(FLIGHT), silent)
    assert cache.count() > 3
    with pytest.raises(FlightError, match="could not be made"):
        make(maker, tmp_path / "film.webp")
    assert not (tmp_path / "film.webp").exists()
    cache.close()


def test_tiles_that_were_evicted_meanwhile_are_made_again(
    maker: BatchRenderer, tmp_path: Path
) -> None:
    make(maker, tmp_path / "a")
    cache = TileCache.open(tmp_path / "cache")
    make(BatchRenderer(FakeRenderer(), 0, cache), tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")
    cache.close()


def test_a_full_disk_is_one_sentence_and_the_older_film_stays(
    maker: BatchRenderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encoders, "write_webp", full)
    (tmp_path / "film.webp").write_text("older")
    with pytest.raises(FlightError, match=r"film.webp cannot be written: No space left"):
        make(maker, tmp_path / "film.webp")
    assert (tmp_path / "film.webp").read_text() == "older"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("film.avi", "unknown ending .avi, expected .mp4, .webp, or a folder"),
        (".mp4", "the film's name is '.mp4', expected .mp4, .webp, or a folder's name"),
        ("-", "the film's name is '-', expected"),
        ("none/film.webp", "to be a folder that may be"),
        ("there.webp", "or --force to replace it"),
        ("taken", "expected the name of a new folder"),
        ("taken/file", "expected the name of a new folder"),
        ("dir.webp", "is a folder, expected a file"),
    ],
)
def test_targets_that_cannot_be_are_refused_before_any_work(
    tmp_path: Path, name: str, expected: str
) -> None:
    (tmp_path / "there.webp").touch()
    (tmp_path / "dir.webp").mkdir()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(FlightError, match=expected):
        FilmTarget.of(tmp_path / name, FLIGHT, force=False)
    FilmTarget.of(tmp_path / "there.webp", FLIGHT, force=True)


def test_what_a_kind_of_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    odd = Flight(FlightPlan(PLAN.points, PLAN.altitudes, (65, 36), 5, seconds=2))
    with pytest.raises(FlightError, match="size is 65x36, expected even numbers"):
        FilmTarget.of(tmp_path / "film.mp4", odd, force=False)
    large = Flight(FlightPlan(PLAN.points, PLAN.altitudes, (4096, 4096), 30, seconds=2))
    with pytest.raises(FlightError, match="would not fit into memory"):
        FilmTarget.of(tmp_path / "film.webp", large, force=False)


def test_without_pyav_an_mp4_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(FlightError, match=r"install elsewhere\[film\]"):
        FilmTarget.of(tmp_path / "film.mp4", FLIGHT, force=False)
    FilmTarget.of(tmp_path / "film.webp", FLIGHT, force=False)


def test_each_tile_is_made_once_and_parents_come_first(tmp_path: Path) -> None:
    renderer, cache = FakeRenderer(), TileCache.open(tmp_path / "cache")
    maker = BatchRenderer(renderer, 0, cache)
    seed_tiles(maker, region(FLIGHT), silent)
    make(maker, tmp_path / "film.webp")
    blocks = [block for _, block in renderer.calls]
    assert len(blocks) == len(set(blocks))
    made: set[Tile] = set()
    for block in blocks:
        assert set(renderer.needs(block)) <= made
        made.update(block.tiles)
    cache.close()
