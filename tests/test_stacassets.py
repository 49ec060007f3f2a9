"""Choosing assets: the true-colour file first, then colours joined, an overview last."""

import pytest

from generator.grid.errors import ImageryError
from tests.staccatalog import item

pystac = pytest.importorskip("pystac")
from generator.imagery.stacassets import choose  # noqa: E402  # only where pystac is

HERE = "https://example.org/x/item.json"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def asset(name, *colours, key="eo:bands", field="common_name", **more):
    found = {"href": f"./{name}.tif", "type": COG} | more
    return found | ({key: [{field: colour} for colour in colours]} if colours else {})


VISUAL = asset("tci", "red", "green", "blue", roles=["visual"])
SINGLE = {colour: asset(colour, colour, roles=["data"]) for colour in ("red", "green", "blue")}
NIR = {"nir": asset("nir", "nir", roles=["data"])}
OVERVIEW = {"overview": asset("small", "red", "green", "blue", roles=["overview", "visual"])}


def chosen(assets):
    addresses, bands = choose(pystac.Item.from_dict(item("a", assets), href=HERE))
    assert all(address.startswith("https://example.org/x/") for address in addresses)
    return [address[22:-4] for address in addresses], bands


def test_the_file_made_to_be_looked_at_comes_first():
    everything = OVERVIEW | SINGLE | NIR | {"image": asset("raw", "red", "green", "blue", "nir")}
    assert chosen(everything | {"visual": VISUAL}) == (["tci"], (1, 2, 3))
    titled = {"B": asset("b", title="True color image"), **SINGLE}
    assert chosen(titled) == (["b"], ())


def test_bands_are_found_by_name_wherever_they_stand():
    image = asset("raw", "nir", "blue", "green", "red", roles=["data"])
    assert chosen(OVERVIEW | SINGLE | {"image": image}) == (["raw"], (4, 3, 2))


def test_single_colours_are_joined_in_their_order():
    assert chosen(NIR | dict(reversed(SINGLE.items()))) == (["red", "green", "blue"], (1, 1, 1))


def test_newer_bands_and_names_alone_are_understood():
    newer = {c: asset(c, c, key="bands", field="eo:common_name") for c in ("red", "green", "blue")}
    assert chosen(newer)[0] == ["red", "green", "blue"]
    by_key = {c: asset(c) for c in ("blue", "Green", "red")}
    assert chosen(by_key)[0] == ["red", "Green", "blue"]


def test_an_overview_serves_where_there_is_nothing_else_and_a_thumbnail_never():
    assert chosen(OVERVIEW | NIR) == (["small"], (1, 2, 3))
    with pytest.raises(ImageryError, match=r"assets \(thumb, nir\), expected a visual one"):
        chosen({"thumb": asset("t", "red", "green", "blue", roles=["thumbnail"]), **NIR})


def test_a_data_file_that_says_nothing_of_its_bands_is_tried():
    assert chosen({"data": asset("d", roles=["data"]), "meta": asset("m", roles=["metadata"])}) == (
        ["d"],
        (),
    )
    assert chosen({"plain": {"href": "./p.tiff?sig=1"}})[1] == ()


def test_other_formats_and_addresses_are_refused():
    with pytest.raises(ImageryError, match=r"among its assets \(visual\)"):
        chosen({"visual": {"href": "./tci.jp2", "type": "image/jp2"}})
    with pytest.raises(ImageryError, match="expected an http address"):
        chosen({"visual": {"href": "s3://bucket/tci.tif", "type": COG}})
    with pytest.raises(ImageryError, match=r"among its assets \(none\)"):
        chosen({})
