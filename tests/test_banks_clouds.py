import numpy as np
import pytest

from generator.banks.clouds import broken_clouds, is_cloud
from generator.banks.stageimage import StageImage
from tests.fakes_clouds import clouded, discs, land, town


def cloud(pixels: np.ndarray) -> bool:
    return is_cloud(pixels, np.ones(pixels.shape[:2], bool))


@pytest.mark.parametrize("radius", [5, 7, 9])
@pytest.mark.parametrize("shadow", [(9, 15), (-12, 0), (3, -8)])
def test_a_cloud_field_is_cloud(radius: int, shadow: tuple[int, int]) -> None:
    assert cloud(clouded(land(256, 256), radius, shadow=shadow))


def test_white_patches_without_a_common_shadow_are_not() -> None:
    cover = discs(256, 256, 9)[..., None]
    bare = np.rint(land(256, 256) * (1 - cover) + 235 * cover).astype(np.uint8)
    assert cloud(clouded(land(256, 256), 9))
    assert not cloud(bare)


@pytest.mark.parametrize("roof", [1, 2, 4])
def test_a_white_town_is_not(roof: int) -> None:
    pixels = town(256, 256, roof)
    assert (pixels.min(2) > 190).mean() > 0.1
    assert not cloud(pixels)


def test_a_snow_field_on_dark_slopes_is_not() -> None:
    pixels = land(256, 256)
    y, x = np.mgrid[0:256, 0:256]
    ridge = (np.abs((x + 12 * np.sin(y / 17)) % 85 - 42) < 24) & (y > 30)
    pixels[ridge] = 238
    # The slope that the sun does not see.
    pixels[np.roll(ridge, 10, 1) & ~ridge] = (25, 30, 28)
    assert ridge.mean() > 0.3
    assert not cloud(pixels)


def test_a_beach_and_surf_are_not() -> None:
    pixels = land(256, 256)
    pixels[:, 140:] = (12, 30, 48)
    pixels[:, 120:140] = (226, 218, 190)
    pixels[::7, 140:144] = 240
    assert not cloud(pixels)


def test_a_salt_flat_is_not() -> None:
    pixels = np.full((256, 256, 3), (150, 105, 70), np.uint8)
    y, x = np.mgrid[0:256, 0:256]
    pixels[np.hypot(y - 128, (x - 128) / 1.4) < 60] = (236, 232, 226)
    assert not cloud(pixels)


def test_a_rough_veil_over_grey_ground_is_cloud_and_over_coloured_ground_is_not() -> None:
    random = np.random.default_rng(1)
    rough = (discs(256, 256, 30, 3)[..., None] > 0) * random.integers(170, 256, (256, 256, 1))
    grey = np.broadcast_to(np.maximum(rough, 90), (256, 256, 3)).astype(np.uint8)
    assert cloud(grey)
    assert not cloud(np.where(rough > 0, grey, (110, 90, 70)).astype(np.uint8))


def test_few_clouds_and_none_are_not() -> None:
    one = land(256, 256)
    one[:64, :64] = clouded(one)[:64, :64]
    assert not cloud(land(256, 256))
    assert not cloud(one)


def test_what_the_mask_hides_is_not_looked_at() -> None:
    pixels = clouded(land(256, 256))
    assert not is_cloud(pixels, pixels.min(2) < 120)
    assert not is_cloud(pixels, np.zeros((256, 256), bool))


@pytest.mark.parametrize(("zoom", "by"), [(9, 1), (11, 2), (15, 4)])
def test_the_cloudy_part_of_a_view_is_found_at_its_scale(zoom: int, by: int) -> None:
    clear, sky = land(256 * by, 256 * by, 1), clouded(land(256 * by, 256 * by), 9 * by)
    seen = StageImage(zoom, np.hstack([clear, sky]), np.ones((64 * by, 128 * by), bool))
    found = broken_clouds(seen)
    assert found.shape == seen.good.shape
    assert not found[:, : 64 * by].any()
    assert found[:, 64 * by :].all()
