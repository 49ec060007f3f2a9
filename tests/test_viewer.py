"""The viewer in a real Chromium, with a real server process: what a visitor sees."""

from __future__ import annotations

import re
import time
from importlib import resources

import numpy as np
import pytest

from generator.grid.tile import Tile
from tests.browser import Page
from tests.fakes import FINEST
from tests.look import (
    DESKTOP,
    PHONE,
    SETTLED,
    VOID,
    assert_shows,
    bare,
    field,
    show,
    tiles,
)
from tests.viewed import Server, serving

ZOOMS = (2, 6, 10, 13, FINEST)


@pytest.mark.parametrize(
    "zoom", [pytest.param(z, marks=pytest.mark.slow) if z in (6, 13) else z for z in ZOOMS]
)
def test_tiles_fill_the_view_at_every_kind_of_zoom(page: Page, viewer: Server, zoom: int) -> None:
    show(page, viewer, f"{zoom}/41.9/12.49/seed=7")
    shown = tiles(page)
    picture = bare(page)
    assert all(tile["whole"] and tile["state"] == "ready" for tile in shown)
    assert {tile["address"].split("/")[1] for tile in shown} == {str(zoom)}
    assert not (picture == VOID).all(-1).any()
    assert_shows(viewer, picture, shown, 0, DESKTOP[0])
    assert page.complaints == []


@pytest.mark.slow
def test_the_shipped_model_fills_the_view(
    browser: Page, tmp_path_factory: pytest.TempPathFactory
) -> None:
    weights = resources.files("generator").joinpath("weights")
    if not weights.is_dir() or not any(f.name.endswith(".safetensors") for f in weights.iterdir()):
        pytest.skip("no weights are shipped yet")
    browser.viewport(*PHONE, phone=True)
    with serving(tmp_path_factory.mktemp("shipped"), "shipped") as viewer:
        for zoom in ZOOMS:
            browser.complaints.clear()
            browser.open(f"{viewer.root}#{zoom}/46.5/11.9/seed=0")
            browser.until(SETTLED, 240)
            shown = tiles(browser)
            assert all(tile["whole"] for tile in shown)
            picture = bare(browser)
            assert not (picture == VOID).all(-1).any()
            assert_shows(viewer, picture, shown, 0, PHONE[0])
            assert browser.complaints == []


@pytest.mark.parametrize("longitude", [179.99, -180.0])
def test_the_view_goes_on_across_the_dateline(page: Page, viewer: Server, longitude: float) -> None:
    show(page, viewer, f"7/-17/{longitude}/seed=0")
    columns = {int(tile["address"].split("/")[2]) for tile in tiles(page)}
    assert {0, 127} <= columns <= set(range(128))
    assert not (bare(page) == VOID).all(-1).any()


def test_zooms_beyond_the_last_enlarge_its_tiles(page: Page, viewer: Server) -> None:
    show(page, viewer, f"{FINEST + 2}/41.9/12.49/seed=7")
    shown = tiles(page)
    assert {(tile["address"].split("/")[1], tile["width"]) for tile in shown} == {
        (str(FINEST), 1024)
    }
    assert not (bare(page) == VOID).all(-1).any()


def test_reloading_the_url_restores_the_view(page: Page, viewer: Server) -> None:
    show(page, viewer, "9/41.9/12.49/seed=7")
    page.drag((700, 500), (447, 391))
    page.key("+")
    page.until("location.hash.startsWith('#10/') && !location.hash.includes('/41.9')")
    page.until(SETTLED)
    time.sleep(0.4)
    address = page.run("location.href")
    before = bare(page)
    page.reload()
    page.until(SETTLED)
    assert page.run("location.href") == address
    assert np.array_equal(bare(page), before)
    assert page.complaints == []


def test_another_hash_moves_the_view(page: Page, viewer: Server) -> None:
    show(page, viewer, "9/41.9/12.49/seed=7")
    page.run("location.hash = '#8/-33.90/18.40/seed=12'")
    page.until("document.querySelector('[data-address^=\"12/8/\"]')")
    page.until(SETTLED)
    assert {tile["address"].split("/")[0] for tile in tiles(page)} == {"12"}
    assert page.run("location.hash") == "#8/-33.9000/18.4000/seed=12"
    assert page.run("document.querySelector('#seed').value") == "12"


