"""A server for strangers: budgets, the key, stored tiles only, closed documents, the access log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes import FakeRenderer
from tests.local import local_service
from tileserver.serving.app import create_app
from tileserver.settings import Settings

KEY = {"x-api-key": "a-long-enough-key"}


@asynccontextmanager
async def site(
    directory: Path,
    client: str = "9.9.9.9",
    renderer: FakeRenderer | None = None,
    **values: Any,
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client with an address of its own to an application in this process."""
    settings = Settings(cache=directory, api_key=KEY["x-api-key"], **values)
    app = create_app(local_service(settings, renderer or FakeRenderer()))
    transport = httpx.ASGITransport(app, client=(client, 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://a") as made,
    ):
        yield made


def run(check: Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def inside() -> None:
        async with site(**options) as client:
            await check(client)

    asyncio.run(inside())


def test_a_used_up_budget_is_a_429_that_says_when(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        made = [await client.get(f"/5/{n}/1.png") for n in range(2)]
        assert [answer.status_code for answer in made] == [200, 200]
        refused = await client.get("/5/9/1.png")
        assert refused.status_code == 429
        assert 20 <= int(refused.headers["retry-after"]) <= 31
        assert refused.headers["cache-control"] == "no-store"
        assert "2 new blocks of tiles per minute" in refused.json()["detail"]
        assert (await client.get("/5/0/1.png")).status_code == 200
        assert (await client.get("/5/9/1.png", headers=KEY)).status_code == 200

    run(check, directory=tmp_path, public=True, render_budget=2)


def test_a_cached_only_server_makes_nothing_but_for_the_key(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        refused = await client.get("/6/1/1.png")
        assert refused.status_code == 404
        assert refused.headers["cache-control"] == "no-store"
        assert "makes none on request" in refused.json()["detail"]
        assert (await client.get("/6/1/1.webp")).status_code == 404
        assert (await client.get("/6/1/1.png", headers=KEY)).status_code == 200
        assert (await client.get("/6/1/1.png")).status_code == 200
        assert (await client.get("/6/1/1.webp")).status_code == 200

    run(check, directory=tmp_path, cached_only=True)


def test_a_cached_only_server_serves_the_base_map(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        for zoom in range(6):
            assert (await client.get(f"/{zoom}/0/0.png")).status_code == 200
        assert (await client.get("/5/1/1.webp")).status_code == 200
        assert (await client.get("/4/1/1@2x.png")).status_code == 200
        # Twice the pixels of zoom 5 are the network's tiles of zoom 6.
        assert (await client.get("/5/1/1@2x.png")).status_code == 404

    run(check, directory=tmp_path, cached_only=True)


def test_a_cached_only_server_serves_a_deeper_base_map_too(tmp_path: Path) -> None:
    class Deep(FakeRenderer):
        def describe(self) -> dict[str, object]:
            return super().describe() | {"base_zoom": 7}

    async def check(client: httpx.AsyncClient) -> None:
        assert (await client.get("/7/1/1.png")).status_code == 200
        assert (await client.get("/8/1/1.png")).status_code == 404

    run(check, renderer=Deep(), directory=tmp_path, cached_only=True)


def test_metrics_and_reasons_are_not_for_strangers(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        refused = await client.get("/metrics")
        assert refused.status_code == 403
        assert (await client.get("/metrics", headers=KEY)).status_code == 200
        assert (await client.get("/readyz")).status_code == 200

    run(check, directory=tmp_path, public=True)


@pytest.mark.parametrize("values", [{"public": False}, {"public": True, "client": "127.0.0.1"}])
def test_metrics_are_for_this_machine_and_for_private_networks(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        assert (await client.get("/metrics")).status_code == 200

    run(check, directory=tmp_path, **values)


def test_the_access_log_tells_what_was_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        size = len((await client.get("/5/1/1.png?key=secret")).content)
        await client.get("/5/99/1.png")
        told = [record.fields for record in caplog.records if record.name == "elsewhere.access"]  # type: ignore[attr-defined]
        assert [(line["path"], line["status"]) for line in told] == [
            ("/5/1/1.png", 200),
            ("/5/99/1.png", 404),
        ]
        assert told[0]["bytes"] == size
        assert told[0]["client"] == "9.9.9.9"
        assert "secret" not in str(told)

    with caplog.at_level(logging.INFO, "elsewhere.access"):
        run(check, directory=tmp_path, access_log=True)


def test_without_an_access_log_nothing_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        await client.get("/5/1/1.png")

    with caplog.at_level(logging.INFO, "elsewhere.access"):
        run(check, directory=tmp_path)
    assert not [record for record in caplog.records if record.name == "elsewhere.access"]
