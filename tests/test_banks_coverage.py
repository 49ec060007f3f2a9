import numpy as np
import pytest

from generator.banks.coverage import Blocks, choose


def blocks(
    descriptors, *, texture=None, water=None, source=None, image=None, sharpness=None
) -> Blocks:
    count = len(descriptors)
    wide = np.zeros((count, 32), np.float32)
    wide[:, 0] = descriptors
    return Blocks(
        wide,
        np.full(count, 1.0, np.float32) if texture is None else np.array(texture, np.float32),
        np.zeros(count, np.float32) if water is None else np.array(water, np.float32),
        np.ones(count, np.float32) if sharpness is None else np.array(sharpness, np.float32),
        np.full(count, 100, np.int64),
        np.zeros(count, np.int64) if source is None else np.array(source, np.int64),
        np.arange(count) if image is None else np.array(image, np.int64),
    )


def test_each_block_is_the_farthest_from_those_taken() -> None:
    found = choose(blocks([0, 1, 10, 11, 20]), 300, 0.0, 0.5)
    assert found.tolist() == [0, 4, 2]


@pytest.mark.parametrize(("budget", "count"), [(1, 1), (100, 1), (101, 2), (10_000, 5)])
def test_the_budget_is_spent_and_no_more_than_a_block_beyond_it(budget: int, count: int) -> None:
    assert len(choose(blocks([0, 1, 2, 3, 4]), budget, 4.0, 0.5)) == count


def test_texture_and_sharpness_win_among_blocks_as_new() -> None:
    assert choose(blocks([0, 50, 100], texture=[0.1, 0.9, 0.5]), 100, 0.0, 0.0).tolist() == [1]
    assert choose(blocks([0, 50, 100], sharpness=[0.5, 0.6, 1.0]), 100, 0.0, 0.0).tolist() == [2]


def test_a_source_that_has_much_gives_way() -> None:
    same = blocks([0, 0, 0, 0, 0, 0], source=[0, 0, 0, 0, 1, 1])
    assert sorted(choose(same, 400, 50.0, 0.5).tolist()) == [0, 1, 4, 5]
    assert choose(same, 400, 0.0, 0.5).tolist() == [0, 1, 2, 3]


def test_nothing_is_taken_of_nothing() -> None:
    assert choose(blocks([]), 100, 4.0, 0.5).tolist() == []


def test_sea_is_worth_less_than_a_coast_and_a_coast_as_much_as_land() -> None:
    alike = blocks([0, 50, 100], water=[0.3, 0.9, 1.0])
    assert choose(alike, 300, 0.0, 0.5).tolist() == [0, 1, 2]
    assert choose(blocks([0, 50, 100], water=[1.0, 0.9, 0.3]), 300, 0.0, 0.5).tolist() == [2, 1, 0]
    dry, coast = (choose(blocks([0, 9], water=[w, 0.0]), 100, 0.0, 0.5) for w in (0.0, 0.7))
    assert dry.tolist() == coast.tolist() == [0]


def test_open_sea_uses_a_twentieth_of_the_budget_and_a_block_at_least() -> None:
    many = blocks(list(range(60)), water=[1.0] * 50 + [0.5] * 10)
    assert (choose(many, 4000, 0.0, 0.5) < 50).sum() == 2
    assert (choose(many, 500, 0.0, 0.5) < 50).sum() == 0
    assert len(choose(blocks([0, 1, 2], water=[1.0] * 3), 300, 0.0, 0.5)) == 1


def test_islands_in_much_water_are_all_taken() -> None:
    islands = blocks(list(range(20)), water=[0.93] * 20)
    assert len(choose(islands, 2000, 0.0, 0.5)) == 20
