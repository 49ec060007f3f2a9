"""Reading pictures: every common kind, windows, georeference, and files that are none."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

from generator import raster
from generator.errors import ImageError
from generator.raster import Georeference, open_picture, read_picture

Pixels = NDArray[np.uint8]
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
    assert np.array_equal(read_picture(path), np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bands", [3, 4])
def test_alpha_is_dropped(tmp_path: Path, suffix: str, bands: int) -> None:
    path = tmp_path / f"colour{suffix}"
    pixels = noise(9, 8, bands)
    Image.fromarray(pixels).save(path)
    assert np.array_equal(read_picture(path), pixels[..., :3])


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    path = save_geotiff(tmp_path / "deep.tif", noise(5, 6) // 2 * np.uint16(257) + np.uint16(100))
    assert np.array_equal(read_picture(path), noise(5, 6) // 2)


def test_twelve_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    samples = np.array([[[0], [2048], [4095]]], np.uint16)
    path = save_geotiff(tmp_path / "deep.tif", samples, nbits=12)
    assert read_picture(path)[0, :, 0].tolist() == [0, 128, 255]


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
    monkeypatch.setattr(raster, "find_rasterio", lambda: None)
    with pytest.raises(ImageError, match=r"is a GeoTIFF, which needs rasterio"):
        read_picture(placed)
    assert np.array_equal(read_picture(plain), noise(4, 5))


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (noise(4, 4, 5), "has 5 bands, expected 1 to 4"),
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
    monkeypatch.setattr(raster, "find_rasterio", lambda: None)
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
    monkeypatch.setattr(raster, "MAX_PIXELS", 109)
    with pytest.raises(ImageError, match="10 x 11 pixels, expected at most"):
        read_picture(path)
