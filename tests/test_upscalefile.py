"""Enlarging files: place, holes and colours kept, what differs said, bad files refused early."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.control import GroundControlPoint

from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels
from generator.rasters import Filled, Reading
from generator.upscaling.upscale import upscale
from generator.upscaling.upscalefile import open_upscaling
from tests.fakes_cascade import FakeCascade, expected, picture
from tests.rasterfiles import TRANSFORM, save_geotiff


def enlarge(
    source: Path,
    target: Path,
    gsd: float = 30.0,
    stages: int = 1,
    seed: int = 0,
    reading: Reading | None = None,
) -> tuple[str, ...]:
    """Enlarge a file by a stage that needs no weights; return what is said of it."""
    with open_upscaling(source, target, gsd, stages, seed, reading=reading) as wanted:
        wanted.write(FakeCascade())
        return wanted.notes


@pytest.mark.parametrize("form", ["RGB", "L", "RGBA"])
def test_files_of_every_kind_are_enlarged(tmp_path: Path, form: str) -> None:
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    image = Image.fromarray(picture(7, 11)).convert(form)
    image.save(source)
    enlarge(source, target, 10.0, 1, 5)
    made = np.asarray(Image.open(target))
    assert np.array_equal(made, expected(np.asarray(image.convert("RGB")), seed=5))


def test_a_geotiff_keeps_its_place_on_a_finer_grid(tmp_path: Path) -> None:
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    pixels = picture(33, 150)
    transform = rasterio.Affine(30, 0, 500_000, 0, -30, 4_000_000)
    with rasterio.open(
        source, "w", driver="GTiff", width=150, height=33, count=3, dtype="uint8",
        crs="EPSG:32633", transform=transform,
    ) as file:  # fmt: skip
        file.write(np.moveaxis(pixels, -1, 0))
        bounds = file.bounds
    enlarge(source, target, 30.0, 2)
    with rasterio.open(target) as made:
        assert (made.width, made.height) == (16 * 150, 16 * 33)
        assert made.crs.to_epsg() == 32633
        assert made.transform == transform @ rasterio.Affine.scale(1 / 16)
        assert made.bounds == bounds
        written = np.moveaxis(made.read(), 0, -1)
    assert np.array_equal(written, upscale(FakeCascade(), pixels, 30.0, 2))


def test_bad_files_are_refused_and_the_source_is_never_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    with pytest.raises(ImageError, match=r"a\.png does not exist"):
        enlarge(source, tmp_path / "b.png", 1.0, 1)
    Image.fromarray(picture(3, 3)).save(source)
    before = source.read_bytes()
    with pytest.raises(ImageError, match="is the source itself"):
        enlarge(source, source, 1.0, 1)
    with pytest.raises(ImageError, match=r"has the ending '\.bmp'"):
        enlarge(source, tmp_path / "b.bmp", 1.0, 1)
    assert source.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def holed(side: int = 40) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return one colour with a black square in it, and where that is."""
    pixels = np.full((side, side, 3), (120, 90, 60), np.uint8)
    hole = np.zeros((side, side), bool)
    hole[10:22, 12:30] = True
    pixels[hole] = 0
    return pixels, hole


def save_holed(path: Path, kind: str) -> NDArray[np.bool_]:
    """Write a picture with a hole, said by alpha, by a nodata value or by an internal mask."""
    pixels, hole = holed()
    alpha = np.where(hole, 0, 255).astype(np.uint8)
    if kind == "png":
        Image.fromarray(np.dstack([pixels, alpha])).save(path)
    elif kind == "alpha":
        save_geotiff(path, np.dstack([pixels, alpha]), alpha="YES", photometric="RGB")
    elif kind == "nodata":
        save_geotiff(path, pixels, nodata=0)
    else:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            save_geotiff(path, pixels)
            with rasterio.open(path, "r+") as file:
                file.write_mask(alpha)
    return hole


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # a PNG has none
@pytest.mark.parametrize("target", ["b.png", "b.tif"])
@pytest.mark.parametrize("kind", ["png", "alpha", "nodata", "mask"])
def test_a_hole_stays_a_hole_and_darkens_nothing_beside_it(
    tmp_path: Path, kind: str, target: str
) -> None:
    source = tmp_path / ("a.png" if kind == "png" else "a.tif")
    hole = save_holed(source, kind)
    enlarge(source, tmp_path / target)
    with rasterio.open(tmp_path / target) as file:
        made, mask = np.moveaxis(file.read([1, 2, 3]), 0, -1), file.dataset_mask()
    np.testing.assert_array_equal(mask, np.where(hole, 0, 255).repeat(4, 0).repeat(4, 1))
    whole = np.full((40, 40, 3), (120, 90, 60), np.uint8)
    np.testing.assert_array_equal(made[mask > 0], expected(whole)[mask > 0])


