"""Conditional requests, dates and preflight."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileserver.serving.http import http_date, is_unchanged, preflight, rendered

TAG = b'"abc"'
WHEN = 784111777
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("value", "unchanged"),
    [
        (b'"abc"', True),
        (b'W/"abc"', True),
        (b"*", True),
        (b'"x", "abc"', True),
        (b'"x",W/"abc" , "y"', True),
        (b'"a,b", "abc"', True),
        (b'"ab"', False),
        (b"abc", False),
        (b'"x abc"', False),
        (b"", False),
        (b'"abc', False),
    ],
)
def test_if_none_match(value: bytes, unchanged: bool) -> None:
    headers = [(b"host", b"x"), (b"if-none-match", value)]
    assert is_unchanged(headers, TAG, WHEN) is unchanged
    late = (b"if-modified-since", http_date(WHEN + 9))
    assert is_unchanged([*headers, late], TAG, WHEN) is unchanged
    assert is_unchanged([late, *headers], TAG, WHEN) is unchanged


def test_if_none_match_may_be_sent_in_pieces() -> None:
    pieces = [(b"if-none-match", b'"x"'), (b"if-none-match", b'"abc"')]
    assert is_unchanged(pieces, TAG, WHEN)
    assert not is_unchanged([(b"host", b'"abc"')], TAG, WHEN)


@pytest.mark.parametrize(
    ("value", "unchanged"),
    [
        (DATE, True),
        (http_date(WHEN + 1), True),
        (http_date(WHEN - 1), False),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", True),
        (b"Sun Nov  6 08:49:37 1994", True),
        (b"yesterday", False),
        (b"", False),
        (b"\xff\xfe", False),
        (b"Sun, 06 Nov 99999999999 08:49:37 GMT", False),
    ],
)
def test_if_modified_since(value: bytes, unchanged: bool) -> None:
    assert is_unchanged([(b"if-modified-since", value)], TAG, WHEN) is unchanged


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_condition_is_read_without_an_error(tag: bytes, date: bytes) -> None:
    is_unchanged([(b"if-modified-since", date)], TAG, WHEN)
    is_unchanged([(b"if-none-match", tag), (b"if-modified-since", date)], TAG, WHEN)


def test_dates_are_written_as_http_has_them() -> None:
    assert http_date(WHEN) == DATE


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (b"x-api-key", b"x-api-key"),
        (b"Authorization, X-Api-Key", b"Authorization, X-Api-Key"),
        (b"a\r\nset-cookie: x", b"*"),
        (b"a b", b"*"),
        (b"", b"*"),
        (b"a," * 999 + b"a", b"*"),
    ],
)
def test_preflight_grants_the_headers_that_are_asked_for(asked: bytes, granted: bytes) -> None:
    found = dict(preflight([(b"access-control-request-headers", asked)]))
    assert found[b"access-control-allow-headers"] == granted
    assert found[b"access-control-allow-methods"] == b"GET, HEAD, OPTIONS"
    assert dict(preflight([]))[b"access-control-allow-headers"] == b"*"


def test_headers_are_rendered_line_by_line() -> None:
    assert rendered([(b"a", b"1"), (b"b", b"2")]) == b"a: 1\r\nb: 2\r\n"
