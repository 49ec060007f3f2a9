"""Messages between processes: what goes in comes out, and noise is no message."""

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.grid.tile import Tile
from tileserver.cache.tilecache import CachedTile
from tileserver.errors import (
    BudgetError,
    CacheError,
    CacheFullError,
    GenerationError,
    ServerError,
    UnavailableError,
)
from tileserver.rendering import protocol
from tileserver.rendering.protocol import Message
from tileserver.rendering.request import Priority, RequestOptions


def received(*chunks: bytes) -> list[Message | None]:
    """Return what is read from a stream of chunks, up to its end."""

    async def run() -> list[Message | None]:
        reader = asyncio.StreamReader()
        for chunk in chunks:
            reader.feed_data(chunk)
        reader.feed_eof()
        found = []
        while (message := await protocol.receive(reader)) is not None:
            found.append(message)
        return [*found, None]

    return asyncio.run(run())


def test_messages_arrive_whole_and_in_order_however_they_are_cut() -> None:
    sent = [Message({"id": 1}, b"x" * 1000), Message({"id": 2}), Message({"text": "ü"}, b"\0")]
    stream = b"".join(message.packed() for message in sent)
    assert received(stream) == [*sent, None]
    assert received(*(stream[n : n + 7] for n in range(0, len(stream), 7))) == [*sent, None]


def test_a_cut_off_message_is_none() -> None:
    packed = Message({"id": 1}, b"abc").packed()
    assert [received(packed[:n]) for n in range(len(packed))] == [[None]] * len(packed)


@given(st.binary(max_size=64))
def test_noise_is_never_an_error(noise: bytes) -> None:
    assert received(noise)[-1] is None


def test_what_claims_to_be_enormous_is_refused() -> None:
    assert received(struct.pack(">II", 2, 1 << 31) + b"{}") == [None]


def test_a_wish_keeps_all_that_it_says() -> None:
    options = RequestOptions(Priority.PREFETCH, "2001:db8::/64", False)
    message = protocol.tile_request(7, 2**64 - 1, Tile(15, 32767, 1), options)
    (copy, _) = received(message.packed())
    assert copy is not None
    assert protocol.read_request(copy.head) == (2**64 - 1, Tile(15, 32767, 1), options)


def test_a_tile_keeps_bytes_digest_and_time() -> None:
    entry = CachedTile(b"png" * 99, b"d" * 16, 1_700_000_000)
    (copy, _) = received(protocol.tile_answer(3, entry).packed())
    assert copy is not None
    assert protocol.read_tile(copy) == entry


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UnavailableError("full", 7.5), UnavailableError),
        (BudgetError("too much", 31.0), BudgetError),
        (GenerationError("broken"), GenerationError),
        (CacheFullError("no room"), CacheError),
        (ZeroDivisionError("oops"), GenerationError),
    ],
)
def test_an_error_stays_what_it_is_for_http(error: Exception, kind: type[ServerError]) -> None:
    (copy, _) = received(protocol.error_answer(3, error).packed())
    assert copy is not None
    found = protocol.read_error(copy.head)
    assert type(found) is kind
    assert str(found) == str(error)
    assert getattr(found, "retry", None) == getattr(error, "retry", None)
