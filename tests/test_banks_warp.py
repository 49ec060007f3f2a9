from pathlib import Path

import numpy as np
import pytest

from generator.banks import BankEncoder, BuildFolder, BuildOptions, BuildResult, build
from generator.banks.stageimage import StageImage
from generator.banks.warp import MOST, Displacements, mirrored, warped
from tests.fakes_imagery import source, tiny_encoder
from tests.fakes_memory import ground

NAMES = [f"{n}.png" for n in range(24)]


def seen(child: np.ndarray, good: np.ndarray | None = None) -> StageImage:
    height, width = child.shape[:2]
    whole = np.ones((height // 4, width // 4), bool)
    return StageImage(15, child, whole if good is None else good)


def test_a_picture_is_bent_by_its_name_alone() -> None:
    view = seen(ground(1, 256, 320))
    first, again, other = warped(view, "a.png"), warped(view, "a.png"), warped(view, "b.png")
    np.testing.assert_array_equal(first.child, again.child)
    assert first.child.shape == view.child.shape
    assert first.good.all()
    assert (first.child != other.child).mean() > 0.5
    assert (first.child != view.child).mean() > 0.5


def test_about_half_of_all_names_are_mirrored() -> None:
    assert 6 <= sum(map(mirrored, NAMES)) <= 18


def test_displacements_are_smooth_bounded_and_fade_at_the_edge() -> None:
    ys, xs = np.arange(601), np.arange(801)
    for name in NAMES[:8]:
        for axis, moved in enumerate(Displacements(name, 600, 800)(ys, xs)):
            assert np.abs(moved).max() < MOST
            assert 5 < moved[80:-80, 80:-80].std() < 15
            # Neighbours never change their order: nothing is folded.
            assert np.diff(moved, axis=axis).min() > -0.6
            assert np.abs(np.diff(moved, axis=1 - axis)).max() < 0.6
            assert not moved[[0, -1]].any()
            assert not moved[:, [0, -1]].any()


def test_pixels_come_from_where_the_field_says() -> None:
    name = next(name for name in NAMES if not mirrored(name))
    y, x = np.mgrid[0:240, 0:240]
    child = np.stack([x, y, np.full_like(x, 7)], -1).astype(np.uint8)
    moved = warped(seen(child), name).child.astype(float)
    down, right = Displacements(name, 240, 240)(np.arange(240), np.arange(240))
    assert np.abs(moved[..., 0] - (x + right)).max() < 2
    assert np.abs(moved[..., 1] - (y + down)).max() < 2
    assert (moved[..., 2] == 7).all()


@pytest.mark.parametrize("name", NAMES[:4])
def test_the_mask_moves_with_the_picture(name: str) -> None:
    child = np.full((320, 320, 3), 200, np.uint8)
    good = np.ones((80, 80), bool)
    good[20:45, 10:40] = False
    child[80:180, 40:160] = 0
    moved = warped(seen(child, good), name)
    dark = moved.child[2::4, 2::4, 0] < 100
    assert (dark == ~moved.good).mean() > 0.98
    assert (~moved.good).sum() > 500


def test_a_build_with_warp_has_other_layouts_and_keeps_them_apart(tmp_path: Path) -> None:
    def made(warp: bool) -> BuildResult:
        images = [source(ground(n, 256, 256), f"{n}.png") for n in range(2)]
        options = BuildOptions(budget={15: 1e6}, warp=warp)
        return build(
            images, BankEncoder(tiny_encoder(), "a" * 64), options, BuildFolder(tmp_path / "work")
        )

    plain, warped = made(False), made(True)
    assert plain.bank.digest != warped.bank.digest
    assert made(False).bank.digest == plain.bank.digest
    assert made(True).bank.digest == warped.bank.digest
    assert [s.shape for s in plain.bank.scenes] == [s.shape for s in warped.bank.scenes]
