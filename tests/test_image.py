import re
import sys

import numpy as np
import pytest
from PIL import Image

from generator.grid.errors import ImageryError
from generator.imagery.folder import find
from generator.imagery.image import open_scene
from generator.imagery.options import Options
from generator.imagery.pieces import cut
from generator.imagery.place import Scale
from generator.imagery.split import Splitter
from generator.rasters import Reading

rasterio = pytest.importorskip("rasterio")
from affine import Affine  # noqa: E402  # only where rasterio is
from rasterio.enums import ColorInterp  # noqa: E402  # only where rasterio is

READING = Reading()
COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


def write(path, bands, crs="EPSG:32632", pixel=(10, 10), origin=(500_000, 5_200_000), **profile):
    count, height, width = bands.shape
    profile |= {"driver": "GTiff", "count": count, "height": height, "width": width}
    if crs:
        transform = Affine(pixel[0], 0, origin[0], 0, -pixel[1], origin[1])
        profile |= {"crs": crs, "transform": transform}
    with rasterio.open(path, "w", dtype=bands.dtype, **profile) as image:
        image.write(bands)
        if count == 4:
            image.colorinterp = COLOURS
    return path


def noise(shape, low=0, high=256, kind=np.uint8):
    return np.random.default_rng(0).integers(low, high, shape).astype(kind)


def sources(path, fallback=None, reading=READING):
    scene, notes = open_scene(path, path.name, "s", fallback, reading)
    return list(cut(scene, Splitter())), notes


def test_pixels_place_and_resolution_come_from_the_file(tmp_path):
    bands = noise((3, 150, 200))
    (source,), notes = sources(write(tmp_path / "a.tif", bands))
    assert source.gsd == pytest.approx(10, rel=0.01)
    assert source.lon == pytest.approx(9.013, abs=0.002)
    assert source.lat == pytest.approx(46.94, abs=0.02)
    decoded = source.read()
    np.testing.assert_array_equal(decoded.pixels, np.moveaxis(bands, 0, -1))
    assert decoded.mask is None
    assert notes == ()


def test_large_image_is_cut_into_equal_pieces_that_tile_it(tmp_path, monkeypatch):
    monkeypatch.setattr("generator.imagery.pieces.SIDE", 128)
    bands = noise((3, 200, 300))
    pieces, _ = sources(write(tmp_path / "a.tif", bands))
    assert len(pieces) == 6
    rows = [np.hstack([p.read().pixels for p in pieces[i : i + 3]]) for i in (0, 3)]
    np.testing.assert_array_equal(np.vstack(rows), np.moveaxis(bands, 0, -1))
    assert len({p.name for p in pieces}) == 6
    assert pieces[0].lat > pieces[3].lat
    assert pieces[0].lon < pieces[2].lon


def test_nodata_and_alpha_become_the_mask(tmp_path):
    bands = noise((3, 100, 100), 1)
    bands[:, :30] = 0
    (source,), _ = sources(write(tmp_path / "a.tif", bands, nodata=0))
    assert (source.read().mask[:30] == 0).all()
    assert (source.read().mask[30:] == 255).all()
    alpha = np.full((1, 100, 100), 255, np.uint8)
    alpha[:, :, :40] = 0
    (source,), _ = sources(write(tmp_path / "b.tif", np.concatenate([bands, alpha])))
    assert (source.read().mask[:, :40] == 0).all()
    assert (source.read().mask[:, 40:] == 255).all()


def test_piece_with_little_valid_is_left_out(tmp_path):
    bands = noise((3, 100, 100), 1)
    bands[:, :80] = 0
    (source,), _ = sources(write(tmp_path / "a.tif", bands, nodata=0))
    assert source.read() is None


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_sixteen_bits_are_scaled_by_percentiles_of_valid_samples_and_said(tmp_path, kind):
    bands = noise((3, 100, 100), 1000, 3000, kind)
    bands[1] += 2000
    bands[:, :20] = 0
    (source,), notes = sources(write(tmp_path / "a.tif", bands, nodata=0, photometric="RGB"))
    pixels = source.read().pixels[20:]
    assert pixels.min() == 0
    assert pixels.max() == 255
    # One range for all bands, so that green stays what it is: the brightest.
    assert pixels.mean((0, 1)) == pytest.approx([65, 194, 65], abs=4)
    (note,) = notes
    assert "a.tif: 16-bit" in note
    ends = [int(number) for number in re.findall(r"\d{4}", note)]
    assert ends == pytest.approx([1060, 4880], abs=8)


