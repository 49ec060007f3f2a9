from pathlib import Path

import pytest

from generator.grid.errors import GeneratorError
from generator.nets.config import PRESETS, LayoutConfig
from training.errors import TrainingError
from training.losses import terms
from training.run.recipe import Recipe
from training.run.recipefile import read, read_sharpen

RECIPES = Path(__file__).parents[1] / "recipes"
ADDED = "[[phase]]\nuntil = 1\n[[additions]]\nmegapixels = { 7 = 1 }\n"


def recipe(folder, text):
    path = folder / "r.toml"
    path.write_text(text)
    return read(path)


@pytest.mark.parametrize(("name", "family"), [
    ("shipped", "layout"), ("diffusion", "unet"), ("paper", "paper"),
])  # fmt: skip
def test_the_recipes_of_the_repository_can_be_read(name, family):
    made = read(RECIPES / f"{name}.toml")
    assert made.family == family
    assert made.terms(0).keys() <= set(terms.names())
    assert made.as_json()["network"]["family"] == family


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[network]\nwidth = 3\n[[phase]]\nuntil = 1", "[network] has the key 'width', expected"),
        ("[network]\nfamily = 'x'\n[[phase]]\nuntil = 1", "family is 'x', expected one of layout"),
        ("[network]\nwidths = [3]\n[[phase]]\nuntil = 1", "widths is [3], expected a list of 2"),
        ("[network]\npreset = 'layout'\nlevels = 5\n[[phase]]\nuntil = 1", "preset and other keys"),
        ("[train]\nseed = 1", "has no [[phase]], expected at least one"),
        ("[train]\nseed = 1.5\n[[phase]]\nuntil = 1", "seed is 1.5, expected a whole number"),
        ("[train]\nshares = [1]\n[[phase]]\nuntil = 1", "[train] shares is [1], expected 5 or 6"),
        ("train = 3\n[[phase]]\nuntil = 1", "[train] is 3, expected a table of keys"),
        ("[[phase]]\nrate = 1.0", "[phase] lacks the key 'until', expected a whole number"),
        ("[[phase]]\nuntil = 1\ngroups = 0", "groups is 0, expected 1 to 1024"),
        (
            "[[phase]]\nuntil = 1\nterms = { other = 1.0 }",
            "terms has 'other', expected some of",
        ),
        ("[[phase]]\nuntil = 1\nterms = 4", "terms is 4, expected a table, each value a number"),
        ("[[phase]]\nuntil = 1\n[[entries]]\nzooms = [8]", "zooms has 8, expected some of 7, 9"),
        ("[[phase]]\nuntil = 1\n[[chains]]\ncritic = 1", "[chains] has the key 'critic', expected"),
        ("[[phase]]\nuntil = 1\n[[chains]]\nhold = 'x'", "hold is 'x', expected a number"),
        ("[[phase]]\nuntil = 1\n[[chains]]\nwindow = 40", "window is 40, expected a multiple of"),
        ("[[phase]]\nuntil = 1\n[[chains]]\nedge = 16", "edge is 16, expected a multiple of 4"),
        ("[[phase]]\nuntil = 1\n[[chains]]\nplaces = 0", "places is 0, expected at least 1"),
        (
            "[[phase]]\nuntil = 1\n[memory]\nstrengths = [1, 1, 1, 1, 1, 1]",
            "strengths has 6 numbers and contrast 5, expected 5 or 6 of each, one for each stage",
        ),
        (
            "[[phase]]\nuntil = 1\n[memory]\nsharpness = [1, 2]",
            "sharpness has 2 numbers, expected as many as strengths, 5, or none",
        ),
        (f"{ADDED}keep = {{ 9 = 1.0 }}", "[additions] keep has '9', expected some of 7"),
        (f"{ADDED}drop = {{ 8 = ['*'] }}", "[additions] drop has '8', expected some of 7, 9"),
        (f"{ADDED}drop = {{ 7 = 'x' }}", "drop is {'7': 'x'}, expected a table, each value a list"),
        (f"{ADDED}places = 0", "[additions] places is 0, expected at least 1"),
        (f"{ADDED}sharpness = [1, 1]", "[additions] strengths has 0 numbers and contrast 0"),
        (f"{ADDED}strengths = [1, 1]", "[additions] strengths has 2 numbers and contrast 0"),
        (f"{ADDED}[additions.entries]\ndecoder_rate = 1.0", "has the key 'decoder_rate'"),
        (f"{ADDED}[additions.entries]\nzooms = [8]", "[additions.entries] zooms has 8, expected"),
        ("[[phase]]\nuntil = 1\n[[additions]]", "[additions] lacks the key 'megapixels'"),
        ("[[phase]]\nuntil = 1\n[[additions]]\nmegapixels = { 8 = 1 }", "megapixels has '8', exp"),
        (
            "[[phase]]\nuntil = 1\n[[additions]]\nmegapixels = { 17 = 1 }",
            "adds scenes of zoom 17 to weights of 5 stages, expected 6 strengths and factors",
        ),
        ("[other]\n[[phase]]\nuntil = 1", "has a part 'other', expected some of network, train"),
        ("[[phase]", "cannot be read"),
    ],
)
def test_a_faulty_recipe_is_refused_in_one_sentence(tmp_path, text, words):
    with pytest.raises(TrainingError) as caught:
        recipe(tmp_path, text)
    assert words in str(caught.value)
    assert str(tmp_path / "r.toml") in str(caught.value)


