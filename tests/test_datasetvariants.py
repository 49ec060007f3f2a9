"""Variants of labelled images: same size, own noise, same coarse content; bad input is named."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from generator.datasets.dataset import SHEET, DatasetFolder
from generator.datasets.labelled import VariantSet, find, seed_of
from generator.datasets.samplesheet import CELL
from generator.datasets.variants import VariantConfig, degraded, regenerated, vary
from generator.grid.errors import DatasetError, ImageError
from generator.rasters import Reading
from generator.upscaling.upscale import upscale
from tests.fakes_cascade import FakeCascade, FakeStage, picture
from tests.test_datasetpairs import quiet, tree


@pytest.mark.parametrize("size", [(64, 64), (256, 256), (65, 250), (16, 40), (1100, 70)])
@pytest.mark.parametrize("stages", [1, 2])
def test_a_variant_has_its_image_s_size(size: tuple[int, int], stages: int) -> None:
    image = picture(*size)
    recipe = VariantConfig(10.0, stages)
    if min(size) < 4 * recipe.factor:
        with pytest.raises(ImageError, match="expected at least 64 each way"):
            vary(FakeCascade(), image, recipe, 0)
        return
    one, same, other = (vary(FakeCascade(), image, recipe, seed) for seed in (1, 1, 2))
    assert one.shape == image.shape
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("size", [(16, 16), (17, 60), (64, 64), (3, 250)])
@pytest.mark.parametrize("stages", [1, 2])
def test_one_small_window_equals_the_windows_of_upscale(size: tuple[int, int], stages: int) -> None:
    parent = picture(*size)
    whole = regenerated(FakeCascade(), parent, 40.0, stages, 7)
    assert np.array_equal(whole, upscale(FakeCascade(), parent, 40.0, stages, seed=7))


def test_a_small_image_costs_a_small_window() -> None:
    class Watched(FakeStage):
        def __call__(self, parent, *rest):  # type: ignore[no-untyped-def]
            seen.append(parent.shape)
            return super().__call__(parent, *rest)

    seen: list[tuple[int, ...]] = []
    vary(FakeCascade(Watched()), picture(64, 64), VariantConfig(10.0), 0)
    assert seen == [(32 + 6, 32 + 6, 3)]


def test_averages_round_half_up_and_mirror_the_edge() -> None:
    image = np.zeros((16, 18, 3), np.uint8)
    image[:, 16:] = 200
    image[:4, :4] = 1
    image[0, :2] = 0
    image[1:4, :2] = 0
    mean = degraded(image, 4)
    assert mean.shape == (4, 5, 3)
    assert mean[0, 0, 0] == 1  # 8 ones of 16
    assert mean[1, 0, 0] == 0
    assert mean[0, 4, 0] == 200


def test_the_stages_are_told_resolution_and_strength() -> None:
    cascade = FakeCascade()
    vary(cascade, picture(64, 64), VariantConfig(10.0, 2), 0)
    assert cascade.stage.calls == [(40.0, 0.11), (10.0, 0.13)]
    cascade.stage.calls.clear()
    vary(cascade, picture(64, 64), VariantConfig(10.0, 2, 0.5), 0)
    assert cascade.stage.calls == [(40.0, 0.5), (10.0, 0.5)]
    cascade.stage.calls.clear()
    vary(cascade, picture(1200, 64), VariantConfig(4.0, 1, 0.25), 0)
    assert set(cascade.stage.calls) == {(4.0, 0.25)}


def images(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(64, 64) // (number + 1)).save(path)
    return folder


def write(source: Path, target: Path, per_image: int = 2, seed: int = 0) -> list[str]:
    found, _ = find(source)
    wanted = VariantSet(source, found, VariantConfig(10.0), per_image, seed)
    return wanted.write(
        FakeCascade(), DatasetFolder(target, wanted.settings(b"fake"), "A test."), quiet
    )


def test_each_image_has_noise_of_its_own_and_lies_under_its_class(tmp_path: Path) -> None:
    source = images(tmp_path / "in", "sea/a.png", "sea/b.png", "wood/deep/a.png")
    assert write(source, tmp_path / "out") == []
    names = {name for name in tree(tmp_path / "out") if name.endswith(".png")}
    stems = ("sea/a", "sea/b", "wood/deep/a")
    assert names == {f"{stem}-{n}.png" for stem in stems for n in (0, 1)}
    lines = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["class"] for row in rows] == ["sea"] * 4 + ["wood"] * 2
    assert len({row["seed"] for row in rows}) == 6
    first = rows[1]
    expected = vary(FakeCascade(), picture(64, 64), VariantConfig(10.0), first["seed"])
    assert first["source_file"] == "sea/a.png"
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / first["file"])), expected)


def test_the_sheet_shows_images_what_is_kept_of_them_and_variants(tmp_path: Path) -> None:
    source = images(tmp_path / "in", "sea/a.png", "wood/a.png")
    write(source, tmp_path / "out", per_image=6)
    with Image.open(tmp_path / "out" / SHEET) as image:
        assert image.size == (6 * (CELL + 6) - 6, 2 * (CELL + 6) - 6)
        shown = np.asarray(image.convert("RGB")).astype(int)
    assert shown[: CELL // 2 - 40].mean() > 250  # paper: the images have 64 pixels a side
    edge = slice(CELL // 2 - 32, CELL // 2 + 32)
    first, kept = (
        shown[edge, x + CELL // 2 - 32 : x + CELL // 2 + 32].mean((0, 1)) for x in (0, CELL + 6)
    )
    assert abs(first - picture(64, 64).mean((0, 1))).max() < 3
    assert abs(first - kept).max() < 3


def test_other_images_and_a_greater_number_change_nothing(tmp_path: Path) -> None:
    source = images(tmp_path / "in", "sea/b.png")
    write(source, tmp_path / "out")
    before = tree(tmp_path / "out")
    Image.fromarray(picture(64, 64)).save(source / "sea" / "a.png")
    write(source, tmp_path / "out", per_image=3)
    after = tree(tmp_path / "out")
    assert all(after[name] == data for name, data in before.items() if name.endswith(".png"))
    assert len([name for name in after if name.endswith(".png")]) == 6


def test_what_is_there_is_not_made_again_unless_its_image_changed(tmp_path: Path) -> None:
    source = images(tmp_path / "in", "sea/a.png", "sea/b.png")
    write(source, tmp_path / "out")
    kept = tmp_path / "out" / "sea" / "b-0.png"
    stamp = kept.stat().st_mtime_ns
    Image.fromarray(picture(64, 64) // 5).save(source / "sea" / "a.png")
    before = tree(tmp_path / "out")
    write(source, tmp_path / "out")
    after = tree(tmp_path / "out")
    assert kept.stat().st_mtime_ns == stamp
    assert before["sea/a-0.png"] != after["sea/a-0.png"]


def test_equal_names_of_two_kinds_stay_apart(tmp_path: Path) -> None:
    source = images(tmp_path / "in", "sea/a.png", "sea/a.jpg")
    write(source, tmp_path / "out", per_image=1)
    names = {name for name in tree(tmp_path / "out") if name.startswith("sea")}
    assert names == {"sea/a.png-0.png", "sea/a.jpg-0.png"}


def test_bad_images_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = images(tmp_path / "in", "sea/a.png", "sea/c.png", "loose.png")
    (source / "sea" / "b.png").write_bytes(b"no picture")
    Image.fromarray(picture(8, 8)).save(source / "sea" / "small.png")
    _, left_out = find(source)
    assert len(left_out) == 1
    assert "loose.png lies in no class" in left_out[0]
    broken, small = write(source, tmp_path / "out")
    assert "b.png is no picture of a known kind" in broken
    assert small == "image sea/small.png has 8 x 8 pixels, expected at least 16 each way"
    assert (tmp_path / "out" / "sea" / "c-1.png").exists()


def test_impossible_wishes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="strength is 2, expected 0 to 1"):
        VariantConfig(10.0, strength=2.0)
    with pytest.raises(DatasetError, match="stages is 3"):
        VariantConfig(10.0, 3)
    with pytest.raises(DatasetError, match="ground resolution is nan"):
        VariantConfig(float("nan"))
    with pytest.raises(DatasetError, match="variants per image are 0"):
        VariantSet(tmp_path, [], VariantConfig(10.0), 0, 0)
    with pytest.raises(DatasetError, match="is no folder"):
        find(tmp_path / "none")
    with pytest.raises(DatasetError, match="holds no picture in a folder of its class"):
        find(tmp_path)


def test_seeds_are_fixed_for_ever() -> None:
    assert (
        seed_of(0, "sea/a.png", 0) == 12690357371199785473
    )  # the first 8 bytes of SHA-256 of 0/0/sea/a.png


def test_pictures_of_every_kind_are_found_and_what_was_written_is_read_again(
    tmp_path: Path,
) -> None:
    source = images(tmp_path / "in", "sea/a.png", "sea/b.webp")
    (source / "sea" / "a.png").rename(source / "sea" / "a")
    for name, driver in (("c.gtiff", "GTiff"), ("d.jp2", "JP2OpenJPEG")):
        with rasterio.open(
            source / "sea" / name, "w", driver=driver, width=64, height=64, count=3, dtype="uint8",
            transform=rasterio.Affine(10, 0, 0, 0, -10, 0),
        ) as file:  # fmt: skip
            file.write(np.moveaxis(picture(64, 64), -1, 0))
    (source / "sea" / "notes.txt").write_text("no picture")
    found, left_out = find(source)
    assert [image.name for image in found] == ["sea/a", "sea/b.webp", "sea/c.gtiff", "sea/d.jp2"]
    assert left_out == []
    wanted = VariantSet(source, found, VariantConfig(10.0), 1, 0)
    folder = DatasetFolder(tmp_path / "out", wanted.settings(b"fake"), "A test.", "webp")
    assert wanted.write(FakeCascade(), folder, quiet) == []
    again, _ = find(tmp_path / "out")
    assert [image.name for image in again] == [f"sea/{stem}-0.webp" for stem in "abcd"]


def test_a_hole_of_an_image_is_one_of_its_variants(tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "sea").mkdir(parents=True)
    alpha = np.full((64, 64), 255, np.uint8)
    alpha[:20, 30:] = 0
    pixels = np.full((64, 64, 3), 90, np.uint8) * (alpha[..., None] > 0)
    Image.fromarray(np.dstack([pixels, alpha])).save(source / "sea" / "a.png")
    assert write(source, tmp_path / "out", per_image=1) == []
    made = np.asarray(Image.open(tmp_path / "out" / "sea" / "a-0.png"))
    np.testing.assert_array_equal(made[..., 3], alpha)
    seed = seed_of(0, "sea/a.png", 0)
    whole = vary(FakeCascade(), np.full((64, 64, 3), 90, np.uint8), VariantConfig(10.0), seed)
    np.testing.assert_array_equal(made[..., :3], whole)


def test_what_was_guessed_of_images_is_noted_and_how_they_are_read_is_a_setting(
    tmp_path: Path,
) -> None:
    source = tmp_path / "in"
    (source / "sea").mkdir(parents=True)
    with rasterio.open(
        source / "sea" / "a.tif", "w", driver="GTiff", width=64, height=64, count=3,
        dtype="uint16", photometric="RGB", crs="EPSG:32633",
        transform=rasterio.Affine(10, 0, 500_000, 0, -10, 4_000_000),
    ) as file:  # fmt: skip
        file.write(np.moveaxis(picture(64, 64).astype(np.uint16) * 9, -1, 0))
    found, _ = find(source)
    wanted = VariantSet(source, found, VariantConfig(300.0), 1, 0)
    list(wanted.samples(FakeCascade()))
    stretched, resolution = wanted.notes
    assert "16-bit samples" in stretched
    assert "says 10.01 m per pixel, but --gsd says 300" in resolution
    given = VariantSet(source, found, VariantConfig(10.0), 1, 0, reading=Reading(stretch=(0, 2295)))
    (made,) = given.samples(FakeCascade())
    expected = vary(FakeCascade(), picture(64, 64), VariantConfig(10.0), seed_of(0, "sea/a.tif", 0))
    np.testing.assert_array_equal(made, expected)
    assert given.notes == []
    assert "2295" in given.settings(b"fake")["reading"]
    assert "reading" not in wanted.settings(b"fake")
