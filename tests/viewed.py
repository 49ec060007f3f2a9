"""A server process for the viewer's tests: the real application, with an edge that can be told
to be busy, to refuse, or to be slow, and that remembers what it was asked.

`python -m tests.viewed CACHE [fake|shipped]` prints its port. `/-/set?busy=3&after=2` answers the
next three tiles with 503 and Retry-After: 2; `refuse=13/` answers addresses with this part with
400; `delay=0.2` makes each tile take that long. `/-/log` lists [seconds, path, status].
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.fakes import FakeRenderer

START_SECONDS = 120.0


class Edge:
    """The ASGI application in front of the real one."""

    def __init__(self, app: ASGIApp, renderer: FakeRenderer | None) -> None:
        self.app = app
        self.renderer = renderer
        self.log: list[tuple[float, str, int]] = []
        self.reset()

    def reset(self, **wanted: str) -> None:
        """Behave from now on as `wanted` says, and normally where it says nothing."""
        self.busy = int(wanted.get("busy", 0))
        self.after = wanted.get("after", "1")
        self.refuse = wanted.get("refuse", "")
        self.log.clear()
        if self.renderer is not None:
            self.renderer.delay = float(wanted.get("delay", 0))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if path == "/-/set":
            self.reset(**dict(parse_qsl(scope["query_string"].decode())))
            return await JSONResponse({})(scope, receive, send)
        if path == "/-/log":
            return await JSONResponse(self.log)(scope, receive, send)
        if not path.endswith(".webp"):
            return await self.app(scope, receive, send)
        arrived = time.monotonic()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.log.append((arrived, path, message["status"]))
            await send(message)

        await self._tile(path)(scope, receive, sending)

    def _tile(self, path: str) -> ASGIApp:
        if self.busy > 0:
            self.busy -= 1
            return JSONResponse({"title": "busy"}, 503, {"Retry-After": self.after})
        if self.refuse and self.refuse in path:
            return JSONResponse({"detail": "this test refuses it"}, 400)
        return self.app


def main(cache: str, model: str) -> None:
    """Serve on a free port until the process is ended."""
    from tests.local import local_service
    from tileserver.rendering.models import load_renderer
    from tileserver.serving.app import create_app
    from tileserver.serving.listener import listen
    from tileserver.settings import Settings

    settings = Settings(port=0, cache=Path(cache))
    fake = FakeRenderer() if model == "fake" else None
    app = Edge(create_app(local_service(settings, fake or load_renderer(settings))), fake)
    listener = listen(settings.host, settings.port)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, lifespan="on", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


class Server:
    """The server process, as a test sees it."""

    def __init__(self, root: str) -> None:
        self.root = root

    def get(self, path: str) -> bytes:
        """Return the body at a path."""
        with urllib.request.urlopen(self.root + path, timeout=60) as answer:
            body: bytes = answer.read()
            return body

    def set(self, **wanted: object) -> None:
        """Tell the edge how to behave, and forget its log."""
        self.get("-/set?" + "&".join(f"{name}={value}" for name, value in wanted.items()))

    def log(self) -> list[list[Any]]:
        """Return [seconds, path, status] of every tile answered, in order."""
        entries: list[list[Any]] = json.loads(self.get("-/log"))
        return entries


@contextmanager
def serving(cache: Path, model: str) -> Iterator[Server]:
    """Run a server process with the fake or the shipped model; it is ended afterwards."""
    command = [sys.executable, "-m", "tests.viewed", str(cache), model]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, f"the server ended at its start with status {process.wait()}"
            server = Server(f"http://127.0.0.1:{port}/")
            _wait_until_ready(server)
            yield server
        finally:
            process.kill()


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.get("readyz")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
