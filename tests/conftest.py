"""Fixtures that several test files share: a command line without a network, a cache, Chromium."""

from __future__ import annotations

import copy
import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.base import bluemarble
from generator.grid.pixels import Pixels
from tests.browser import Page, chromium, find_chromium
from tests.fake_cluster import LocalWorkers, load_fake
from tests.fakes import FakeRenderer
from tests.look import DESKTOP
from tests.viewed import Server, serving
from tileserver.cache.tilecache import TileCache
from tileserver.cluster import group as cutting
from tileserver.cluster import worker
from tileserver.commands import basics
from tileserver.commands import cluster as clusters


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return a process more than there are cores: tests of servers and browsers often wait."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True, scope="session")
def blue_marble_read_once() -> Iterator[None]:
    """Keep the Blue Marble, read-only: reading and filling it takes more than a second."""

    @functools.cache
    def read(blue_marble: Callable[[], Pixels] = bluemarble.blue_marble) -> Pixels:
        pixels = blue_marble()
        pixels.flags.writeable = False
        return pixels

    with pytest.MonkeyPatch.context() as patch:
        for name in ("base.bluemarble", "base.basemap", "banks.tonematch"):
            if module := sys.modules.get(f"generator.{name}"):  # others find the first one patched
                patch.setattr(module, "blue_marble", read)
        yield


@pytest.fixture(autouse=True, scope="session")
def pretrained_features_read_once() -> Iterator[None]:
    """Keep the pretrained features of trainings: a copy takes a tenth of reading the file."""
    names = ("training.losses.context", "training.measure.copydistance")
    modules = [sys.modules[name] for name in names if name in sys.modules]
    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            read = functools.cache(module.Perceptual)
            patch.setattr(module, "Perceptual", lambda read=read: copy.deepcopy(read()))
        yield


@pytest.fixture
def renderer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRenderer:
    """Return what commands draw with; they run in a folder of their own, and do not yield."""
    fake = FakeRenderer()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELSEWHERE_CACHE", str(tmp_path / "tiles"))
    monkeypatch.setattr(basics, "load_world", lambda settings: fake)
    for module in (basics, worker):
        monkeypatch.setattr(module, "lower_priority", lambda nice: None)
    return fake


@pytest.fixture
def workers(renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch) -> LocalWorkers:
    """Return the workers of commands, which run in a folder of their own."""
    made = LocalWorkers()
    monkeypatch.setattr(clusters, "connect", lambda *given: made)
    monkeypatch.setattr(clusters, "load", load_fake)
    monkeypatch.setattr(cutting, "LEAST_TILES", 21)
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TileCache]:
    """Return an open cache in the folder `cache`, with room for 8 MiB."""
    opened = TileCache.open(tmp_path / "cache", 8 << 20)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Return the browser's path, or skip the test."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium here: install Debian's package 'chromium' to run this test")
    return path


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Page]:
    """Return a tab of a browser."""
    with chromium(chromium_path) as page:
        yield page


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server of the viewer in a process of its own, with a fast renderer."""
    with serving(tmp_path_factory.mktemp("viewed"), "fake") as server:
        yield server


@pytest.fixture
def page(browser: Page, viewer: Server) -> Page:
    """Return an empty tab of a desktop's size; the server behaves."""
    browser.open("about:blank")
    browser.viewport(*DESKTOP)
    viewer.set()
    browser.complaints.clear()
    return browser
