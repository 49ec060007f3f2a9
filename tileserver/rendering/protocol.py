"""What web processes and the generator process say to each other over a socket.

A message is a JSON object (its head) and a body of bytes. Frame: the lengths of head and body, 4
bytes each, big-endian, then both.

From a web process: {do: "make", id, seed, tile: [z, x, y], priority, client, free} and
{do: "cancel", id}. From the generator: {is: "hello", identity, model, problem} first of all;
{is: "tile", id, digest, modified} with the PNG as body; {is: "error", id, kind, text, retry};
{is: "state", problem} every second.
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, NamedTuple

from generator.grid.tile import Tile
from tileserver import errors
from tileserver.cache.tilecache import CachedTile
from tileserver.errors import GenerationError, LaterError, ServerError
from tileserver.rendering.request import Priority, RequestOptions

HEAD_LIMIT = 1 << 20
BODY_LIMIT = 1 << 28

_FRAME = struct.Struct(">II")

_KINDS: dict[str, type[ServerError]] = {
    kind.__name__: kind
    for kind in (errors.UnavailableError, errors.BudgetError, errors.CacheError, GenerationError)
}


class Message(NamedTuple):
    """A JSON object and bytes."""

    head: dict[str, Any]
    body: bytes = b""

    def packed(self) -> bytes:
        """Return the frame."""
        head = json.dumps(self.head).encode()
        return _FRAME.pack(len(head), len(self.body)) + head + self.body


async def receive(reader: asyncio.StreamReader) -> Message | None:
    """Return the next message, or None at the end of the stream or if it is no message."""
    try:
        head_size, body_size = _FRAME.unpack(await reader.readexactly(_FRAME.size))
        if head_size > HEAD_LIMIT or body_size > BODY_LIMIT:
            return None
        head = json.loads(await reader.readexactly(head_size))
        return Message(head, await reader.readexactly(body_size))
    except (asyncio.IncompleteReadError, OSError, ValueError):
        return None


def tile_request(number: int, seed: int, tile: Tile, options: RequestOptions) -> Message:
    """Return the request for a tile."""
    return Message(
        {
            "do": "make",
            "id": number,
            "seed": seed,
            "tile": [tile.z, tile.x, tile.y],
            "priority": int(options.priority),
            "client": options.client,
            "free": options.free,
        }
    )


def cancellation(number: int) -> Message:
    """Return what takes a request back."""
    return Message({"do": "cancel", "id": number})


def read_request(head: dict[str, Any]) -> tuple[int, Tile, RequestOptions]:
    """Return seed, tile and options of a request for a tile."""
    options = RequestOptions(Priority(head["priority"]), head["client"], head["free"])
    return head["seed"], Tile(*head["tile"]), options


def tile_answer(number: int, entry: CachedTile) -> Message:
    """Return the answer that carries a tile."""
    head = {"is": "tile", "id": number, "digest": entry.digest.hex(), "modified": entry.modified}
    return Message(head, entry.payload)


def read_tile(message: Message) -> CachedTile:
    """Return the tile in an answer."""
    head = message.head
    return CachedTile(message.body, bytes.fromhex(head["digest"]), head["modified"])


def error_answer(number: int, error: BaseException) -> Message:
    """Return the answer that carries an error; an unforeseen one becomes a GenerationError."""
    kind = next((name for name, kind in _KINDS.items() if isinstance(error, kind)), None)
    head = {"is": "error", "id": number, "kind": kind or "GenerationError", "text": str(error)}
    if isinstance(error, LaterError):
        head["retry"] = error.retry
    return Message(head)


def read_error(head: dict[str, Any]) -> ServerError:
    """Return the error in an answer."""
    kind = _KINDS[head["kind"]]
    if issubclass(kind, LaterError):
        return kind(head["text"], head["retry"])
    return kind(head["text"])
