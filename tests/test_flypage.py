"""Flights on the map page, in a real Chromium: the panel, the flight, and its maths."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import numpy as np
import pytest

from tests.browser import Page, chromium, find_chromium
from tests.look import SETTLED, bare, show
from tests.viewed import Server, serving
from tileserver.cli import join_negative, parser
from tileserver.commands.fly import read_plan
from tileserver.flying.flight import Flight, Plan
from tileserver.flying.route import read_route

DESKTOP = (1280, 800)
PHONE = (390, 844)
ROME = "7/41.9/12.49/seed=7"
OPEN = "!document.querySelector('#flight').hidden"
FLYING = "document.body.classList.contains('flying')"


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium here: install Debian's package 'chromium' to run this test")
    with chromium(path) as page:
        yield page


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


def part(name: str) -> str:
    return f"document.querySelector('#flight [data-part={name}]')"


def add(page: Page, text: str) -> None:
    page.click("#flight [data-part=place]")
    page.type(text)
    page.key("Enter")


def choose(page: Page, name: str, km: int) -> None:
    page.run(f"{part(name)}.value = {km}; {part(name)}.dispatchEvent(new Event('change'))")


def points(page: Page) -> list[str]:
    found: list[str] = page.run(
        "[...document.querySelectorAll('#flight li span')].map((node) => node.textContent)"
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
    page: Page, server: Server, path: str, altitudes: list[int]
) -> None:
    size = (1280, 800)
    flight = Flight(Plan(read_route(path), tuple(1000.0 * km for km in altitudes), size, 2))
    route = [{"lat": lat, "lng": lng} for lng, lat in read_route(path)]
    page.open(server.root)
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


def test_points_are_clicked_and_typed_and_give_the_command(page: Page, server: Server) -> None:
    show(page, server, ROME)
    page.click("#fly")
    page.until(OPEN)
    assert points(page) == ["Here (41.90, 12.49)"]
    assert page.run(f"{part('go')}.disabled")
    page.drag((700, 300), (700, 300))
    add(page, "-33.9, −70.5")
    add(page, "nile")
    page.until("document.querySelectorAll('#flight li').length === 4")
    assert points(page)[2:] == ["-33.90, -70.50", "Nile (31.05, 31.20)"]
    assert not page.run(f"{part('go')}.disabled")
    page.click("#flight li:nth-child(3) button")
    page.until("document.querySelectorAll('#flight li').length === 3")
    choose(page, "from", 400)
    choose(page, "to", 5)
    words = shlex.split(page.run(f"{part('command')}.textContent"))
    args = parser().parse_args(join_negative(words[1:]))
    assert (words[:2], args.seed, args.output) == (["elsewhere", "fly"], "7", "film.mp4")
    plan = read_plan(args)
    assert plan.altitudes == (400_000, 5_000)
    assert plan.points[0] == pytest.approx((12.49, 41.9), abs=1e-4)
    assert plan.points[2] == pytest.approx((31.2, 31.05), abs=1e-4)
    page.key("Escape")
    page.until(f"!({OPEN})")
    assert not page.run("document.querySelector('#map path')")
    assert page.complaints == []


@pytest.mark.parametrize("text", ["91, 7", "nowhere at all", "7", ""])
def test_what_is_no_place_is_refused_with_a_sentence(page: Page, server: Server, text: str) -> None:
    show(page, server, ROME)
    page.key("f")
    page.until(OPEN)
    add(page, text)
    assert "known place" in page.until(f"{part('error')}.textContent")
    assert len(points(page)) == 1


def test_a_flight_asks_for_tiles_in_the_order_of_its_way_and_lands(
    page: Page, server: Server
) -> None:
    page.viewport(400, 300)
    show(page, server, ROME)
    page.key("f")
    page.until(OPEN)
    add(page, "42.3, 12.9")
    choose(page, "to", 60)
    server.set()
    page.run(f"{part('go')}.click()")
    page.until(FLYING)
    asked = [int(path.split("/")[2]) for _, path, _ in server.log()]
    page.until(f"!{FLYING}", 90)
    page.until(SETTLED)
    later = [int(path.split("/")[2]) for _, path, _ in server.log()]
    assert 10 not in asked
    firsts = [later.index(zoom) for zoom in (8, 9, 10)]  # 7 is in the browser's cache
    assert firsts == sorted(firsts)
    assert page.run("location.hash").startswith("#10/42.30")
    page.until("document.querySelector('#flight-view').hidden")
    assert page.complaints == []


@pytest.mark.parametrize("how", ["Escape", "tap"])
def test_a_flight_waits_for_its_tiles_and_stops_where_it_is(
    page: Page, server: Server, how: str
) -> None:
    seed = {"Escape": 31, "tap": 32}[how]
    show(page, server, f"7/41.9/12.49/seed={seed}")
    page.key("f")
    page.until(OPEN)
    add(page, "44, 14")
    choose(page, "to", 10)
    server.set(delay=0.6)
    page.click("#flight [data-part=go]")
    page.until("document.querySelector('#flight-caption').textContent.includes('tiles ahead')")
    if how == "Escape":
        page.key("Escape")
    else:
        page.drag((640, 400), (640, 400))
    page.until(f"!{FLYING}")
    server.set()
    assert page.run("location.hash").startswith("#7/41.9")
    page.until(SETTLED)
    assert page.complaints == []


def test_reduced_motion_is_offered_a_flight_and_told(page: Page, server: Server) -> None:
    wish = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.send("Emulation.setEmulatedMedia", features=wish)
    try:
        show(page, server, ROME)
        page.key("f")
        page.until(OPEN)
        add(page, "42.3, 12.9")
        assert not page.run(f"{part('motion')}.hidden")
        assert page.run(f"{part('go')}.textContent").startswith("Fly all the same")
        assert not page.run(FLYING)
    finally:
        page.send("Emulation.setEmulatedMedia", features=[])


@pytest.mark.parametrize("size", [PHONE, (320, 568), (844, 390)])
def test_the_panel_fits_a_phone(page: Page, server: Server, size: tuple[int, int]) -> None:
    page.viewport(*size, phone=True)
    show(page, server, ROME)
    page.click("#fly")
    page.until(OPEN)
    add(page, "42.3, 12.9")
    page.until("document.querySelectorAll('#flight li').length === 2")
    page.run("document.querySelector('#flight details').open = true")
    box = "document.querySelector('#flight').getBoundingClientRect()"
    assert page.run(f"{box}.left") >= 0
    assert page.run(f"{box}.right") <= size[0]
    assert page.run(f"{box}.bottom") <= size[1]
    assert page.run("document.scrollingElement.scrollWidth") <= size[0]
    heights = page.run(
        "[...document.querySelectorAll('#flight button, #flight input, #flight select')]"
        ".map((node) => node.getBoundingClientRect().height)"
    )
    assert len(heights) == 9
    assert min(heights) >= 44
    page.run("document.querySelector('#flight [data-part=copy]').scrollIntoView()")
    assert page.run("document.querySelector('#flight').scrollWidth") <= page.run(f"{box}.width")


STILL = """Promise.all(['flyview', 'loader'].map((name) => import(`/static/web/${name}.js`)))
  .then(([{ FlightView }, { TileLoader }]) => {
    const canvas = document.querySelector('#flight-view');
    canvas.hidden = false;
    const urlOf = (seed, { z, x, y }) => `/${seed}/${z}/${x}/${y}.webp`;
    const flight = { seconds: 1e9, camera: () => ({ x: %r, y: 0.5, scale: 32768, altitude: 1 }) };
    const heard = { seed: '7', onFrame() {}, onEnd() {} };
    new FlightView(canvas, { loader: new TileLoader(), urlOf }, { flight, ...heard });
  })"""


@pytest.mark.parametrize(("longitude", "column"), [(0, 0.5), (180, 1.0), (-180, 0.0)])
def test_the_canvas_shows_what_the_map_shows(
    page: Page, server: Server, longitude: float, column: float
) -> None:
    show(page, server, f"7/0/{longitude}/seed=7")
    before = bare(page).astype(int)
    page.run(STILL % column)
    page.until("document.querySelector('#flight-view').matches('.shown')")
    page.until("document.querySelector('#flight-view').getAnimations().length === 0")
    assert np.abs(bare(page) - before).mean() < 1
    assert page.complaints == []