def test_another_world_has_other_tiles_and_back_returns(page: Page, viewer: Server) -> None:
    show(page, viewer, "11/41.9/12.49/seed=7")
    first = bare(page)
    page.key("n")
    page.until("!location.hash.endsWith('seed=7')")
    page.until(SETTLED)
    seed = field(page, "seed")
    assert {tile["address"].split("/")[0] for tile in tiles(page)} == {seed}
    assert (bare(page) != first).any(-1).mean() > 0.9
    page.run("history.back()")
    page.until("document.querySelector('[data-address^=\"7/\"]') && " + SETTLED)
    assert page.run("location.hash").endswith("seed=7")
    assert np.array_equal(bare(page), first)
    assert page.complaints == []


def type_seed(page: Page, text: str) -> None:
    page.click("#seed")
    page.type(text)
    page.key("Enter")


def test_a_typed_seed_keeps_all_of_its_digits(page: Page, viewer: Server) -> None:
    show(page, viewer, "7/41.9/12.49/seed=7")
    type_seed(page, "18446744073709551615")
    page.until("location.hash.endsWith('seed=18446744073709551615')")
    page.until(SETTLED)
    assert {tile["address"].split("/")[0] for tile in tiles(page)} == {"18446744073709551615"}
    page.key("]")
    page.until("location.hash.endsWith('seed=0')")
    page.key("[")
    page.until("location.hash.endsWith('seed=18446744073709551615')")
    assert page.complaints == []


def test_a_wrong_seed_is_refused_with_a_sentence(page: Page, viewer: Server) -> None:
    show(page, viewer, "3/41.9/12.49/seed=7")
    for text in ("18446744073709551616", "-1", "1.5", "1e3", "rome", "9" * 400):
        page.run("document.querySelector('#seed-error').textContent = ''")
        type_seed(page, text)
        sentence = page.until("document.querySelector('#seed-error').textContent")
        assert sentence.endswith("."), text
        assert len(sentence) < 120
        assert field(page, "seed") == "7"


def test_the_swipe_shows_two_worlds(page: Page, viewer: Server) -> None:
    show(page, viewer, "9/41.9/12.49/seed=7/vs=8/split=0.5")
    shown = tiles(page)
    picture = bare(page)
    sides = [[t for t in shown if t["address"].startswith(seed)] for seed in ("7/", "8/")]
    assert min(map(len, sides)) > 3
    assert_shows(viewer, picture, sides[0], 0, 640)
    assert_shows(viewer, picture, sides[1], 640, 1280)
    assert not (picture == VOID).all(-1).any()
    assert page.complaints == []


@pytest.mark.parametrize("hash_text", ["rome", "7/x/y", "99/91/1e9/seed=-4", "////", "7/1", "%%%"])
def test_a_damaged_link_still_shows_a_map(page: Page, viewer: Server, hash_text: str) -> None:
    show(page, viewer, hash_text)
    assert all(tile["whole"] for tile in tiles(page))
    assert re.fullmatch(r"#\d+/-?[\d.]+/-?[\d.]+/seed=\d+", page.run("location.hash"))
    assert page.complaints == []


def test_the_readout_agrees_with_the_tiles(page: Page, viewer: Server) -> None:
    ask = "import('/static/web/readout.js').then((readout) => readout.metresPerPixel(%r, %d))"
    show(page, viewer, "13/41.9/12.49/seed=7")
    text = page.run("document.querySelector('#readout').innerText")
    assert "Zoom 13" in text
    assert "14.2 m per pixel" in text
    assert "Invented: drawn from zoom 11" in text
    assert "Invented by Elsewhere · base map: NASA Blue Marble" in text
    for tile in (Tile(0, 0, 0), Tile(13, 4380, 3045), Tile(15, 7, 1)):
        given = page.run(ask % (tile.latitude, tile.z))
        assert given == pytest.approx(tile.ground_resolution, rel=1e-4)
