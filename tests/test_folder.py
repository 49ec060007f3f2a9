import json

import numpy as np
import pytest
from PIL import Image

from generator.grid.errors import ImageryError
from generator.imagery.folder import find
from generator.imagery.options import Options
from generator.imagery.split import Splitter
from tests.imagery import write_imagery


def picture(path, width=120, height=100, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (height, width, channels) if channels > 1 else (height, width)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    Image.frombytes(mode, (width, height), pixels.tobytes()).save(path)
    return pixels


def test_option_gives_the_resolution_and_the_folder_the_source(tmp_path):
    pixels = picture(tmp_path / "city" / "a.png")
    picture(tmp_path / "b.png")
    found = find(tmp_path, Options(gsd=3.0))
    assert [(s.name, s.source, s.gsd) for s in found.sources] == [
        ("b.png", tmp_path.name, 3.0),
        ("city/a.png", "city", 3.0),
    ]
    np.testing.assert_array_equal(found.sources[1].read().pixels, pixels)
    assert find(tmp_path, Options(gsd=3.0, source="mine")).sources[0].source == "mine"


@pytest.mark.parametrize(
    ("file", "world"), [("a.png", "a.pgw"), ("a.jpg", "a.jgw"), ("a.png", "a.wld")]
)
def test_world_file_gives_place_and_resolution(tmp_path, file, world):
    picture(tmp_path / file)
    (tmp_path / world).write_text("0.0005\n0\n0\n-0.0005\n20.0\n10.0\n")
    (source,) = find(tmp_path, Options(gsd=99)).sources
    assert source.gsd == pytest.approx(55.2, abs=0.2)
    assert source.lon == pytest.approx(20 + 0.0005 * 59.5)
    assert source.lat == pytest.approx(10 - 0.0005 * 49.5)


def test_prj_beside_a_world_file_names_its_projection(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    picture(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("10\n0\n0\n-10\n0\n8399737.9\n")
    (tmp_path / "a.prj").write_text(rasterio.crs.CRS.from_epsg(3857).to_wkt())
    (source,) = find(tmp_path, Options()).sources
    assert source.gsd == pytest.approx(5, rel=0.01)


def test_sidecar_wins_over_the_world_file_and_names_split_and_source(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("30\n0\n0\n-30\n400000\n5000000\n")
    row = {"gsd_m": 15, "lat": 1.0, "lon": 2.0, "source": "spot", "split": "val"}
    (tmp_path / "a.json").write_text(json.dumps(row))
    (source,) = find(tmp_path, Options()).sources
    assert (source.gsd, source.lat, source.lon) == (15, 1.0, 2.0)
    assert (source.source, source.split) == ("spot", "val")


def test_missing_resolution_names_the_file_and_the_ways_to_give_it(tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    (tmp_path / "b.json").write_text('{"gsd_m": 10}')
    found = find(tmp_path, Options())
    assert [source.name for source in found.sources] == ["b.png"]
    (message,) = found.failed
    for word in ("a.png", "--gsd", "world file", "a.json", "gsd_m"):
        assert word in message


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("a.json", "[1]", "a.json beside a.png"),
        ("a.json", '{"gsd_m": "x"}', "a.json beside a.png"),
        ("a.json", '{"gsd_m": -2}', "0.05 to 20000"),
        ("a.json", '{"gsd_m": 2, "split": "other"}', "train, val, test"),
        ("a.pgw", "1 2 3", "a.pgw beside a.png is not a world file"),
        ("a.pgw", "0 0 0 0 1 1", "no pixel size"),
    ],
)
def test_broken_companions_are_explained(tmp_path, file, text, message):
    picture(tmp_path / "a.png")
    (tmp_path / file).write_text(text)
    (failed,) = find(tmp_path, Options(gsd=5)).failed
    assert message in failed


def test_grey_and_damaged_pictures_are_named_and_the_rest_goes_on(tmp_path):
    picture(tmp_path / "a.png", mode="L")
    (tmp_path / "b.jpg").write_bytes(b"nothing")
    picture(tmp_path / "c.png")
    found = find(tmp_path, Options(gsd=5))
    assert [source.name for source in found.sources] == ["c.png"]
    assert "a.png has 1 band of grey, expected" in found.failed[0]
    assert "b.jpg" in found.failed[1]


def test_alpha_is_the_mask(tmp_path):
    pixels = np.full((100, 100, 4), 255, np.uint8)
    pixels[:20, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (source,) = find(tmp_path, Options(gsd=5)).sources
    mask = source.read().mask
    assert (mask[:20] == 0).all()
    assert (mask[20:] == 255).all()


def test_neighbouring_pieces_of_a_picture_without_a_place_share_their_split(tmp_path, monkeypatch):
    monkeypatch.setattr("generator.imagery.pieces.SIDE", 100)
    picture(tmp_path / "a.png", 800, 800)
    found = find(tmp_path, Options(gsd=5, splitter=Splitter((1, 1, 1))))
    splits = np.array([source.split for source in found.sources]).reshape(8, 8)
    for i in range(0, 8, 2):
        for j in range(0, 8, 2):
            assert len(set(splits[i : i + 2, j : j + 2].ravel())) == 1
    assert len(set(splits.ravel())) == 3


def tiles(root, z, xs, ys, side=256):
    for x in xs:
        for y in ys:
            path = root / str(z) / str(x) / f"{y}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (side, side), (x % 256, y % 256, z)).save(path)


def test_tiles_are_joined_in_their_places_with_the_resolution_of_their_zoom(tmp_path):
    tiles(tmp_path, 10, range(512, 518), range(340, 344))
    found = find(tmp_path, Options())
    assert len(found.sources) == 2
    first = found.sources[0]
    pixels = first.read().pixels
    assert pixels.shape == (1024, 1024, 3)
    assert pixels[300, 600].tolist() == [514 % 256, 341 % 256, 10]
    assert found.sources[1].read().pixels.shape == (1024, 512, 3)
    assert first.lat == pytest.approx(51.2, abs=0.2)
    assert first.lon == pytest.approx(0.703, abs=0.001)
    assert first.gsd == pytest.approx(152.874 * np.cos(np.radians(first.lat)), rel=1e-4)
    assert first.source == tmp_path.name


def test_larger_tiles_are_finer(tmp_path):
    tiles(tmp_path / "a", 12, [8], [2048], 256)
    tiles(tmp_path / "b", 12, [8], [2048], 512)
    one, two = find(tmp_path, Options()).sources
    assert one.gsd == pytest.approx(2 * two.gsd)
    assert (one.source, two.source) == ("a", "b")


def test_missing_and_damaged_tiles_are_masked_and_the_damaged_named(tmp_path):
    tiles(tmp_path, 10, range(512, 516), range(340, 344))
    (tmp_path / "10" / "512" / "340.png").unlink()
    (tmp_path / "10" / "513" / "341.png").write_bytes(b"nothing")
    Image.new("L", (256, 256)).save(tmp_path / "10" / "514" / "342.png")
    (source,) = find(tmp_path, Options()).sources
    decoded = source.read()
    valid = decoded.mask[128::256, 128::256] == 255
    expected = np.ones((4, 4), bool)
    for i in range(3):
        expected[i, i] = False
    np.testing.assert_array_equal(valid, expected)
    assert len(decoded.failed) == 2
    assert any("341.png" in line for line in decoded.failed)


def test_folders_named_by_dates_are_not_tiles(tmp_path):
    picture(tmp_path / "2020" / "06" / "12.png")
    (source,) = find(tmp_path, Options(gsd=10)).sources
    assert source.name == "2020/06/12.png"


def test_manifest_wins_and_takes_no_options(tmp_path):
    write_imagery(tmp_path)
    assert len(find(tmp_path, Options()).sources) == 7
    with pytest.raises(ImageryError, match="is a manifest"):
        find(tmp_path, Options(gsd=4))


def test_manifest_rows_without_a_split_are_split_by_place(tmp_path):
    manifest = write_imagery(tmp_path)
    rows = json.loads(manifest.read_text())
    for row in rows:
        del row["split"]
    manifest.write_text(json.dumps(rows))
    found = find(tmp_path, Options(splitter=Splitter((0, 0, 1))))
    assert {source.split for source in found.sources} == {"test"}


def test_terms_of_a_manifest_reach_its_sources(tmp_path):
    manifest = write_imagery(tmp_path)
    rows = json.loads(manifest.read_text())
    rows[0] |= {"licence": "CC BY 4.0", "licence_class": "open", "credit": "Town"}
    manifest.write_text(json.dumps(rows))
    first, second = find(tmp_path, Options()).sources[:2]
    assert (first.licence, first.licence_class, first.credit) == ("CC BY 4.0", "open", "Town")
    assert (second.licence, second.licence_class, second.credit) == (None, None, None)


def test_finer_imagery_is_averaged_to_what_is_wanted(tmp_path):
    pixels = picture(tmp_path / "a.png", 128, 96)
    (source,) = find(tmp_path, Options(gsd=2.0, finest=16.0)).sources
    assert source.gsd == 16
    expected = pixels.astype(float).reshape(12, 8, 16, 8, 3).mean((1, 3))
    assert np.abs(source.read().pixels - expected).max() <= 1


def test_nothing_to_find_is_explained(tmp_path):
    with pytest.raises(ImageryError, match="does not exist"):
        find(tmp_path / "none", Options())
    with pytest.raises(ImageryError, match="holds no manifest.json"):
        find(tmp_path, Options())


def test_pictures_of_other_endings_are_found_by_content(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    pixels = picture(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a")
    Image.fromarray(pixels).save(tmp_path / "b.gtiff", "TIFF")
    Image.fromarray(pixels).save(tmp_path / "c.webp", lossless=True)
    with rasterio.open(
        tmp_path / "d.jp2", "w", driver="JP2OpenJPEG", width=120, height=100, count=3,
        dtype="uint8", crs="EPSG:32632", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6),
        QUALITY="100", REVERSIBLE="YES",
    ) as file:  # fmt: skip
        file.write(np.moveaxis(pixels, -1, 0))
    (tmp_path / "notes.txt").write_text("no picture")
    found = find(tmp_path, Options(gsd=5))
    assert [source.name for source in found.sources] == ["a", "b.gtiff", "c.webp", "d.jp2"]
    for source in found.sources:
        np.testing.assert_array_equal(source.read().pixels, pixels)
    assert [round(source.gsd) for source in found.sources] == [5, 5, 5, 10]
    assert found.failed == []


def test_images_of_a_manifest_are_read_like_others(tmp_path, caplog):
    deep = np.random.default_rng(0).integers(500, 1500, (100, 120)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    holed = np.full((100, 120, 4), 255, np.uint8)
    holed[:30, :, 3] = 0
    Image.fromarray(holed).save(tmp_path / "holed.png")
    rows = [{"file": f"{name}.png", "gsd_m": 5, "source": "s"} for name in ("deep", "holed")]
    (tmp_path / "manifest.json").write_text(json.dumps(rows))
    one, two = find(tmp_path, Options()).sources
    assert 100 < one.read().pixels.mean() < 155
    assert "deep.png: 16-bit samples" in caplog.text
    assert (two.read().mask[:30] == 0).all()
    assert (two.read().mask[30:] == 255).all()
