from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generator.banks import BankEncoder, BuildFolder, BuildOptions, BuildResult, OfferedImage, build
from generator.banks.buildfolder import BuildFolder as Folder
from generator.banks.sheet import _lines
from generator.grid.errors import BankError
from generator.grid.tile import SCALE
from generator.memory import bankfile
from tests.fakes_clouds import clouded, land, town
from tests.fakes_imagery import source, tiny_encoder
from tests.fakes_memory import ground

ENCODER = "a" * 64


def made(sources, tmp_path: Path, work: str = "work", **options: object) -> BuildResult:
    """Build a bank; the budget is 1 megapixel at zoom 15 unless told otherwise."""
    given = BuildOptions(**{"budget": {15: 1e6}, **options})
    return build(sources, BankEncoder(tiny_encoder(), ENCODER), given, BuildFolder(tmp_path / work))


def test_an_image_becomes_a_scene_with_its_place_and_terms(tmp_path: Path) -> None:
    image = source(
        ground(1, 160, 200), place=(47.0, 8.0), licence="CC0-1.0", credit="me", source="county"
    )
    built = made([image], tmp_path)
    (scene,) = built.bank.scenes
    assert scene.shape == (40, 50)
    assert set(scene.codes) == {15}
    assert (scene.latitude, scene.longitude) == (47.0, 8.0)
    assert built.bank.credits == ["county, CC0-1.0, me"]
    assert built.bank.encoder == ENCODER
    assert scene.valid.all()
    assert scene.codes[15].any()


def test_codes_are_those_of_the_whole_image_whatever_is_cut(tmp_path: Path) -> None:
    pixels = ground(2, 256, 1280)
    whole = made([source(pixels)], tmp_path)
    assert len(whole.bank.scenes) == 2
    codes = np.concatenate([scene.codes[15] for scene in whole.bank.scenes], 1)
    part = made([source(pixels[:, :1024], "b.png")], tmp_path, "other")
    left = part.bank.scenes[0].codes[15][:, :160]
    # The tone is matched to each picture's own mean, so that a few codes are rounded otherwise.
    assert (codes[:, :160] == left).mean() > 0.95


def test_scenes_of_11_and_13_hang_together(tmp_path: Path) -> None:
    built = made([source(ground(3, 512, 400), gsd=15.0)], tmp_path, budget={11: 1e6})
    (scene,) = built.bank.scenes
    assert scene.codes[11].shape == (32, 25, 4)
    assert scene.codes[13].shape == (128, 100, 4)


def test_budget_is_kept_and_spent_on_different_ground(tmp_path: Path) -> None:
    same = [source(ground(7, 256, 256), f"same{n}.png") for n in range(4)]
    others = [source(ground(50 + n, 256, 256, 5 + 9 * n), f"other{n}.png") for n in range(3)]
    built = made([*same, *others], tmp_path, budget={15: 4 * 256**2})
    names = {each.name for each in built.taken}
    assert len(built.taken) == 4
    assert {f"other{n}.png" for n in range(3)} <= names
    assert len(built.spare) == 3


def test_blocks_that_are_not_chosen_are_empty_and_not_valid(tmp_path: Path) -> None:
    calm = ground(4, 512, 512, 64) // 8 + 60
    calm[:256, :256] = ground(5, 256, 256, 4)
    calm[256:, 256:] = ground(6, 256, 256, 4)
    built = made([source(calm)], tmp_path, budget={15: 2 * 256**2 - 100}, calm=0.0)
    (scene,) = built.bank.scenes
    assert built.taken[0].area == 2 * 256**2
    codes = scene.codes[15]
    assert codes.shape == (128, 128, 4)
    assert not codes[:64, 64:].any()
    assert not codes[64:, :64].any()
    assert codes[:64, :64].any()
    assert not scene.valid[0, -1]
    assert scene.valid[0, 0]


def test_masked_ground_is_empty_and_not_valid(tmp_path: Path) -> None:
    mask = np.full((50, 50), 255, np.uint8)
    mask[:, :5] = 0
    built = made([source(ground(8, 400, 400), mask=mask)], tmp_path)
    (scene,) = built.bank.scenes
    assert not scene.codes[15][:, :10].any()
    assert scene.codes[15].shape[:2] == (100, 100)
    assert not scene.valid[:, 0].any()
    assert scene.valid[:, -1].all()