def test_holes_are_filled_alike_in_every_window(tmp_path: Path) -> None:
    pixels = picture(140, 150)
    alpha = np.full((140, 150), 255, np.uint8)
    alpha[100:136, 110:140] = 0
    Image.fromarray(np.dstack([pixels, alpha])).save(tmp_path / "a.png")
    enlarge(tmp_path / "a.png", tmp_path / "b.png")
    with open_upscaling(tmp_path / "a.png", tmp_path / "c.png", 30.0, 1) as wanted:
        full = Filled(wanted.picture)
        one = full.read(0, 0, 150, 140)
        for box in ((90, 80, 30, 40), (128, 96, 22, 44), (111, 101, 1, 1)):
            x, y, width, height = box
            np.testing.assert_array_equal(full.read(*box), one[y : y + height, x : x + width])
    made = np.asarray(Image.open(tmp_path / "b.png"))[..., :3]
    np.testing.assert_array_equal(made, expected(one))


def test_an_opaque_alpha_needs_none_and_a_hole_refuses_jpeg_before_the_work(
    tmp_path: Path,
) -> None:
    Image.fromarray(picture(8, 8)).convert("RGBA").save(tmp_path / "a.png")
    enlarge(tmp_path / "a.png", tmp_path / "b.jpg")
    save_holed(tmp_path / "h.tif", "nodata")
    with (
        pytest.raises(ImageError, match=r"b\.jpg would have holes, which JPEG cannot hold"),
        open_upscaling(tmp_path / "h.tif", tmp_path / "b.jpg", 30.0, 1),
    ):
        pytest.fail("it was begun")


def test_a_file_placed_by_control_points_keeps_them(tmp_path: Path) -> None:
    places = ((0, 0, 7.0, 46.0), (0, 30, 7.3, 46.0), (20, 0, 7.0, 45.8), (20, 30, 7.31, 45.8))
    points = [GroundControlPoint(row, col, x, y) for row, col, x, y in places]
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", width=30, height=20, count=3, dtype="uint8",
        gcps=points, crs="EPSG:4326",
    ) as file:  # fmt: skip
        file.write(np.moveaxis(picture(20, 30), -1, 0))
    enlarge(tmp_path / "a.tif", tmp_path / "b.tif", 900.0)
    with rasterio.open(tmp_path / "b.tif") as made:
        kept, crs = made.gcps
    assert crs.to_epsg() == 4326
    assert [(p.row / 4, p.col / 4, p.x, p.y) for p in kept] == list(places)
    notes = enlarge(tmp_path / "a.tif", tmp_path / "b.png", 900.0)
    assert any("control points, which only a .tif" in note for note in notes)
    assert not (tmp_path / "b.pgw").exists()


def test_a_picture_with_a_world_file_and_a_projection_keeps_its_place(tmp_path: Path) -> None:
    Image.fromarray(picture(20, 30)).save(tmp_path / "a.png")
    a, b, c, d, e, f = TRANSFORM
    (tmp_path / "a.pgw").write_text(f"{a}\n{d}\n{b}\n{e}\n{c + a / 2}\n{f + e / 2}\n")
    (tmp_path / "a.prj").write_text(rasterio.crs.CRS.from_epsg(32633).to_wkt())
    enlarge(tmp_path / "a.png", tmp_path / "b.tif")
    enlarge(tmp_path / "a.png", tmp_path / "c.png")
    # What was written is read again, world file and all.
    enlarge(tmp_path / "c.png", tmp_path / "d.tif", 7.5)
    for name, pixel in (("b.tif", 7.5), ("d.tif", 1.875)):
        with rasterio.open(tmp_path / name) as made:
            assert made.crs.to_epsg() == 32633
            assert tuple(made.bounds) == (500_000, 3_999_400, 500_900, 4_000_000)
            assert made.transform.a == pixel


