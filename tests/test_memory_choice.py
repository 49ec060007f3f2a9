"""Choosing: exact distances, gates that hold, colours that do not repeat, scenes that go on."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.grid.hashing import gumbel, keys, spread
from generator.memory import Scene
from generator.memory.choice import (
    ChoiceGrid,
    choose_alone,
    choose_in_phases,
    depended_on,
    needed_cells,
    phase_of,
)
from generator.memory.config import CHOICES
from generator.memory.jitteredgrid import Axis, jittered_cells
from generator.memory.patches import Patches, collect_patches, compared_gates
from generator.memory.search import LAND, Queries, Shortlists, passes, shortlist
from tests.fakes_memory import synthetic_scene

SCENES = [synthetic_scene(number, 11, 120) for number in range(4)]
PLACES = collect_patches(SCENES)
CONFIG = CHOICES[11]
SIDE = 18


def asked(seed: int, count: int) -> Queries:
    """Return queries that resemble patches."""
    random = np.random.default_rng(seed)
    pick = random.integers(0, len(PLACES.valid), count)
    noise = random.integers(-6, 7, (count, 32))
    near = np.clip(PLACES.descriptors[pick] + noise, -127, 127).astype(np.int8)
    words = keys(np.arange(count), seed).astype(np.uint32)
    return Queries(near, PLACES.gates[pick], words)


def searched(count: int = SIDE * SIDE) -> tuple[Queries, NDArray[np.int64], Shortlists]:
    queries = asked(1, count)
    row, column = np.divmod(np.arange(count), SIDE)
    colours = PLACES.colours(row, column)
    return queries, colours, shortlist(PLACES, colours, queries, CONFIG)


def grid() -> ChoiceGrid:
    axis = Axis(CONFIG.spacing, None)
    laid = jittered_cells(5, 11, (axis, range(SIDE)), (axis, range(SIDE)))
    slot = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    return ChoiceGrid(0, 0, laid.ys, laid.xs, np.ones((SIDE, SIDE), bool), slot)


def test_hashes_are_the_same_for_ever() -> None:
    made = keys(2**64 - 1, np.array([-1, 0, 1]), 7)
    assert [f"{key:016x}" for key in made.tolist()] == [
        "ae393ee75f9ef22c",
        "24254de0649f1f43",
        "2430cd3fffea87a2",
    ]
    assert keys(1, 2)[0] != keys(2, 1)[0]
    lanes = spread(made.astype(np.uint32)[:, None], np.arange(4, dtype=np.uint32))
    assert lanes.tolist() == [
        [19393, 46042, 59896, 47697],
        [54591, 31152, 21556, 31019],
        [39968, 28457, 36534, 51886],
    ]


def test_gumbel_numbers_are_the_same_everywhere() -> None:
    digest = hashlib.sha256(gumbel().astype("<i4").tobytes()).hexdigest()
    assert digest[:16] == "95428f17d921d4bb"
    exact = -np.log(-np.log((np.arange(65536) + 0.5) / 65536)) * 1024
    assert np.abs(exact % 1 - 0.5).min() > 1e-7
    assert np.abs(gumbel() - exact).max() <= 0.5


def test_lanes_are_spread_evenly() -> None:
    jittered_cells, candidates = (keys(np.arange(300), salt).astype(np.uint32) for salt in (1, 2))
    lanes = spread(jittered_cells[:, None], candidates)
    counts = np.bincount(lanes.ravel() >> 10, minlength=64)
    assert np.abs(counts / counts.mean() - 1).max() < 0.15
    assert abs(np.corrcoef(lanes[0], lanes[1])[0, 1]) < 0.2


def exactly(query: int, colour: int, queries: Queries) -> tuple[int, int]:
    """Return the least distance that passes all gates, and how many do, patch by patch."""
    best, count = 1 << 40, 0
    members = set(PLACES.classes[colour].patches.tolist())
    for patch in members:
        if passes(queries.gates[query], PLACES.gates[patch]).all():
            gap = PLACES.descriptors[patch].astype(int) - queries.descriptors[query].astype(int)
            best, count = min(best, int((gap**2).sum())), count + 1
    return best, count


def test_distances_are_exact_and_gates_hold() -> None:
    queries, colours, found = searched()
    for query in range(0, len(colours), 7):
        best, count = exactly(query, int(colours[query]), queries)
        if not count:
            continue
        assert found.best[query] == best
        for patch, distance in zip(found.patches[query], found.distances[query], strict=True):
            if patch >= 0:
                gap = PLACES.descriptors[patch].astype(int) - queries.descriptors[query].astype(int)
                assert distance == (gap**2).sum()
                assert passes(queries.gates[query], PLACES.gates[patch]).all()
    assert (np.diff(found.costs, axis=1) >= 0).all()


def of_own_colour(patches: NDArray[np.int64], colours: NDArray[np.int64]) -> NDArray[np.bool_]:
    pairs = zip(patches, colours, strict=True)
    return np.array([patch in PLACES.classes[colour].patches for patch, colour in pairs])


def test_a_cell_that_no_patch_of_its_colour_suits_is_given_one_of_another() -> None:
    queries, colours, _ = searched()
    found = shortlist(PLACES, colours, queries, CONFIG)
    alone = [exactly(query, int(colour), queries)[1] for query, colour in enumerate(colours)]
    # Queries have the gates of some patch, so that all are suited; not each by its own colour.
    assert 0 in alone
    assert max(alone) > 0
    shown = found.patches[:, 0]
    assert passes(queries.gates, PLACES.gates[shown]).all()
    # Those that their own colour suits are given one of it.
    own = of_own_colour(shown, colours)
    assert own[np.array(alone) > 0].all()
    assert not own.all()


def test_gates_compare_water_texture_and_tone() -> None:
    cell = np.array([60, 100, 120], np.uint8)
    others = np.array(
        [[72, 84, 190], [73, 109, 190], [9, 83, 50], [0, 110, 49], [60, 100, 191]], np.uint8
    )
    assert passes(cell, others).T.astype(int).tolist() == [
        [1, 1, 1], [0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 0],
    ]  # fmt: skip
    sea = np.array([LAND, 200, 0], np.uint8)
    assert passes(sea, np.array([LAND, 0, 0], np.uint8)).all()
    bright = np.array([255, 0, 255], np.uint8)
    assert passes(bright, np.array([204, 0, 185], np.uint8)).all()
    assert not passes(bright, np.array([203, 0, 184], np.uint8))[[0, 2]].any()


@pytest.mark.parametrize(
    ("gates", "chosen"),
    [
        # All three gates, all but tone, water alone, none: the first that anything passes.
        ([0, 150, 60], {(0, 150, 80), (0, 140, 90)}),
        ([0, 150, 255], {(0, 150, 80), (0, 140, 90)}),
        ([0, 255, 255], {(0, 150, 80), (0, 140, 90), (0, 20, 70)}),
        ([120, 0, 200], {(0, 150, 80), (0, 140, 90), (0, 20, 70), (255, 0, 80)}),
    ],
)
def test_gates_give_way_in_order(gates: list[int], chosen: set[tuple[int, int, int]]) -> None:
    kinds = np.array([(0, 150, 80), (0, 140, 90), (0, 20, 70), (255, 0, 80)], np.uint8)
    scene = SCENES[0]
    pick = kinds[np.random.default_rng(1).integers(0, 4, scene.valid.shape)]
    wide = np.concatenate([pick[..., :2], pick[..., 2:].repeat(3, -1)], -1)
    plain = Scene("plain", scene.codes, np.zeros_like(scene.descriptors), wide, scene.valid)
    patches = collect_patches([plain])
    # All descriptors are alike: over many cells everything that is admitted is chosen.
    count = 200
    queries = Queries(
        np.zeros((count, 32), np.int8), np.tile(np.array(gates, np.uint8), (count, 1)),
        keys(np.arange(count)).astype(np.uint32),
    )  # fmt: skip
    found = shortlist(patches, np.zeros(count, np.int64), queries, CONFIG)
    assert {tuple(row) for row in patches.gates[found.patches[:, 0]].tolist()} == chosen


def test_colours_hold_every_valid_place_once() -> None:
    every = np.sort(np.concatenate([part.patches for part in PLACES.classes]))
    assert np.array_equal(every, np.flatnonzero(PLACES.valid))
    for part in PLACES.classes:
        assert len(part.patches)
        squares = np.stack([PLACES.scene, PLACES.ys // 32, PLACES.xs // 32], 1)[part.patches]
        # Squares of one colour in one scene are three squares apart.
        for scene in range(len(SCENES)):
            own = np.unique(squares[squares[:, 0] == scene], axis=0)
            assert (own[:, 1] % 3 == own[0, 1] % 3).all()
            assert (own[:, 2] % 3 == own[0, 2] % 3).all()


def test_masked_places_are_never_chosen() -> None:
    valid = SCENES[0].valid.copy()
    valid[:, 3:] = False
    scene = Scene("half", SCENES[0].codes, SCENES[0].descriptors, SCENES[0].gates, valid)
    patches = collect_patches([scene])
    queries, colours, _ = searched(90)
    found = shortlist(patches, colours, queries, CONFIG)
    assert patches.valid[found.patches[found.patches >= 0]].all()
    assert (found.patches[:, 0] >= 0).all()


def test_a_colour_without_places_is_given_all() -> None:
    patches = collect_patches([synthetic_scene(1, 11, 24)])
    assert [len(part.patches) for part in patches.classes] == [1] * 9


def test_a_large_bank_has_36_colours_and_cells_six_apart_share_them() -> None:
    large = collect_patches([synthetic_scene(n, 11, 128) for n in range(40)])
    assert len(large.classes) == 36
    cells = np.arange(-6, 12)
    colours = large.colours(cells[:, None], cells[None])
    assert np.array_equal(colours[:12], colours[6:])
    assert len(np.unique(colours[:6, :6])) == 36
    square = np.stack([large.scene, large.ys // 32, large.xs // 32], 1)[large.classes[7].patches]
    own = np.unique(square[square[:, 0] == square[0, 0]], axis=0)
    assert (own[:, 1:] % 6 == own[0, 1:] % 6).all()


def test_neighbours_never_begin_the_same_place() -> None:
    queries, colours, found = searched()
    made = choose_alone(PLACES, found)
    square = (made.scene * 100 + made.ys // 32) * 100 + made.xs // 32
    # But for those that no patch of their colour suits.
    square = np.where(
        of_own_colour(found.patches[:, 0], colours), square, -1 - np.arange(len(square))
    )
    shown = square.reshape(SIDE, SIDE)
    for i in (0, 1, 2):
        for j in (-2, -1, 0, 1, 2):
            if (i, j) > (0, 0):
                a = shown[i:, max(j, 0) : SIDE + min(j, 0)]
                b = shown[: SIDE - i, max(-j, 0) : SIDE - max(j, 0)]
                assert (a != b).all()


def share(patches: Patches, queries: Queries, found: Shortlists) -> float:
    """Return the share of neighbours, left and right, that show one scene at one offset."""
    where = grid()
    made = choose_in_phases(patches, where, queries, found, CONFIG)
    top, left = made.ys - where.ys, made.xs - where.xs
    same = made.scene[:, 1:] == made.scene[:, :-1]
    same &= top[:, 1:] == top[:, :-1]
    same &= left[:, 1:] == left[:, :-1]
    return float(same.mean())


def test_phases_continue_scenes() -> None:
    # All ground alike, so that going on is worth its bonus.
    alike = Scene(
        "plain", SCENES[0].codes, np.zeros_like(SCENES[0].descriptors),
        np.zeros_like(SCENES[0].gates), SCENES[0].valid,
    )  # fmt: skip
    patches = collect_patches([alike])
    count = SIDE * SIDE
    words = keys(np.arange(count)).astype(np.uint32)
    queries = Queries(np.zeros((count, 32), np.int8), np.zeros((count, 3), np.uint8), words)
    row, column = np.divmod(np.arange(count), SIDE)
    found = shortlist(patches, patches.colours(row, column), queries, CONFIG)
    assert share(patches, queries, found) > 0.5
    # Where the ground of every cell is different, few fit.
    queries, _, found = searched()
    assert share(PLACES, queries, found) < 0.3


def test_what_goes_on_lies_inside_its_scene_and_passes_the_gates() -> None:
    queries, _, found = searched()
    where = grid()
    made = choose_in_phases(PLACES, where, queries, found, CONFIG)
    patch = PLACES.nearest(made.scene, made.ys, made.xs)
    assert (made.scene >= 0).all()
    assert PLACES.valid[patch].all()
    assert (PLACES.depth(made.scene, made.ys, made.xs) >= 8).all()
    began = (PLACES.ys[patch] == made.ys) & (PLACES.xs[patch] == made.xs)
    fits = passes(queries.gates.reshape(SIDE, SIDE, 3), PLACES.gates[patch]).all(0)
    assert (began | fits).all()
    assert not began.all()


def test_choices_do_not_depend_on_what_lies_four_cells_away() -> None:
    queries, _, found = searched()
    where = grid()
    whole = choose_in_phases(PLACES, where, queries, found, CONFIG)
    inner = slice(6, 13)
    part = ChoiceGrid(
        6, 6, where.ys[inner, inner], where.xs[inner, inner],
        wanted_in(7), where.slot[inner, inner],
    )  # fmt: skip
    made = choose_in_phases(PLACES, part, queries, found, CONFIG)
    assert (made.scene[3, 3], made.ys[3, 3], made.xs[3, 3]) == (
        whole.scene[9, 9], whole.ys[9, 9], whole.xs[9, 9],
    )  # fmt: skip


def wanted_in(side: int) -> NDArray[np.bool_]:
    """Return what a cell in the middle of an odd square, at an odd patch, needs."""
    shown = np.zeros((side, side), bool)
    shown[side // 2, side // 2] = True
    rows = np.arange(side) + 6
    return needed_cells(shown, phase_of(rows[:, None], rows[None, :]))


def test_cells_need_cells_of_earlier_phases_at_most_three_away() -> None:
    reaches = {}
    for row in range(2):
        for column in range(2):
            shown = np.zeros((9, 9), bool)
            shown[4, 4] = True
            phase = phase_of(np.arange(9)[:, None] + row, np.arange(9)[None, :] + column)
            needed = needed_cells(shown, phase)
            reaches[int(phase[4, 4])] = int(np.abs(np.argwhere(needed) - 4).max())
            assert (phase[needed & ~shown] < phase[4, 4]).all()
    assert reaches == {0: 0, 1: 1, 2: 2, 3: 3}


@pytest.mark.parametrize("row", [-3, 4])
@pytest.mark.parametrize("column", [-2, 7])
@pytest.mark.parametrize("size", [2, 3])
def test_rectangles_of_cells_need_exactly_the_rows_and_columns_they_depend_on(row, column, size):
    shown = np.zeros((size + 8, size + 8), bool)
    shown[4 : 4 + size, 4 : 4 + size] = True
    around = np.arange(size + 8) - 4
    needed = needed_cells(shown, phase_of((around + row)[:, None], (around + column)[None, :]))
    for axis, first in ((0, row), (1, column)):
        found = np.flatnonzero(needed.any(1 - axis)) - 4 + first
        ends = depended_on(first, first + size - 1, rows=axis == 0)
        assert (found[0], found[-1]) == ends


@given(st.sampled_from([8192, 131072, 32768, 4096]), st.sampled_from([14, 24]), st.data())
def test_cells_tile_the_world(length: int, spacing: int, data: st.DataObject) -> None:
    axis = Axis(spacing, length)
    assert axis.count is not None
    assert axis.count % 6 == 0
    assert axis.longest <= spacing + 1
    pixel = data.draw(st.integers(-2 * length, 2 * length))
    cell = axis.cell(pixel)
    start, end = axis.start(np.array([cell, cell + 1]))
    assert start <= pixel < end
    assert end - start in (axis.longest, axis.longest - 1)
    assert axis.cell(pixel + length) == cell + axis.count
    assert axis.number(np.array([cell]))[0] == cell % axis.count


def test_cells_repeat_round_the_world_and_keep_inside_their_square() -> None:
    axis = Axis(24, 8192)
    assert axis.count is not None
    rows = (axis, range(0, 5))
    near = jittered_cells(3, 7, rows, (axis, range(-2, 4)))
    far = jittered_cells(3, 7, rows, (axis, range(axis.count - 2, axis.count + 4)))
    assert np.array_equal(near.keys, far.keys)
    assert np.array_equal(near.xs + 8192, far.xs)
    assert np.array_equal(near.ys, far.ys)
    starts = axis.start(np.arange(-2, 5))
    assert (near.xs >= starts[:-1]).all()
    assert (near.xs < starts[1:]).all()
    assert len(np.unique(near.keys)) == near.keys.size
    plane = Axis(24, None)
    assert jittered_cells(3, 7, (plane, range(-3, 1)), (plane, range(2))).ys.min() >= -72


def test_narrow_gates_hold_the_mean_luminance() -> None:
    gates = np.array([[10, 20, 40, 80, 120]], np.uint8)
    assert compared_gates(gates).tolist() == [[10, 20, 80]]
