"""STAC: items of catalogues, in files and on a server, become sources or are refused."""

import json
import re

import numpy as np
import pytest

from generator.grid.errors import ImageryError
from generator.imagery.folder import find
from generator.imagery.options import Options
from tests.staccatalog import item, noise, sent, serving, visual, write_catalogue, write_tiff
from training.cli import main
from training.imagery.prepare import prepare
from training.imagery.pyramid import Pyramid

pytest.importorskip("rasterio")
pytest.importorskip("pystac_client")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_items_of_a_catalogue_in_files_have_place_terms_and_pixels(tmp_path):
    bands = noise(3, 300, 320)
    write_tiff(tmp_path / "fields" / "a.tif", bands)
    path = write_catalogue(tmp_path, [item("a", visual("./a.tif"))])
    for address in (path, str(path), tmp_path):
        (source,) = find(address, Options()).sources
        assert (source.name, source.source) == ("fields/a", "fields")
        assert source.gsd == pytest.approx(10, rel=0.01)
        assert source.lat == pytest.approx(46.94, abs=0.02)
        assert source.licence == "CC-BY-4.0"
        assert source.credit == "Field Agency"
        assert [file.name for file in source.files] == ["a.tif"]
        np.testing.assert_array_equal(source.read().pixels, np.moveaxis(bands, 0, -1))


def test_pixels_of_a_server_are_those_of_the_file(tmp_path):
    bands = noise(3, 300, 320)
    write_tiff(tmp_path / "fields" / "a.tif", bands)
    write_catalogue(tmp_path, [item("a", visual("./a.tif"))])
    with serving(tmp_path) as url:
        (source,) = find(f"{url}/catalog.json", Options()).sources
        np.testing.assert_array_equal(source.read().pixels, np.moveaxis(bands, 0, -1))
        assert source.files == ()
        assert source.credit == "Field Agency"


def test_a_coarse_wish_fetches_the_coarse_level_only(tmp_path):
    bands = np.repeat(np.repeat(noise(3, 256, 256), 8, 1), 8, 2)
    file = write_tiff(tmp_path / "fields" / "a.tif", bands)
    write_catalogue(tmp_path, [item("a", visual("./a.tif"))])
    with serving(tmp_path) as url:
        (source,) = find(f"{url}/catalog.json", Options(finest=80)).sources
        pixels = source.read().pixels
        fetched = sent(url)
    assert source.gsd == pytest.approx(80, rel=0.01)
    np.testing.assert_array_equal(pixels, np.moveaxis(bands[:, ::8, ::8], 0, -1))
    assert fetched < file.stat().st_size / 10


def test_three_files_of_one_colour_are_joined_and_stretched(tmp_path):
    bands = noise(3, 300, 300, high=3000, kind=np.uint16)
    assets = {}
    for number, (key, colour) in enumerate((("B04", "red"), ("B03", "green"), ("B02", "blue"))):
        write_tiff(tmp_path / "fields" / f"{key}.tif", bands[number : number + 1])
        assets[key] = {"href": f"./{key}.tif", "eo:bands": [{"name": key, "common_name": colour}]}
    write_catalogue(tmp_path, [item("a", dict(reversed(assets.items())))])
    found = find(tmp_path, Options())
    (source,) = found.sources
    expected = (bands.astype(float) - 60) * 255 / (2940 - 60)
    pixels = source.read().pixels.astype(float)
    assert np.abs(pixels - np.clip(np.moveaxis(expected, 0, -1), 0, 255)).max() < 6
    assert "16-bit samples 60 to 2940" in found.notes[0]


def test_colours_on_different_grids_are_refused(tmp_path):
    assets = {}
    for colour, pixel in (("red", 10), ("green", 10), ("blue", 20)):
        write_tiff(tmp_path / "fields" / f"{colour}.tif", noise(1, 200, 200), pixel)
        assets[colour] = {"href": f"./{colour}.tif"}
    write_catalogue(tmp_path, [item("a", assets)])
    with pytest.raises(ImageryError, match="no usable item among 1: the colours of .*differ"):
        find(tmp_path, Options())


