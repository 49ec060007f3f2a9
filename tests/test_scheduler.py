"""The scheduler: inputs first, newest view first, everybody in turn, nothing for nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from generator.grid.block import Block
from generator.grid.tile import Tile
from tests.engines import DEEP, Setup, expected, needs
from tests.waiting import TIMEOUT, wait_until
from tileserver.errors import BudgetError, GenerationError, UnavailableError
from tileserver.rendering.engine import policy, scheduler
from tileserver.rendering.engine.scheduler import Job, explained
from tileserver.rendering.request import Priority, RequestOptions

KEY = (3, Block(Tile(6, 1, 2)))


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    made = Setup(tmp_path)
    yield made
    made.close()


def test_inputs_are_made_before_users_and_each_once(setup: Setup) -> None:
    entry = setup.ask(DEEP).result(TIMEOUT)
    order = setup.order()
    assert len(order) == len(set(order))
    assert order[-1] == DEEP.parent()
    for position, top in enumerate(order):
        assert {Block.of(need).top for need in needs(setup, top)} <= set(order[:position])
    assert entry.payload == expected(0, DEEP).tobytes()
    wait_until(lambda: setup.metrics.queue_length.value == 0)


def test_the_newest_view_is_made_first_and_in_its_own_order(setup: Setup) -> None:
    setup.busy()
    old, new = [Tile(5, n, 0) for n in (3, 1, 2)], [Tile(4, n, 9) for n in (7, 9, 8)]
    answers = [setup.ask(tile) for tile in [*old, *new, old[1]]]
    setup.renderer.gate.set()
    for answer in answers:
        answer.result(TIMEOUT)
    assert setup.order() == [*new, *old]


def test_a_slow_view_that_asks_for_more_keeps_its_order(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.busy()
    middle = [setup.ask(Tile(5, n, 0)) for n in range(3)]
    monkeypatch.setattr(policy, "GAP_SECONDS", 0.2)
    time.sleep(0.25)  # longer than a view lasts in which nothing happens
    setup.engine.abandon((0, Tile(5, 2, 0)), middle[2])  # what is answered, or given up
    outer = setup.ask(Tile(5, 3, 0))
    setup.renderer.gate.set()
    for answer in [*middle[:2], outer]:
        answer.result(TIMEOUT)
    assert setup.order() == [Tile(5, n, 0) for n in (0, 1, 3)]


def test_what_a_new_view_wants_too_moves_to_the_front(setup: Setup) -> None:
    setup.busy()
    old, new = [Tile(5, 1, 1), Tile(5, 0, 0), Tile(5, 2, 2)], Tile(7, 1, 1)
    answers = [setup.ask(tile) for tile in [*old, new]]
    setup.renderer.gate.set()
    for answer in answers:
        answer.result(TIMEOUT)
    assert set(setup.order()[:2]) == {old[1], Tile(5, 31, 0)}
    assert setup.order()[2:] == [new.parent(), old[0], old[2]]


def test_what_has_waited_for_long_goes_first(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.busy()
    old, new = [Tile(5, n, 0) for n in range(3)], [Tile(4, n, 9) for n in range(3)]
    answers = [setup.ask(tile) for tile in old]
    time.sleep(0.02)
    monkeypatch.setitem(scheduler.AGE_SECONDS, Priority.INTERACTIVE, 0.02)
    answers += [setup.ask(tile) for tile in new]
    setup.renderer.gate.set()
    for answer in answers:
        answer.result(TIMEOUT)
    assert setup.order()[:3] == old


def test_a_new_request_takes_its_waiting_inputs_along(setup: Setup) -> None:
    setup.busy()
    old = [setup.ask(Tile(7, 41, 41)), setup.ask(Tile(5, 20, 20))]
    newest = setup.ask(Tile(9, 165, 165))
    setup.renderer.gate.set()
    for answer in [*old, newest]:
        answer.result(TIMEOUT)
    assert setup.order()[4:] == [Tile(6, 20, 20), Tile(8, 82, 82), Tile(5, 20, 20)]


def test_a_renderer_that_refuses_leaves_no_job_behind(setup: Setup) -> None:
    refused = Tile(9, 4, 4)
    inputs = setup.renderer.needs

    def refuse(block: Block) -> tuple[Tile, ...]:
        if block == Block.of(refused):
            raise ValueError("refused")
        return inputs(block)

    setup.renderer.needs = refuse  # type: ignore[method-assign]
    with pytest.raises(GenerationError, match="refused"):
        setup.ask(Tile(11, 17, 17))
    assert setup.metrics.queue_length.value == 0


def test_a_full_queue_turns_new_tiles_away_but_not_known_ones(tmp_path: Path) -> None:
    setup = Setup(tmp_path, max_queue=3)
    setup.busy()
    answers = [setup.ask(Tile(7, 3, 3)), setup.ask(Tile(7, 3, 4))]
    with pytest.raises(UnavailableError, match="3 blocks of tiles are waiting") as refusal:
        setup.ask(Tile(7, 9, 5))
    assert 1 <= refusal.value.retry <= 60
    with pytest.raises(UnavailableError, match="3 blocks of tiles are waiting"):
        setup.ask(needs(setup, Tile(7, 3, 3))[0])
    answers.append(setup.ask(Tile(7, 2, 5)))
    setup.renderer.gate.set()
    for answer in answers:
        answer.result(TIMEOUT)
    setup.ask(Tile(7, 9, 5)).result(TIMEOUT)
    setup.close()


def test_prefetching_goes_after_views_and_seeding_last(setup: Setup) -> None:
    setup.busy()
    tiles = {Priority.SEEDING: Tile(5, 1, 0), Priority.PREFETCH: Tile(4, 1, 0)}
    answers = [
        setup.ask(tile, options=RequestOptions(priority)) for priority, tile in tiles.items()
    ]
    answers.append(setup.ask(Tile(3, 1, 0)))
    setup.renderer.gate.set()
    for answer in answers:
        answer.result(TIMEOUT)
    assert setup.order() == [Tile(3, 1, 0), Tile(4, 1, 0), Tile(5, 1, 0)]


def test_what_is_prefetched_and_then_looked_at_goes_first(setup: Setup) -> None:
    setup.busy()
    options = RequestOptions(Priority.PREFETCH)
    answers = [setup.ask(Tile(5, n, 0), options=options) for n in range(3)]
    answers.append(setup.ask(Tile(5, 2, 0)))
    setup.renderer.gate.set()
    for answer in answers:
        answer.result(TIMEOUT)
    assert setup.order()[0] == Tile(5, 2, 0)


@pytest.mark.parametrize("priority", [Priority.PREFETCH, Priority.SEEDING])
def test_every_priority_gets_its_turn(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, priority: Priority
) -> None:
    setup.busy()
    monkeypatch.setitem(scheduler.AGE_SECONDS, priority, 0.0)
    late = setup.ask(Tile(5, 1, 0), options=RequestOptions(priority))
    answers = [setup.ask(Tile(4, n, 0)) for n in range(3)]
    setup.renderer.gate.set()
    for answer in [late, *answers]:
        answer.result(TIMEOUT)
    assert setup.order()[0] == Tile(5, 1, 0)


def test_a_client_that_used_its_budget_up_waits_and_others_do_not(tmp_path: Path) -> None:
    setup = Setup(tmp_path, budget=2)
    greedy, other = (
        RequestOptions(client="1.1.1.1", free=False),
        RequestOptions(client="2.2.2.2", free=False),
    )
    for n in (1, 2):
        setup.ask(Tile(5, n, 0), options=greedy).result(TIMEOUT)
    with pytest.raises(BudgetError, match="2 new blocks") as refusal:
        setup.ask(Tile(5, 3, 0), options=greedy)
    assert 20 < refusal.value.retry <= 30
    setup.ask(Tile(5, 1, 0), options=greedy).result(TIMEOUT)
    setup.ask(Tile(5, 3, 0), options=other).result(TIMEOUT)
    setup.ask(Tile(5, 4, 0), options=greedy._replace(free=True)).result(TIMEOUT)
    setup.close()


def test_what_nobody_waits_for_is_dropped_with_its_inputs(setup: Setup) -> None:
    setup.busy()
    gone, kept = setup.ask(DEEP), setup.ask(Tile(5, 3, 3))
    setup.engine.abandon((0, DEEP), gone)
    assert setup.metrics.queue_length.value == 2
    setup.renderer.gate.set()
    kept.result(TIMEOUT)
    wait_until(lambda: setup.metrics.queue_length.value == 0)
    assert setup.order() == [Tile(5, 3, 3)]


def test_what_others_wait_for_stays(setup: Setup) -> None:
    parent = needs(setup, DEEP)[0]
    setup.busy()
    gone, stays, above = setup.ask(DEEP), setup.ask(DEEP), setup.ask(parent)
    setup.engine.abandon((0, DEEP), gone)
    setup.engine.abandon((0, parent), above)
    setup.renderer.gate.set()
    assert stays.result(TIMEOUT).payload
    assert gone.cancelled()


def test_a_job_is_wanted_while_a_request_or_another_job_waits() -> None:
    job = Job(KEY)
    assert [job.wanted] == [False]
    job.users.add(Job((3, Block(Tile(8, 4, 8)))))
    assert job.wanted
    job.users.clear()
    job.answers[Future()] = Tile(7, 2, 4)
    assert job.wanted


def test_an_error_names_block_seed_and_cause() -> None:
    error = explained(KEY, ZeroDivisionError("by zero"))
    assert str(error) == "block 6/1/2 of seed 3 could not be made: ZeroDivisionError: by zero"
    assert explained((0, Block(Tile(0, 0, 0))), error) is error


def test_what_is_waited_for_comes_first() -> None:
    job = Job(KEY)
    job.answers[Future()] = Tile(7, 3, 5)
    assert job.tiles()[:2] == [Tile(7, 3, 5), Tile(6, 1, 2)]
    assert set(job.tiles()) == set(KEY[1].tiles)
    assert len(job.tiles()) == 5
