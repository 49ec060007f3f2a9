"""The page on connecting clients, in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.browser import Page
from tests.live import Live, cards, live

READY = "document.body !== null && 'ready' in document.body.dataset"
CLIENTS = json.loads(cards())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("connect"), seed=5) as server:
        yield server


@pytest.fixture
def page(browser: Page) -> Page:
    browser.complaints.clear()
    return browser


def shown(page: Page) -> list[str]:
    codes = page.run("[...document.querySelectorAll('code')].map(code => code.textContent)")
    assert isinstance(codes, list)
    return codes


def test_it_shows_every_snippet_for_the_world_of_the_link(page: Page, server: Live) -> None:
    page.viewport(1280, 900)
    page.open(f"{server.root}connect#seed=18446744073709551615")
    page.until(READY)
    base = f"{server.root}18446744073709551615/"
    expected = [
        step["code"].replace("%BASE%", base).replace("%ROOT%", server.root)
        for client in CLIENTS
        for step in client["steps"]
        if "code" in step
    ]
    assert sorted(shown(page)) == sorted(expected)
    files = page.run("[...document.querySelectorAll('a.file')].map(link => link.href)")
    assert files == [base + "qgis.qlr", base + "qgis.xml"]
    assert page.complaints == []


def test_without_a_link_it_shows_the_servers_own_world(page: Page, server: Live) -> None:
    page.open(f"{server.root}connect")
    page.until(READY)
    assert all(f"{server.root}5/" in code for code in shown(page)[:3])


def test_another_world_rewrites_everything(page: Page, server: Live) -> None:
    page.open(f"{server.root}connect#seed=7")
    page.until(READY)
    page.click("#world [data-part=next]")
    assert page.run("location.hash") == "#seed=8"
    assert not any("/7/" in code for code in shown(page))
    links = page.run("[...document.querySelectorAll('[data-part=map]')].map(link => link.href)")
    assert set(links) == {f"{server.root}#seed=8"}


def test_a_copy_button_copies_its_snippet(page: Page, server: Live) -> None:
    page.open(f"{server.root}connect#seed=7")
    page.until(READY)
    page.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.run("document.querySelector('#curl .copy').click()")
    assert page.until("window.copied") == f'curl -o tile.png "{server.root}7/9/266/182.png"'
    page.until("document.querySelector('#toast').textContent === 'Copied'")
    page.until("document.querySelector('#curl .copy').classList.contains('done')")


def test_without_a_clipboard_the_snippet_is_selected(page: Page, server: Live) -> None:
    page.open(f"{server.root}connect#seed=7")
    page.until(READY)
    page.run("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.run("document.querySelector('#curl .copy').click()")
    page.until("document.querySelector('#toast').textContent !== ''")
    assert page.run("getSelection().toString()").startswith("curl -o tile.png")


@pytest.mark.parametrize("width", [320, 390, 860, 1280])
def test_nothing_is_wider_than_the_page(page: Page, server: Live, width: int) -> None:
    page.viewport(width, 800, phone=width < 640)
    page.open(f"{server.root}connect#seed=18446744073709551615")
    page.until(READY)
    assert page.run("document.documentElement.scrollWidth") == width
    small = page.run(
        "[...document.querySelectorAll('button, a.file, .bar a, input')]"
        ".filter(part => part.getBoundingClientRect().height < 44).length"
    )
    assert small == 0
    order = page.run(
        "[...document.querySelectorAll('.client')].map(card => [card.getBoundingClientRect()"
        ".top + scrollY, card.id]).sort((a, b) => a[0] - b[0]).map(([top, id]) => id)"
    )
    if width < 860:
        assert order == [client["id"] for client in CLIENTS]
    wrapped = page.run(
        """[...document.querySelectorAll("pre")].filter((pre) => {
          const { paddingTop, paddingBottom, lineHeight } = getComputedStyle(pre);
          const inside = pre.clientHeight - parseFloat(paddingTop) - parseFloat(paddingBottom);
          return Math.round(inside / parseFloat(lineHeight)) !== pre.innerText.split("\\n").length;
        }).map((pre) => pre.innerText)"""
    )
    assert wrapped == []
    if width == 320:
        page.run("document.querySelector('pre').scrollLeft = 1e6")
        assert page.run("document.querySelector('pre').scrollLeft") > 100


def test_the_viewer_leads_to_it_with_its_world(page: Page, server: Live) -> None:
    page.viewport(1280, 800)
    page.open(f"{server.root}#3/24/8/seed=77")
    page.until("document.querySelector('#connect').href.endsWith('connect#seed=77')")
    page.click("#connect")
    page.until(READY)
    assert any(f"{server.root}77/" in code for code in shown(page))


def test_a_test_may_wait_while_the_page_is_left(page: Page, server: Live) -> None:
    page.open(f"{server.root}connect")
    page.run(f"setTimeout(() => location.assign('{server.root}'), 100) && 0")
    page.until("location.pathname === '/' || new Promise(() => {})")
