"""Walking catalogues: every item once, in order, whatever is broken beside it; and APIs."""

import json

import pytest

from generator.grid.errors import ImageryError
from generator.imagery.options import Options
from tests.staccatalog import item, serving, write_catalogue

pytest.importorskip("pystac_client")
from generator.imagery.staccatalogue import Catalogue  # only where pystac-client is
from generator.imagery.stacreader import Reader  # as above

CORE = "https://api.stacspec.org/v1.0.0/core"
SEARCH = "https://api.stacspec.org/v1.0.0/item-search"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def catalogue(address, **options):
    return Catalogue(str(address), Options(**options), Reader(5))


def names(found):
    return [entry.document["id"] for entry in found.entries()]


def test_items_come_once_in_the_order_of_the_links_with_their_collection(tmp_path):
    path = write_catalogue(tmp_path, [item(name, {}) for name in ("c", "a", "b")])
    root = json.loads(path.read_text())
    root["links"] *= 2  # twice the same child
    root["links"].append({"rel": "child", "href": "catalog.json"})  # and itself
    path.write_text(json.dumps(root))
    found = catalogue(path)
    entries = list(found.entries())
    assert [entry.document["id"] for entry in entries] == ["c", "a", "b"]
    assert {entry.collection["id"] for entry in entries} == {"fields"}
    assert entries[0].address == str(tmp_path / "fields" / "c.json")
    assert found.failed == []


def test_what_is_broken_inside_is_named_and_the_rest_read(tmp_path):
    path = write_catalogue(tmp_path, [item(name, {}) for name in ("a", "b", "c", "d")])
    (tmp_path / "fields" / "a.json").unlink()
    (tmp_path / "fields" / "b.json").write_text("<html>")
    (tmp_path / "fields" / "c.json").write_text('{"type": "Feature"}')
    found = catalogue(path)
    assert names(found) == ["d"]
    assert len(found.failed) == 3
    for line, name in zip(found.failed, ("a.json", "b.json is not JSON", "c.json"), strict=True):
        assert name in line


@pytest.mark.parametrize(
    "document",
    [
        {"name": "something"},
        {"type": "Feature", "geometry": None},
        {"type": "FeatureCollection", "features": 3},
        {"type": "Catalog", "stac_version": "1.0.0", "id": "x", "links": 3},
    ],
)
def test_other_json_is_explained(tmp_path, document):
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(ImageryError, match=r"a\.json .*expected a"):
        names(catalogue(tmp_path / "a.json"))


def test_collections_may_be_chosen_by_name(tmp_path):
    path = write_catalogue(tmp_path, [item("a", {})])
    assert names(catalogue(path, collections=("fields",))) == ["a"]
    assert names(catalogue(path, collections=("towns",))) == []


def test_items_of_a_feature_collection_lie_where_they_say(tmp_path):
    own = item("a", {}) | {"links": [{"rel": "self", "href": "https://example.org/x/a.json"}]}
    odd = item("c", {}) | {"links": [{"rel": "self", "href": "s3://bucket/c.json"}]}
    features = {"type": "FeatureCollection", "features": [own, item("b", {}), odd, 7]}
    path = tmp_path / "found.json"
    path.write_text(json.dumps(features))
    addresses = [entry.address for entry in catalogue(path).entries()]
    assert addresses == ["https://example.org/x/a.json", str(path), str(path)]


def test_an_api_is_searched_by_box_and_collections_page_by_page(tmp_path):
    with serving(tmp_path) as url:
        root = {"type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "api"}
        root |= {"conformsTo": [CORE, SEARCH]}
        root["links"] = [
            {"rel": "self", "href": f"{url}/root.json"},
            {"rel": "root", "href": f"{url}/root.json"},
            {"rel": "search", "href": f"{url}/first.json", "type": "application/geo+json"},
        ]
        (tmp_path / "root.json").write_text(json.dumps(root))
        first = {"type": "FeatureCollection", "features": [item("a", {}), item("b", {})]}
        first["links"] = [{"rel": "next", "href": f"{url}/second.json", "method": "POST"}]
        (tmp_path / "first.json").write_text(json.dumps(first))
        second = {"type": "FeatureCollection", "features": [item("c", {})], "links": []}
        (tmp_path / "second.json").write_text(json.dumps(second))
        with pytest.raises(ImageryError, match="is a STAC API with all its collections"):
            names(catalogue(f"{url}/root.json"))
        found = catalogue(f"{url}/root.json", box=(8, 46, 10, 48), collections=("fields",))
        entries = found.entries()
        assert next(entries).document["id"] == "a"
        asked = json.loads((tmp_path / "asked.json").read_text())
        assert asked == {"limit": 100, "bbox": [8, 46, 10, 48], "collections": ["fields"]}
        assert [entry.document["id"] for entry in entries] == ["b", "c"]
        del root["conformsTo"][1]
        (tmp_path / "root.json").write_text(json.dumps(root))
        with pytest.raises(ImageryError, match="root.json cannot be searched"):
            names(found)


def test_a_collection_of_an_api_is_read_page_by_page(tmp_path):
    with serving(tmp_path) as url:
        write_catalogue(tmp_path, [])
        path = tmp_path / "fields" / "collection.json"
        collection = json.loads(path.read_text())
        collection["links"] = [{"rel": "items", "href": f"{url}/first.json"}]
        path.write_text(json.dumps(collection))
        first = {"type": "FeatureCollection", "features": [item("a", {})]}
        first["links"] = [{"rel": "next", "href": f"{url}/second.json"}]
        (tmp_path / "first.json").write_text(json.dumps(first))
        second = {"type": "FeatureCollection", "features": [item("b", {})], "links": []}
        (tmp_path / "second.json").write_text(json.dumps(second))
        assert names(catalogue(f"{url}/fields/collection.json")) == ["a", "b"]
