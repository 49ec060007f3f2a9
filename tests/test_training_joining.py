"""Banks of one encoder joined: what replaces what, and what is refused."""

import dataclasses

import pytest

from generator.memory import Bank
from tests.fakes_memory import ENCODER, synthetic_scene
from training.errors import TrainingError
from training.run.joining import cropped, joined, without


def bank(*scenes):
    return Bank(scenes, ENCODER, 4)


def names(made):
    return [(scene.chosen_at, scene.name) for scene in made.scenes]


def test_scenes_go_by_the_zoom_they_are_chosen_at_and_globs_on_name_or_source():
    blue = dataclasses.replace(synthetic_scene(5, 7), source="blue-marble")
    held = bank(blue, synthetic_scene(1, 7), synthetic_scene(1, 15), synthetic_scene(12, 15))
    assert names(without(held, {"7": ("blue-*",)})) == names(held)[1:]
    assert names(without(held, {"15": ("scene-1",)})) == [*names(held)[:2], (15, "scene-12")]
    assert names(without(held, {"15": ("made up",), "7": ("*-5",)})) == [(7, "scene-1")]
    assert without(held, {}).digest == held.digest


def test_a_glob_that_drops_nothing_is_told():
    with pytest.raises(TrainingError, match=r"drop names 'scene-1' of zoom 7, expected globs"):
        without(bank(synthetic_scene(1, 15)), {"7": ("scene-1",)})


def test_new_scenes_follow_those_of_their_zoom():
    held = bank(synthetic_scene(1, 7), synthetic_scene(2, 15))
    made = joined(held, bank(synthetic_scene(3, 11), synthetic_scene(4, 7)))
    assert names(made) == [(7, "scene-1"), (7, "scene-4"), (11, "scene-3"), (15, "scene-2")]
    # One name may be at two zooms, for a picture may serve both.
    joined(held, bank(synthetic_scene(1, 15)))


def test_a_scene_that_is_there_already_and_another_encoder_are_refused():
    held = bank(synthetic_scene(1, 7))
    with pytest.raises(TrainingError, match="scene 'scene-1' of zoom 7 is in the bank already"):
        joined(held, held)
    with pytest.raises(TrainingError, match="of the encoder 6666666666666666, expected those of 5"):
        joined(held, Bank((synthetic_scene(2, 7),), "6" * 64, 4))


def test_a_scene_is_cropped_with_its_windows_at_all_its_zooms():
    whole = synthetic_scene(1, 11, 64)
    cut = cropped(bank(whole), {"scene-*": (0.25, 0, 1, 0.75)}).scenes[0]
    assert cut.shape == (48, 48)
    for zoom, scale in ((11, 1), (13, 4)):
        there = whole.codes[zoom][: 48 * scale, 16 * scale :]
        assert (cut.codes[zoom] == there).all()
    assert (cut.descriptors == whole.descriptors[:4, 2:]).all()
    assert (cut.gates == whole.gates[:4, 2:]).all()
    assert (cut.valid == whole.valid[:4, 2:]).all()


def test_a_crop_that_matches_nothing_or_leaves_too_little_is_told():
    held = bank(synthetic_scene(1, 11, 64))
    with pytest.raises(TrainingError, match="crop names 'made up', expected globs"):
        cropped(held, {"made up": (0, 0, 1, 1)})
    with pytest.raises(TrainingError, match="crop leaves 16 x 64 pixels of the scene 'scene-1'"):
        cropped(held, {"scene-1": (0, 0, 0.25, 1)})
