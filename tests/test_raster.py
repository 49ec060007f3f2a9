"""Reading pictures: every common kind, windows, georeference, and files that are none."""

from __future__ import annotations

import struct
import sys
import warnings
from collections.abc import Callable
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
    parse_bands,
    parse_stretch,
    read_picture,
)

TRANSFORM = (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_000_000.0)


def noise(height: int, width: int, bands: int = 3) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (height, width, bands), np.uint8)


def save_geotiff(path: Path, pixels: NDArray[np.generic], **options: object) -> Path:
    """Write [h, w, bands] with rasterio, placed in UTM zone 33 unless told otherwise."""
    height, width, count = pixels.shape
    profile = {"crs": "EPSG:32633", "transform": rasterio.Affine(*TRANSFORM)} | options
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=count, dtype=pixels.dtype,
        **profile,
    ) as target:  # fmt: skip
        target.write(np.moveaxis(pixels, -1, 0))
    return path


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


def spread(height: int, width: int, low: int, high: int) -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(low, high, (height, width, 3)).astype(np.uint16)


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
