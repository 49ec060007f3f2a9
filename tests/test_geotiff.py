import re

import numpy as np
import pytest

from generator.errors import ImageryError
from generator.imagery.folder import find
from generator.imagery.geotiff import open_scene
from generator.imagery.options import Options
from generator.imagery.pieces import cut
from generator.imagery.place import Scale
from generator.imagery.split import Splitter

rasterio = pytest.importorskip("rasterio")
from affine import Affine  # noqa: E402  # only where rasterio is
from rasterio.enums import ColorInterp  # noqa: E402  # only where rasterio is

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


def sources(path, fallback=None):
    scene, note = open_scene(path, path.name, "s", fallback)
    return list(cut(scene, Splitter())), note


def test_pixels_place_and_resolution_come_from_the_file(tmp_path):
    bands = noise((3, 150, 200))
    (source,), note = sources(write(tmp_path / "a.tif", bands))
    assert source.gsd == pytest.approx(10, rel=0.01)
    assert source.lon == pytest.approx(9.013, abs=0.002)
    assert source.lat == pytest.approx(46.94, abs=0.02)
    decoded = source.read()
    np.testing.assert_array_equal(decoded.pixels, np.moveaxis(bands, 0, -1))
    assert decoded.mask is None
    assert note is None


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
    (source,), note = sources(write(tmp_path / "a.tif", bands, nodata=0))
    pixels = source.read().pixels[20:]
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert pixels.mean((0, 1)) == pytest.approx(127.5, abs=4)
    assert "a.tif: 16-bit" in note
    ends = [int(number) for number in re.findall(r"\d{4}", note)]
    assert ends == pytest.approx([1040, 2960, 3040, 4960, 1040, 2960], abs=8)


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
    assert open_scene(path, "a.tif", "s", None) == (None, None)
    (source,), _ = sources(path, Scale(12.0))
    assert (source.gsd, source.lat) == (12, None)


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((1, 100, 100), np.uint8, "a.tif has 1 band, expected 3"),
        ((7, 100, 100), np.uint8, "a.tif has 7 bands, expected 3"),
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
    with pytest.raises(ImageryError, match="a.tif cannot be read as TIFF"):
        open_scene(tmp_path / "a.tif", "a.tif", "s", None)
    path = write(tmp_path / "b.tif", noise((3, 200, 200)), compress="deflate")
    (source,), _ = sources(path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ImageryError, match="b.tif"):
        source.read()


def test_without_rasterio_a_tiff_says_what_it_needs(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", noise((3, 100, 100)))
    monkeypatch.setattr("generator.imagery.geotiff.find_rasterio", lambda: None)
    with pytest.raises(ImageryError, match="needs rasterio"):
        open_scene(path, "a.tif", "s", None)