def test_sixteen_bit_alpha_is_understood(tmp_path):
    bands = noise((4, 100, 100), 1000, 3000, np.uint16)
    bands[3] = 65535
    bands[3, :30] = 0
    (source,), _ = sources(write(tmp_path / "a.tif", bands))
    mask = source.read().mask
    assert (mask[:30] == 0).all()
    assert (mask[30:] == 255).all()


def test_oblong_pixels_are_averaged_to_square_ones(tmp_path):
    bands = np.full((3, 100, 400), 90, np.uint8)
    path = write(tmp_path / "a.tif", bands, "EPSG:4326", (0.001, 0.001), (10, 60.05))
    (source,), _ = sources(path)
    assert source.read().pixels.shape == (100, 200, 3)
    assert source.gsd == pytest.approx(111.3, rel=0.01)


def test_very_fine_imagery_is_averaged_to_a_metre(tmp_path):
    bands = noise((3, 400, 500))
    (source,), _ = sources(write(tmp_path / "a.tif", bands, pixel=(0.25, 0.25)))
    assert source.gsd == pytest.approx(1, rel=0.01)
    pixels = source.read().pixels.astype(float)
    expected = np.moveaxis(bands, 0, -1).reshape(100, 4, 125, 4, 3).mean((1, 3))
    assert np.abs(pixels - expected).max() <= 1


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # so it is written
def test_place_of_last_resort_serves_files_without_one(tmp_path):
    path = write(tmp_path / "a.tif", noise((3, 100, 100)), crs=None)
    assert open_scene(path, "a.tif", "s", None, READING) == (None, ())
    (source,), _ = sources(path, Scale(12.0))
    assert (source.gsd, source.lat) == (12, None)


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((1, 100, 100), np.uint8, "a.tif has 1 band of grey, expected red, green and blue"),
        ((7, 100, 100), np.uint8, "a.tif has 7 bands, none of them named red, green and blue"),
        ((3, 100, 100), np.float32, "a.tif holds float32 samples, expected 8 or 16"),
    ],
)
def test_wrong_bands_and_samples_are_named_and_the_rest_goes_on(tmp_path, shape, kind, message):
    write(tmp_path / "a.tif", noise(shape, kind=kind))
    write(tmp_path / "b.tif", noise((3, 100, 100)))
    found = find(tmp_path, Options())
    assert [source.name for source in found.sources] == ["b.tif"]
    assert len(found.failed) == 1
    assert message in found.failed[0]


def test_damaged_file_is_named(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(ImageryError, match="a.tif cannot be read as a picture"):
        open_scene(tmp_path / "a.tif", "a.tif", "s", None, READING)
    path = write(tmp_path / "b.tif", noise((3, 200, 200)), compress="deflate")
    (source,), _ = sources(path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ImageryError, match="b.tif"):
        source.read()


def test_without_rasterio_a_tiff_says_what_it_needs(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", noise((3, 100, 100)))
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(ImageryError, match="needs rasterio"):
        open_scene(path, "a.tif", "s", None, READING)


def test_control_points_place_a_scene(tmp_path):
    places = ((0, 0, 9.0, 47.0), (0, 200, 9.02, 47.0), (150, 0, 9.0, 46.985))
    points = [rasterio.control.GroundControlPoint(*place) for place in places]
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=200, height=150, count=3, dtype="uint8", gcps=points,
        crs="EPSG:4326",
    ) as image:  # fmt: skip
        image.write(noise((3, 150, 200)))
    (source,), _ = sources(path)
    assert (source.lat, source.lon) == pytest.approx((46.9925, 9.01))
    assert source.gsd == pytest.approx(11.13, rel=0.02)


def test_bands_are_exchanged_and_change_what_the_source_is_known_by(tmp_path):
    bands = noise((3, 100, 120))
    path = write(tmp_path / "a.tif", bands)
    (usual,), _ = sources(path)
    (source,), _ = sources(path, reading=Reading(bands=(3, 2, 1)))
    np.testing.assert_array_equal(source.read().pixels, np.moveaxis(bands[::-1], 0, -1))
    assert usual.reading == ""
    assert "3, 2, 1" in source.reading


def test_a_turned_photograph_with_a_world_file_lies_where_it_did(tmp_path):
    picture, exif = Image.fromarray(noise((100, 200, 3))), Image.Exif()
    exif[274] = 6
    picture.save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "a.jgw").write_text("0.0005\n0\n0\n-0.0005\n20.0\n10.0\n")
    (source,), _ = sources(tmp_path / "a.jpg")
    assert source.read().pixels.shape == (200, 100, 3)
    assert source.lon == pytest.approx(20 + 0.0005 * 99.5)
    assert source.lat == pytest.approx(10 - 0.0005 * 49.5)
