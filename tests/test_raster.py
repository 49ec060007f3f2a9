"""Reading pictures: every common kind, windows, georeference, and files that are none."""

from __future__ import annotations

import struct
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin

from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels
from generator.rasters import (
    Georeference,
    Reading,
    open_picture,
)
from tests.rasterfiles import TRANSFORM, noise, read_picture, save_geotiff, spread


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("mode", ["L", "LA", "P", "I;16", "1"])
def test_grey_in_every_form_becomes_rgb(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"grey{suffix}"
    grey = noise(13, 17)[..., 0]
    if mode == "1":
        grey = (grey > 127).astype(np.uint8) * 255
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else None
    (image or Image.fromarray(grey).convert(mode)).save(path)
    whole = Reading(stretch="none")
    assert np.array_equal(read_picture(path, whole), np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bands", [3, 4])
def test_alpha_is_dropped(tmp_path: Path, suffix: str, bands: int) -> None:
    path = tmp_path / f"colour{suffix}"
    pixels = noise(9, 8, bands)
    Image.fromarray(pixels).save(path)
    assert np.array_equal(read_picture(path), pixels[..., :3])


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    path = save_geotiff(tmp_path / "deep.tif", noise(5, 6) // 2 * np.uint16(257) + np.uint16(100))
    assert np.array_equal(read_picture(path, Reading(stretch="none")), noise(5, 6) // 2)


def test_twelve_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    samples = np.array([[[0], [2048], [4095]]], np.uint16)
    path = save_geotiff(tmp_path / "deep.tif", samples, nbits=12)
    assert read_picture(path, Reading(stretch="none"))[0, :, 0].tolist() == [0, 128, 255]


def test_a_window_is_part_of_the_picture(tmp_path: Path) -> None:
    pixels = noise(40, 50)
    for path in (tmp_path / "a.png", save_geotiff(tmp_path / "a.tif", pixels)):
        if path.suffix == ".png":
            Image.fromarray(pixels).save(path)
        with open_picture(path) as picture:
            assert (picture.width, picture.height) == (50, 40)
            assert np.array_equal(picture.read(7, 30, 20, 10), pixels[30:40, 7:27])


def test_the_place_is_read_and_refined(tmp_path: Path) -> None:
    with open_picture(save_geotiff(tmp_path / "a.tif", noise(4, 5))) as picture:
        place = picture.place
    assert place is not None
    assert place.transform == TRANSFORM
    assert rasterio.crs.CRS.from_wkt(place.crs).to_epsg() == 32633
    assert place.finer(4).transform == (7.5, 0, 500_000, 0, -7.5, 4_000_000)


def test_a_turned_transform_is_refined_about_its_corner() -> None:
    place = Georeference(None, (8, 4, 1, -4, 8, 2))
    assert place.finer(4) == Georeference(None, (2, 1, 1, -1, 2, 2))


def test_a_plain_tiff_has_no_place(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    Image.fromarray(noise(4, 5)).save(path)
    with open_picture(path) as picture:
        assert picture.place is None


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    image = Image.new("RGB", (30, 20), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    assert read_picture(path).shape == (30, 20, 3)


def test_a_geotiff_without_rasterio_is_refused_rather_than_misplaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = save_geotiff(tmp_path / "placed.tif", noise(4, 5))
    plain = tmp_path / "plain.tif"
    Image.fromarray(noise(4, 5)).save(plain)
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(ImageError, match=r"is a GeoTIFF, which needs rasterio"):
        read_picture(placed)
    assert np.array_equal(read_picture(plain), noise(4, 5))


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (noise(4, 4, 5), "has 5 bands, none of them named red, green and blue, expected 1 to 4"),
        (noise(4, 4, 1).astype(np.float32), "holds float32 samples"),
        (noise(4, 4, 1).astype(np.int32), "holds int32 samples"),
    ],
)
def test_other_samples_are_refused(tmp_path: Path, pixels: NDArray[np.generic], words: str) -> None:
    path = save_geotiff(tmp_path / "odd.tif", pixels)
    with pytest.raises(ImageError, match=words):
        read_picture(path)


def test_floating_point_without_rasterio_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    path = tmp_path / "odd.tif"
    Image.fromarray(noise(4, 4)[..., 0].astype(np.float32)).save(path)
    with pytest.raises(ImageError, match="holds floating-point samples"):
        read_picture(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.gif", "a"])
def test_text_is_no_picture(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hello")
    with pytest.raises(ImageError, match=f"image .*{name} "):
        read_picture(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_half_a_picture_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.fromarray(noise(90, 80)).save(path)
    whole = path.read_bytes()
    for share in (0.02, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ImageError, match=f"image .*{name} "):
            read_picture(path)


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.png"
    Image.fromarray(noise(4, 4)).save(path)
    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(ImageError, match="permission denied"):
        read_picture(path)


def test_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(11, 10)).save(path)
    monkeypatch.setattr("generator.rasters.plain.MAX_PIXELS", 109)
    with pytest.raises(ImageError, match="10 x 11 pixels, expected at most"):
        read_picture(path)


@pytest.mark.parametrize("with_rasterio", [True, False])
@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright_as_pillow_does(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    orientation: int,
    with_rasterio: bool,
) -> None:
    path, exif = tmp_path / f"a{suffix}", Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(noise(16, 24))
    image.save(path, exif=exif)
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    if not with_rasterio:
        monkeypatch.setitem(sys.modules, "rasterio", None)
    with open_picture(path) as picture:
        assert (picture.height, picture.width) == expected.shape[:2]
        np.testing.assert_array_equal(picture.read(0, 0, picture.width, picture.height), expected)
        np.testing.assert_array_equal(picture.read(3, 5, 10, 7), expected[5:12, 3:13])


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_tiff_keeps_its_place(tmp_path: Path, orientation: int) -> None:
    path = save_geotiff(tmp_path / "a.tif", noise(4, 6))
    with rasterio.open(path) as file:
        stored = {
            tuple(file.read(window=((y, y + 1), (x, x + 1))).ravel()): file.xy(y, x)
            for y in range(4)
            for x in range(6)
        }
    set_orientation(path, orientation)
    with open_picture(path) as picture:
        assert picture.place is not None
        a, b, c, d, e, f = picture.place.transform
        pixels = picture.read(0, 0, picture.width, picture.height)
    for y, row in enumerate(pixels):
        for x, pixel in enumerate(row):
            at = (a * (x + 0.5) + b * (y + 0.5) + c, d * (x + 0.5) + e * (y + 0.5) + f)
            assert at == pytest.approx(stored[tuple(pixel)])


def set_orientation(path: Path, orientation: int) -> None:
    """Put the tag in the place of SampleFormat, which 8-bit samples do not need."""
    content = bytearray(path.read_bytes())
    entry = content.index(struct.pack("<HHI", 339, 3, 3))
    directory = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, directory)[0]
    entries = [
        bytes(content[directory + 2 + 12 * n : directory + 14 + 12 * n]) for n in range(count)
    ]
    entries[(entry - directory - 2) // 12] = struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    entries.sort(key=lambda each: struct.unpack_from("<H", each)[0])
    content[directory + 2 : directory + 2 + 12 * count] = b"".join(entries)
    path.write_bytes(content)


def save_as(path: Path, pixels: Pixels, kind: str) -> None:
    if kind in ("PNG", "TIFF", "BMP"):
        Image.fromarray(pixels).save(path, kind)
    elif kind == "WEBP":
        Image.fromarray(pixels).save(path, kind, lossless=True)
    elif kind == "JP2OpenJPEG":
        with rasterio.open(
            path, "w", driver=kind, width=pixels.shape[1], height=pixels.shape[0], count=3,
            dtype="uint8", QUALITY="100", REVERSIBLE="YES",
        ) as file:  # fmt: skip
            file.write(np.moveaxis(pixels, -1, 0))
    else:
        save_as(path.with_name("inside.png"), pixels, "PNG")
        bands = "".join(
            f'<VRTRasterBand dataType="Byte" band="{n}"><ColorInterp>{colour}</ColorInterp>'
            f'<SimpleSource><SourceFilename relativeToVRT="1">inside.png</SourceFilename>'
            f"<SourceBand>{n}</SourceBand></SimpleSource></VRTRasterBand>"
            for n, colour in enumerate(("Red", "Green", "Blue"), 1)
        )
        height, width = pixels.shape[:2]
        path.write_text(
            f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{bands}</VRTDataset>'
        )


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize("name", ["a", "a.gtiff", "a.tif", "a.dat"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "BMP", "JP2OpenJPEG", "VRT"])
def test_content_decides_whatever_the_name(tmp_path: Path, kind: str, name: str) -> None:
    pixels = noise(40, 50)
    save_as(tmp_path / name, pixels, kind)
    np.testing.assert_array_equal(read_picture(tmp_path / name), pixels)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize(
    ("kind", "words"), [("JP2OpenJPEG", "is JPEG 2000, which needs"), ("VRT", "is VRT, which")]
)
def test_what_only_gdal_reads_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, words: str
) -> None:
    save_as(tmp_path / "a", noise(40, 50), kind)
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(ImageError, match=rf"{words}.*install elsewhere\[geo\]"):
        read_picture(tmp_path / "a")


def test_without_rasterio_colours_of_16_bits_and_masks_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"crs": None, "transform": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        save_geotiff(tmp_path / "deep.tif", spread(8, 9, 0, 900), photometric="RGB", **plain)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            save_geotiff(tmp_path / "mask.tif", noise(8, 9), **plain)
            with rasterio.open(tmp_path / "mask.tif", "r+") as file:
                file.write_mask(np.eye(8, 9, dtype=np.uint8) * 255)
    Image.fromarray(noise(8, 9)).convert("RGB").save(tmp_path / "deep.png")
    content = bytearray((tmp_path / "deep.png").read_bytes())
    content[24] = 16
    (tmp_path / "deep.png").write_bytes(content)
    monkeypatch.setitem(sys.modules, "rasterio", None)
    for name, words in (
        ("deep.tif", "colours of 16 bits, which needs rasterio"),
        ("mask.tif", "has a mask, which needs rasterio"),
        ("deep.png", "PNG of 16 bits, which needs rasterio"),
    ):
        with pytest.raises(ImageError, match=words):
            read_picture(tmp_path / name)


@pytest.mark.parametrize("kind", ["text", "profile"])
def test_a_png_with_a_chunk_of_more_than_a_megabyte_is_read(tmp_path: Path, kind: str) -> None:
    path, pixels = tmp_path / "a.png", noise(5, 6)
    info = PngImagePlugin.PngInfo()
    if kind == "text":
        info.add_text("Comment", "x" * 3_000_000, zip=True)
    profile = {"icc_profile": bytes(3_000_000)} if kind == "profile" else {}
    Image.fromarray(pixels).save(path, pnginfo=info, **profile)
    np.testing.assert_array_equal(read_picture(path), pixels)


def test_a_png_with_a_chunk_beyond_the_limit_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 3_000_000, zip=True)
    Image.fromarray(noise(5, 6)).save(tmp_path / "a.png", pnginfo=info)
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", 1 << 20)
    with pytest.raises(ImageError, match="a text or colour profile of more than 64 MB"):
        read_picture(tmp_path / "a.png")
