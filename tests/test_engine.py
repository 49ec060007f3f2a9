"""The engine: one job per tile, the same bytes for all who ask, and everybody gets an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from generator.cascade.ancestors import WholeAncestors
from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tests.engines import DEEP, Setup, expected, needs
from tests.fakes import FakeRenderer, draw
from tests.waiting import TIMEOUT, wait_until
from tileserver.cache.claims import Claims
from tileserver.cache.tilecache import CachedTile, TileCache
from tileserver.errors import CacheError, GenerationError, UnavailableError
from tileserver.rendering.engine.engine import RenderEngine, fail
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.request import RequestOptions
from tileserver.settings import Settings

SHALLOW = Tile(7, 4, 5)


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    made = Setup(tmp_path)
    yield made
    made.close()


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
    assert first.result(TIMEOUT).payload == expected(1, DEEP).tobytes()
    assert second.result(TIMEOUT).payload == expected(2, DEEP).tobytes()


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
    wait_until(lambda: setup.metrics.queue_length.value == 0)
    setup.renderer.broken.clear()
    assert setup.ask(DEEP).result(TIMEOUT).payload


def test_wrong_pixels_are_a_failure_and_are_not_stored(setup: Setup) -> None:
    class Wrong(FakeRenderer):
        def compute(
            self, seed: int, block: Block, read: Callable[[Tile], Pixels]
        ) -> dict[Tile, Pixels]:
            return dict.fromkeys(block.tiles, np.zeros((3, 3, 3), np.uint8))

    setup.engine._ancestors = WholeAncestors(Wrong())
    with pytest.raises(GenerationError, match="expected uint8"):
        setup.ask(Tile(0, 0, 0)).result(TIMEOUT)
    assert not setup.store.tiles


def test_a_store_that_fails_answers_everybody(setup: Setup) -> None:
    setup.store.failing = True
    with pytest.raises(GenerationError, match="no room"):
        setup.ask(Tile(5, 1, 1)).result(TIMEOUT)
    setup.store.failing = False
    assert setup.ask(Tile(5, 1, 1)).result(TIMEOUT)


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
    monkeypatch.setattr(setup.store, "pixels", lambda seed, tile: None)
    with pytest.raises(GenerationError, match="keeps vanishing"):
        setup.ask(Tile(7, 5, 5)).result(TIMEOUT)


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
    wait_until(lambda: setup.metrics.queue_length.value == 0)
    assert setup.store.claim(0, Block(Tile(6, 2, 2))), "the claim was not given back"


def test_a_held_block_that_nobody_wants_any_more_is_forgotten(setup: Setup) -> None:
    elsewhere = Claims(setup.store.claims.path.parent)
    assert elsewhere.take((0).to_bytes(16, "big"), Block(Tile(5, 4, 4)))
    held = setup.ask(Tile(5, 4, 4))
    setup.engine.abandon((0, Tile(5, 4, 4)), held)
    wait_until(lambda: setup.metrics.queue_length.value == 0)
    elsewhere.close()


def test_a_running_tile_is_finished_and_stored_without_waiters(setup: Setup) -> None:
    setup.renderer.gate.clear()
    answer = setup.ask(Tile(4, 1, 1))
    wait_until(lambda: len(setup.renderer.calls) == 1)
    setup.engine.abandon((0, Tile(4, 1, 1)), answer)
    setup.renderer.gate.set()
    wait_until(lambda: setup.store.has(0, Tile(4, 1, 1)))


def test_closing_answers_everybody(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.busy()
    queued = setup.ask(DEEP)
    closing = threading.Thread(target=setup.engine.close)
    closing.start()
    with pytest.raises(UnavailableError, match="is stopping"):
        queued.result(TIMEOUT)
    setup.renderer.gate.set()
    closing.join(TIMEOUT)
    assert setup.engine.problem() == "the generator has stopped"
    assert setup.store.has(99, Tile(0, 0, 0))
    with pytest.raises(UnavailableError, match="is stopping"):
        setup.ask(DEEP)


def test_many_threads_asking_and_leaving_at_random_leave_nothing_behind(setup: Setup) -> None:
    def work(number: int) -> None:
        random = np.random.default_rng(number)
        for _ in range(30):
            tile = Tile(9, int(random.integers(8)), int(random.integers(8)))
            answer = setup.ask(tile)
            if random.random() < 0.5:
                setup.engine.abandon((0, tile), answer)
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
    wait_until(lambda: setup.metrics.queue_length.value == 0)
    assert setup.engine._scheduler.requested == 0
    assert not setup.engine._scheduler._admission._waiting
    assert len(setup.order()) == len(set(setup.order()))


def test_pixels_handed_to_others_cannot_be_changed(setup: Setup) -> None:
    setup.ask(Tile(0, 0, 0)).result(TIMEOUT)
    pixels = setup.store.tiles[0, Tile(0, 0, 0)]
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0, 0] = 1
    assert np.array_equal(pixels, draw(0, Tile(0, 0, 0)))


def test_failing_skips_who_has_left() -> None:
    gone: Future[CachedTile] = Future()
    waiting: Future[CachedTile] = Future()
    gone.cancel()
    fail([gone, waiting], GenerationError("no"))
    assert gone.cancelled()
    with pytest.raises(GenerationError, match="no"):
        waiting.result(0)


def test_what_an_engine_makes_is_stored_whole_blocks_at_a_time(tmp_path: Path) -> None:
    cache, fake = TileCache.open(tmp_path), FakeRenderer()
    engine = RenderEngine.open(Settings(cache=tmp_path), Metrics(), cache, fake)
    entry = engine.request((3, SHALLOW), RequestOptions()).result(10)
    engine.close()
    engine.close()
    world = fake.fingerprint(3)
    assert cache.get(world, SHALLOW) == entry.payload
    assert all(cache.has(world, tile) for tile in (SHALLOW.parent(), *SHALLOW.parent().children()))
    assert cache.worlds.about()[world] == {"seed": "3", "name": "fake", "steps": 1}
    cache.close()


def test_without_locks_an_engine_goes_on_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise CacheError("no locks on this file system")

    monkeypatch.setattr(Claims, "take", fail)
    cache = TileCache.open(tmp_path)
    engine = RenderEngine.open(Settings(cache=tmp_path), Metrics(), cache, FakeRenderer())
    assert engine.request((0, SHALLOW), RequestOptions()).result(10)
    engine.close()
    cache.close()
    assert caplog.text.count("may make the same tiles again") == 1
