"""Pictures under a stage of the layout memory: mirrored, chosen for, and the same in any window."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from generator.cascade.layoutstage import LayoutStage
from generator.datasets.variants import VariantConfig, regenerated, vary
from generator.grid.averaging import averaged
from generator.grid.rectangle import Rectangle
from generator.grid.tile import EQUATOR_RESOLUTION
from generator.memory import Memory
from generator.upscaling.parentpicture import InMemory, ParentPicture, read_mirrored
from generator.upscaling.upscale import UpscaleSettings, stage_chain, upscale
from tests.fakes_memory import ground
from tests.layouts import STRENGTHS, tiny_bank, tiny_decoder
from tests.networks import assert_nearly_same_pixels

SIDE = 150


class Told(LayoutStage):
    """A stage that remembers the strengths it was told."""

    def __init__(self):
        super().__init__(tiny_decoder())
        self.strengths = []

    def __call__(self, parent, codes, resolution, strength):
        self.strengths.append(strength)
        return super().__call__(parent, codes, resolution, strength)


@dataclass
class World:
    """What upscaling needs of a cascade."""

    memory: Memory | None
    stage: Told = field(default_factory=Told)
    augmentation: tuple[float, ...] = STRENGTHS

    @property
    def sampler(self):
        return self

    def stage_at(self, zoom):
        return self.stage


@pytest.fixture(scope="module")
def memory():
    return Memory([tiny_bank()])


@pytest.fixture(scope="module")
def picture():
    return ground(4, SIDE, SIDE + 30)


def gsd(zoom):
    """Metres per pixel of a picture whose children are of a zoom."""
    return 4 * EQUATOR_RESOLUTION / 2**zoom


def test_a_picture_is_mirrored_at_its_edges_however_far(picture):
    made = read_mirrored(InMemory(picture[:5, :7]), Rectangle(-9, -6, 30, 20))
    padded = np.pad(picture[:5, :7], ((6, 9), (9, 14), (0, 0)), "symmetric")
    np.testing.assert_array_equal(made, padded)


def test_averages_round_half_up():
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:2, :4] = 1
    pixels[0, 4:] = 1
    assert averaged(pixels, 4)[0, :, 0].tolist() == [1, 0]


@pytest.mark.parametrize("zoom", [7, 11, 13, 15])
def test_layouts_of_windows_are_those_of_the_whole(memory, picture, zoom):
    parent = ParentPicture(Told(), zoom, InMemory(picture), memory, latitude=30.0)
    whole = parent.latent(3, 0, Rectangle(-20, -20, 200, 190))
    assert whole.any()
    for x, y, width, height in ((-20, -20, 60, 90), (41, 0, 50, 40), (100, 101, 80, 69)):
        part = parent.latent(3, 0, Rectangle(x, y, width, height))
        expected = whole[:, y + 20 : y + 20 + height, x + 20 : x + 20 + width]
        np.testing.assert_array_equal(part, expected)
    other = parent.latent(4, 0, Rectangle(-20, -20, 200, 190))
    assert (other != whole).any()


def test_layouts_of_thirteen_are_chosen_by_the_picture_above_or_the_average(memory, picture):
    fine = picture[:148, :180]
    coarse = InMemory(averaged(fine, 4))
    area = Rectangle(0, 0, 96, 96)
    one, other, third = (
        ParentPicture(Told(), 13, InMemory(fine), memory, above).latent(3, 0, area)
        for above in (None, coarse, InMemory(255 - picture))
    )
    np.testing.assert_array_equal(one, other)
    assert (one != third).any()


def test_without_a_memory_there_are_no_layouts(picture):
    parent = ParentPicture(Told(), 11, InMemory(picture))
    assert not parent.latent(3, 32, Rectangle(0, 0, 40, 40)).any()


@pytest.mark.parametrize("zoom", [7, 13])
def test_windows_of_an_upscaled_picture_equal_the_whole(memory, picture, zoom):
    world = World(memory)
    made = upscale(world, picture, gsd(zoom), seed=8)
    assert made.shape == (4 * SIDE, 4 * (SIDE + 30), 3)
    parent = ParentPicture(Told(), zoom, InMemory(picture), memory)
    whole = parent.draw(8, 0, Rectangle(0, 0, SIDE + 30, SIDE), gsd(zoom) / 4, 0.0)
    assert_nearly_same_pixels(made, whole)
    # What the picture shows is kept.
    assert set(world.stage.strengths) == {0.0}
    bare = upscale(World(None), picture, gsd(zoom), seed=8)
    assert (bare != made).mean() > 0.1


def test_thirteen_goes_on_with_the_layouts_that_eleven_chose(memory, picture):
    world, source = World(memory), InMemory(picture)
    eleven, thirteen, fifteen = stage_chain(world, source, UpscaleSettings(gsd(11), 3, 0))
    assert [each.parent.zoom for each in (eleven, thirteen, fifteen)] == [11, 13, 15]
    assert eleven.parent.above is fifteen.parent.above is None
    assert thirteen.parent.above is source
    # The same scenes lie at the same places.
    area = Rectangle(0, 0, 24, 24)
    ours = thirteen.parent.latent(0, 0, area)
    alone = ParentPicture(world.stage, 13, InMemory(picture.repeat(4, 0).repeat(4, 1)), memory)
    np.testing.assert_array_equal(ours, alone.latent(0, 0, area))


def test_a_chain_holds_what_its_readers_read_and_computes_each_window_once(memory):
    made = stage_chain(World(memory), InMemory(ground(5, 140, 40)), UpscaleSettings(gsd(9), 3, 0))
    held = 0
    for row in range(2):
        made[-1].window(0, row)
        held = max(held, len(made[0]._kept))
    assert [each.computed for each in made[:2]] == [len(each._kept) for each in made[:2]]
    assert held <= 6


def test_variants_are_told_the_world_s_strength_or_the_one_asked_for(memory, picture):
    world = World(memory)
    vary(world, picture, VariantConfig(gsd(11) / 4), 1)
    assert world.stage.strengths == [STRENGTHS[2]]
    world.stage.strengths.clear()
    vary(world, picture, VariantConfig(gsd(11) / 4, strength=0.3), 1)
    assert world.stage.strengths == [0.3]
    world.stage.strengths.clear()
    regenerated(world, ground(6, 20, 300), gsd(11), 1, 1)
    assert set(world.stage.strengths) == {STRENGTHS[2]}
