"""Jobs: who wants them, and how errors are told."""

from concurrent.futures import Future

import pytest

from generator.grid.block import Block
from generator.grid.tile import Tile
from tileserver.cache.tilecache import CachedTile
from tileserver.errors import GenerationError
from tileserver.rendering.engine.jobs import Job, explained, fail

KEY = (3, Block(Tile(6, 1, 2)))


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


def test_failing_skips_who_has_left() -> None:
    gone: Future[CachedTile] = Future()
    waiting: Future[CachedTile] = Future()
    gone.cancel()
    fail([gone, waiting], GenerationError("no"))
    assert gone.cancelled()
    with pytest.raises(GenerationError, match="no"):
        waiting.result(0)


def test_what_is_waited_for_comes_first() -> None:
    job = Job(KEY)
    job.answers[Future()] = Tile(7, 3, 5)
    assert job.tiles()[:2] == [Tile(7, 3, 5), Tile(6, 1, 2)]
    assert set(job.tiles()) == set(KEY[1].tiles)
    assert len(job.tiles()) == 5
