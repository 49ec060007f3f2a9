"""Sidecars say of an image what it does not say itself, for every format."""

import json

import numpy as np
import pytest
from PIL import Image

from generator.grid.errors import ImageryError
from generator.imagery.folder import find
from generator.imagery.options import Options
from generator.imagery.sidecar import Sidecar, read_sidecar

SAID = {
    "gsd_m": 4,
    "lat": 10,
    "lon": 20,
    "source": "planes",
    "split": "val",
    "licence": "CC0",
    "licence_class": "open",
    "credit": "Town",
}


@pytest.mark.parametrize("name", ["a.json", "a.png.json"])
def test_every_field_is_read(tmp_path, name):
    (tmp_path / name).write_text(json.dumps(SAID))
    terms = {"licence": "CC0", "licence_class": "open", "credit": "Town"}
    expected = Sidecar(4.0, 10.0, 20.0, "planes", "val", terms)
    assert read_sidecar(tmp_path / "a.png", "a.png") == expected
    assert expected.place(100, 50).at(50, 25).lat == 10


def test_none_beside_the_image_says_nothing(tmp_path):
    assert read_sidecar(tmp_path / "a.png", "a.png") == Sidecar()
    assert Sidecar().place(100, 50) is None


@pytest.mark.parametrize("text", ["[]", "nothing", '{"lat": "north"}'])
def test_unusable_ones_are_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ImageryError, match=r"a.json beside a.png is not usable"):
        read_sidecar(tmp_path / "a.png", "a.png")


def test_terms_reach_the_sources_of_pictures_and_tiffs(tmp_path):
    pytest.importorskip("rasterio")
    pixels = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 120, 3), np.uint8))
    for name in ("a.png", "b.tif"):
        pixels.save(tmp_path / name)
        (tmp_path / name).with_suffix(".json").write_text(json.dumps(SAID))
    sources = find(tmp_path, Options()).sources
    assert [source.name for source in sources] == ["a.png", "b.tif"]
    for source in sources:
        assert (source.licence, source.licence_class, source.credit) == ("CC0", "open", "Town")
        assert (source.gsd, source.source, source.split) == (4, "planes", "val")
        assert source.lat == pytest.approx(10)
