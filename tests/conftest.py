"""Fixtures that several test files share: a command line without a network, and Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Page, chromium, find_chromium
from tests.fakes import FakeRenderer
from tileserver.commands import basics


@pytest.fixture
def renderer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRenderer:
    """Return what commands draw with; they run in a folder of their own, and do not yield."""
    fake = FakeRenderer()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELSEWHERE_CACHE", str(tmp_path / "tiles"))
    monkeypatch.setattr(basics, "load_world", lambda settings: fake)
    monkeypatch.setattr(basics, "lower_priority", lambda nice: None)
    return fake


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
