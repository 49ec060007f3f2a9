"""The viewer in a real Chromium, with a real server process: what a visitor sees."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from generator.grid.tile import Tile
from tests.browser import Page
from tests.look import CLASHES, SETTLED, VOID, assert_shows, bare, field, show, tiles
from tests.viewed import Server, serving

DESKTOP = (1280, 800)
PHONE = (390, 844)
ZOOMS = (2, 6, 10, 13, 15)
SIZES = [(320, 640), (390, 844), (844, 390), (667, 375), (700, 600), (1440, 900)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("viewed"), "fake") as server:
        yield server


@pytest.fixture
def page(browser: Page, server: Server) -> Page:
    browser.open("about:blank")
    browser.viewport(*DESKTOP)
    server.set()
    browser.complaints.clear()
    return browser


@pytest.mark.parametrize("zoom", ZOOMS)
def test_tiles_fill_the_view_at_every_kind_of_zoom(page: Page, server: Server, zoom: int) -> None:
    show(page, server, f"{zoom}/41.9/12.49/seed=7")
    shown = tiles(page)
    picture = bare(page)
    assert all(tile["whole"] and tile["state"] == "ready" for tile in shown)
    assert {tile["address"].split("/")[1] for tile in shown} == {str(zoom)}
    assert not (picture == VOID).all(-1).any()
    assert_shows(server, picture, shown, 0, DESKTOP[0])
    assert page.complaints == []


@pytest.mark.slow
def test_the_shipped_model_fills_the_view(
    browser: Page, tmp_path_factory: pytest.TempPathFactory
) -> None:
    weights = resources.files("generator").joinpath("weights")
    if not weights.is_dir() or not any(f.name.endswith(".safetensors") for f in weights.iterdir()):
        pytest.skip("no weights are shipped yet")
    browser.viewport(*PHONE, phone=True)
    with serving(tmp_path_factory.mktemp("shipped"), "shipped") as server:
        for zoom in ZOOMS:
            browser.complaints.clear()
            browser.open(f"{server.root}#{zoom}/46.5/11.9/seed=0")
            browser.until(SETTLED, 240)
            shown = tiles(browser)
            assert all(tile["whole"] for tile in shown)
            picture = bare(browser)
            assert not (picture == VOID).all(-1).any()
            assert_shows(server, picture, shown, 0, PHONE[0])
            assert browser.complaints == []


@pytest.mark.parametrize("longitude", [179.99, -180.0])
def test_the_view_goes_on_across_the_dateline(page: Page, server: Server, longitude: float) -> None:
    show(page, server, f"7/-17/{longitude}/seed=0")
    columns = {int(tile["address"].split("/")[2]) for tile in tiles(page)}
    assert {0, 127} <= columns <= set(range(128))
    assert not (bare(page) == VOID).all(-1).any()


def test_zooms_beyond_the_last_enlarge_its_tiles(page: Page, server: Server) -> None:
    show(page, server, "17/41.9/12.49/seed=7")
    shown = tiles(page)
    assert {(tile["address"].split("/")[1], tile["width"]) for tile in shown} == {("15", 1024)}
    assert not (bare(page) == VOID).all(-1).any()


def test_reloading_the_url_restores_the_view(page: Page, server: Server) -> None:
    show(page, server, "9/41.9/12.49/seed=7")
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


def test_another_hash_moves_the_view(page: Page, server: Server) -> None:
    show(page, server, "9/41.9/12.49/seed=7")
    page.run("location.hash = '#8/-33.90/18.40/seed=12'")
    page.until("document.querySelector('[data-address^=\"12/8/\"]')")
    page.until(SETTLED)
    assert {tile["address"].split("/")[0] for tile in tiles(page)} == {"12"}
    assert page.run("location.hash") == "#8/-33.9000/18.4000/seed=12"
    assert page.run("document.querySelector('#seed').value") == "12"


def test_another_world_has_other_tiles_and_back_returns(page: Page, server: Server) -> None:
    show(page, server, "11/41.9/12.49/seed=7")
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


def test_a_typed_seed_keeps_all_of_its_digits(page: Page, server: Server) -> None:
    show(page, server, "7/41.9/12.49/seed=7")
    type_seed(page, "18446744073709551615")
    page.until("location.hash.endsWith('seed=18446744073709551615')")
    page.until(SETTLED)
    assert {tile["address"].split("/")[0] for tile in tiles(page)} == {"18446744073709551615"}
    page.key("]")
    page.until("location.hash.endsWith('seed=0')")
    page.key("[")
    page.until("location.hash.endsWith('seed=18446744073709551615')")
    assert page.complaints == []


@pytest.mark.parametrize("text", ["18446744073709551616", "-1", "1.5", "1e3", "rome", "9" * 400])
def test_a_wrong_seed_is_refused_with_a_sentence(page: Page, server: Server, text: str) -> None:
    show(page, server, "3/41.9/12.49/seed=7")
    type_seed(page, text)
    sentence = page.until("document.querySelector('#seed-error').textContent")
    assert sentence.endswith(".")
    assert len(sentence) < 120
    assert field(page, "seed") == "7"


def test_the_swipe_shows_two_worlds(page: Page, server: Server) -> None:
    show(page, server, "9/41.9/12.49/seed=7/vs=8/split=0.5")
    shown = tiles(page)
    picture = bare(page)
    sides = [[t for t in shown if t["address"].startswith(seed)] for seed in ("7/", "8/")]
    assert min(map(len, sides)) > 3
    assert_shows(server, picture, sides[0], 0, 640)
    assert_shows(server, picture, sides[1], 640, 1280)
    assert not (picture == VOID).all(-1).any()
    assert page.complaints == []


def test_the_divider_moves_by_pointer_and_by_key(page: Page, server: Server) -> None:
    show(page, server, "9/41.9/12.49/seed=7/vs=8/split=0.5")
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
    assert_shows(server, picture, shown, 218, 1280)
    page.key("Escape")
    page.until("!location.hash.includes('vs=')")
    page.until(SETTLED)
    assert {tile["address"].split("/")[0] for tile in tiles(page)} == {"7"}
    assert page.complaints == []


def test_worlds_hidden_by_the_divider_are_not_asked_for(page: Page, server: Server) -> None:
    show(page, server, "9/41.9/12.49/seed=57/vs=58/split=0.9")
    shown = tiles(page)
    assert {tile["address"].split("/")[0] for tile in shown} == {"57", "58"}
    for tile in shown:
        left, right = (0, 1152) if tile["address"].startswith("57/") else (1152, 1280)
        assert tile["x"] < right
        assert tile["x"] + 256 > left
    asked = [path for _, path, _ in server.log() if path.startswith("/58/9/")]
    assert len(asked) == sum(tile["address"].startswith("58/") for tile in shown)


def test_retry_after_is_honoured(page: Page, server: Server) -> None:
    server.set(busy=4, after=3)
    page.open(f"{server.root}#11/41.9/12.49/seed=21")
    page.until("document.querySelector('#status.shown')?.innerText.includes('busy')")
    page.until(SETTLED, 60)
    log = server.log()
    first = min(at for at, _, status in log if status == 503)
    assert not [entry for entry in log if first + 0.7 < entry[0] < first + 3.0]
    assert sum(status == 503 for _, _, status in log) == 4
    assert all(tile["state"] == "ready" for tile in tiles(page))
    page.until("!document.querySelector('#status.shown')")


def test_tiles_that_failed_say_so_and_can_be_tried_again(page: Page, server: Server) -> None:
    server.set(refuse="/11/1094/")
    show(page, server, "11/41.9/12.49/seed=22")
    assert {"failed", "ready"} == {tile["state"] for tile in tiles(page)}
    sentence = page.until("document.querySelector('#status.shown')?.innerText")
    assert re.search(r"\d tiles? could not be made\s+this test refuses it", sentence)
    assert "could not be made" in page.until("document.querySelector('#live').textContent")
    server.set()
    page.click("#status button")
    page.until("!document.querySelector('.tile[data-state=failed]') && " + SETTLED)
    assert all(tile["whole"] for tile in tiles(page))
    page.until("!document.querySelector('#status.shown')")


def test_work_in_progress_is_shown(page: Page, server: Server) -> None:
    server.set(delay=0.06)
    page.open(f"{server.root}#9/41.9/12.49/seed=23")
    sentence = page.until("document.querySelector('#status.shown')?.innerText")
    assert re.fullmatch(r"Making \d+ tiles?", sentence.strip())
    assert page.run("document.querySelector('#progress').classList.contains('shown')")
    server.set()
    page.until(SETTLED, 60)
    page.until("!document.querySelector('#progress.shown, #status.shown')")
    assert page.complaints == []


UNDER = """(() => {
  const tile = [...document.querySelectorAll(".tile")].find(({ dataset }) =>
    dataset.state === "failed");
  const under = tile.querySelector("canvas");
  const { data } = under.getContext("2d").getImageData(0, 0, under.width, under.height);
  return { address: tile.dataset.address, side: under.width, data: [...data] };
})()"""


def test_what_tiles_are_made_from_is_shown_meanwhile(page: Page, server: Server) -> None:
    server.set(refuse="/25/9/")
    page.open(f"{server.root}#9/41.9/12.49/seed=25")
    page.until(SETTLED, 60)
    page.until("performance.getEntriesByType('resource').some((e) => e.name.includes('/25/7/'))")
    time.sleep(0.5)
    shown = page.run(UNDER)
    _, _, x, y = map(int, shown["address"].split("/"))
    parent = server.get(f"25/7/{x >> 2}/{y >> 2}.webp")
    pixels = np.asarray(Image.open(io.BytesIO(parent)).convert("RGB")).astype(int)
    part = pixels[64 * (y & 3) :, 64 * (x & 3) :][:64, :64]
    sketch = np.array(shown["data"]).reshape(shown["side"], shown["side"], 4)[..., :3]
    assert abs(sketch[8::16, 8::16] - part[4::8, 4::8]).mean() < 8  # enlarged, patch by patch
    asked = [path for _, path, status in server.log() if status == 200]
    assert {path.split("/")[2] for path in asked} == {"5", "7"}


def test_what_a_finer_picture_covers_is_not_asked_for(page: Page, server: Server) -> None:
    show(page, server, "8/41.9/12.49/seed=26")
    server.set()
    page.key("+")
    page.until("document.querySelector('[data-address^=\"26/9/\"]') && " + SETTLED, 60)
    middle = [path for _, path, _ in server.log()]
    assert [path for path in middle if path.startswith(("/26/5/", "/26/7/"))] == []


def test_tiles_that_leave_the_view_are_given_up(page: Page, server: Server) -> None:
    server.set(delay=0.15)
    page.open(f"{server.root}#8/41.9/12.49/seed=24")
    page.until("document.querySelectorAll('[data-address^=\"24/8/\"]').length > 12")
    page.run("location.hash = '#5/-33.9/18.4/seed=24'")
    page.until("document.querySelector('[data-address^=\"24/5/\"]') && " + SETTLED, 60)
    server_side = [path for _, path, _ in server.log() if path.startswith("/24/8/")]
    assert len(server_side) <= 8
    assert page.complaints == []


def test_the_keyboard_moves_zooms_and_helps(page: Page, server: Server) -> None:
    show(page, server, "9/41.90/12.49/seed=7")
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


@pytest.mark.parametrize("hash_text", ["rome", "7/x/y", "99/91/1e9/seed=-4", "////", "7/1", "%%%"])
def test_a_damaged_link_still_shows_a_map(page: Page, server: Server, hash_text: str) -> None:
    show(page, server, hash_text)
    assert all(tile["whole"] for tile in tiles(page))
    assert re.fullmatch(r"#\d+/-?[\d.]+/-?[\d.]+/seed=\d+", page.run("location.hash"))
    assert page.complaints == []


def test_a_phone_can_use_everything(page: Page, server: Server) -> None:
    page.viewport(*PHONE, phone=True)
    show(page, server, "11/37.09/-8.35/seed=7")
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


def test_a_finger_moves_the_map_and_the_divider(page: Page, server: Server) -> None:
    page.viewport(*PHONE, phone=True)
    show(page, server, "9/41.9/12.49/seed=7/vs=8/split=0.5")
    page.swipe((195, 422), (78, 430))
    page.until("location.hash.endsWith('split=0.200')")
    assert page.run("location.hash").startswith("#9/41.9")
    page.swipe((250, 250), (150, 300))
    page.until("!location.hash.startsWith('#9/41.9')")
    page.until(SETTLED)
    assert not (bare(page) == VOID).all(-1).any()
    assert page.complaints == []


def test_the_readout_agrees_with_the_tiles(page: Page, server: Server) -> None:
    ask = "import('/static/web/readout.js').then((readout) => readout.metresPerPixel(%r, %d))"
    show(page, server, "13/41.9/12.49/seed=7")
    text = page.run("document.querySelector('#readout').innerText")
    assert "Zoom 13" in text
    assert "14.2 m per pixel" in text
    assert "Invented: drawn from zoom 11" in text
    assert "Invented by Elsewhere · base map: NASA Blue Marble" in text
    for tile in (Tile(0, 0, 0), Tile(13, 4380, 3045), Tile(15, 7, 1)):
        given = page.run(ask % (tile.latitude, tile.z))
        assert given == pytest.approx(tile.ground_resolution, rel=1e-4)


@pytest.mark.parametrize("zoom", [3, 16])
def test_nothing_lies_on_anything_else(page: Page, server: Server, zoom: int) -> None:
    page.open(f"{server.root}#{zoom}/24/8/seed=7")
    page.until("document.querySelector('[data-part=bar]')?.style.width > ''")
    for width, height in SIZES:
        page.viewport(width, height, phone=width < 900)
        page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.run(CLASHES) == [], (width, height)


def test_reduced_motion_is_respected(page: Page, server: Server) -> None:
    wish = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.send("Emulation.setEmulatedMedia", features=wish)
    try:
        show(page, server, "9/41.9/12.49/seed=7")
        names = "[...document.querySelectorAll('.tile-image')].map((i) => getComputedStyle(i)"
        assert set(page.run(names + ".animationName)")) == {"none"}
        assert not page.run("document.querySelector('.leaflet-zoom-animated')")
    finally:
        page.send("Emulation.setEmulatedMedia", features=[])


@pytest.mark.parametrize(
    ("header", "milliseconds"),
    [("3", 3000), ("0", 0), (None, None), ("", None), ("soon", None), ("-1", None)],
)
def test_retry_after_headers_are_read(
    page: Page, server: Server, header: str | None, milliseconds: int | None
) -> None:
    page.open(server.root)
    ask = f"import('/static/web/loader.js').then((m) => m.retryAfter({json.dumps(header)}))"
    assert page.run(ask) == milliseconds


def test_a_date_in_retry_after_is_read(page: Page, server: Server) -> None:
    page.open(server.root)
    date = "'Thu, 01 Jan 1970 00:01:00 GMT'"
    ask = f"import('/static/web/loader.js').then((m) => m.retryAfter({date}, 15000))"
    assert page.run(ask) == 45000


def test_pauses_grow_and_stay_bounded(page: Page, server: Server) -> None:
    page.open(server.root)
    ask = "import('/static/web/loader.js').then((m) => [1, 2, 3, 9, 50].map((n) => m.pause(n, %d)))"
    assert page.run(ask % 1) == [500, 1000, 2000, 15000, 15000]
    assert page.run(ask % 0) == [250, 500, 1000, 7500, 7500]
