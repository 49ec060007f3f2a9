"""JavaScript map libraries from npm, and pages that run a snippet with them in Chromium.

The folder `.clients`, or the one that ELSEWHERE_CLIENTS names, holds what `make clients` installs
from `tests/clients/package.json`. Nothing here installs or fetches anything.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from tests.live import serving

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("ELSEWHERE_CLIENTS", ROOT / ".clients"))
MODULES = FOLDER / "node_modules"
SIDE = 512
"""Pixels of a page's map, both ways."""

WEBGL = "--enable-unsafe-swiftshader"
"""Chromium's flag for WebGL without a graphics card."""

_PAGE = """<!doctype html>
<meta charset="utf-8"><link rel="icon" href="data:,">{head}
<style>body {{ margin: 0 }} #map {{ width: {side}px; height: {side}px }}</style>
<div id="map"></div>
<script type="module"{source}>{script}</script>
"""


class Library(NamedTuple):
    """How to run a snippet of a library.

    before, after: JavaScript round the snippet, in which AT is the middle, [longitude, latitude].
    head: HTML of a library that is used without a bundler.
    """

    before: str = ""
    after: str = ""
    head: str = ""


LIBRARIES = {
    "leaflet": Library(
        """import L from "leaflet"; import "leaflet/dist/leaflet.css";
        const map = L.map("map", { fadeAnimation: false }).setView([AT[1], AT[0]], 9);"""
    ),
    "maplibre-gl": Library(
        """import * as maplibregl from "maplibre-gl"; import "maplibre-gl/dist/maplibre-gl.css";
        maplibregl.setWorkerUrl("/node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs");
        const style = { version: 8, sources: {}, layers: [] };
        // Its zooms are those of tiles of 512 pixels.
        const map = new maplibregl.Map({ container: "map", center: AT, zoom: 8, style });
        await map.once("load");"""
    ),
    "ol": Library(
        """import Map from "ol/Map"; import View from "ol/View"; import "ol/ol.css";
        import { fromLonLat } from "ol/proj";""",
        """const view = new View({ center: fromLonLat(AT), zoom: 9 });
        new Map({ target: "map", layers: [elsewhere], view });""",
    ),
    "@arcgis/core": Library(
        """import config from "@arcgis/core/config.js"; import Map from "@arcgis/core/Map.js";
        import MapView from "@arcgis/core/views/MapView.js";
        import Tiling from "@arcgis/core/layers/support/TileInfo.js";
        config.assetsPath = "/node_modules/@arcgis/core/assets";
        const map = new Map();""",
        """const constraints = { lods: Tiling.create().lods };  // what a base map would say
        new MapView({ container: "map", map, center: AT, zoom: 9, constraints });""",
    ),
    "cesium": Library(
        """const bare = { baseLayer: false, skyBox: false, skyAtmosphere: false, msaaSamples: 1 };
        const alone = { baseLayerPicker: false, geocoder: false, navigationHelpButton: false };
        const viewer = new Cesium.Viewer("map", { ...bare, ...alone });
        viewer.scene.globe.maximumScreenSpaceError = 4;
        window.viewer = viewer;
        const destination = Cesium.Cartesian3.fromDegrees(...AT, 120_000);
        viewer.camera.setView({ destination });""",
        head="""<link rel="stylesheet" href="node_modules/cesium/Build/Cesium/Widgets/widgets.css">
        <script src="node_modules/cesium/Build/Cesium/Cesium.js"></script>""",
    ),
    "pmtiles": Library(
        """import "leaflet/dist/leaflet.css";""",
        "map.setView([AT[1], AT[0]], 9);",
    ),
}


def missing() -> str | None:
    """Return why the libraries cannot be used, in one sentence, or None."""
    for name in (*LIBRARIES, "esbuild"):
        if not (MODULES / name).is_dir():
            return f"no {name} in {FOLDER.name}/: `make clients` installs it with npm"
    return None


@contextmanager
def pages(
    folder: Path, snippets: Mapping[str, tuple[str, str]], at: tuple[float, float]
) -> Iterator[str]:
    """Serve a page for each snippet, NAME.html, and all else in the folder; give the URL.

    snippets: library and code by the page's name. at: longitude and latitude of the middle. Raises
    CalledProcessError when a snippet cannot be bundled.
    """
    (folder / "node_modules").symlink_to(MODULES.resolve())
    bundled = []
    for name, (package, code) in snippets.items():
        library = LIBRARIES[package]
        lines = (f"const AT = {json.dumps(at)};", library.before, code, library.after)
        script = "\n".join(lines)
        head, source = library.head, ""
        if not library.head:
            (folder / f"{name}.js").write_text(script)
            bundled.append(f"{name}.js")
            head = f'<link rel="stylesheet" href="out/{name}.css">'
            source, script = f' src="out/{name}.js"', ""
        page = _PAGE.format(head=head, side=SIDE, source=source, script=script)
        (folder / f"{name}.html").write_text(page)
    flags = ["--bundle", "--splitting", "--format=esm", "--outdir=out", "--log-level=error"]
    command = [MODULES / ".bin" / "esbuild", *bundled, *flags, "--loader:.png=dataurl"]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    files = StaticFiles(directory=folder, follow_symlink=True)
    with serving(Starlette(routes=[Mount("/", files)])) as root:
        yield root
