"""Flights on the map page, in a real Chromium: the panel, the flight, and its maths."""

from __future__ import annotations

import json
import re
import shlex

import numpy as np
import pytest

from tests.browser import Page
from tests.look import CLASHES, DESKTOP, SETTLED, bare, show
from tests.viewed import Server
from tileserver.cli import joined_words, parser
from tileserver.commands.fly import read_flight_plan
from tileserver.flying.flight import Flight, FlightPlan
from tileserver.flying.route import read_route

PHONES = [(320, 640), (390, 844), (844, 390), (667, 375)]
SIZES = [*PHONES, (660, 600), (700, 600), (1024, 768), (1440, 900)]
ROME = "7/41.9/12.49/seed=7"
OPEN = "!document.querySelector('#flight').hidden"
FLYING = "document.body.classList.contains('flying')"


def part(name: str) -> str:
    return f"document.querySelector('#flight [data-part={name}]')"


def add(page: Page, text: str) -> None:
    """Add a point through the search, by keyboard alone."""
    before = len(points(page))
    page.run(f"{part('add')}.focus()")
    page.key("Enter")
    page.until("document.activeElement.id === 'find'")
    page.type(text)
    page.key("Enter")
    page.until(f"document.querySelectorAll('#flight li').length === {before + 1}")


def choose(page: Page, name: str, km: int) -> None:
    page.run(f"{part(name)}.value = {km}; {part(name)}.dispatchEvent(new Event('change'))")


def points(page: Page) -> list[str]:
    found: list[str] = page.run(
        "[...document.querySelectorAll('#flight li')].map((node) => node.innerText.trim()"
        r".replaceAll(/\s+/g, ' '))"
    )
    return found


@pytest.mark.parametrize(
    ("path", "altitudes"),
    [
        ("46.5,7.6 47.4,8.5", [40]),
        ("46.5,7.6 47.4,8.5 46,9 46,9.2 47,9", [400, 5]),
        ("-17,178 -16,-178", [80, 20, 60]),
        ("60,10 65,-150", [400]),
    ],
)
def test_the_page_flies_what_the_command_films(
    page: Page, viewer: Server, path: str, altitudes: list[int]
) -> None:
    size = (1280, 800)
    flight = Flight(FlightPlan(read_route(path), tuple(1000.0 * km for km in altitudes), size, 2))
    route = [{"lat": lat, "lng": lng} for lng, lat in read_route(path)]
    page.open(viewer.root)
    times = [flight.seconds * n / (flight.frames - 1) for n in range(flight.frames)]
    found = page.run(
        "import('/static/web/flypath.js').then(({ Flight }) => {"
        f"const flight = new Flight({json.dumps(route)}, {[1000 * km for km in altitudes]});"
        f"const at = (time) => flight.camera(time, {{ width: {size[0]}, height: {size[1]} }});"
        f"return [flight.seconds, {times}.map(at).map((c) => [c.x, c.y, c.scale])] }})"
    )
    assert found[0] == pytest.approx(flight.seconds, rel=1e-4)
    for (x, y, scale), camera in zip(found[1], flight, strict=True):
        assert scale == pytest.approx(camera.scale, rel=1e-3)
        assert (x - camera.x) * scale == pytest.approx(0, abs=0.5)  # pixels
        assert (y - camera.y) * scale == pytest.approx(0, abs=0.5)


def test_points_are_tapped_and_searched_and_give_the_command(page: Page, viewer: Server) -> None:
    show(page, viewer, ROME)
    page.click("#fly")
    page.until(OPEN)
    assert points(page) == ["Here 41.9° N, 12.49° E"]
    assert page.run(f"{part('go')}.disabled")
    page.drag((700, 300), (700, 300))
    add(page, "33.9 S, 70.5 W")
    add(page, "bern")
    assert re.fullmatch(r"4\d\.\d+° N, 1\d\.\d+° E", points(page)[1])
    assert points(page)[2:] == ["33.9° S, 70.5° W", "Bern Switzerland"]
    assert page.run("document.activeElement.dataset.part") == "add"
    assert not page.run(f"{part('go')}.disabled")
    page.click("#flight li:nth-child(3) button")
    page.until("document.querySelectorAll('#flight li').length === 3")
    choose(page, "from", 400)
    choose(page, "to", 5)
    words = shlex.split(page.run(f"{part('command')}.textContent"))
    args = parser().parse_args(joined_words(words[1:]))
    assert (words[:2], args.seed, args.output) == (["elsewhere", "fly"], "7", "film.mp4")
    plan = read_flight_plan(args)
    assert plan.altitudes == (400_000, 5_000)
    assert plan.points[0] == pytest.approx((12.49, 41.9), abs=1e-4)
    assert plan.points[2] == pytest.approx((7.447, 46.948), abs=1e-4)
    page.key("n")
    page.until("!location.hash.endsWith('seed=7')")
    seed = page.run("document.querySelector('#seed').value")
    assert page.run(f"{part('command')}.textContent").endswith(f"--seed {seed}")
    page.key("Escape")
    page.until(f"!({OPEN})")
    assert not page.run("document.querySelector('#map path')")
    assert page.complaints == []