@pytest.mark.parametrize(
    ("pixels", "gsd", "reason"),
    [
        (np.full((200, 200, 3), 90, np.uint8), 4.0, "flat"),
        (np.full((200, 200, 3), 240, np.uint8) - ground(1, 200, 200) // 16, 4.0, "cloud"),
        (ground(1, 200, 60), 4.0, "60 x 200 pixels at zoom 15's resolution, expected at least 96"),
        (ground(1, 200, 200), 60.0, "60 m per pixel are not of use for 3.8 m"),
    ],
    ids=["flat", "cloud", "narrow", "coarse"],
)
def test_what_shows_nothing_is_refused_with_its_reason(
    tmp_path: Path, pixels: np.ndarray, gsd: float, reason: str
) -> None:
    bad = source(pixels, "bad.png", gsd)
    with pytest.raises(BankError, match=f"none of the 1 images can be used: bad.png: .*{reason}"):
        made([bad], tmp_path)
    built = made([bad, source(ground(1, 160, 160))], tmp_path, "other")
    assert [each.name for each in built.refused] == ["bad.png"]
    assert reason in built.refused[0].reason


def taken(pixels: np.ndarray, tmp_path: Path, **more: object) -> tuple[int, tuple[str, ...]]:
    """Return the megapixels taken of an image at 250 m, in sixteenths, and why less than all."""
    built = made([source(pixels, gsd=250.0, **more)], tmp_path, budget={9: 9e6}, calm=1.0)
    (one,) = built.taken
    return round(one.area / 256**2), one.left


def test_a_cloud_field_is_refused_with_its_reason(tmp_path: Path) -> None:
    sky = clouded(land(256, 256))
    bad = source(sky, "bad.png", 250.0)
    built = made([bad, source(land(256, 256), gsd=250.0)], tmp_path, budget={9: 9e6})
    assert [each.sentence for each in built.refused] == ["bad.png: broken cloud at zoom 9"]
    part = np.hstack([land(256, 512), sky])
    assert taken(part, tmp_path / "part") == (2, ("broken cloud: 1 block",))
    assert "broken cloud: 1 block" in _lines(
        replace(built.taken[0], left=("broken cloud: 1 block",))
    )


def test_what_is_left_between_clouds_is_refused_too(tmp_path: Path) -> None:
    sky = clouded(land(256, 256))
    bad = source(np.hstack([sky, sky, land(256, 256)]), "bad.png", 250.0)
    built = made([bad, source(land(256, 256), gsd=250.0)], tmp_path, budget={9: 9e6})
    assert [each.name for each in built.taken] == ["a.png"]


def test_a_white_town_is_taken(tmp_path: Path) -> None:
    assert taken(np.hstack([town(256, 256), town(256, 256, 4)]), tmp_path) == (2, ())


def test_the_snow_of_the_base_map_is_no_cloud(tmp_path: Path) -> None:
    sky = clouded(land(256, 256))
    assert taken(sky, tmp_path, source="blue-marble") == (1, ())


@pytest.mark.parametrize("warp", [False, True])
def test_the_edge_of_a_swath_is_refused_and_the_rest_taken(tmp_path: Path, warp: bool) -> None:
    y, x = np.mgrid[0:512, 0:768]
    pixels = land(512, 768)
    pixels[x < 180 - y // 4] = 0
    image = source(pixels, gsd=250.0)
    built = made([image], tmp_path, budget={9: 9e6}, warp=warp)
    assert built.taken[0].area == 4 * 256**2
    assert built.taken[0].left == ("edge of a swath: 2 blocks",)
    assert (
        made([source(pixels[:, 256:], gsd=250.0)], tmp_path / "b", budget={9: 9e6}).taken[0].left
        == ()
    )


def test_nothing_outside_of_a_swath_changes_the_tone(tmp_path: Path) -> None:
    whole = land(256, 768)
    cut = whole.copy()
    cut[:, :120] = 0
    gates = []
    for name, pixels in (("whole", whole), ("cut", cut)):
        (scene,) = made([source(pixels, gsd=250.0)], tmp_path, name, budget={9: 9e6}).bank.scenes
        gates.append(scene.gates[:, -1].astype(int))
    assert abs(gates[0] - gates[1]).max() <= 1


def test_a_mask_full_of_holes_is_refused_and_one_with_an_edge_is_not(tmp_path: Path) -> None:
    edge, holes = (np.full((256, 256), 255, np.uint8) for _ in range(2))
    edge[:, :100] = 0
    holes[(np.indices((256, 256)) % 64 < 32).all(0)] = 0
    assert (holes == 0).mean() < (edge == 0).mean()
    images = [source(land(256, 256), "holes.png", 250.0, holes)]
    images += [source(land(256, 256, 1), "edge.png", 250.0, edge)]
    built = made(images, tmp_path, budget={9: 9e6})
    assert [each.name for each in built.taken] == ["edge.png"]
    assert built.refused[0].reason == "mask full of holes at zoom 9"


def test_a_coast_is_taken_before_the_sea(tmp_path: Path) -> None:
    sea = np.full((256, 768, 3), (16, 42, 70), np.uint8)
    sea += np.random.default_rng(0).integers(0, 9, sea.shape, np.uint8)
    y, x = np.mgrid[0:256, 0:768]
    shore = x > 660 + 20 * np.sin(y / 15)
    sea[shore] = land(256, 768)[shore]
    built = made([source(sea, gsd=250.0)], tmp_path, budget={9: 60000}, calm=1.0)
    (scene,) = built.bank.scenes
    assert scene.gates[..., 0].min() < 128 < scene.gates[..., 0].max()


def test_terms_splits_and_names_are_kept(tmp_path: Path) -> None:
    images = [
        source(ground(1, 128, 128), "a.png", licence_class="open"),
        source(ground(2, 128, 128), "b.png", licence_class="copyleft"),
        source(ground(3, 128, 128), "c.png", licence_class="share-alike"),
        source(ground(4, 128, 128), "d.png", licence_class="open", split="test"),
        source(ground(5, 128, 128), "e.png", licence_class="open", source="airport"),
    ]
    built = made(
        images,
        tmp_path,
        licences=frozenset({"open", "copyleft"}),
        splits=frozenset({"train"}),
        exclude=("air*",),
    )
    assert [each.name for each in built.taken] == ["a.png"]
    assert [each.reason for each in built.refused] == [
        "its licence is copyleft",
        "its licence is of the class share-alike",
        "it is kept for test",
        "excluded by air*",
    ]


def test_an_image_that_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    def broken() -> None:
        raise OSError("cut short")

    bad = source(ground(1, 128, 128), "bad.png")
    object.__setattr__(bad, "read", broken)
    built = made([bad, source(ground(1, 128, 128))], tmp_path)
    assert [each.sentence for each in built.refused] == ["bad.png: cut short"]


def test_an_offer_limits_the_stages_of_an_image(tmp_path: Path) -> None:
    image = source(ground(1, 1024, 1024), gsd=7.5)
    both = made([image], tmp_path, budget={11: 1e6, 15: 1e6, 9: 1e6})
    assert {scene.chosen_at for scene in both.bank.scenes} == {11, 15}
    one = made([OfferedImage(image, (15,))], tmp_path, budget={11: 1e6, 15: 1e6})
    assert {scene.chosen_at for scene in one.bank.scenes} == {15}


def counted(image, counts: list[str], fail_at: int = 10**9):  # type: ignore[no-untyped-def]
    """Make an image count its readings, and Ctrl-C arrive at one of them."""
    read: Callable[[], object] = image.read

    def reading() -> object:
        counts.append(image.name)
        if len(counts) == fail_at:
            raise KeyboardInterrupt
        return read()

    object.__setattr__(image, "read", reading)
    return image


@pytest.mark.parametrize("stopped_at", [2, 4, 5])
def test_a_stopped_build_goes_on_where_it_was_and_ends_the_same(
    tmp_path: Path, stopped_at: int
) -> None:
    def images(counts: list[str], fail_at: int = 10**9):  # type: ignore[no-untyped-def]
        each = [source(ground(n, 128, 128), f"{n}.png") for n in range(3)]
        return [counted(image, counts, fail_at) for image in each]

    counts: list[str] = []
    whole = made(images(counts), tmp_path)
    assert len(counts) == 6
    first: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        made(images(first, stopped_at), tmp_path, "stopped")
    again: list[str] = []
    resumed = made(images(again), tmp_path, "stopped")
    assert len(again) == 6 - (stopped_at - 1)
    assert resumed.bank.digest == whole.bank.digest
    assert [each.name for each in resumed.taken] == [each.name for each in whole.taken]


def test_damaged_parts_are_made_again(tmp_path: Path) -> None:
    images = [source(ground(n, 128, 128), f"{n}.png") for n in range(2)]
    whole = made(images, tmp_path)
    for file in (tmp_path / "work").glob("*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    assert made(images, tmp_path).bank.digest == whole.bank.digest


def test_another_encoder_makes_other_codes_from_the_same_parts(tmp_path: Path) -> None:
    counts: list[str] = []
    images = [counted(source(ground(1, 128, 128)), counts)]
    options, work = BuildOptions(budget={15: 1e6}), BuildFolder(tmp_path / "work")
    first = build(images, BankEncoder(tiny_encoder(0), "a" * 64), options, work)
    second = build(images, BankEncoder(tiny_encoder(1), "b" * 64), options, work)
    assert len(counts) == 3  # looked at once, encoded twice
    assert first.bank.digest != second.bank.digest
    bankfile.save(first.bank, tmp_path / "first.bank")
    with pytest.raises(BankError, match="codes of the encoder"):
        bankfile.load(tmp_path / "first.bank", "b" * 64)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("dear to me")
    with pytest.raises(BankError, match="holds other files"):
        Folder(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.doc"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": {12: 1e6}}, "names zoom 12, expected some of 7, 9, 11, 15"),
        ({"budget": {15: 0}}, "the budget of zoom 15 is 0, expected more than 0"),
        ({"block": {15: 256}}, "no block is given for zoom 7"),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, object], message: str) -> None:
    with pytest.raises(BankError, match=message):
        BuildOptions(**options)  # type: ignore[arg-type]


def test_a_code_depends_on_no_more_than_the_context() -> None:
    from generator.banks.boxes import Box
    from generator.banks.encode import CONTEXT, _encoded

    encoder = tiny_encoder()
    pixels = ground(11, 512, 512)
    changed = pixels.copy()
    changed[:, : 256 - SCALE * CONTEXT] = 255 - changed[:, : 256 - SCALE * CONTEXT]
    box = Box(0, 256, 512, 256)
    np.testing.assert_array_equal(_encoded(pixels, box, encoder), _encoded(changed, box, encoder))
