"""Lists what a cold tile runs through: the modules and functions between its request and its PNG.

Usage: python -m tests.coldpath [z/x/y] [--fake] [--warm] [--functions]. A web process and the
generator process, here two event loops of one process, speak over a socket as ever. Counted is what
runs in any thread from the request's first byte to the answer's last: code of `tileserver` and
`generator`, without standard library and dependencies.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import sys
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import uvicorn

from generator.grid.block import Block
from generator.grid.tile import Tile
from tests.fakes import FakeRenderer
from tests.waiting import wait_until
from tileserver.cache.tilecache import TileCache
from tileserver.rendering.client.renderclient import RenderClient
from tileserver.rendering.client.service import TileService
from tileserver.rendering.engine.engine import RenderEngine
from tileserver.rendering.engine.server import RenderServer
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.models import load_renderer
from tileserver.serving.app import create_app, protocol_context
from tileserver.serving.listener import listen
from tileserver.settings import Settings

ROOT = Path(__file__).parents[1]
PACKAGES = ("tileserver", "generator")


class Trace:
    """Code objects that run while `on`, in threads that start after this was made."""

    def __init__(self) -> None:
        self.on = False
        self.seen: set[CodeType] = set()
        threading.setprofile(self._called)

    def _called(self, frame: FrameType, event: str, arg: Any) -> None:
        if self.on and event == "call":
            self.seen.add(frame.f_code)

    def functions(self) -> dict[str, set[str]]:
        """Return the names of the functions that ran, by module."""
        found: dict[str, set[str]] = defaultdict(set)
        for code in self.seen:
            path = Path(code.co_filename).resolve()
            if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES:
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                found[module].add(code.co_qualname)
        return found


class Server:
    """A server of two event loops, each in a thread; they end with the program."""

    def __init__(self, directory: Path, settings: Settings, engine: RenderEngine) -> None:
        self._socket, self._ready = directory / "socket", threading.Event()
        threading.Thread(target=asyncio.run, args=(self._serve(engine),), daemon=True).start()
        self._ready.wait()
        client = RenderClient(self._socket)
        service = TileService(settings, Metrics(), engine.store.cache, client)
        config = uvicorn.Config(
            create_app(service),
            http=protocol_context(service).protocol(),
            ws="none",
            access_log=False,
            log_config=None,
        )
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(config)
        threading.Thread(target=server.run, args=([listener],), daemon=True).start()
        self._connection = http.client.HTTPConnection(*listener.getsockname()[:2], timeout=300)

    def get(self, tile: Tile) -> bytes:
        """Return a tile's PNG."""
        self._connection.request("GET", f"/{tile}.png")
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{tile} is answered with {response.status}: {body!r}")
        return body

    async def _serve(self, engine: RenderEngine) -> None:
        path = str(self._socket)
        async with await asyncio.start_unix_server(RenderServer(engine).connected, path) as server:
            self._ready.set()
            await server.serve_forever()


def trace(tile: Tile, fake: bool, warm: bool) -> dict[str, set[str]]:
    """Return the functions that a request for a tile runs through, by module.

    fake: with the tests' renderer. warm: all that the tile needs is stored before.
    """
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(cache=Path(name) / "cache", hold_seconds=300)
        renderer = FakeRenderer() if fake else load_renderer(settings)
        traced = Trace()
        cache = TileCache.open(settings.cache)
        engine = RenderEngine.open(settings, Metrics(), cache, renderer)
        server = Server(Path(name), settings, engine)
        server.get(Tile(0, 0, 0))
        if warm:
            beside = Tile(tile.z, tile.x ^ 2, tile.y)  # in the next block
            server.get(beside)
            for parent in renderer.needs(Block.of(tile)):
                server.get(parent)
        wait_until(lambda: engine.metrics.queue_length.value == 0)  # the world is recorded
        traced.on = True
        server.get(tile)
        traced.on = False
        return traced.functions()


def main() -> None:
    """Print the modules with their functions, and how many they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tile", nargs="?", default="15/17067/11563")
    parser.add_argument("--fake", action="store_true", help="draw with the tests' renderer")
    parser.add_argument("--warm", action="store_true", help="all that the tile needs is stored")
    parser.add_argument("--functions", action="store_true", help="list functions, too")
    args = parser.parse_args()
    found = trace(Tile(*map(int, args.tile.split("/"))), args.fake, args.warm)
    for module, functions in sorted(found.items()):
        print(f"{module:44} {len(functions):3}", *(sorted(functions) if args.functions else ()))
    for package in PACKAGES:
        counts = [len(names) for module, names in found.items() if module.startswith(package)]
        print(f"{package}: {len(counts)} modules, {sum(counts)} functions")
    sys.stdout.flush()
    os._exit(0)  # the servers' threads go on for ever


if __name__ == "__main__":
    main()
