"""Banks of one encoder joined: what replaces what, and what is refused."""

import dataclasses

import pytest

from generator.memory import Bank
from tests.fakes_memory import ENCODER, synthetic_scene
from training.errors import TrainingError
from training.run.joining import joined, without


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
