"""The scheduler: one job per tile, inputs first, newest first, and everybody gets an answer."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import numpy as np
import pytest

from generator.tile import Tile
from tests.fakes import FakeRenderer, Pixels, draw
from tileserver import scheduler as module
from tileserver.cache import Entry
from tileserver.errors import GenerationError, UnavailableError
from tileserver.jobs import Key
from tileserver.metrics import Metrics
from tileserver.scheduler import Scheduler

DEEP = Tile(15, 9000, 9001)
TIMEOUT = 10


class MemoryStore:
    """Stores pixels as they are. lossy: forgets each of these tiles once when it is read."""

    def __init__(self) -> None:
        self.tiles: dict[Key, Pixels] = {}
        self.lossy: list[Tile] = []
        self.failing = False

    def find(self, key: Key) -> Entry | None:
        pixels = self.tiles.get(key)
        return None if pixels is None else Entry(pixels.tobytes(), b"")

    def has(self, key: Key) -> bool:
        return key in self.tiles

    def pixels(self, key: Key) -> Pixels | None:
        if key[1] in self.lossy:
            self.lossy.remove(key[1])
            del self.tiles[key]
        return self.tiles.get(key)

    def deliver(self, key: Key, pixels: Pixels, done: Callable[[Entry | Exception], None]) -> None:
        if self.failing:
            raise OSError("no room")
        self.tiles[key] = pixels
        done(Entry(pixels.tobytes(), b""))


class Setup:
    """A scheduler over a fake renderer and a store in memory."""

    def __init__(self, max_queue: int = 100) -> None:
        self.renderer, self.store, self.metrics = FakeRenderer(), MemoryStore(), Metrics()
        self.scheduler = Scheduler(self.renderer, self.store, self.metrics, max_queue)

    def ask(self, tile: Tile, seed: int = 0) -> Future[Entry]:
        return self.scheduler.request((seed, tile))

    def busy(self) -> None:
        """Keep the generator at one tile until the gate is opened."""
        self.renderer.gate.clear()
        self.ask(Tile(0, 0, 0), 99)
        wait_until(lambda: len(self.renderer.calls) == 1)

    def order(self) -> list[Tile]:
        """Return what was computed, without the tile of `busy`."""
        return [tile for seed, tile in self.renderer.calls if seed != 99]


@pytest.fixture
def setup() -> Iterator[Setup]:
    made = Setup()
    yield made
    made.renderer.gate.set()
    made.scheduler.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "the awaited state was not reached"
        time.sleep(0.001)


def expected(renderer: FakeRenderer, seed: int, tile: Tile) -> Pixels:
    fresh = FakeRenderer()
    return fresh.compute(seed, tile, lambda need: expected(renderer, seed, need))


def test_inputs_are_made_before_users_and_each_once(setup: Setup) -> None:
    entry = setup.ask(DEEP).result(TIMEOUT)
    order = setup.order()
    assert len(order) == len(set(order))
    assert order[-1] == DEEP
    for position, tile in enumerate(order):
        assert set(setup.renderer.needs(tile)) <= set(order[:position])
    assert entry.payload == expected(setup.renderer, 0, DEEP).tobytes()
    assert len(setup.scheduler) == 0


def test_requests_of_one_tile_and_its_inputs_share_one_job(setup: Setup) -> None:
    setup.busy()
    answers = [setup.ask(DEEP) for _ in range(50)]
    above = setup.ask(setup.renderer.needs(DEEP)[0])
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


def test_what_a_new_view_wants_too_moves_to_the_front(setup: Setup) -> None:
    setup.busy()
    old, new = [Tile(5, 1, 1), Tile(5, 0, 0), Tile(5, 2, 2)], Tile(7, 1, 1)
    answers = [setup.ask(tile) for tile in [*old, new]]
    setup.renderer.gate.set()
    for answer in answers:
        answer.result(TIMEOUT)
    assert setup.order() == [old[1], new, old[0], old[2]]


def test_what_has_waited_for_long_goes_first(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.busy()
    old, new = [Tile(5, n, 0) for n in range(3)], [Tile(4, n, 9) for n in range(3)]
    answers = [setup.ask(tile) for tile in old]
    time.sleep(0.02)
    monkeypatch.setattr(module, "AGE_SECONDS", 0.02)
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
    assert setup.order() == [
        Tile(5, 10, 10),
        Tile(7, 41, 41),
        Tile(9, 165, 165),
        Tile(5, 20, 20),
    ]


def test_a_failure_answers_everybody_and_the_next_request_works(setup: Setup) -> None:
    parent = setup.renderer.needs(DEEP)[0]
    setup.busy()
    setup.renderer.broken.add(parent)
    answers = [setup.ask(DEEP), setup.ask(DEEP), setup.ask(parent)]
    unrelated = setup.ask(Tile(5, 0, 0))
    setup.renderer.gate.set()
    for answer in answers:
        with pytest.raises(GenerationError, match=f"tile {parent} of seed 0 .* is broken"):
            answer.result(TIMEOUT)
    unrelated.result(TIMEOUT)
    assert len(setup.scheduler) == 0
    setup.renderer.broken.clear()
    assert setup.ask(DEEP).result(TIMEOUT).payload


def test_wrong_pixels_are_a_failure_and_are_not_stored(setup: Setup) -> None:
    class Wrong(FakeRenderer):
        def compute(self, seed: int, tile: Tile, read: Callable[[Tile], Pixels]) -> Pixels:
            return np.zeros((3, 3, 3), np.uint8)

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
    needs = setup.renderer.needs

    def refuse(tile: Tile) -> tuple[Tile, ...]:
        if tile == refused:
            raise ValueError("refused")
        return needs(tile)

    setup.renderer.needs = refuse  # type: ignore[method-assign]
    with pytest.raises(GenerationError, match="refused"):
        setup.ask(Tile(11, 17, 17))
    assert len(setup.scheduler) == 0


def test_lost_inputs_are_made_again(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    tile = Tile(9, 41, 42)
    before = setup.ask(tile).result(TIMEOUT).payload
    monkeypatch.setattr(module, "RECENT_TILES", 0)
    setup.scheduler._recent.clear()
    del setup.store.tiles[0, tile]
    setup.store.lossy = [*setup.renderer.needs(tile), Tile(5, 2, 2)]
    assert setup.ask(tile).result(TIMEOUT).payload == before
    assert not setup.store.lossy


def test_inputs_that_keep_vanishing_end_in_an_error(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECENT_TILES", 0)
    monkeypatch.setattr(setup.store, "pixels", lambda key: None)
    with pytest.raises(GenerationError, match="keeps vanishing"):
        setup.ask(Tile(7, 5, 5)).result(TIMEOUT)


def test_a_full_queue_turns_new_tiles_away_but_not_known_ones() -> None:
    setup = Setup(max_queue=3)
    setup.busy()
    answers = [setup.ask(Tile(7, 3, 3)), setup.ask(Tile(7, 3, 4))]
    with pytest.raises(UnavailableError, match="3 tiles are waiting"):
        setup.ask(Tile(7, 3, 5))
    with pytest.raises(UnavailableError, match="3 tiles are waiting"):
        setup.ask(setup.renderer.needs(Tile(7, 3, 3))[0])
    answers.append(setup.ask(Tile(7, 3, 4)))
    setup.renderer.gate.set()
    for answer in answers:
        answer.result(TIMEOUT)
    setup.ask(Tile(7, 3, 5)).result(TIMEOUT)
    setup.scheduler.close()


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
    parent = setup.renderer.needs(DEEP)[0]
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


def test_closing_answers_everybody() -> None:
    setup = Setup()
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

    answers: list[tuple[Tile, Future[Entry]]] = []
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
    assert not setup.scheduler._asked
    assert len(setup.order()) == len(set(setup.order()))


def test_pixels_handed_to_others_cannot_be_changed(setup: Setup) -> None:
    setup.ask(Tile(0, 0, 0)).result(TIMEOUT)
    pixels = setup.store.tiles[0, Tile(0, 0, 0)]
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0, 0] = 1
    assert np.array_equal(pixels, draw(0, Tile(0, 0, 0)))