def test_a_resolution_far_from_the_files_own_is_said_with_both_numbers(tmp_path: Path) -> None:
    source = save_geotiff(tmp_path / "a.tif", picture(8, 9))
    assert enlarge(source, tmp_path / "b.tif", 30.0) == ()
    (note,) = enlarge(source, tmp_path / "b.tif", 3000.0)
    assert "says 30.04 m per pixel" in note
    assert "--gsd says 3000" in note


def test_sixteen_bits_are_stretched_and_said_in_one_line(tmp_path: Path) -> None:
    dark = picture(60, 60).astype(np.uint16) * 4 + 200
    source = save_geotiff(tmp_path / "a.tif", dark, photometric="RGB")
    (note,) = enlarge(source, tmp_path / "b.tif")
    assert "16-bit samples 220 to 1200 (2nd to 98th percentile)" in note.replace("221", "220")
    with rasterio.open(tmp_path / "b.tif") as made:
        assert 100 < made.read().mean() < 155
    assert enlarge(source, tmp_path / "b.tif", reading=Reading(stretch="none")) == ()
    with rasterio.open(tmp_path / "b.tif") as made:
        assert made.read().mean() < 20


def test_a_reference_system_of_another_file_is_not_overwritten(tmp_path: Path) -> None:
    source = save_geotiff(tmp_path / "a.tif", picture(8, 9))
    (tmp_path / "b.prj").write_text(rasterio.crs.CRS.from_epsg(2056).to_wkt())
    with (
        pytest.raises(ImageError, match=r"b\.prj is there already and names another reference"),
        open_upscaling(source, tmp_path / "b.png", 30.0, 1),
    ):
        pytest.fail("it was begun")
    enlarge(source, tmp_path / "c.png")
    enlarge(source, tmp_path / "c.png")
    text = rasterio.crs.CRS.from_epsg(32633).to_wkt()
    (tmp_path / "d.prj").write_text(text)
    enlarge(source, tmp_path / "d.png")
    assert (tmp_path / "d.prj").read_text() == text


def test_a_place_in_gdals_auxiliary_file_is_kept(tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "a.png", "w", driver="PNG", width=9, height=8, count=3, dtype="uint8",
        crs="EPSG:32633", transform=rasterio.Affine(*TRANSFORM),
    ) as file:  # fmt: skip
        file.write(np.moveaxis(picture(8, 9), -1, 0))
    assert (tmp_path / "a.png.aux.xml").is_file()
    enlarge(tmp_path / "a.png", tmp_path / "b.tif")
    with rasterio.open(tmp_path / "b.tif") as made:
        assert made.crs.to_epsg() == 32633
        assert tuple(made.bounds) == (500_000, 3_999_760, 500_270, 4_000_000)


def test_files_that_lack_pixels_are_refused_before_the_work(tmp_path: Path) -> None:
    whole = save_geotiff(tmp_path / "a.tif", picture(200, 300), compress="deflate").read_bytes()
    (tmp_path / "half.tif").write_bytes(whole[: len(whole) * 2 // 3])
    band = (
        '<VRTRasterBand dataType="Byte" band="{}"><SimpleSource><SourceFilename '
        'relativeToVRT="1">none.tif</SourceFilename></SimpleSource></VRTRasterBand>'
    )
    bands = "".join(band.format(number) for number in (1, 2, 3))
    (tmp_path / "a.vrt").write_text(
        f'<VRTDataset rasterXSize="9" rasterYSize="8"><GeoTransform>0,1,0,0,0,-1</GeoTransform>'
        f"{bands}</VRTDataset>"
    )
    for name in ("half.tif", "a.vrt"):
        with (
            pytest.raises(ImageError, match=rf"{name} is damaged or cut short"),
            open_upscaling(tmp_path / name, tmp_path / "b.tif", 30.0, 1),
        ):
            pytest.fail("it was begun")
