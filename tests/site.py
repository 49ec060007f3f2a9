"""An application in this process, and a client of it, for tests."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from tests.fakes import FakeRenderer
from tests.local import archive_service, local_service
from tileserver.rendering.client.service import TileService
from tileserver.serving.app import create_app
from tileserver.settings import Settings

BASE = "http://tiles.example"


class Site:
    """A client of an application in this process, and what stands behind it."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient, fake: FakeRenderer) -> None:
        self.app, self.client, self.fake = app, client, fake
        self.get, self.head, self.request = client.get, client.head, client.request
        self.service: TileService = app.state.service


@asynccontextmanager
async def site(
    directory: Path, fake: FakeRenderer | None = None, **values: Any
) -> AsyncIterator[Site]:
    fake = fake or FakeRenderer()
    settings = Settings(cache=directory, **values)
    only = settings.archive_only
    app = create_app(archive_service(settings) if only else local_service(settings, fake))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=BASE) as client,
    ):
        try:
            yield Site(app, client, fake)
        finally:
            fake.gate.set()


Check = Callable[[Site], Coroutine[Any, Any, None]]


def on_site(check: Check) -> Callable[[Path], None]:
    """Run a coroutine test against a fresh site."""

    @functools.wraps(check)
    def run(tmp_path: Path) -> None:
        async def inside() -> None:
            async with site(tmp_path) as made:
                await check(made)

        asyncio.run(inside())

    del run.__wrapped__  # pytest would read its parameters
    return run


def fetch(directory: Path, path: str, method: str = "GET", **kwargs: Any) -> httpx.Response:
    """Send one request to a fresh site."""

    async def inside() -> httpx.Response:
        async with site(directory) as made:
            return await made.request(method, path, **kwargs)

    return asyncio.run(inside())