def test_cloudy_and_broken_items_are_named_and_the_rest_goes_on(tmp_path):
    write_tiff(tmp_path / "fields" / "a.tif", noise(3, 200, 200))
    (tmp_path / "fields" / "b.tif").write_bytes(b"nothing")
    documents = [
        item("cloudy", visual("./a.tif"), clouds=61.4),
        item("broken", visual("./b.tif")),
        item("missing", visual("./c.tif")),
        item("grey", {"thumb": {"href": "./a.png", "type": "image/png"}}),
        {"type": "Feature", "stac_version": "1.0.0", "id": "odd", "links": []},
        item("fine", visual("./a.tif")),
    ]
    write_catalogue(tmp_path, documents)
    (tmp_path / "fields" / "odd.json").write_text("[]")
    found = find(tmp_path, Options())
    assert [source.name for source in found.sources] == ["fields/fine"]
    wanted = ("61 percent of clouds, expected at most 20", "fields/broken", "fields/missing")
    wanted += ("grey has no true-colour GeoTIFF among its assets \\(thumb\\)", "odd.json holds no")
    assert len(found.failed) == len(wanted)
    for line, words in zip(found.failed, wanted, strict=True):
        assert re.search(words, line)
    assert len(find(tmp_path, Options(clouds=70)).sources) == 2


def test_a_box_keeps_items_that_meet_it_and_of_them_the_pieces_near_it(tmp_path, monkeypatch):
    monkeypatch.setattr("generator.imagery.pieces.SIDE", 100)
    monkeypatch.setattr("generator.imagery.stac.SIDE", 100)
    write_tiff(tmp_path / "fields" / "a.tif", noise(3, 500, 500))
    far = item("far", visual("./a.tif")) | {"bbox": [20, 0, 21, 1]}
    write_catalogue(tmp_path, [far, item("a", visual("./a.tif"))])
    assert len(find(tmp_path, Options()).sources) == 50
    found = find(tmp_path, Options(box=(9.0, 46.935, 9.001, 46.936)))
    assert 1 <= len(found.sources) <= 9
    assert all(source.lon < 9.015 for source in found.sources)
    assert found.failed == []
    with pytest.raises(ImageryError, match="no usable item among 2: it lists none"):
        find(tmp_path, Options(box=(100, 10, 101, 11)))


def test_as_many_items_as_wanted_are_taken(tmp_path):
    write_tiff(tmp_path / "fields" / "a.tif", noise(3, 200, 200))
    write_catalogue(tmp_path, [item(str(n), visual("./a.tif")) for n in range(5)])
    found = find(tmp_path, Options(items=2))
    assert [source.name for source in found.sources] == ["fields/0", "fields/1"]
    assert "2 of 2 items taken" in found.notes[-1]


def test_a_catalogue_that_breaks_off_keeps_what_was_found(tmp_path):
    write_tiff(tmp_path / "fields" / "a.tif", noise(3, 200, 200))
    with serving(tmp_path) as url:
        write_catalogue(tmp_path, [])
        path = tmp_path / "fields" / "collection.json"
        collection = json.loads(path.read_text())
        collection["links"] = [{"rel": "items", "href": f"{url}/page.json"}]
        path.write_text(json.dumps(collection))
        features = [item("a", visual(f"{url}/fields/a.tif"))]
        page = {"type": "FeatureCollection", "features": features}
        page["links"] = [{"rel": "next", "href": f"{url}/never"}]
        (tmp_path / "page.json").write_text(json.dumps(page))
        found = find(f"{url}/fields/collection.json", Options(patience=1))
    assert [source.name for source in found.sources] == ["fields/a"]
    assert "never did not answer within 1 seconds" in found.failed[0]


def test_a_long_list_of_items_is_looked_at_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("generator.imagery.staccatalogue.LOOKED_AT", 4)
    write_tiff(tmp_path / "fields" / "a.tif", noise(3, 200, 200))
    cloudy = [item(f"cloudy{n}", visual("./a.tif"), clouds=90) for n in range(9)]
    write_catalogue(tmp_path, [item("a", visual("./a.tif")), *cloudy])
    found = find(tmp_path, Options(items=2))
    assert len(found.sources) == 1
    assert 3 <= len(found.failed) < 9
    assert "lists 5 more, not looked at" in found.failed[-1]


