"""Views of a map: what belongs together, and what starts a new one."""

from __future__ import annotations

import time
from concurrent.futures import Future

from generator.grid.tile import Tile
from tileserver.cache.tilecache import CachedTile
from tileserver.rendering.engine import policy
from tileserver.rendering.engine.policy import GAP_SECONDS, VIEWS_REMEMBERED
from tileserver.rendering.engine.scheduler import Answer


class Viewports(policy.Viewports):
    """Takes a request that is never answered, unless told which."""

    def number(self, seed: int, tile: Tile, now: float, answer: Answer | None = None) -> int:
        return super().number(seed, tile, now, answer or Future())


def test_neighbouring_tiles_in_short_order_are_one_view() -> None:
    views = Viewports()
    numbers = {views.number(0, Tile(9, 100 + n, 100), 0.1 * n) for n in range(100)}
    assert numbers == {1}


def test_another_zoom_seed_place_or_time_is_a_new_view() -> None:
    views = Viewports()
    assert views.number(0, Tile(9, 100, 100), 0.0) == 1
    assert views.number(0, Tile(8, 100, 100), 0.1) == 2
    assert views.number(1, Tile(9, 100, 100), 0.2) == 3
    assert views.number(0, Tile(9, 300, 100), 0.3) == 4
    assert views.number(0, Tile(9, 100, 300), 0.4) == 5
    assert views.number(0, Tile(9, 101, 101), 0.5) == 1
    assert views.number(0, Tile(9, 101, 101), 0.6 + GAP_SECONDS) == 6


def test_a_view_lasts_while_its_requests_are_answered_however_slowly() -> None:
    views, answer = Viewports(), Future[CachedTile]()
    asked = time.monotonic() - 10 * GAP_SECONDS
    assert views.number(0, Tile(9, 100, 100), asked, answer) == 1
    answer.set_result(CachedTile(b"", b""))
    assert views.number(0, Tile(9, 101, 100), time.monotonic()) == 1
    assert views.number(0, Tile(9, 102, 100), time.monotonic() + 2 * GAP_SECONDS) == 2


def test_two_clients_keep_their_views_apart() -> None:
    views = Viewports()
    numbers = [views.number(0, Tile(9, 400 * (n % 2), 5), 0.1 * n) for n in range(20)]
    assert numbers == [1, 2] * 10


def test_only_so_many_views_are_remembered() -> None:
    views = Viewports()
    for n in range(3 * VIEWS_REMEMBERED):
        views.number(n, Tile(0, 0, 0), 0.0)
    assert len(views._views) == VIEWS_REMEMBERED
