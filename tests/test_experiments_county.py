"""The figure of a world made from ten pictures: pictures with a place, their bank, the layout."""

import numpy as np
import pytest

from experiments import county
from generator.imagery.folder import find
from generator.imagery.options import Options
from generator.memory import bankfile
from tests.fakes_imagery import tiny_weights
from tests.fakes_memory import ground
from training.errors import TrainingError

rasterio = pytest.importorskip("rasterio")

ORIGIN = (435730.0, 4179460.0)
"""Upper left corner of the image, metres of UTM zone 18 N."""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Write bands as the package has them: uint16 with a place, here of made-up ground."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "data").mkdir()
    pixels = ground(1, 1947, 1933, 16).astype(np.uint16)
    for channel, band in enumerate(county.BANDS):
        with rasterio.open(
            folder / "data" / f"s2_{band}.jp2", "w", driver="GTiff", width=1933, height=1947,
            count=1, dtype="uint16", crs="EPSG:32618",
            transform=rasterio.Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]),
        ) as target:  # fmt: skip
            target.write(np.uint16(county.HAZE[channel]) + 5 * pixels[..., channel], 1)
    return folder


def test_ten_pictures_with_place_licence_and_credit_are_cut(package, tmp_path):
    county.cut(county.read(package), tmp_path)
    sources = find(tmp_path, Options()).sources
    assert len(sources) == 10
    assert [source.gsd for source in sources] == pytest.approx([10] * 10, rel=1e-2)
    assert {source.credit for source in sources} == {county.TERMS["credit"]}
    assert all(37 < source.lat < 38 and -76 < source.lon < -75 for source in sources)
    with rasterio.open(tmp_path / "5.tif") as picture:
        x, y = county.CORNERS[5]
        assert (picture.transform.c, picture.transform.f) == (
            ORIGIN[0] + 10 * x,
            ORIGIN[1] - 10 * y,
        )
        assert (picture.width, picture.height) == (1024, 1024)


@pytest.mark.slow
def test_a_bank_is_built_of_the_pictures_and_nothing_is_left_behind(package, tmp_path):
    weights = tiny_weights(tmp_path / "tiny.safetensors")
    county.cut(county.read(package), tmp_path / "pictures")
    bank = county.bank_of(tmp_path / "pictures", tmp_path / "county.bank", weights)
    scenes = bankfile.load(bank, None).scenes
    assert {scene.chosen_at for scene in scenes} == {11}
    assert len(scenes) == 10
    assert {path.name for path in tmp_path.iterdir()} == {
        "tiny.safetensors", "pictures", "county.bank",
    }  # fmt: skip


def test_both_worlds_stand_beside_the_pictures():
    image = np.full((1947, 1933, 3), (200, 0, 0), np.uint8)
    one, other = (
        [[np.full((256, 256, 3), colour, np.uint8)] * len(county.ZOOMS)] * len(county.PLACES)
        for colour in ((0, 200, 0), (0, 0, 200))
    )
    canvas = county.compose(image, county.PLACES, one, other)
    where = [np.nonzero((canvas == colour).all(2).any(0))[0] for colour in np.eye(3) * 200]
    assert all(len(columns) for columns in where)
    assert where[0].max() < where[1].min() < where[1].max() < where[2].min()


def test_a_folder_without_the_image_is_refused(tmp_path):
    with pytest.raises(TrainingError, match=r"s2_B04\.jp2, expected the unpacked package"):
        county.read(tmp_path)
