"""Which scenes serve cells: distances through gates, and the greedy choice among them."""

import dataclasses

import numpy as np
import pytest

from generator.memory import describe_scene
from generator.memory.patches import compared_gates
from tests.fakes_memory import ground, synthetic_scene
from training.run.demand import Demand
from training.run.selection import UNSERVED, costs, select

HERE = np.empty((0, 4), np.int64)


def chosen(candidates, budget, present=HERE, areas=None):
    given = np.array(candidates, np.int64)
    sizes = np.ones(len(given), np.int64) if areas is None else np.array(areas)
    return select(given, sizes, budget, np.array(present, np.int64))


def test_the_scene_that_serves_most_comes_first_and_what_it_serves_counts_no_more():
    north, south, both = [0, 0, 9000, 9000], [9000, 9000, 0, 0], [900, 900, 900, 900]
    assert chosen([north, south, both], 1) == [2]
    assert chosen([north, north, south], 2) == [0, 2]


def test_a_second_scene_counts_less_than_a_first_and_more_than_nothing():
    first, again, poor = [0, 0, 0, 8000], [0, 0, 0, 8000], [8000, 8000, 8000, 7000]
    assert chosen([first, poor, again], 3) == [0, 2, 1]
    # What is there already is the first of its cells.
    assert chosen([again, [8000, 8000, 8000, 0]], 1, [first]) == [0]
    assert chosen([again, [8000, 8000, 8000, 0]], 1, [first, first]) == [1]


def test_scenes_count_by_their_area_and_stay_within_the_budget():
    large, small = [0, 0, 0, 0], [0, 0, 8000, 8000]
    assert chosen([large, small], 5, areas=[5, 2]) == [1]
    assert chosen([large, small], 7, areas=[5, 2]) == [1, 0]
    assert chosen([large, small], 1, areas=[5, 2]) == []


def test_ties_go_to_the_smaller_number_and_what_serves_nothing_is_not_taken():
    same, nothing = [100, 100, 100, 100], [UNSERVED] * 4
    assert chosen([nothing, same, same], 9) == [1, 2]
    assert chosen([nothing], 9) == []
    assert chosen(HERE, 9) == []


@pytest.mark.parametrize("seed", range(5))
def test_the_choice_is_that_of_plain_sums_whatever_is_there(seed):
    """Against the definition: best and second best of all cells, summed anew for every scene."""
    random = np.random.default_rng(seed)
    offered = random.integers(0, 9000, (12, 30)).clip(max=UNSERVED)
    there = random.integers(0, 9000, (seed, 30)).clip(max=UNSERVED)
    areas, nothing = random.integers(1, 5, 12), np.full((2, 30), UNSERVED)

    def total(numbers):
        two = np.sort(np.concatenate([nothing, there, offered[numbers]]), 0)[:2]
        return int(10 * two[0].sum() + 7 * two[1].sum())

    taken, left = [], 15
    while fits := [n for n in range(12) if n not in taken and areas[n] <= left]:
        gains = {n: (total(taken) - total([*taken, n])) / areas[n] for n in fits}
        best = max(fits, key=lambda n: (gains[n], -n))
        taken, left = [*taken, best], left - areas[best]
    assert select(offered, areas, 15, there) == taken


def demand_of(seed, count=5):
    """Ask for the first windows of the ground that a synthetic scene is of."""
    descriptors, gates, _ = describe_scene(ground(seed, 96, 96), None, float(seed % 70))
    flat = descriptors.reshape(-1, 32), compared_gates(gates).reshape(-1, 3)
    return Demand(flat[0][:count], flat[1][:count])


def test_a_scene_serves_its_own_ground_best_and_the_mean_of_four_windows_counts():
    scenes = [synthetic_scene(seed, 15) for seed in (1, 2, 3)]
    asked = demand_of(2)
    made = costs(scenes, asked)
    assert made.shape == (3, 5)
    assert (made.argmin(0) == 1).all()
    # Against the definition.
    shown = scenes[1].descriptors.reshape(-1, 32).astype(int)
    gates = compared_gates(scenes[1].gates).reshape(-1, 3).astype(int)
    for cell, wanted in enumerate(asked.descriptors):
        own = asked.gates[cell].astype(int)
        water, texture, tone = (gates - own).T
        fits = (water >= -51) & (water <= 12) & (abs(tone) <= 70) & (texture <= 12)
        fits &= (texture >= -16) | (own[0] >= 77)
        best = np.sort(((shown - wanted) ** 2).sum(1)[fits])[:4]
        assert made[1, cell] == min(best.sum() // 4, UNSERVED)


def test_a_scene_whose_windows_pass_no_gate_serves_nothing():
    scene, asked = synthetic_scene(2, 15), demand_of(2)
    bright = np.zeros_like(asked.gates) + np.array([0, 0, 255], np.uint8)
    assert (costs([scene], dataclasses.replace(asked, gates=bright)) == UNSERVED).all()
    valid = np.zeros_like(scene.valid)
    valid[0, :3] = True
    assert (costs([dataclasses.replace(scene, valid=valid)], asked) == UNSERVED).all()


def test_cells_of_open_sea_ask_for_nothing():
    asked = demand_of(2)
    asked.gates[:2, 0] = 255
    assert len(asked.on_land().gates) == len(asked.on_land().descriptors) == 3
