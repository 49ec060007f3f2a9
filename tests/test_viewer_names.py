"""Names on the map and in the corner: switched, remembered, never on each other, only on Earth."""

from __future__ import annotations

import pytest

from tests.browser import Page
from tests.look import CLASHES, PHONE, SETTLED, show
from tests.test_viewer_controls import SIZES
from tests.viewed import Server

COUNT = "Number(document.querySelector('#names-view')?.dataset.count ?? 0)"
INK = """(() => {
  const canvas = document.querySelector("#names-view");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let inked = 0;
  for (let at = 3; at < data.length; at += 4) inked += data[at] > 0;
  return inked;
})()"""


def test_names_are_switched_and_remembered_in_the_address(page: Page, viewer: Server) -> None:
    show(page, viewer, "5/47/8/seed=7")
    assert page.run("document.querySelector('#names-view')") is None
    page.click("#names")
    page.until("location.hash.endsWith('/names=on')")
    page.until(f"{COUNT} > 20")
    assert page.run(INK) > 1000
    assert page.run("document.querySelector('#names').ariaPressed") == "true"
    page.key("p")
    page.until("!location.hash.includes('names') && !document.querySelector('#names-view')")
    page.open(f"{viewer.root}#5/47/8/seed=7/names=on")
    page.until(f"{COUNT} > 20")
    page.reload()
    page.until(f"{COUNT} > 20")
    assert page.run("document.querySelector('#names-view').ariaHidden") == "true"
    assert page.complaints == []


def test_names_move_with_the_map_and_follow_far(page: Page, viewer: Server) -> None:
    show(page, viewer, "6/47/8/seed=7/names=on")
    page.until(f"{COUNT} > 5")
    place = "document.querySelector('#names-view').getBoundingClientRect().x"
    before = page.run(place)
    page.run("window.drawn = document.querySelector('#names-view').style.transform")
    page.drag((700, 400), (640, 400))
    # Drawn anew round the new view.
    page.until("document.querySelector('#names-view').style.transform !== drawn")
    page.until(f"Math.abs({place} - {before}) <= 1")
    # The canvas holds the view wherever it goes.
    for _ in range(3):
        page.drag((1100, 400), (200, 400))
    box = "document.querySelector('#names-view').getBoundingClientRect()"
    page.until(f"{box}.left <= 0 && {box}.right >= innerWidth")
    assert page.complaints == []


@pytest.mark.parametrize("view", ["0/0/0", "2/24/179", "4/50/10", "9/35.6/139.8", "14/48.85/2.35"])
def test_no_name_lies_on_another_at_any_zoom(page: Page, viewer: Server, view: str) -> None:
    page.open(f"{viewer.root}#{view}/seed=7")
    page.until("document.querySelector('#names') !== null")
    overlaps = page.run(
        """(async () => {
          const { NamesLayer } = await import("/static/web/names.js");
          const map = L.map(document.createElement("div"));
          map.getSize = () => L.point(1280, 800);
          map.createPane("names");
          const [zoom, lat, lng] = location.hash.slice(1).split("/").map(Number);
          map.setView([lat, lng], zoom);
          const layer = new NamesLayer().addTo(map);
          await layer.load();
          const boxes = layer._placed(layer._bounds.getSize()).map(({ box }) => box);
          const apart = (a, b) => a.right < b.left || b.right < a.left
            || a.bottom < b.top || b.bottom < a.top;
          const meet = boxes.filter((a, n) => boxes.slice(n + 1).some((b) => !apart(a, b)));
          return [boxes.length, meet.length];
        })()"""
    )
    assert overlaps[1] == 0
    assert 0 < overlaps[0] < 400 or view.startswith("0")


def test_the_corner_tells_what_is_near(page: Page, viewer: Server) -> None:
    show(page, viewer, "9/47.99/-4.1/seed=7")
    page.until("document.querySelector('#near').textContent === 'Near Quimper, France'")
    show(page, viewer, "7/47.99/-12/seed=7")
    page.until("/^[0-9]+ km from [A-Z].*, /.test(document.querySelector('#near').textContent)")
    show(page, viewer, "4/47.99/-12/seed=7")
    page.until("document.querySelector('#near').hidden")
    assert page.complaints == []


def test_distances_go_round_the_globe_and_over_the_dateline(page: Page, viewer: Server) -> None:
    page.open(f"{viewer.root}#3/0/0/seed=7")
    page.run("import('/static/web/near.js').then((module) => { window.near = module; })")
    points = """[{ name: "A", lat: 0, lng: 179.5 }, { name: "B", lat: 0, lng: -170 },
      { name: "C", lat: 89, lng: 90 }, { name: "D", lat: 0, lng: -179, country: true }]"""
    for place, name, km in (
        ("0, -179", "A", 166.8),
        ("0, -171", "B", 111.2),
        ("89.5, -90", "C", 166.8),
    ):
        found = page.run(f"(({{town, km}}) => [town.name, km])(near.nearest({points}, {place}))")
        assert found[0] == name
        assert found[1] == pytest.approx(km, rel=0.01)
    assert page.run("near.sentence('A', 'B', 12)") == "Near A, B"
    assert page.run("near.sentence('A', '', 1234)") == "1,200 km from A"


def test_another_planet_has_no_names(page: Page, viewer: Server) -> None:
    page.send(
        "Page.addScriptToEvaluateOnNewDocument",
        source="""const ask = window.fetch;
        window.fetch = async (...given) => {
          const answer = await ask(...given);
          if (!String(given[0]).endsWith("api/info") || location.search !== "?other") return answer;
          return new Response(JSON.stringify({ ...await answer.json(), earth: false,
            base_map: "made-up planet 3" }));
        };""",
    )
    page.open(f"{viewer.root}?other#9/47.99/-4.1/seed=7/names=on")
    page.until(SETTLED)
    page.key("p")
    assert page.run("document.querySelector('#names').checkVisibility()") is False
    assert page.run("document.querySelector('#names-view')") is None
    assert page.run("document.querySelector('#near').hidden")
    page.until("!location.hash.includes('names')")
    assert page.complaints == []


def test_credits_and_what_is_near_leave_room_for_the_rest(page: Page, viewer: Server) -> None:
    page.viewport(*PHONE, phone=True)
    show(page, viewer, "9/47.99/-4.1/seed=7/names=on")
    page.until("!document.querySelector('#near').hidden")
    credits = " · © OpenStreetMap contributors (ODbL) · GSHHG (LGPL-3.0-or-later) · GeoNames"
    page.run(f"document.querySelector('#credit').textContent += '{credits} (CC BY 4.0) · NASA'")
    for width, height in SIZES:
        page.viewport(width, height, phone=width < 900)
        page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.run(CLASHES) == [], (width, height)