def test_the_search_says_what_it_is_for(page: Page, viewer: Server) -> None:
    show(page, viewer, ROME)
    words = "[...['placeholder', 'ariaLabel']].map((name) => document.querySelector('#find')[name])"
    looking = page.run(words)
    page.key("f")
    page.until(OPEN)
    assert page.run(words) == ["Next point: place or coordinates"] * 2
    page.key("Escape")
    page.until(f"!({OPEN})")
    assert page.run(words) == looking
    assert page.run("document.activeElement.id") == "fly"


def test_escape_closes_what_lies_on_top(page: Page, viewer: Server) -> None:
    show(page, viewer, ROME)
    page.key("f")
    page.until(OPEN)
    page.key("?")
    page.until("document.querySelector('#about').open")
    page.key("Escape")
    page.until("!document.querySelector('#about').open")
    page.key("/")
    page.until("document.querySelector('#search.open')")
    page.key("Escape")
    page.until("!document.querySelector('#search.open')")
    assert page.run(OPEN)
    page.run(f"{part('from')}.focus()")
    page.key("Escape")
    page.until(f"!({OPEN})")


@pytest.mark.parametrize("longitude", [190, -170])
def test_points_and_path_lie_on_the_copy_of_the_world_that_is_seen(
    page: Page, viewer: Server, longitude: int
) -> None:
    page.open(f"{viewer.root}#5/-17/{longitude}/seed=7")
    page.until("document.querySelector('#folded')?.textContent === 'World 7'")
    page.key("f")
    page.until(OPEN)
    add(page, "-16, 178")
    add(page, "-20, -172")
    boxes = page.run(
        "[...document.querySelectorAll('#map path')].map((path) => path.getBoundingClientRect())"
        ".map(({ left, right, top, bottom }) => [left, right, top, bottom])"
    )
    assert len(boxes) == 4
    for left, right, top, bottom in boxes:
        assert 0 < left < right < DESKTOP[0]
        assert 0 < top < bottom < DESKTOP[1]


@pytest.mark.parametrize("size", [(390, 844), (844, 390), DESKTOP])
def test_a_point_that_is_out_of_view_is_brought_beside_the_panel(
    page: Page, viewer: Server, size: tuple[int, int]
) -> None:
    page.viewport(*size, phone=size != DESKTOP)
    show(page, viewer, ROME)
    page.run("document.querySelector('#fly').click()")
    page.until(OPEN)
    add(page, "Tokyo")
    covered = page.run(
        "[...document.querySelectorAll('#map path')].filter((path) => {"
        "  const dot = path.getBoundingClientRect();"
        "  const panel = document.querySelector('#flight').getBoundingClientRect();"
        "  return dot.left < 0 || dot.top < 0 || dot.right > innerWidth || dot.bottom > innerHeight"
        "    || (dot.right > panel.left && dot.bottom > panel.top); }).length"
    )
    assert covered == 0


def test_a_flight_asks_for_tiles_in_the_order_of_its_way_and_lands(
    page: Page, viewer: Server
) -> None:
    page.viewport(400, 300)
    show(page, viewer, ROME)
    page.key("f")
    page.until(OPEN)
    add(page, "42.3, 12.9")
    choose(page, "to", 60)
    viewer.set()
    page.run(f"{part('go')}.click()")
    page.until(FLYING)
    asked = [int(path.split("/")[2]) for _, path, _ in viewer.log()]
    page.until(f"!{FLYING}", 90)
    page.until(SETTLED)
    later = [int(path.split("/")[2]) for _, path, _ in viewer.log()]
    assert 10 not in asked
    firsts = [later.index(zoom) for zoom in (8, 9, 10)]  # 7 is in the browser's cache
    assert firsts == sorted(firsts)
    assert page.run("location.hash").startswith("#10/42.30")
    page.until("document.querySelector('#flight-view').hidden")
    assert "undefined" not in page.run("document.body.innerText")
    page.run("history.back()")
    page.until("location.hash.startsWith('#7/')")
    assert page.complaints == []


