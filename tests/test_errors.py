"""From error to HTTP answer: one table, RFC 9457 bodies, no detail of what was not foreseen."""

import json

import pytest

from generator.grid.errors import TileError, WeightsError
from tileserver.errors import (
    BadRequestError,
    CacheFullError,
    GenerationError,
    SettingsError,
    UnavailableError,
    problem,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadRequestError("x"), 400),
        (TileError("x"), 404),
        (UnavailableError("x"), 503),
        (CacheFullError("x"), 503),
        (GenerationError("x"), 500),
        (SettingsError("x"), 500),
        (WeightsError("x"), 500),
        (KeyError("x"), 500),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int) -> None:
    answer = problem(error)
    body = json.loads(answer.body)
    assert answer.status == body["status"] == status
    assert (b"retry-after" in dict(answer.headers)) == (status == 503)
    assert dict(answer.headers)[b"cache-control"] == b"no-store"
    assert dict(answer.headers)[b"content-type"] == b"application/problem+json"
    assert dict(answer.headers)[b"content-length"] == str(len(answer.body)).encode()


def test_the_sentence_of_a_known_error_is_shown_and_of_an_unforeseen_one_is_not() -> None:
    assert json.loads(problem(TileError("zoom is 99")).body)["detail"] == "zoom is 99"
    assert "secret" not in problem(OSError("secret path")).body.decode()


def test_text_that_is_not_unicode_does_not_break_the_answer() -> None:
    assert b"\\udcff" in problem(BadRequestError("\udcff")).body
