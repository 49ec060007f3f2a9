"""TileJSON 3.0.0: one world's tiles for Leaflet, MapLibre, OpenLayers and their kin."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from generator.grid.tile import MAX_LATITUDE
from tileserver.archives.tilearchive import TileArchive
from tileserver.documents.about import FORMATS, abstract, attribution, title
from tileserver.documents.links import Links
from tileserver.errors import BadRequestError
from tileserver.settings import Settings

BOUNDS = (-180.0, -MAX_LATITUDE, 180.0, MAX_LATITUDE)


def tilejson(
    links: Links,
    settings: Settings,
    query: Mapping[str, str],
    max_zoom: int,
    edition: str = "",
    archive: TileArchive | None = None,
) -> dict[str, Any]:
    """Return a world's TileJSON; the query may ask for format=png|webp|jpg and scale=1|2.

    max_zoom: the finest of its tiles.
    edition: version of the world, which makes the tiles cacheable for ever; empty if unknown.
    archive: which has all tiles that there are; None for a server that makes them.

    `vector_layers` is there, and empty, because the specification's JSON schema demands it; the
    attribution is HTML there, so a base map's file name is escaped. Raises BadRequestError.
    """
    own, min_zoom, bounds, center = "png", 0, BOUNDS, [8.0, 24.0, 3]
    if archive is not None:
        own = archive.encoding.format.replace("jpeg", "jpg")
        min_zoom, bounds, center = archive.zooms[0], archive.bounds, list(archive.center)
    extension, scale = query.get("format", own), query.get("scale", "1")
    if extension not in FORMATS:
        raise BadRequestError(f"the format is unknown, expected one of: {', '.join(FORMATS)}")
    if scale not in ("1", "2"):
        raise BadRequestError("the scale is unknown, expected 1 or 2")
    return {
        "tilejson": "3.0.0",
        "name": title(links.seed),
        "description": abstract(settings),
        "version": "1.0.0" + (edition and f"+{edition}"),
        "attribution": html.escape(attribution(settings)),
        "scheme": "xyz",
        "tiles": [links.tiles(extension, int(scale), edition)],
        "minzoom": min_zoom,
        "maxzoom": max_zoom,
        "bounds": list(bounds),
        "center": center,
        "vector_layers": [],
    }
