"""Runs the tests of every client and prints a table of what passed: python -m tests.clientstable.

`make clients` installs what they need and calls it. Exits with 1 when one failed; a client that is
not here is told with the reason, and is no failure.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest
from rich import box
from rich.console import Console
from rich.table import Table

from tests.browser import find_chromium


class Client(NamedTuple):
    """A row. what: what is tried; tests: beginnings of its tests' names; version: of the client."""

    name: str
    what: str
    tests: tuple[str, ...]
    version: Callable[[], str]


def python(package: str) -> Callable[[], str]:
    """Return what tells the version of a Python package."""
    return lambda: importlib.metadata.version(package)


def npm(package: str) -> Callable[[], str]:
    """Return what tells the version of an npm package."""

    def version() -> str:
        from tests.weblibraries import MODULES  # after pytest, which wants to see it first

        return str(json.loads((MODULES / package / "package.json").read_text())["version"])

    return version


def command(*words: str) -> Callable[[], str]:
    """Return what tells a program's version: the first word with a digit that it prints."""

    def version() -> str:
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        return next(word for word in said.split() if word[:1].isdigit()).rstrip(",")

    return version


QGIS = ("/usr/bin/python3", "-c", "from qgis.core import Qgis; print(Qgis.QGIS_VERSION)")
SNIPPETS, WEB = "tests/test_clients.py::", "tests/test_webclients.py::"
COMMANDS, MAP = (
    SNIPPETS + "test_the_commands_do_what_they_say",
    WEB + "test_the_map_shows_the_tiles",
)
NOTEBOOK = SNIPPETS + "test_a_notebook_shows_a_map_with_the_layer"
CLIENTS = (
    Client(
        "PyQGIS",
        "layer file, drawn in three projections",
        ("tests/test_qgis.py::test_qgis_draws",),
        command(*QGIS),
    ),
    Client(
        "GDAL CLI",
        "gdalinfo, gdal_translate",
        (COMMANDS + "[gdal",),
        command("gdalinfo", "--version"),
    ),
    Client(
        "rasterio",
        "GDAL file, TMS, WMTS",
        (
            SNIPPETS + "test_the_python_snippet_reads_pixels",
            SNIPPETS + "test_the_gdal_addresses_open",
            "tests/test_wmts.py::test_gdal_reads_it",
        ),
        python("rasterio"),
    ),
    Client(
        "OWSLib",
        "WMTS, OGC API",
        ("tests/test_wmts.py::test_owslib", "tests/test_ogc.py::test_owslib"),
        python("OWSLib"),
    ),
    Client("curl", "tiles, static pictures", (COMMANDS + "[curl",), command("curl", "--version")),
    Client(
        "contextily", "below a kilometre", (SNIPPETS + "test_contextily",), python("contextily")
    ),
    Client(
        "folium",
        "page, in Chromium",
        (SNIPPETS + "test_folium", WEB + "test_foliums_page"),
        python("folium"),
    ),
    Client("ipyleaflet", "map", (NOTEBOOK + "[ipyleaflet",), python("ipyleaflet")),
    Client("leafmap", "map", (NOTEBOOK + "[leafmap",), python("leafmap")),
    Client("Leaflet", "map, in Chromium", (MAP + "[leaflet",), npm("leaflet")),
    Client("MapLibre GL", "map, in Chromium", (MAP + "[maplibre",), npm("maplibre-gl")),
    Client("OpenLayers", "map, in Chromium", (MAP + "[openlayers",), npm("ol")),
    Client("Cesium", "globe, in Chromium", (WEB + "test_cesiums_globe",), npm("cesium")),
    Client("ArcGIS Maps SDK", "XYZ and WMTS, in Chromium", (MAP + "[arcgis",), npm("@arcgis/core")),
    Client("pmtiles.js", "exported file, in Chromium", (MAP + "[pmtiles",), npm("pmtiles")),
)


class Outcomes:
    """Collects what became of each test, as a plugin of pytest."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the worst that a test said: failed, skipped with its reason, or passed."""
        if report.when == "call" or report.outcome != "passed":
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            if self.found.get(report.nodeid, ("", ""))[0] != "failed":
                self.found[report.nodeid] = (report.outcome, reason)

    def of(self, client: Client) -> tuple[str, str]:
        """Return the outcome of a client and how many of its tests passed, or why none ran."""
        mine = [said for name, said in self.found.items() if name.startswith(client.tests)]
        kinds = [outcome for outcome, _ in mine]
        if "failed" in kinds or not mine:
            return "failed", f"{kinds.count('passed')} of {len(mine)} tests passed"
        reasons = [reason.removeprefix("Skipped: ") for _, reason in mine if reason]
        if reasons:
            return "skipped", reasons[0]
        return "passed", f"{len(mine)} test{'s' * (len(mine) > 1)}"


def main() -> int:
    """Run the tests; print the table; return the exit status."""
    outcomes = Outcomes()
    names = dict.fromkeys(test.partition("[")[0] for client in CLIENTS for test in client.tests)
    files = dict.fromkeys(name.partition("::")[0] for name in names)
    words = " or ".join(name.partition("::")[2] for name in names)
    pytest.main([*files, "-q", "-k", words, "-p", "no:cacheprovider"], plugins=[outcomes])
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("client", "version", "what is tried", "outcome", ""):
        table.add_column(heading, overflow="fold")
    failed = False
    for client in CLIENTS:
        outcome, detail = outcomes.of(client)
        failed |= outcome == "failed"
        version = "–"
        if outcome != "skipped":
            with contextlib.suppress(OSError, LookupError, ImportError, StopIteration):
                version = client.version()
        table.add_row(client.name, version, client.what, outcome, detail)
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    if (browser := find_chromium()) is not None:
        print(f"Chromium is {command(browser, '--version')()}.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
