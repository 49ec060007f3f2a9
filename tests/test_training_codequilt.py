"""Layout codes quilted: every second square is another part of its scene, the rest stays."""

import dataclasses

import numpy as np
import pytest

from generator.cascade import checkpoint
from tests.layouts import tiny_bank, write_layouts
from tests.test_training_additions import command
from training.errors import TrainingError
from training.run.codequilt import quilted, quilted_scene
from training.run.export import BANKED

SQUARE = 24


@pytest.fixture(scope="module")
def scene():
    """Return a scene of 11 and 13 whose codes of 13 tell where they lie, and half of it calm."""
    scene = next(scene for scene in tiny_bank().scenes if scene.chosen_at == 11)
    shape = scene.codes[13].shape
    codes = np.random.default_rng(0).integers(-3, 4, shape).astype(np.int8)
    codes[:, shape[1] // 2 :] //= 3
    return dataclasses.replace(scene, codes=dict(scene.codes) | {13: codes})


def squares(codes):
    for y in range(0, codes.shape[0], SQUARE):
        for x in range(0, codes.shape[1], SQUARE):
            yield (y // SQUARE + x // SQUARE) % 2, codes[y : y + SQUARE, x : x + SQUARE], y, x


def test_every_second_square_is_another_part_and_the_others_stay(scene):
    codes, made = scene.codes[13], quilted_scene(scene, SQUARE)
    windows = np.lib.stride_tricks.sliding_window_view(codes, (SQUARE, SQUARE), axis=(0, 1))
    laid = 0
    for odd, square, y, x in squares(made.codes[13]):
        before = codes[y : y + SQUARE, x : x + SQUARE]
        if not odd:
            np.testing.assert_array_equal(square, before)
        elif square.shape[:2] == (SQUARE, SQUARE):
            same = (windows == square.transpose(2, 0, 1)).all((2, 3, 4))
            (place,) = np.argwhere(same)
            assert np.abs(place - (y, x)).max() >= SQUARE
            # Calm ground goes with every ring, and yet is not laid where there is detail.
            assert 0.85 < np.abs(square).mean() / np.abs(before).mean() < 1 / 0.85
            laid += 1
    assert laid > 10
    # What is chosen and what the parent shows are as they were.
    np.testing.assert_array_equal(made.codes[11], scene.codes[11])
    np.testing.assert_array_equal(made.descriptors, scene.descriptors)
    again = quilted_scene(scene, SQUARE)
    np.testing.assert_array_equal(again.codes[13], made.codes[13])


def test_a_small_scene_stays_as_it_is(scene):
    assert quilted_scene(scene, 128) is scene


def test_scenes_are_named_by_globs_of_which_the_first_counts():
    bank = tiny_bank()
    names = {scene.name: scene for scene in bank.scenes if scene.chosen_at in (11, 15)}
    first = next(scene.name for scene in bank.scenes if scene.chosen_at == 11)
    made = quilted(bank, {"11": {first: 96, "*": 4096}})
    changed = [
        scene.name
        for scene in made.scenes
        if scene.name in names and scene is not names[scene.name]
    ]
    assert changed == [first]
    for sides, said in (
        ({"11": {"none": 96}}, "quilt_codes names 'none' of zoom 11, expected globs"),
        ({"11": {"*": 96, first: 96}}, "none that one before matches"),
        ({"15": {"*": 90}}, "is 90, expected a multiple of 16"),
    ):
        with pytest.raises(TrainingError, match=said):
            quilted(bank, sides)


def test_an_addition_may_only_quilt_what_is_there(tmp_path, monkeypatch, capsys):
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    parts = '[network]\npreset = "layout-tiny"\n[[phase]]\nuntil = 1\n[[additions]]\n'
    recipe.write_text(parts + "[additions.quilt_codes.11]\n'*' = 64\n")
    weights = write_layouts(run / BANKED, tiny_bank())
    words = (
        "train", recipe, "--data", tmp_path, "--run", run, "--imagery", tmp_path,
        "--stage", "additions", "--device", "cpu",
    )  # fmt: skip
    assert command(monkeypatch, *words) == 0
    assert "0 new, 0 dropped" in capsys.readouterr().out
    made = checkpoint.load(run / "additions-1.safetensors")
    assert made.digest != checkpoint.load(weights).digest
    part = made.record["recipe"]["additions"][0]
    assert part["quilt_codes"] == {"11": {"*": 64}}
    assert command(monkeypatch, *words) == 0
    assert "is there already" in capsys.readouterr().out
    # One that changes nothing is a mistake.
    recipe.write_text(parts)
    assert command(monkeypatch, *words) == 2
    assert "[additions] lacks the key 'megapixels'" in capsys.readouterr().err
