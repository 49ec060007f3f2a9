"""The scheduler: one job per tile, inputs first, newest first, and everybody gets an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tests.fakes import FakeRenderer, draw
from tileserver.cache.claims import Claim, Claims
from tileserver.cache.tilecache import CachedTile
from tileserver.errors import BudgetError, GenerationError, UnavailableError
from tileserver.rendering.engine import plan, viewports
from tileserver.rendering.engine.jobs import Ask, BlockKey, Key, Priority, Receiver
from tileserver.rendering.engine.scheduler import Scheduler
from tileserver.rendering.metrics import Metrics

DEEP = Tile(15, 9000, 9001)
TIMEOUT = 10


class MemoryStore:
    """Stores pixels as they are. lossy: forgets each of these tiles once when it is read."""

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.tiles: dict[Key, Pixels] = {}
        self.lossy: list[Tile] = []
        self.failing = False

    def find(self, key: Key) -> CachedTile | None:
        pixels = self.tiles.get(key)
        return None if pixels is None else CachedTile(pixels.tobytes(), b"")

    def has(self, key: Key) -> bool:
        return key in self.tiles

    def pixels(self, key: Key) -> Pixels | None:
        if key[1] in self.lossy:
            self.lossy.remove(key[1])
            del self.tiles[key]
        return self.tiles.get(key)

    def claim(self, key: BlockKey) -> Claim | None:
        return self.claims.take(key[0].to_bytes(16, "big"), key[1])

    def deliver(self, seed: int, tiles: Mapping[Tile, Pixels], receiver: Receiver) -> None:
        if self.failing:
            raise OSError("no room")
        for tile, pixels in tiles.items():
            self.tiles[seed, tile] = pixels
            receiver.made(tile, CachedTile(pixels.tobytes(), b""))
        receiver.over(None)


class Setup:
    """A scheduler over a fake renderer and a store in memory."""

    def __init__(self, directory: Path, max_queue: int = 100, budget: int | None = None) -> None:
        self.renderer, self.metrics = FakeRenderer(), Metrics()
        self.store = MemoryStore(Claims(directory))
        self.scheduler = Scheduler(self.renderer, self.store, self.metrics, max_queue, budget)

    def ask(self, tile: Tile, seed: int = 0, ask: Ask = Ask()) -> Future[CachedTile]:  # noqa: B008
        return self.scheduler.request((seed, tile), ask)

    def close(self) -> None:
        self.renderer.gate.set()
        self.scheduler.close()
        self.store.claims.close()

    def keep_no_pixels(self) -> None:
        """Let every input be read from the store."""
        self.scheduler._recent.limit = 0
        self.scheduler._recent.trim(0)

    def busy(self) -> None:
        """Keep the generator at one tile until the gate is opened."""
        self.renderer.gate.clear()
        self.ask(Tile(0, 0, 0), 99)
        wait_until(lambda: len(self.renderer.calls) == 1)

    def order(self) -> list[Tile]:
        """Return the tops of the blocks that were computed, without the one of `busy`."""
        return [block.top for seed, block in self.renderer.calls if seed != 99]


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    made = Setup(tmp_path)
    yield made
    made.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "the awaited state was not reached"
        time.sleep(0.001)


def expected(renderer: FakeRenderer, seed: int, tile: Tile) -> Pixels:
    fresh = FakeRenderer()
    block = Block.of(tile)
    return fresh.compute(seed, block, lambda need: expected(renderer, seed, need))[tile]


def needs(setup: Setup, tile: Tile) -> tuple[Tile, ...]:
    return setup.renderer.needs(Block.of(tile))


def test_inputs_are_made_before_users_and_each_once(setup: Setup) -> None:
    entry = setup.ask(DEEP).result(TIMEOUT)
    order = setup.order()
    assert len(order) == len(set(order))
    assert order[-1] == DEEP.parent()
    for position, top in enumerate(order):
        assert {Block.of(need).top for need in needs(setup, top)} <= set(order[:position])
    assert entry.payload == expected(setup.renderer, 0, DEEP).tobytes()
    assert len(setup.scheduler) == 0


def test_requests_of_one_tile_and_its_inputs_share_one_job(setup: Setup) -> None:
    setup.busy()
    answers = [setup.ask(DEEP) for _ in range(50)]
    above = setup.ask(needs(setup, DEEP)[0])
    setup.renderer.gate.set()
    assert len({answer.result(TIMEOUT).payload for answer in answers}) == 1
    above.result(TIMEOUT)
    assert len(setup.order()) == len(set(setup.order()))


def test_what_is_stored_is_not_made_again(setup: Setup) -> None:
    setup.ask(Tile(7, 3, 3)).result(TIMEOUT)
    made = len(setup.renderer.calls)
    setup.ask(Tile(7, 3, 3)).result(TIMEOUT)
    assert len(setup.renderer.calls) == made


def test_worlds_do_not_mix(setup: Setup) -> None:
    first, second = setup.ask(DEEP, 1), setup.ask(DEEP, 2)
    assert first.result(TIMEOUT).payload == expected(setup.renderer, 1, DEEP).tobytes()
    assert second.result(TIMEOUT).payload == expected(setup.renderer, 2, DEEP).tobytes()


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
    monkeypatch.setattr(viewports, "GAP_SECONDS", 0.2)
    time.sleep(0.25)  # longer than a view lasts in which nothing happens
    setup.scheduler.abandon((0, Tile(5, 2, 0)), middle[2])  # what is answered, or given up
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
    monkeypatch.setitem(plan.AGE_SECONDS, Priority.INTERACTIVE, 0.02)
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


def test_a_failure_answers_everybody_and_the_next_request_works(setup: Setup) -> None:
    parent = needs(setup, DEEP)[0]
    setup.busy()
    setup.renderer.broken.add(parent)
    answers = [setup.ask(DEEP), setup.ask(DEEP), setup.ask(parent)]
    unrelated = setup.ask(Tile(5, 0, 0))
    setup.renderer.gate.set()
    for answer in answers:
        with pytest.raises(GenerationError, match=f"of seed 0 .* {parent} is broken"):
            answer.result(TIMEOUT)
    unrelated.result(TIMEOUT)
    assert len(setup.scheduler) == 0
    setup.renderer.broken.clear()
    assert setup.ask(DEEP).result(TIMEOUT).payload


def test_wrong_pixels_are_a_failure_and_are_not_stored(setup: Setup) -> None:
    class Wrong(FakeRenderer):
        def compute(
            self, seed: int, block: Block, read: Callable[[Tile], Pixels]
        ) -> dict[Tile, Pixels]:
            return dict.fromkeys(block.tiles, np.zeros((3, 3, 3), np.uint8))

    setup.scheduler.renderer = Wrong()
    with pytest.raises(GenerationError, match="expected uint8"):
        setup.ask(Tile(0, 0, 0)).result(TIMEOUT)
    assert not setup.store.tiles


def test_a_store_that_fails_answers_everybody(setup: Setup) -> None:
    setup.store.failing = True
    with pytest.raises(GenerationError, match="no room"):
        setup.ask(Tile(5, 1, 1)).result(TIMEOUT)
    setup.store.failing = False
    assert setup.ask(Tile(5, 1, 1)).result(TIMEOUT)


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
    assert len(setup.scheduler) == 0


def test_lost_inputs_are_made_again(setup: Setup) -> None:
    tile = Tile(9, 41, 42)
    before = setup.ask(tile).result(TIMEOUT).payload
    setup.keep_no_pixels()
    del setup.store.tiles[0, tile]
    setup.store.lossy = [*needs(setup, tile), Tile(5, 2, 2)]
    assert setup.ask(tile).result(TIMEOUT).payload == before
    assert not setup.store.lossy


def test_inputs_that_keep_vanishing_end_in_an_error(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.keep_no_pixels()
    monkeypatch.setattr(setup.store, "pixels", lambda key: None)
    with pytest.raises(GenerationError, match="keeps vanishing"):
        setup.ask(Tile(7, 5, 5)).result(TIMEOUT)


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
    answers = [setup.ask(tile, ask=Ask(priority)) for priority, tile in tiles.items()]
    answers.append(setup.ask(Tile(3, 1, 0)))
    setup.renderer.gate.set()
    for answer in answers:
        answer.result(TIMEOUT)
    assert setup.order() == [Tile(3, 1, 0), Tile(4, 1, 0), Tile(5, 1, 0)]


def test_what_is_prefetched_and_then_looked_at_goes_first(setup: Setup) -> None:
    setup.busy()
    ask = Ask(Priority.PREFETCH)
    answers = [setup.ask(Tile(5, n, 0), ask=ask) for n in range(3)]
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
    monkeypatch.setitem(plan.AGE_SECONDS, priority, 0.0)
    late = setup.ask(Tile(5, 1, 0), ask=Ask(priority))
    answers = [setup.ask(Tile(4, n, 0)) for n in range(3)]
    setup.renderer.gate.set()
    for answer in [late, *answers]:
        answer.result(TIMEOUT)
    assert setup.order()[0] == Tile(5, 1, 0)


def test_a_client_that_used_its_budget_up_waits_and_others_do_not(tmp_path: Path) -> None:
    setup = Setup(tmp_path, budget=2)
    greedy, other = Ask(client="1.1.1.1", free=False), Ask(client="2.2.2.2", free=False)
    for n in (1, 2):
        setup.ask(Tile(5, n, 0), ask=greedy).result(TIMEOUT)
    with pytest.raises(BudgetError, match="2 new blocks") as refusal:
        setup.ask(Tile(5, 3, 0), ask=greedy)
    assert 20 < refusal.value.retry <= 30
    setup.ask(Tile(5, 1, 0), ask=greedy).result(TIMEOUT)
    setup.ask(Tile(5, 3, 0), ask=other).result(TIMEOUT)
    setup.ask(Tile(5, 4, 0), ask=greedy._replace(free=True)).result(TIMEOUT)
    setup.close()


def test_a_block_that_another_process_makes_is_awaited_while_others_are_made(
    setup: Setup,
) -> None:
    elsewhere = Claims(setup.store.claims.path.parent)
    top = Tile(5, 4, 4)
    claim = elsewhere.take((0).to_bytes(16, "big"), Block(top))
    assert claim
    held = setup.ask(top)
    for n in range(3):
        setup.ask(Tile(5, n, 0)).result(TIMEOUT)
    assert not held.done()
    setup.store.tiles[0, top] = draw(7, top)  # what the other process makes
    claim.release()
    assert held.result(TIMEOUT).payload == draw(7, top).tobytes()
    assert top not in setup.order()
    elsewhere.close()


def test_a_block_whose_maker_elsewhere_died_is_made_here(setup: Setup) -> None:
    elsewhere = Claims(setup.store.claims.path.parent)
    assert elsewhere.take((0).to_bytes(16, "big"), Block(Tile(6, 2, 2)))
    held = setup.ask(Tile(7, 4, 5))
    wait_until(lambda: setup.metrics.awaited.value == 1)
    elsewhere.close()
    assert held.result(TIMEOUT)
    wait_until(lambda: len(setup.scheduler) == 0)
    assert setup.store.claim((0, Block(Tile(6, 2, 2)))), "the claim was not given back"


def test_a_held_block_that_nobody_wants_any_more_is_forgotten(setup: Setup) -> None:
    elsewhere = Claims(setup.store.claims.path.parent)
    assert elsewhere.take((0).to_bytes(16, "big"), Block(Tile(5, 4, 4)))
    held = setup.ask(Tile(5, 4, 4))
    setup.scheduler.abandon((0, Tile(5, 4, 4)), held)
    wait_until(lambda: len(setup.scheduler) == 0)
    elsewhere.close()


def test_what_nobody_waits_for_is_dropped_with_its_inputs(setup: Setup) -> None:
    setup.busy()
    gone, kept = setup.ask(DEEP), setup.ask(Tile(5, 3, 3))
    setup.scheduler.abandon((0, DEEP), gone)
    assert len(setup.scheduler) == 2
    setup.renderer.gate.set()
    kept.result(TIMEOUT)
    wait_until(lambda: len(setup.scheduler) == 0)
    assert setup.order() == [Tile(5, 3, 3)]


def test_what_others_wait_for_stays(setup: Setup) -> None:
    parent = needs(setup, DEEP)[0]
    setup.busy()
    gone, stays, above = setup.ask(DEEP), setup.ask(DEEP), setup.ask(parent)
    setup.scheduler.abandon((0, DEEP), gone)
    setup.scheduler.abandon((0, parent), above)
    setup.renderer.gate.set()
    assert stays.result(TIMEOUT).payload
    assert gone.cancelled()


def test_a_running_tile_is_finished_and_stored_without_waiters(setup: Setup) -> None:
    setup.renderer.gate.clear()
    answer = setup.ask(Tile(4, 1, 1))
    wait_until(lambda: len(setup.renderer.calls) == 1)
    setup.scheduler.abandon((0, Tile(4, 1, 1)), answer)
    setup.renderer.gate.set()
    wait_until(lambda: setup.store.has((0, Tile(4, 1, 1))))


def test_closing_answers_everybody(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.busy()
    queued = setup.ask(DEEP)
    closing = threading.Thread(target=setup.scheduler.close)
    closing.start()
    with pytest.raises(UnavailableError, match="is stopping"):
        queued.result(TIMEOUT)
    setup.renderer.gate.set()
    closing.join(TIMEOUT)
    assert not setup.scheduler.alive
    assert setup.store.has((99, Tile(0, 0, 0)))
    with pytest.raises(UnavailableError, match="is stopping"):
        setup.ask(DEEP)


def test_many_threads_asking_and_leaving_at_random_leave_nothing_behind(setup: Setup) -> None:
    def work(number: int) -> None:
        random = np.random.default_rng(number)
        for _ in range(30):
            tile = Tile(9, int(random.integers(8)), int(random.integers(8)))
            answer = setup.ask(tile)
            if random.random() < 0.5:
                setup.scheduler.abandon((0, tile), answer)
            else:
                answers.append((tile, answer))

    answers: list[tuple[Tile, Future[CachedTile]]] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    by_tile: dict[Tile, set[bytes]] = {}
    for tile, answer in answers:
        by_tile.setdefault(tile, set()).add(answer.result(TIMEOUT).payload)
    assert {len(found) for found in by_tile.values()} == {1}
    wait_until(lambda: len(setup.scheduler) == 0)
    assert setup.scheduler._plan.asked == 0
    assert not setup.scheduler._plan._admission._waiting
    assert len(setup.order()) == len(set(setup.order()))


def test_pixels_handed_to_others_cannot_be_changed(setup: Setup) -> None:
    setup.ask(Tile(0, 0, 0)).result(TIMEOUT)
    pixels = setup.store.tiles[0, Tile(0, 0, 0)]
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0, 0] = 1
    assert np.array_equal(pixels, draw(0, Tile(0, 0, 0)))
