"""How the viewer asks for tiles: retries, failures, progress, what is given up."""

from __future__ import annotations

import io
import json
import re
import time

import numpy as np
import pytest
from PIL import Image

from tests.browser import Page
from tests.look import (
    SETTLED,
    show,
    tiles,
)
from tests.viewed import Server


def test_worlds_hidden_by_the_divider_are_not_asked_for(page: Page, viewer: Server) -> None:
    show(page, viewer, "9/41.9/12.49/seed=57/vs=58/split=0.9")
    shown = tiles(page)
    assert {tile["address"].split("/")[0] for tile in shown} == {"57", "58"}
    for tile in shown:
        left, right = (0, 1152) if tile["address"].startswith("57/") else (1152, 1280)
        assert tile["x"] < right
        assert tile["x"] + 256 > left
    asked = [path for _, path, _ in viewer.log() if path.startswith("/58/9/")]
    assert len(asked) == sum(tile["address"].startswith("58/") for tile in shown)


def test_retry_after_is_honoured(page: Page, viewer: Server) -> None:
    viewer.set(busy=4, after=3)
    page.open(f"{viewer.root}#11/41.9/12.49/seed=21")
    page.until("document.querySelector('#status.shown')?.innerText.includes('busy')")
    page.until(SETTLED, 60)
    log = viewer.log()
    first = min(at for at, _, status in log if status == 503)
    assert not [entry for entry in log if first + 0.7 < entry[0] < first + 3.0]
    assert sum(status == 503 for _, _, status in log) == 4
    assert all(tile["state"] == "ready" for tile in tiles(page))
    page.until("!document.querySelector('#status.shown')")


def test_tiles_that_failed_say_so_and_can_be_tried_again(page: Page, viewer: Server) -> None:
    viewer.set(refuse="/11/1094/")
    show(page, viewer, "11/41.9/12.49/seed=22")
    assert {"failed", "ready"} == {tile["state"] for tile in tiles(page)}
    sentence = page.until("document.querySelector('#status.shown')?.innerText")
    assert re.search(r"\d tiles? could not be made\s+this test refuses it", sentence)
    assert "could not be made" in page.until("document.querySelector('#live').textContent")
    viewer.set()
    page.click("#status button")
    page.until("!document.querySelector('.tile[data-state=failed]') && " + SETTLED)
    assert all(tile["whole"] for tile in tiles(page))
    page.until("!document.querySelector('#status.shown')")


def test_work_in_progress_is_shown(page: Page, viewer: Server) -> None:
    viewer.set(delay=0.06)
    page.open(f"{viewer.root}#9/41.9/12.49/seed=23")
    sentence = page.until("document.querySelector('#status.shown')?.innerText")
    assert re.fullmatch(r"Making \d+ tiles?", sentence.strip())
    assert page.run("document.querySelector('#progress').classList.contains('shown')")
    viewer.set()
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


def test_what_tiles_are_made_from_is_shown_meanwhile(page: Page, viewer: Server) -> None:
    viewer.set(refuse="/25/9/")
    page.open(f"{viewer.root}#9/41.9/12.49/seed=25")
    page.until(SETTLED, 60)
    page.until("performance.getEntriesByType('resource').some((e) => e.name.includes('/25/7/'))")
    time.sleep(0.5)
    shown = page.run(UNDER)
    _, _, x, y = map(int, shown["address"].split("/"))
    parent = viewer.get(f"25/7/{x >> 2}/{y >> 2}.webp")
    pixels = np.asarray(Image.open(io.BytesIO(parent)).convert("RGB")).astype(int)
    part = pixels[64 * (y & 3) :, 64 * (x & 3) :][:64, :64]
    sketch = np.array(shown["data"]).reshape(shown["side"], shown["side"], 4)[..., :3]
    assert abs(sketch[8::16, 8::16] - part[4::8, 4::8]).mean() < 8  # enlarged, patch by patch
    asked = [path for _, path, status in viewer.log() if status == 200]
    assert {path.split("/")[2] for path in asked} == {"5", "7"}


def test_what_a_finer_picture_covers_is_not_asked_for(page: Page, viewer: Server) -> None:
    show(page, viewer, "8/41.9/12.49/seed=26")
    viewer.set()
    page.key("+")
    page.until("document.querySelector('[data-address^=\"26/9/\"]') && " + SETTLED, 60)
    middle = [path for _, path, _ in viewer.log()]
    assert [path for path in middle if path.startswith(("/26/5/", "/26/7/"))] == []


def test_tiles_that_leave_the_view_are_given_up(page: Page, viewer: Server) -> None:
    viewer.set(delay=0.15)
    page.open(f"{viewer.root}#8/41.9/12.49/seed=24")
    page.until("document.querySelectorAll('[data-address^=\"24/8/\"]').length > 12")
    page.run("location.hash = '#5/-33.9/18.4/seed=24'")
    page.until("document.querySelector('[data-address^=\"24/5/\"]') && " + SETTLED, 60)
    server_side = [path for _, path, _ in viewer.log() if path.startswith("/24/8/")]
    assert len(server_side) <= 8
    assert page.complaints == []


@pytest.mark.parametrize(
    ("header", "milliseconds"),
    [("3", 3000), ("0", 0), (None, None), ("", None), ("soon", None), ("-1", None)],
)
def test_retry_after_headers_are_read(
    page: Page, viewer: Server, header: str | None, milliseconds: int | None
) -> None:
    page.open(viewer.root)
    ask = f"import('/static/web/loader.js').then((m) => m.retryAfter({json.dumps(header)}))"
    assert page.run(ask) == milliseconds


def test_a_date_in_retry_after_is_read(page: Page, viewer: Server) -> None:
    page.open(viewer.root)
    date = "'Thu, 01 Jan 1970 00:01:00 GMT'"
    ask = f"import('/static/web/loader.js').then((m) => m.retryAfter({date}, 15000))"
    assert page.run(ask) == 45000


def test_pauses_grow_and_stay_bounded(page: Page, viewer: Server) -> None:
    page.open(viewer.root)
    ask = "import('/static/web/loader.js').then((m) => [1, 2, 3, 9, 50].map((n) => m.pause(n, %d)))"
    assert page.run(ask % 1) == [500, 1000, 2000, 15000, 15000]
    assert page.run(ask % 0) == [250, 500, 1000, 7500, 7500]