@pytest.mark.parametrize("how", ["Escape", "tap"])
def test_a_flight_waits_for_its_tiles_and_stops_where_it_is(
    page: Page, viewer: Server, how: str
) -> None:
    seed = {"Escape": 31, "tap": 32}[how]
    show(page, viewer, f"7/41.9/12.49/seed={seed}")
    page.key("f")
    page.until(OPEN)
    add(page, "44, 14")
    choose(page, "to", 10)
    viewer.set(delay=0.6)
    page.click("#flight [data-part=go]")
    caption = "document.querySelector('#flight-caption').textContent"
    page.until(f"/^Making [1-9]\\d* tiles? ahead/.test({caption})")
    assert page.run("document.querySelector('#credit').checkVisibility({visibilityProperty: true})")
    page.key("n")
    page.key("+")
    if how == "Escape":
        page.key("Escape")
    else:
        page.drag((640, 400), (640, 400))
    page.until(f"!{FLYING}")
    viewer.set()
    assert page.run("location.hash").startswith("#7/41.9")
    assert page.run("location.hash").endswith(f"seed={seed}")
    page.until(SETTLED)
    assert page.complaints == []


def test_reduced_motion_is_offered_a_flight_and_told(page: Page, viewer: Server) -> None:
    wish = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.send("Emulation.setEmulatedMedia", features=wish)
    try:
        show(page, viewer, ROME)
        page.key("f")
        page.until(OPEN)
        add(page, "42.3, 12.9")
        assert not page.run(f"{part('motion')}.hidden")
        assert page.run(f"{part('go')}.textContent").startswith("Fly all the same")
        assert not page.run(FLYING)
    finally:
        page.send("Emulation.setEmulatedMedia", features=[])


def test_the_panel_fits_every_screen(page: Page, viewer: Server) -> None:
    show(page, viewer, ROME)
    page.key("f")
    page.until(OPEN)
    add(page, "42.3, 12.9")
    add(page, "Sankt Petersburg")
    box = "document.querySelector('#flight').getBoundingClientRect()"
    for width, height in SIZES:
        page.viewport(width, height, phone=width < 900)
        page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        for unfolded in ("false", "true"):
            page.run(f"document.querySelector('#flight details').open = {unfolded}")
            assert page.run(CLASHES) == [], (width, height)
            assert page.run("document.querySelector('#flight').scrollWidth") <= page.run(
                f"{box}.width"
            )
            go = page.run(f"{part('go')}.getBoundingClientRect().bottom")
            assert go <= page.run(f"{box}.bottom")
        page.run("document.querySelector('#fold').ariaExpanded === 'false' && fold.click()")
        assert page.run(CLASHES) == [], (width, height)
        page.run(f"{part('copy')}.scrollIntoView()")
        assert page.run(f"{part('copy')}.getBoundingClientRect().bottom") <= height
        page.run("document.querySelector('#flight').scrollTop = 0")


STILL = """Promise.all(['flyview', 'loader'].map((name) => import(`/static/web/${name}.js`)))
  .then(([{ FlightView }, { TileLoader }]) => {
    const canvas = document.querySelector('#flight-view');
    canvas.hidden = false;
    const urlOf = (seed, { z, x, y }) => `/${seed}/${z}/${x}/${y}.webp`;
    const flight = { seconds: 1e9, camera: () => ({ x: %r, y: 0.5, scale: 32768, altitude: 1 }) };
    const heard = { seed: '7', onFrame() {}, onEnd() {} };
    new FlightView(canvas, { loader: new TileLoader(), urlOf, lastZoom: 17 }, { flight, ...heard });
  })"""


@pytest.mark.parametrize(("longitude", "column"), [(0, 0.5), (180, 1.0), (-180, 0.0)])
def test_the_canvas_shows_what_the_map_shows(
    page: Page, viewer: Server, longitude: float, column: float
) -> None:
    show(page, viewer, f"7/0/{longitude}/seed=7")
    before = bare(page).astype(int)
    page.run(STILL % column)
    page.until("document.querySelector('#flight-view').matches('.shown')")
    page.until("document.querySelector('#flight-view').getAnimations().length === 0")
    assert np.abs(bare(page) - before).mean() < 1
    assert page.complaints == []
