"""What a stranger finds in the viewer: its search for places, its words, its help."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.browser import Page
from tests.live import Live, live

FOUND = "[...document.querySelectorAll('#found li')].map((option) => option.textContent)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("search")) as server:
        yield server


@pytest.fixture(scope="module")
def page(server: Live, browser: Page) -> Page:
    browser.viewport(1280, 800)
    browser.open(f"{server.root}#3/24/8/seed=7")
    browser.until("document.querySelector('#folded')?.textContent === 'World 7'")
    browser.run("import('/static/web/coordinates.js').then((module) => { window.c = module; })")
    browser.run("import('/static/web/gazetteer.js').then((module) => { window.g = module; })")
    browser.run("g.loadGazetteer().then((names) => { window.names = names; })")
    return browser


def parse(page: Page, text: str) -> list[float] | str | None:
    found: list[float] | str | None = page.run(
        f"""(() => {{
          try {{
            const point = c.parseCoordinates({json.dumps(text)});
            return point && [point.lat, point.lng];
          }} catch (error) {{
            return error.message;
          }}
        }})()"""
    )
    return found


@pytest.mark.parametrize(
    "text",
    [
        "46.5, 7.6",
        "46.5 7.6",
        "46.5,7.6",
        "46,5 7,6",
        "46,5; 7,6",
        "46,5, 7,6",
        " (46.5 , 7.6) ",
        "46°30'N 7°36'E",
        "46°30′ N, 7°36′ E",
        "46° 30' 0\" N 7° 36' 0\" E",
        "46º30’00”N7º36’00”E",
        "46 30 N 7 36 E",
        "46 30 0 N, 7 36 0 E",
        "N46.5 E7.6",
        "46.5° n, 7.6° e",
        "7.6 E, 46.5 N",
        "lat: 46.5, lon: 7.6",
        "latitude=46.5 longitude=7.6",
        "geo:46.5,7.6",
        "+46.5 / +7.6",
    ],
)
def test_coordinates_are_read_as_people_write_them(page: Page, text: str) -> None:
    assert parse(page, text) == pytest.approx([46.5, 7.6])


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("-33.9, 18.4", [-33.9, 18.4]),
        ("33.9 S, 70.6 W", [-33.9, -70.6]),
        ("−0°30', −0°15'", [-0.5, -0.25]),
        ("46, 7", [46, 7]),
        ("12, 352.4", [12, -7.6]),
        ("90, 0", [90, 0]),
    ],
)
def test_signs_letters_and_full_turns_are_understood(
    page: Page, text: str, point: list[float]
) -> None:
    assert parse(page, text) == pytest.approx(point)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("95, 7", "Latitude 95 is beyond the pole"),
        ("7, 400", "Longitude 400 is more than once around"),
        ("46.5", "two numbers"),
        ("465", "two numbers"),
        ("46°75'N 7°E", "Minutes and seconds stay below 60"),
        ("46 N, 7 S", "Both numbers are a latitude"),
        ("1 2 3", "two numbers"),
    ],
)
def test_coordinates_that_cannot_be_are_told_why(page: Page, text: str, sentence: str) -> None:
    said = parse(page, text)
    assert isinstance(said, str)
    assert sentence in said


@pytest.mark.parametrize(
    "text", ["", "Bern", "Nice", "6th of October City", "東京", "W", "46 Main St"]
)
def test_names_are_not_taken_for_coordinates(page: Page, text: str) -> None:
    assert parse(page, text) is None


def find(page: Page, query: str) -> list[list[str]]:
    found: list[list[str]] = page.run(
        f"names.find({json.dumps(query)}).map((place) => [place.name, place.detail])"
    )
    return found


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("bern", ["Bern", "Switzerland"]),
        ("ZURICH", ["Zürich", "Switzerland"]),
        ("Genf", ["Geneva (Genf)", "Switzerland"]),
        ("東京", ["Tokyo (東京)", "Japan"]),
        ("москва", ["Moscow (Москва)", "Russia"]),
        ("saint-denis", ["Saint-Denis", "Réunion"]),
        ("paris", ["Paris", "France"]),
        ("paris, texas", ["Paris", "Texas, United States"]),
        ("paris texas", ["Paris", "Texas, United States"]),
        ("springfield, ill", ["Springfield", "Illinois, United States"]),
        ("York", ["York", "United Kingdom"]),
        ("new york", ["New York City (New York)", "New York, United States"]),
        ("switz", ["Switzerland", "Country"]),
    ],
)
def test_names_are_found_whatever_their_spelling(page: Page, query: str, first: list[str]) -> None:
    assert find(page, query)[0] == first


@pytest.mark.parametrize("query", ["", "z", "xyzzyton", ",", "\t", "|", "bern, texas", "9" * 300])
def test_what_is_no_place_finds_nothing(page: Page, query: str) -> None:
    assert find(page, query) == []


def search(page: Page, text: str) -> None:
    page.key("/")
    page.until("document.activeElement.id === 'find'")
    page.type(text)


def test_a_city_is_reached_by_keyboard_alone(page: Page) -> None:
    search(page, "genev")
    page.until(f"{FOUND}.some((text) => text.includes('Switzerland'))")
    assert page.run("document.querySelector('#find').ariaExpanded") == "true"
    page.key("ArrowDown")
    active = page.run("document.querySelector('#find').getAttribute('aria-activedescendant')")
    assert page.run(f"document.getElementById('{active}').ariaSelected") == "true"
    page.key("Enter")
    page.until("location.hash.startsWith('#13/46.2')")
    assert page.run("document.activeElement.id") == "map"
    page.until("document.querySelector('#toast').textContent.includes('the ground is invented')")
    page.run("history.back()")
    page.until("location.hash.startsWith('#3/24')")


def test_coordinates_go_there_with_enter(page: Page) -> None:
    search(page, "46°30'N 7°36'E")
    page.until(f"{FOUND}.join() === '46.5° N, 7.6° E Coordinates'")
    page.key("Enter")
    page.until("location.hash.startsWith('#13/46.5') && location.hash.includes('/7.6')")


def test_nothing_found_says_what_to_try(page: Page) -> None:
    search(page, "Xyzzyton")
    note = page.until(
        "document.querySelector('#find-note').textContent.startsWith('No place') "
        "&& document.querySelector('#find-note').textContent"
    )
    assert note.startswith("No place called “Xyzzyton”. Try ")
    assert page.run("document.querySelector('#found').hidden")
    before = page.run("location.hash")
    page.key("Enter")
    page.key("Escape")
    page.until("!document.querySelector('#search.open')")
    assert page.run("location.hash") == before
    assert page.complaints == []


def test_names_that_could_not_be_loaded_are_asked_for_again(page: Page, server: Live) -> None:
    page.open(f"{server.root}#3/24/8/seed=7")
    page.until("document.querySelector('#folded')?.textContent === 'World 7'")
    page.run("window.real = fetch; window.fetch = async () => { throw new TypeError('offline'); }")
    search(page, "Bern")
    page.until("document.querySelector('#find-note').textContent.includes('could not be loaded')")
    page.key("Escape")
    page.run("window.fetch = window.real")
    search(page, "Bern")
    page.until(f"{FOUND}[0] === 'Bern Switzerland'")
    page.key("Escape")


def test_before_anything_is_typed_views_are_offered_that_every_world_has(page: Page) -> None:
    page.key("g")
    page.until(f"{FOUND}.length > 5")
    offered = page.run("import('/static/web/places.js').then(({ PLACES }) => PLACES)")
    assert page.run("document.querySelectorAll('#found li').length") == len(offered)
    # Worlds share the base map, to zoom 5, and what it decides; no town is promised.
    assert not any(
        word in place["name"].lower() for place in offered for word in ("city", "town", "village")
    )
    page.key("Escape")


def test_comparing_starts_where_worlds_differ(page: Page, server: Live) -> None:
    page.open(f"{server.root}#3/24/8/seed=7")
    page.until("document.querySelector('#folded')?.textContent === 'World 7'")
    page.click("#compare")
    page.until("location.hash.includes('/vs=')")
    assert int(page.run("location.hash.slice(1).split('/')[0]")) >= 9
    page.open(f"{server.root}#10/24/8/seed=7")
    page.until("document.querySelector('#folded')?.textContent === 'World 7'")
    page.click("#compare")
    page.until("location.hash.startsWith('#10/24') && location.hash.includes('/vs=')")


def test_words_say_what_a_world_a_rung_and_a_tool_are(page: Page, server: Live) -> None:
    page.open(f"{server.root}#13/41.9/12.49/seed=0")
    page.until("document.querySelector('[data-part=ladder]')?.title")
    panel = page.run("document.querySelector('#panel').innerText")
    assert "World number" in panel
    assert "Every number is another Earth" in panel
    rungs = page.run("document.querySelector('[data-part=ladder]').title").splitlines()
    assert rungs[5] == "Zoom 5: Base map, same in every world"
    assert rungs[13] == "Zoom 13: Invented: drawn from zoom 11"
    tools = page.run(
        "[...document.querySelectorAll('#tools > *')].map((t) => [t.innerText, t.title])"
    )
    assert all(word.strip() and len(title) > 10 for word, title in tools)
    assert ["For GIS", "Use this world in QGIS, GDAL, Leaflet, Python and others"] in tools


@pytest.mark.parametrize(("phone", "shown"), [(True, ".gestures"), (False, ".keys")])
def test_help_names_what_this_device_has(page: Page, server: Live, phone: bool, shown: str) -> None:
    page.viewport(390, 844, phone=phone)
    page.open(server.root)
    page.until("document.querySelector('#folded')?.textContent.startsWith('World')")
    page.click("#ask")
    tables = page.run(
        "[...document.querySelectorAll('#about table')].filter((table) => table.checkVisibility())"
        ".map((table) => `.${table.className}`)"
    )
    assert tables == [shown]


def test_a_planet_without_names_takes_coordinates_only(page: Page, server: Live) -> None:
    page.viewport(1280, 800)
    page.open(server.root)
    page.run(
        """(async () => {
          const { Search } = await import("/static/web/search.js");
          const form = document.querySelector("#search");
          form.replaceWith(form.cloneNode(true));
          new Search(document.querySelector("#search"), null, (place) => { window.went = place; });
        })()"""
    )
    page.run("document.querySelector('#find').focus()")
    page.until("document.querySelector('#find-note').textContent.includes('has no names')")
    page.type("Bern")
    assert page.run(FOUND) == []
    page.key("Enter")
    page.run("document.querySelector('#find').select()")
    page.type("-12, 100")
    page.until(f"{FOUND}.length === 1")
    page.key("Enter")
    assert page.until("window.went")["lat"] == -12
