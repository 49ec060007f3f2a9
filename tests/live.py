"""A real server on a free port of this machine, in a thread, with the fake renderer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette

from tests.fakes import FINEST, FakeRenderer
from tests.local import archive_service, local_service
from tileserver.serving.app import create_app
from tileserver.serving.listener import listen
from tileserver.settings import Settings


class Live:
    """The server as its clients see it. root: its URL, ends in "/"."""

    def __init__(self, root: str, fake: FakeRenderer) -> None:
        self.root = root
        self.fake = fake

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return httpx.get(self.root + path, timeout=30, **kwargs)


def cards(last: int = FINEST) -> str:
    """Return web/clients.json as the page fills it in for a finest zoom."""
    text = (Path(__file__).parents[1] / "web" / "clients.json").read_text()
    for name, value in (("%LAST%", last), ("%LEVELS%", last + 1), ("%BEYOND%", last + 2)):
        text = text.replace(name, str(value))
    return text


@contextmanager
def live(directory: Path, **values: Any) -> Iterator[Live]:
    """Serve until the block ends; a connection made before the server runs waits for it."""
    fake = FakeRenderer()
    settings = Settings(cache=directory, **values)
    service = archive_service(settings) if settings.archive_only else local_service(settings, fake)
    with serving(create_app(service)) as root:
        yield Live(root, fake)


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve an application until the block ends; give its URL, which ends in "/"."""
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        log_level="warning",
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
