"""Reading pictures: which bands are the colours, and how deep samples become 8 bits."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from generator.grid.errors import ImageError
from generator.rasters import (
    Reading,
    open_picture,
    parse_bands,
    parse_stretch,
)
from tests.rasterfiles import noise, read_picture, save_geotiff, spread


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jp2"])
def test_sixteen_bits_are_stretched_by_one_range_of_percentiles_for_all_bands(
    tmp_path: Path, suffix: str
) -> None:
    samples = spread(50, 60, 0, 3000)
    samples[..., 2] //= 2
    path = tmp_path / f"deep{suffix}"
    lossless = {"QUALITY": "100", "REVERSIBLE": "YES"} if suffix == ".jp2" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", width=60, height=50, count=3, dtype="uint16", **lossless
        ) as target:
            target.write(np.moveaxis(samples, -1, 0))
    low, high = np.percentile(samples, (2, 98))
    expected = np.clip(np.rint((samples - low) * (255 / (high - low))), 0, 255)
    with open_picture(path) as picture:
        np.testing.assert_array_equal(picture.read(0, 0, 60, 50), expected)
        said = [note for note in picture.notes if f"samples {low:.0f} to {high:.0f}" in note]
    assert len(said) == 1
    given = np.clip(np.rint(samples * (255 / 3000)), 0, 255)
    np.testing.assert_array_equal(read_picture(path, Reading(stretch=(0, 3000))), given)
    whole = np.rint(samples / 257)
    np.testing.assert_array_equal(read_picture(path, Reading(stretch="none")), whole)


def test_samples_with_a_sign_and_outside_of_the_mask_are_understood(tmp_path: Path) -> None:
    samples = spread(50, 60, 0, 1000).astype(np.int16) - 500
    samples[:10] = -32768
    path = save_geotiff(tmp_path / "a.tif", samples, nodata=-32768)
    with open_picture(path) as picture:
        assert picture.stretch == pytest.approx((-480, 480), abs=5)
        mask = picture.mask(0, 0, 60, 50)
    assert mask is not None
    assert (mask[:10] == 0).all()
    assert (mask[10:] == 255).all()


def test_bands_are_taken_by_what_the_file_says_they_are(tmp_path: Path) -> None:
    pixels = noise(20, 30, 4)
    for name in ("meaning.tif", "names.tif", "nothing.tif"):
        save_geotiff(tmp_path / name, pixels, photometric="MINISBLACK")
    with rasterio.open(tmp_path / "meaning.tif", "r+") as file:
        kinds = rasterio.enums.ColorInterp
        file.colorinterp = [kinds.blue, kinds.green, kinds.red, kinds.nir]
    with rasterio.open(tmp_path / "names.tif", "r+") as file:
        file.descriptions = ("Blue", "Green", "Red", "NIR")
    for name in ("meaning.tif", "names.tif"):
        with open_picture(tmp_path / name) as picture:
            assert picture.notes == ()
            np.testing.assert_array_equal(picture.read(0, 0, 30, 20), pixels[..., 2::-1])
    with open_picture(tmp_path / "nothing.tif") as picture:
        np.testing.assert_array_equal(picture.read(0, 0, 30, 20), pixels[..., :3])
        assert "does not say what its bands are: 1, 2, 3 are taken" in picture.notes[0]
    wanted = Reading(bands=(4, 1, 2))
    np.testing.assert_array_equal(
        read_picture(tmp_path / "nothing.tif", wanted), pixels[..., [3, 0, 1]]
    )
    with pytest.raises(ImageError, match=r"has 4 bands, expected 5,1,1 among them"):
        read_picture(tmp_path / "nothing.tif", Reading(bands=(5, 1, 1)))


def test_bands_of_a_png_may_be_exchanged_too(tmp_path: Path) -> None:
    pixels = noise(8, 9)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    made = read_picture(tmp_path / "a.png", Reading(bands=(3, 2, 1), stretch=(0, 510)))
    np.testing.assert_array_equal(made, np.rint(pixels[..., ::-1] / 2))
    with pytest.raises(ImageError, match="has 3 bands of colour, expected bands 4,3,2"):
        read_picture(tmp_path / "a.png", Reading(bands=(4, 3, 2)))


@pytest.mark.parametrize("with_rasterio", [True, False])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_whose_0_is_white_is_no_negative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type, with_rasterio: bool
) -> None:
    grey = noise(7, 9, 1).astype(kind) * kind(257 if kind is np.uint16 else 1)
    path = tmp_path / "a.tif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        save_geotiff(path, grey, photometric="MINISWHITE", crs=None, transform=None)
    if not with_rasterio:
        monkeypatch.setitem(sys.modules, "rasterio", None)
    made = read_picture(path, Reading(stretch="none"))
    np.testing.assert_array_equal(made, 255 - np.repeat(noise(7, 9, 1), 3, axis=2))


@pytest.mark.parametrize(
    ("reader", "text", "words"),
    [
        (parse_bands, "3,2", "expected the numbers of red, green and blue such as 3,2,1"),
        (parse_bands, "0,1,2", "the bands are '0,1,2'"),
        (parse_bands, "r,g,b", "the bands are 'r,g,b'"),
        (parse_stretch, "5", "the stretch is '5'"),
        (parse_stretch, "9,2", "expected the samples that become black and white"),
        (parse_stretch, "nan,2", "the stretch is 'nan,2'"),
    ],
)
def test_impossible_flags_are_explained(
    reader: Callable[[str], object], text: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        reader(text)


def test_flags_are_read() -> None:
    assert parse_bands("8,4,3") == (8, 4, 3)
    assert parse_stretch("0,2750.5") == (0.0, 2750.5)
    assert parse_stretch("none") == "none"


def test_colours_of_printing_are_turned_by_gdal_or_refused_by_name(tmp_path: Path) -> None:
    ink = np.zeros((8, 9, 4), np.uint8)
    ink[..., 1:3] = 255
    path = save_geotiff(tmp_path / "a.tif", ink, photometric="CMYK")
    assert (read_picture(path) == (255, 0, 0)).all()
    deep = save_geotiff(tmp_path / "b.tif", ink.astype(np.uint16), photometric="CMYK")
    with pytest.raises(ImageError, match="has bands of black, cyan, magenta, yellow, expected"):
        read_picture(deep)
