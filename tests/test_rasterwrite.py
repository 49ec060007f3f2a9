"""Writing pictures: pieces, georeference, nothing left behind by a failure."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

from generator.grid.errors import ImageError
from generator.rasters import Georeference
from generator.rasters.writing import create_picture
from tests.rasterfiles import read_picture

PLACE = Georeference("EPSG:32633", (2.0, 0.0, 500_000.0, 0.0, -2.0, 4_000_000.0))


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def write(path: Path, pixels: NDArray[np.uint8], place: Georeference | None = None) -> None:
    """Write a picture in four pieces, the last first."""
    height, width = pixels.shape[:2]
    with create_picture(path, width, height, place) as sink:
        for y in (height // 2, 0):
            for x in (width // 2, 0):
                bottom = height if y else height // 2
                right = width if x else width // 2
                sink.write(x, y, pixels[y:bottom, x:right])


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.TIFF"])
@pytest.mark.parametrize("with_rasterio", [True, False])
def test_pieces_make_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, with_rasterio: bool
) -> None:
    if not with_rasterio:
        monkeypatch.setitem(sys.modules, "rasterio", None)
    pixels = noise(301, 517)
    write(tmp_path / name, pixels)
    assert np.array_equal(read_picture(tmp_path / name), pixels)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_jpeg_is_close(tmp_path: Path) -> None:
    pixels = np.full((20, 30, 3), (200, 30, 60), np.uint8)
    write(tmp_path / "a.jpg", pixels)
    assert np.abs(read_picture(tmp_path / "a.jpg").astype(int) - pixels).max() <= 3


def test_a_tiff_keeps_its_place(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", noise(20, 30), PLACE)
    with rasterio.open(tmp_path / "a.tif") as made:
        assert made.crs.to_epsg() == 32633
        assert tuple(made.transform)[:6] == PLACE.transform
        assert tuple(made.bounds) == (500_000, 3_999_960, 500_060, 4_000_000)


@pytest.mark.parametrize(("name", "world"), [("a.png", "a.pgw"), ("a.jpg", "a.jgw")])
def test_other_formats_get_a_world_file_that_gdal_reads(
    tmp_path: Path, name: str, world: str
) -> None:
    write(tmp_path / name, noise(20, 30), PLACE)
    assert (tmp_path / world).is_file()
    with rasterio.open(tmp_path / name) as made:
        assert tuple(made.transform)[:6] == PLACE.transform


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif"):
        folder = tmp_path / name[2:]
        folder.mkdir()
        (folder / name).write_text("old")

        def fail(path: Path) -> None:
            with create_picture(path, 600, 300) as sink:
                sink.write(0, 0, noise(256, 256))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail(folder / name)
        assert [path.name for path in folder.iterdir()] == [name]
        assert (folder / name).read_text() == "old"


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(ImageError, match=r"a\.png cannot be written \(No space left on device\)"):
        write(tmp_path / "a.png", noise(4, 4))
    assert list(tmp_path.iterdir()) == []


def refused(path: Path, width: int = 4, height: int = 4) -> str:
    with pytest.raises(ImageError) as caught, create_picture(path, width, height):
        pytest.fail("the picture was begun")
    return str(caught.value)


def test_targets_that_cannot_be_are_refused_before_the_work(tmp_path: Path) -> None:
    assert "has the ending '.gif', expected .png, .jpg" in refused(tmp_path / "a.gif")
    assert "has the ending ''" in refused(tmp_path / "a")
    assert "no is no directory" in refused(tmp_path / "no" / "a.png")
    (tmp_path / "d.png").mkdir()
    assert "is a directory" in refused(tmp_path / "d.png")
    assert "expected at most 400 million: write a .tif" in refused(
        tmp_path / "a.png", 40_000, 10_001
    )
    assert "JPEG allows 65500 a side" in refused(tmp_path / "a.jpg", 65_501, 1)


def test_a_read_only_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "is read-only" in refused(tmp_path / "a.png")


WRITING = """
import sys, time
from pathlib import Path
import numpy as np
from generator import stopping
from generator.rasters.writing import create_picture

def run():
    with create_picture(Path(sys.argv[1]), 600, 300) as sink:
        sink.write(0, 0, np.zeros((256, 256, 3), np.uint8))
        print("begun", flush=True)
        while True:
            time.sleep(0.02)

sys.exit(stopping.command(run))
"""


def test_sigterm_leaves_no_part(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITING, str(tmp_path / "a.tif")]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        (part,) = tmp_path.iterdir()
        assert part.name.endswith(".part")
        process.terminate()
        assert process.wait(60) == 130
    assert list(tmp_path.iterdir()) == []