def test_what_a_recipe_leaves_out_has_defaults_and_entries_may_follow_each_other(tmp_path):
    made = recipe(tmp_path, "[[phase]]\nuntil = 1\n[entries]\nsteps = 4")
    assert made.network == LayoutConfig()
    assert made.terms(0) == Recipe().terms(0)
    assert [each.steps for each in made.entries] == [4]
    assert made.entries[0].terms["anchor"] == 0.3
    twice = recipe(tmp_path, "[[phase]]\nuntil = 1\n[[entries]]\nsteps = 4\n[[entries]]\nsteps = 5")
    assert [each.steps for each in twice.entries] == [4, 5]


def test_a_network_may_be_named_by_its_preset(tmp_path):
    made = recipe(tmp_path, "[network]\npreset = 'exact-s'\n[[phase]]\nuntil = 1")
    assert made.network == PRESETS["exact-s"]
    assert made.terms(0) == {"denoising": 1.0}
    with pytest.raises(GeneratorError, match="expected one of"):
        recipe(tmp_path, "[network]\npreset = 'none'\n[[phase]]\nuntil = 1")


def test_an_addition_says_its_candidates_what_is_kept_and_how_they_are_quilted():
    made = read(RECIPES / "shipped.toml").additions
    kept = next(each for each in made if each.keep)
    assert kept.keep.keys() <= kept.megapixels.keys()
    assert kept.drop == {"7": ("blue-marble",)}
    assert [bool(each.quilt) for each in made] == [0, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0]
    assert made[3].extend.keys() <= made[3].quilt.keys()
    assert {len(sides) for each in made for sides in each.crop.values()} == {4}
    assert {each.entries.decoder_rate for each in made} == {0.0}
    assert len(made[-2].strengths) == len(made[-2].contrast) == 6
    assert {part % 16 for part in made[-1].quilt_codes["11"].values()} == {0}
    assert all(each.part.keys() <= each.rescaled.keys() for each in made if each.rescaled)


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("crop", "[0.0, 0.2, 0.48, 0.68]", "[0.0, 0.2, 1.48, 0.68]"),
        ("part", "[0, 0, 0.36, 0.95]", "[0.4, 0, 0.36, 0.95]"),
    ],
)
def test_a_rectangle_beyond_a_picture_is_refused(tmp_path, key, good, bad):
    whole = (RECIPES / "shipped.toml").read_text()
    (tmp_path / "bad.toml").write_text(whole.replace(good, bad))
    with pytest.raises(TrainingError, match=rf"\[additions\] {key} of "):
        read(tmp_path / "bad.toml")
    with pytest.raises(TrainingError, match="expected left, top, right and bottom from 0 to 1"):
        read(tmp_path / "bad.toml")


def test_a_rectangle_to_hide_is_checked_for_the_first_bank_too(tmp_path):
    with pytest.raises(TrainingError, match=r"\[memory\] hide of 'town"):
        recipe(tmp_path, "[[phase]]\nuntil = 1\n[memory.hide]\n'town*' = [[0, 0, 1, 2]]")


def test_recipes_name_the_pictures_that_are_halved():
    how = read_sharpen(RECIPES / "added.toml")
    assert how.finest < 24
    assert len(how.take) == 44 + 22


def test_a_recipe_that_only_names_pictures_is_none_to_train():
    with pytest.raises(TrainingError, match=r"has no \[\[phase\]\]"):
        read(RECIPES / "added.toml")


def test_weights_once_made_for_17_take_further_scenes_of_it(tmp_path):
    first = (
        "megapixels = { 17 = 1 }\nstrengths = [1, 1, 1, 1, 1, 1]\ncontrast = [1, 1, 1, 1, 1, 1]\n"
    )
    text = f"[[phase]]\nuntil = 1\n[[additions]]\n{first}[[additions]]\nmegapixels = {{ 17 = 2 }}"
    assert [each.strengths for each in recipe(tmp_path, text).additions] == [(1,) * 6, ()]
