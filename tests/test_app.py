"""The application in one process: it loads its own model, and says how that goes."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from generator.grid.errors import WeightsError
from tests.fakes import FakeRenderer
from tileserver.serving import app as module
from tileserver.serving.app import create_app
from tileserver.settings import Settings


def run_app(settings: Settings, *paths: str) -> list[httpx.Response]:
    """Start an application that loads its own model; ask until it has settled, then for paths."""

    async def inside() -> list[httpx.Response]:
        app = create_app(settings)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://a") as client,
        ):
            answers = [await client.get("/readyz"), await client.get("/5/1/1.png")]
            while "being loaded" in (await client.get("/readyz")).text:
                await asyncio.sleep(0.005)
            return answers + [await client.get(path) for path in paths]

    return asyncio.run(inside())


def test_while_the_model_loads_the_server_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(settings: Settings) -> FakeRenderer:
        time.sleep(0.1)
        return FakeRenderer()

    monkeypatch.setattr(module, "load_renderer", slow)
    early, tile, ready, made = run_app(Settings(cache=tmp_path), "/readyz", "/5/1/1.png")
    assert (early.status_code, tile.status_code) == (503, 503)
    assert "still being loaded" in early.json()["detail"]
    assert tile.headers["retry-after"]
    assert (ready.status_code, made.status_code) == (200, 200)


@pytest.mark.parametrize("error", [WeightsError("no weights here"), ImportError("no torch here")])
def test_a_model_that_cannot_be_loaded_is_told_by_readyz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(settings: Settings) -> FakeRenderer:
        raise error

    monkeypatch.setattr(module, "load_renderer", fail)
    *_, ready, alive = run_app(Settings(cache=tmp_path), "/readyz", "/livez")
    assert ready.status_code == 503
    assert str(error) in ready.json()["detail"]
    assert alive.status_code == 200
