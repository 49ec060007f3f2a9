"""What tests ask of the viewer's page: its tiles, its pixels, and whether it rests."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.browser import Page
from tests.viewed import Server

DESKTOP, PHONE = (1280, 800), (390, 844)
"""Widths and heights of windows in pixels."""

VOID = (255, 0, 255)

BARE = """(() => {
  const style = document.createElement("style");
  style.textContent = ".chrome, #divider { visibility: hidden !important }";
  document.head.append(style);
  document.documentElement.style.setProperty("--void", "#ff00ff");
})()"""
SETTLED = """(() => {
  const tiles = [...document.querySelectorAll(".tile")];
  const images = [...document.querySelectorAll(".tile-image")];
  return tiles.length > 0 && tiles.every((tile) => tile.dataset.state !== "waiting")
    && images.every((image) => image.complete && image.getAnimations().length === 0)
    && !document.querySelector(".leaflet-zoom-anim, .leaflet-pan-anim");
})()"""
TILES = """[...document.querySelectorAll(".tile")].map((tile) => {
  const { x, y, width, height } = tile.getBoundingClientRect();
  const image = tile.querySelector("img");
  const whole = Boolean(image && image.complete && image.naturalWidth === 256);
  return { x, y, width, height, whole, ...tile.dataset };
}).filter(({ x, y, width, height }) =>
  x < innerWidth && y < innerHeight && x + width > 0 && y + height > 0)"""

CLASHES = """(() => {
  const seen = (part) => part.checkVisibility({ visibilityProperty: true });
  const shown = ["panel", "search", "tools", "flight", "zoom", "readout"]
    .filter((id) => seen(document.getElementById(id)))
    .map((id) => [id, document.getElementById(id).getBoundingClientRect()]);
  const apart = (a, b) =>
    a.right < b.left || b.right < a.left || a.bottom < b.top || b.bottom < a.top;
  const clashes = shown.flatMap(([a, one], index) => shown.slice(index + 1)
    .filter(([, other]) => !apart(one, other)).map(([b]) => `${a} on ${b}`));
  const outside = shown.filter(([, box]) => box.left < 4 || box.top < 4
    || box.right > innerWidth - 4 || box.bottom > innerHeight - 4).map(([id]) => `${id} outside`);
  const cut = [...document.querySelectorAll("#readout span, #tools > *")]
    .filter((part) => part.scrollWidth > part.clientWidth && getComputedStyle(part).display
      !== "inline").map((part) => `cut: ${part.textContent}`);
  const small = [...document.querySelectorAll("button, a, input, select, summary")].filter(seen)
    .map((part) => [part, part.getBoundingClientRect()])
    .filter(([, box]) => Math.min(box.width, box.height) < 44)
    .map(([part]) => `small: ${part.id || part.dataset.part}`);
  const bar = document.querySelector("[data-part=bar]").getBoundingClientRect();
  const card = document.querySelector("#readout").getBoundingClientRect();
  const scale = bar.width < 10 || bar.right > card.right - 10 ? [`bar ${bar.width}`] : [];
  return [...clashes, ...outside, ...cut, ...small, ...scale];
})()"""
"""What of the page lies on something else, outside, is cut off or too small to be touched."""


def show(page: Page, server: Server, view: str) -> None:
    """Open a view and wait until nothing is missing or moving."""
    page.open(f"{server.root}#{view}")
    page.until(SETTLED, 60)


def tiles(page: Page) -> list[dict[str, Any]]:
    """Return the tiles in the window: place, address, state, and whether the image is whole."""
    found: list[dict[str, Any]] = page.run(TILES)
    return found


def bare(page: Page) -> NDArray[np.uint8]:
    """Screenshot of the map alone; where no tile is, it is magenta."""
    page.run(BARE)
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.screenshot()


def assert_shows(
    server: Server, picture: NDArray[np.uint8], shown: list[dict[str, Any]], left: int, right: int
) -> None:
    """Between two columns, the screenshot is pixel for pixel what the server's tiles are."""
    for tile in shown:
        data = server.get(f"{tile['address']}.webp")
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        x, y = round(tile["x"]), round(tile["y"])
        x0, x1 = max(x, left), min(x + 256, right)
        y0, y1 = max(y, 0), min(y + 256, picture.shape[0])
        if x0 < x1:
            expected = pixels[y0 - y : y1 - y, x0 - x : x1 - x]
            assert np.array_equal(picture[y0:y1, x0:x1], expected), tile["address"]


def field(page: Page, name: str) -> str | None:
    """Part of the URL's hash after `name`=."""
    found = re.search(rf"/{name}=([^/]*)", page.run("location.hash"))
    return found[1] if found else None
