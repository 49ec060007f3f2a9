"""Keyboard, fingers and sizes of screens: what a visitor can do in the viewer."""

from __future__ import annotations

import pytest

from tests.browser import Page
from tests.look import (
    CLASHES,
    PHONE,
    SETTLED,
    VOID,
    assert_shows,
    bare,
    show,
    tiles,
)
from tests.viewed import Server

SIZES = [(320, 640), (390, 844), (844, 390), (667, 375), (700, 600), (1440, 900)]


def test_the_divider_moves_by_pointer_and_by_key(page: Page, viewer: Server) -> None:
    show(page, viewer, "9/41.9/12.49/seed=7/vs=8/split=0.5")
    page.drag((640, 400), (320, 420))
    page.until("location.hash.endsWith('split=0.250')")
    page.key("ArrowLeft", shift=True)
    page.until("location.hash.endsWith('split=0.150')")
    page.key("ArrowRight")
    page.until("location.hash.endsWith('split=0.170')")
    page.until(SETTLED)
    shown = [tile for tile in tiles(page) if tile["address"].startswith("8/")]
    picture = bare(page)
    assert not (picture == VOID).all(-1).any()
    assert_shows(viewer, picture, shown, 218, 1280)
    page.key("Escape")
    page.until("!location.hash.includes('vs=')")
    page.until(SETTLED)
    assert {tile["address"].split("/")[0] for tile in tiles(page)} == {"7"}
    assert page.complaints == []


def test_the_keyboard_moves_zooms_and_helps(page: Page, viewer: Server) -> None:
    show(page, viewer, "9/41.90/12.49/seed=7")
    page.key("ArrowRight")
    page.until("Number(location.hash.split('/')[2]) > 12.6")
    page.key("-")
    page.until("location.hash.startsWith('#8/')")
    page.key("?")
    page.until("document.querySelector('#about').open")
    page.key("Escape")
    page.until("!document.querySelector('#about').open")
    page.key("g")
    page.until("document.querySelector('#search.open') && document.activeElement.id === 'find'")
    page.key("Escape")
    page.until("!document.querySelector('#search.open') && document.activeElement.id !== 'find'")
    page.key("c")
    page.until("location.hash.includes('/vs=')")
    assert page.complaints == []


def test_a_phone_can_use_everything(page: Page, viewer: Server) -> None:
    page.viewport(*PHONE, phone=True)
    show(page, viewer, "11/37.09/-8.35/seed=7")
    assert page.run("document.querySelector('#fold').ariaExpanded") == "false"
    page.click("#fold")
    page.click("#compare")
    page.until("location.hash.includes('/vs=')")
    assert page.run("document.scrollingElement.scrollWidth") <= PHONE[0]
    boxes = page.run(
        """[...document.querySelectorAll("button, a, input, #divider")].map((node) => {
          const { x, y, width, height } = node.getBoundingClientRect();
          return [node.id || node.textContent, x, y, width, height];
        }).filter(([, , , width]) => width > 0)"""
    )
    assert len(boxes) >= 15
    for name, x, y, width, height in boxes:
        assert min(width, height) >= 44, name
        assert x >= 0, name
        assert x + width <= PHONE[0], name
        assert y >= 0, name
        assert y + height <= PHONE[1], name
    page.click("#go")
    page.until("document.querySelectorAll('#found li').length > 5")
    page.click("#found li:nth-child(3)")
    page.until("location.hash.startsWith('#9/28.0')")
    page.until(SETTLED)
    assert not (bare(page) == VOID).all(-1).any()
    assert page.complaints == []


def test_a_finger_moves_the_map_and_the_divider(page: Page, viewer: Server) -> None:
    page.viewport(*PHONE, phone=True)
    show(page, viewer, "9/41.9/12.49/seed=7/vs=8/split=0.5")
    page.swipe((195, 422), (78, 430))
    page.until("location.hash.endsWith('split=0.200')")
    assert page.run("location.hash").startswith("#9/41.9")
    page.swipe((250, 250), (150, 300))
    page.until("!location.hash.startsWith('#9/41.9')")
    page.until(SETTLED)
    assert not (bare(page) == VOID).all(-1).any()
    assert page.complaints == []


@pytest.mark.parametrize("zoom", [3, 16])
def test_nothing_lies_on_anything_else(page: Page, viewer: Server, zoom: int) -> None:
    page.open(f"{viewer.root}#{zoom}/24/8/seed=7")
    page.until("document.querySelector('[data-part=bar]')?.style.width > ''")
    for width, height in SIZES:
        page.viewport(width, height, phone=width < 900)
        page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.run(CLASHES) == [], (width, height)


def test_reduced_motion_is_respected(page: Page, viewer: Server) -> None:
    wish = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.send("Emulation.setEmulatedMedia", features=wish)
    try:
        show(page, viewer, "9/41.9/12.49/seed=7")
        names = "[...document.querySelectorAll('.tile-image')].map((i) => getComputedStyle(i)"
        assert set(page.run(names + ".animationName)")) == {"none"}
        assert not page.run("document.querySelector('.leaflet-zoom-animated')")
    finally:
        page.send("Emulation.setEmulatedMedia", features=[])
