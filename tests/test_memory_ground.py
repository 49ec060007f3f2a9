"""The ground's term of the choice: off it changes nothing, on it puts towns where towns are."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.geography.ground import GroundFigures
from generator.geography.layers import FIGURES
from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle
from generator.memory import CHOSEN_AT, Bank, Memory, Scene
from generator.memory.config import CHOICES, STEP, WINDOW
from generator.memory.groundprobe import GroundProbe, scene_key, statistics
from generator.memory.groundterm import STRENGTHS, GroundTerm, scaled
from generator.memory.patches import collect_patches
from generator.memory.search import BUILT_GAP, ROUGHER, TONE_GAP, passes
from tests.fakes_ground import random_ground
from tests.fakes_memory import ENCODER, endless, synthetic_bank

BANK = synthetic_bank(1)
GROUND = random_ground()


def probe(
    encoder: str = ENCODER,
    zooms: tuple[int, ...] = (11, 15),
    figures: tuple[str, ...] = FIGURES,
) -> GroundProbe:
    """Return a probe that tells figures of windows by the mean of the first number of a code."""
    weights = {}
    for zoom in zooms:
        count = 16 * (2 if zoom == 11 else 1) + 16
        row = np.array([60 << 8, *[0] * (count - 1), 128 << 8], np.int64)
        weights[zoom] = dict.fromkeys(figures, row)
    return GroundProbe(encoder, weights)


@dataclasses.dataclass(frozen=True)
class Halves:
    """A ground that has all of one figure east of a column, and nothing west of it."""

    column: int
    figure: str = "built-up"
    digest: str = "halves"

    def figures(
        self, zoom: int, ys: NDArray[np.int64], xs: NDArray[np.int64], side: int
    ) -> NDArray[np.uint8]:
        """Return 255 in the east."""
        assert (zoom, side) == (9, CHOICES[11].spacing)
        is_figure = np.array([name == self.figure for name in FIGURES])
        return np.where((xs >= self.column)[:, None] & is_figure, 255, 0).astype(np.uint8)


def memory(ground: GroundFigures | Halves = GROUND) -> Memory:
    """Return a memory with the term."""
    return Memory([BANK], ground=GroundTerm(ground, probe()))


def field(made: Memory, zoom: int, area: Rectangle, world: bool = True) -> NDArray[np.int8]:
    """Return a field over a map of random ground."""
    side = 256 << (CHOSEN_AT[zoom] - 2)
    read = endless(3, side, side)
    return made.field(7, zoom, area, read) if world else made.field(7, zoom, area, read, world=None)


def test_without_a_term_nothing_changes() -> None:
    area = Rectangle(300, 500, 60, 70)
    plain = Memory([BANK])
    for zoom in CHOSEN_AT:
        same = Memory([BANK], ground=None)
        assert np.array_equal(field(plain, zoom, area), field(same, zoom, area))
    assert plain.digest == Memory([BANK], ground=None).digest


def test_a_term_of_another_encoder_is_left_out() -> None:
    area = Rectangle(300, 500, 60, 70)
    other = Memory([BANK], ground=GroundTerm(GROUND, probe("6" * 64)))
    assert other.digest == Memory([BANK]).digest
    assert other.towns_at == []
    assert memory(GROUND).towns_at == sorted(probe().weights)
    crops = Memory([BANK], ground=GroundTerm(GROUND, probe(figures=("crop",))))
    assert crops.towns_at == []
    assert crops.digest != other.digest
    assert np.array_equal(field(other, 11, area), field(Memory([BANK]), 11, area))


def test_the_digest_follows_layer_and_probe() -> None:
    digests = {
        Memory([BANK]).digest,
        memory().digest,
        memory(Halves(5)).digest,
        Memory([BANK], ground=GroundTerm(GROUND, probe(zooms=(11,)))).digest,
    }
    assert len(digests) == 4


def test_stages_without_weights_and_pictures_are_as_without_the_term() -> None:
    area = Rectangle(300, 500, 60, 70)
    made, plain = memory(Halves(500)), Memory([BANK])
    for zoom in (7, 9):
        assert np.array_equal(field(made, zoom, area), field(plain, zoom, area))
    assert not np.array_equal(field(made, 11, area), field(plain, 11, area))
    assert np.array_equal(field(made, 11, area, False), field(plain, 11, area, False))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from((11, 13, 15)), st.data())
def test_rectangles_agree_where_they_overlap(zoom: int, data: st.DataObject) -> None:
    made, world = memory(), 256 << (zoom - 2)
    starts = st.integers(-60, 20) | st.integers(world - 60, world + 20) | st.integers(0, world)
    x0, y0 = data.draw(starts), data.draw(starts)
    whole = field(made, zoom, Rectangle(x0, y0, 80, 60))
    left, top = data.draw(st.integers(0, 79)), data.draw(st.integers(0, 59))
    columns, rows = data.draw(st.integers(1, 80 - left)), data.draw(st.integers(1, 60 - top))
    turns = data.draw(st.integers(-2, 2))
    part = field(made, zoom, Rectangle(x0 + left + turns * world, y0 + top, columns, rows))
    assert np.array_equal(part, whole[:, top : top + rows, left : left + columns])


def two_kinds() -> Bank:
    """Return a bank whose scenes look alike, but have codes of towns, 3, or of country, -3."""
    scenes = [scene for scene in synthetic_bank(1, scenes=1).scenes if scene.chosen_at == 11]
    made = []
    for scene in scenes * 2:
        level = 3 if not made else -3
        codes = {zoom: np.full_like(array, level) for zoom, array in scene.codes.items()}
        made.append(dataclasses.replace(scene, name=f"level {level}", codes=codes))
    return Bank(tuple(made), ENCODER, 4)


@pytest.mark.parametrize(
    ("figure", "most"),
    [("built-up", 0.9), ("crop", 0.85), ("forest", 0.85), ("bare", 0.8), ("sea", 0.85)],
)
def test_what_the_ground_has_is_shown_there(figure: str, most: float) -> None:
    # The weaker a figure's term, the more often another cell's scene is continued.
    told = probe(figures=(figure,))
    made = Memory([two_kinds()], ground=GroundTerm(Halves(2000, figure), told))
    area = Rectangle(1800, 3000, 400, 200)
    shown = field(made, 11, area)[0]
    west, east = shown[:, :170], shown[:, 230:]
    assert (east[east != 0] == 3).mean() > most
    assert (west[west != 0] == -3).mean() > most
    assert min((east != 0).mean(), (west != 0).mean()) > 0.3


def test_statistics_are_those_of_every_window() -> None:
    scene: Scene = next(s for s in BANK.scenes if s.chosen_at == 11)
    found = statistics(scene)
    assert found.shape == (*scene.valid.shape, 48)
    colour = int(scene.descriptors[2, 3, 1])
    assert found[2, 3, [33, 41]].tolist() == [256 * colour, colour**2]
    codes = scene.codes[13].astype(float)
    y, x = 4 * STEP * 2, 4 * STEP * 3
    window = (slice(y, y + 4 * WINDOW), slice(x, x + 4 * WINDOW))
    down = np.abs(np.diff(codes, axis=0, prepend=codes[:1]))[window].mean((0, 1))
    wanted = [codes[window].mean((0, 1)), np.abs(codes[window]).mean((0, 1)), down]
    assert np.abs(found[2, 3, 16:28] / 256 - np.concatenate(wanted)).max() < 1 / 256


def test_a_probe_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "probe.json"
    path.write_text(probe().to_json())
    assert GroundProbe.open(path).digest == probe().digest


def test_a_labelled_scene_has_its_label_in_the_mean_and_keeps_its_differences(
    tmp_path: Path,
) -> None:
    scene = next(s for s in BANK.scenes if s.chosen_at == 11)
    plain = probe().figures(scene)[..., 0].astype(int)
    labels = {"built-up": {scene_key(scene): 100}}
    labelled = GroundProbe(ENCODER, probe().weights, labels)
    assert labelled.digest != probe().digest
    path = tmp_path / "probe.json"
    path.write_text(labelled.to_json())
    found = GroundProbe.open(path).figures(scene)
    assert abs(found[scene.valid][..., 0].mean() - 100) <= 1
    assert np.unique(found[..., 0].astype(int) - plain).size == 1
    assert np.array_equal(found[..., 1:], probe().figures(scene)[..., 1:])
    # By what it holds, not by what it is called.
    assert scene_key(dataclasses.replace(scene, name="other")) == scene_key(scene)
    other = dataclasses.replace(scene, codes={z: -codes for z, codes in scene.codes.items()})
    assert scene_key(other) != scene_key(scene)


def test_figures_that_a_probe_does_not_tell_are_nought() -> None:
    scenes = {scene.chosen_at: scene for scene in BANK.scenes}
    told = probe(figures=("crop",))
    assert told.tells(11).tolist() == [name == "crop" for name in FIGURES]
    assert not told.tells(9).any()
    assert not told.figures(scenes[9]).any()
    found = told.figures(scenes[11])
    assert found.shape == (*scenes[11].valid.shape, len(FIGURES))
    assert found.any((0, 1)).tolist() == [name == "crop" for name in FIGURES]
    ys = xs = np.array([5])
    everywhere = GroundTerm(Halves(0), told)
    assert not everywhere.at(11, ys, xs).any()


UNKNOWN = (
    '{"format": "elsewhere-probe-3", "encoder": "", "weights": {"11": {"moss": [1]}}, "labels": {}}'
)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "other"}', UNKNOWN, None])
def test_other_files_are_no_probe(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "probe.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(GeographyError, match=r"probe\.json"):
        GroundProbe.open(path)


def test_weights_for_codes_of_another_size_are_refused() -> None:
    wrong = GroundProbe(ENCODER, {11: {"crop": np.zeros(9, np.int64)}})
    with pytest.raises(GeographyError, match="expected 48"):
        Memory([BANK], ground=GroundTerm(GROUND, wrong))


def test_in_towns_patches_may_be_rougher_and_of_another_tone() -> None:
    cell = np.array([0, 50, 100], np.uint8)
    town = np.append(cell, np.array([20, 0], np.uint8))
    edges = np.array([[0, 50 + ROUGHER + k, 100 + TONE_GAP + k] for k in (0, 1, 20, 21)], np.uint8)
    assert passes(cell, edges).all(0).tolist() == [True, False, False, False]
    assert passes(town, edges).all(0).tolist() == [True, True, True, False]
    assert np.array_equal(
        passes(cell, edges), passes(np.append(cell, np.array([0, 0], np.uint8)), edges)
    )


def test_ground_without_houses_shows_no_town_and_a_town_no_ground_without() -> None:
    asked = np.array([[0, 50, 100, 0, number] for number in (0, 60, 126)], np.uint8)
    built = np.array([0, BUILT_GAP, BUILT_GAP + 1, 126 - BUILT_GAP, 126], np.uint8)
    patches = np.concatenate([np.tile(asked[0, :3], (5, 1)), built[:, None]], 1)
    passed = passes(asked[:, None], patches)
    assert passed[:3].all()
    assert passed[3].tolist() == [
        [True, True, False, False, False],
        [False, True, True, True, False],
        [False, False, False, True, True],
    ]
    # Where a cell or a patch knows nothing of its ground, nothing is compared.
    assert len(passes(asked[:, None, :3], patches)) == 3
    assert len(passes(asked[:, None], patches[:, :3])) == 3
    # All patches of a memory have the number of their own place.
    term = GroundTerm(GROUND, probe())
    scene = next(scene for scene in BANK.scenes if term.serves(scene.chosen_at, ENCODER))
    known = collect_patches([scene], term)
    assert known.gates.shape == (len(known.valid), 4)
    numbers = term.of_scene(scene).reshape(-1, len(FIGURES))[:, FIGURES.index("built-up")]
    assert numbers.max() > 0
    np.testing.assert_array_equal(known.gates[:, 3], numbers)


def test_figures_are_scaled_to_numbers_of_a_descriptor() -> None:
    numbers = scaled(np.arange(256, dtype=np.uint8)[:, None].repeat(len(FIGURES), 1))
    assert numbers.dtype == np.int8
    assert numbers[0].tolist() == [0] * len(FIGURES)
    assert numbers[255].tolist() == [STRENGTHS[name] for name in FIGURES]
    assert (np.diff(numbers, axis=0) >= 0).all()


@pytest.mark.parametrize("zoom", [11, 13])
def test_codes_are_those_of_the_places_that_are_said_to_be_shown(zoom: int) -> None:
    made, side = memory(), 256 << 9
    area = Rectangle(1900, 3000, 150, 90)
    scene, y, x = made.layouts(7, zoom, area, endless(3, side, side))
    codes = np.moveaxis(field(made, zoom, area), 0, 2)
    scenes = [each for each in BANK.scenes if each.chosen_at == 11]
    for number, each in enumerate(scenes):
        here = scene == number
        assert np.array_equal(each.codes[zoom][y[here], x[here]], codes[here])
    assert not codes[scene < 0].any()


def test_the_field_is_fixed() -> None:
    made = field(memory(), 11, Rectangle(65, 1500, 70, 50))
    assert hashlib.sha256(made.tobytes()).hexdigest()[:16] == FIXED


FIXED = "cf6095a003622115"