def test_item_and_feature_collection_and_another_name_for_the_source(tmp_path):
    write_tiff(tmp_path / "a.tif", noise(3, 200, 200))
    alone = item("a", visual("./a.tif"), license="other", providers=[{"name": "Town"}])
    alone["links"] = [{"rel": "license", "href": "https://example.org/terms"}]
    (tmp_path / "one.json").write_text(json.dumps(alone))
    both = {"type": "FeatureCollection", "features": [alone, alone | {"id": "b"}]}
    (tmp_path / "both.json").write_text(json.dumps(both))
    (source,) = find(tmp_path / "one.json", Options(source="mine")).sources
    assert (source.source, source.credit) == ("mine", "Town")
    assert source.licence == "https://example.org/terms"
    assert len(find(tmp_path / "both.json", Options()).sources) == 2
    alone["properties"] |= {"providers": 3, "license": None}
    alone["links"] = 3
    (tmp_path / "both.json").write_text(json.dumps(both))
    assert find(tmp_path / "both.json", Options()).failed
    with pytest.raises(ImageryError, match="is STAC, which names resolutions itself"):
        find(tmp_path / "one.json", Options(gsd=3))


def test_a_server_whose_pixels_stop_is_named_and_keys_are_not_shown(tmp_path):
    write_tiff(tmp_path / "fields" / "a.tif", noise(3, 200, 200))
    with serving(tmp_path) as url:
        never = item("never", visual(f"{url}/never.tif?key=secret"))
        write_catalogue(tmp_path, [never, item("a", visual("./a.tif"))])
        found = find(f"{url}/catalog.json", Options(patience=1))
        assert [source.name for source in found.sources] == ["fields/a"]
        (line,) = found.failed
        assert "fields/never" in line
        assert "secret" not in line
    (tmp_path / "fields" / "b.tif").write_bytes((tmp_path / "fields" / "a.tif").read_bytes())
    write_catalogue(tmp_path, [item("b", visual("./b.tif"))])
    with serving(tmp_path) as url:
        (source,) = find(f"{url}/catalog.json", Options(patience=1)).sources
    with pytest.raises(ImageryError, match="fields/b"):
        source.read()


def test_prepared_imagery_of_a_server_is_that_of_the_files(tmp_path):
    write_tiff(tmp_path / "in" / "fields" / "a.tif", noise(3, 300, 320))
    write_catalogue(tmp_path / "in", [item("a", visual("./a.tif"))])
    with serving(tmp_path / "in") as url:
        remote = find(f"{url}/catalog.json", Options()).sources
        assert prepare(remote, None, tmp_path / "remote") == []
    assert prepare(find(tmp_path / "in", Options()).sources, None, tmp_path / "local") == []
    one, two = Pyramid(tmp_path / "remote"), Pyramid(tmp_path / "local")
    assert one.images == two.images
    np.testing.assert_array_equal(one.shard(0), two.shard(0))


def test_the_command_prepares_what_lies_at_a_url(tmp_path, monkeypatch, capsys):
    write_tiff(tmp_path / "in" / "fields" / "a.tif", noise(3, 300, 320))
    write_catalogue(tmp_path / "in", [item("a", visual("./a.tif"))])
    with serving(tmp_path / "in") as url:
        words = ["prepare", f"{url}/catalog.json", "--out", str(tmp_path / "out")]
        monkeypatch.setattr("sys.argv", ["training", *words])
        assert main() == 0
    assert "fields: 1 images" in capsys.readouterr().out


def test_without_pystac_client_it_says_what_is_needed(tmp_path, monkeypatch):
    path = write_catalogue(tmp_path, [])
    monkeypatch.setitem(__import__("sys").modules, "generator.imagery.stac", None)
    with pytest.raises(ImageryError, match=r"install elsewhere\[stac\]"):
        find(path, Options())
