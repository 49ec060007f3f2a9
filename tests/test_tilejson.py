"""TileJSON: what the specification and its JSON schema ask for, and that its tiles are there."""

from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from tests.site import Site, fetch, on_site

# What TileJSON 3.0.0 requires of the members that are used here, after its prose and its schema.
SEMVER = r"^\d+\.\d+\.\d+(\+[0-9a-f]+)?$"
ZOOM = {"type": "integer", "minimum": 0, "maximum": 30}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["tilejson", "tiles", "vector_layers"],
    "properties": {
        "tilejson": {"const": "3.0.0"},
        "tiles": {"type": "array", "minItems": 1, "items": {"pattern": "^https?://"}},
        "vector_layers": {"type": "array"},
        "attribution": {"type": "string"},
        "bounds": {"type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number"}},
        "center": {"type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "number"}},
        "description": {"type": "string"},
        "minzoom": ZOOM,
        "maxzoom": ZOOM,
        "name": {"type": "string"},
        "scheme": {"enum": ["xyz", "tms"]},
        "version": {"type": "string", "pattern": SEMVER},
    },
    "additionalProperties": False,
}


@on_site
async def test_it_keeps_to_the_specification(here: Site) -> None:
    for path in ("/tilejson.json", "/12/tilejson.json?format=webp&scale=2"):
        document = (await here.get(path)).json()
        jsonschema.validate(document, SCHEMA)
        west, south, east, north = document["bounds"]
        longitude, latitude, zoom = document["center"]
        assert west <= longitude <= east
        assert south <= latitude <= north
        assert document["minzoom"] <= zoom <= document["maxzoom"]
        assert "not a real place" in document["attribution"]


@on_site
async def test_its_tiles_are_there_and_cacheable_for_ever(here: Site) -> None:
    for query, media_type in (
        ("", "image/png"),
        ("?format=webp", "image/webp"),
        ("?format=jpg&scale=2", "image/jpeg"),
    ):
        (template,) = (await here.get("/7/tilejson.json" + query)).json()["tiles"]
        tile = await here.get(template.format(z=5, x=3, y=4))
        assert (tile.status_code, tile.headers["content-type"]) == (200, media_type)
        assert "immutable" in tile.headers["cache-control"]


@on_site
async def test_each_world_has_a_version_of_its_own(here: Site) -> None:
    versions = {(await here.get(f"/{seed}/tilejson.json")).json()["version"] for seed in (1, 2)}
    assert len(versions) == 2


@pytest.mark.parametrize("query", ["format=gif", "scale=3", "format="])
def test_an_unknown_variant_is_refused(tmp_path: Path, query: str) -> None:
    answer = fetch(tmp_path, f"/tilejson.json?{query}")
    assert answer.status_code == 400
    assert "expected" in answer.json()["detail"]


def test_a_base_map_with_a_strange_name_is_escaped(tmp_path: Path) -> None:
    from tileserver.documents.links import Links
    from tileserver.documents.tilejson import tilejson
    from tileserver.settings import Settings

    settings = Settings(cache=tmp_path, base=tmp_path / "<b>x\x01.png")
    document = tilejson(Links("http://a/", 0, False), settings, httpx.QueryParams(), 15)
    assert document["attribution"].endswith("base map: &lt;b&gt;x?.png")
