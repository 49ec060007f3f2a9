import json

import numpy as np
import pytest
from PIL import Image as Pillow

from generator.banks import BankEncoder, BuildFolder, BuildOptions, build
from generator.cascade import checkpoint
from generator.imagery.sources import read_manifest
from tests.fakes_memory import ground
from tests.layouts import tiny_encoder, write_layouts
from training.cli import main
from training.imagery.prepare import prepare
from training.imagery.pyramid import Pyramid
from training.measure import copies
from training.measure.copies import CopyDistances, CopyRow, copies_table
from training.measure.copydistance import REGION, SIDE, CopyDistance
from training.measure.origins import Origins, of_other_places

PLACES = 3


@pytest.fixture(scope="module")
def imagery(tmp_path_factory):
    """Pictures of 4 m at places a degree apart; returns manifest and prepared folder."""
    folder = tmp_path_factory.mktemp("imagery")
    rows = []
    for n in range(PLACES):
        Pillow.fromarray(ground(n, 640, 704, 16 + 8 * n)).save(folder / f"{n}.png")
        rows.append({"file": f"{n}.png", "gsd_m": 4.0, "lat": 10.0 + n, "lon": 5.0,
                     "source": "made", "split": "train"})  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(rows))
    base = folder / "base.png"
    Pillow.new("RGB", (64, 32), (40, 60, 30)).save(base)
    prepare(read_manifest(folder), base, folder / "out")
    return folder, folder / "out"


def banked(imagery, tmp_path, warp):
    options = BuildOptions(budget={15: 4e6}, warp=warp)
    named = checkpoint.digest_of(tiny_encoder())
    maker, work = BankEncoder(tiny_encoder(), named), BuildFolder(tmp_path / f"work-{warp}")
    return build(read_manifest(imagery[0]), maker, options, work).bank


@pytest.fixture(scope="module")
def bent(imagery, tmp_path_factory):
    return banked(imagery, tmp_path_factory.mktemp("bent"), True)


@pytest.fixture(scope="module")
def distance():
    real = np.stack([ground(90 + n, SIDE, SIDE, 12) for n in range(4)])
    return CopyDistance(real)


def test_a_shifted_or_mirrored_copy_is_near_and_another_place_far(distance):
    region = ground(1, REGION, REGION, 16)
    edge = (REGION - SIDE) // 2
    middle = slice(edge, edge + SIDE)
    same = region[middle, middle]
    shifted = region[edge + 16 : edge + 16 + SIDE, edge - 8 : edge - 8 + SIDE]
    windows = np.stack([same, shifted, same[:, ::-1], ground(2, SIDE, SIDE, 16)])
    whole, tiles = distance(distance.maps(windows), region)
    assert whole[:3].max() < 0.6 * whole[3]
    assert tiles[:3].max() < 0.7 * tiles[3]
    assert whole[0] < 0.4


def test_tone_does_not_count_and_tiles_see_through_bending(distance):
    region = ground(1, REGION, REGION, 16)
    edge = (REGION - SIDE) // 2
    same = region[edge : edge + SIDE, edge : edge + SIDE]
    darker = (same * 0.7).round().astype(np.uint8)
    # The right half is moved by 16 pixels: no one shift finds it.
    torn = same.copy()
    torn[:, 128:] = region[edge + 16 : edge + 16 + SIDE, edge + 128 : edge + SIDE]
    whole, tiles = distance(distance.maps(np.stack([darker, torn])), region)
    assert whole[0] < 0.4
    assert tiles[1] < 0.75 * whole[1]


def test_scenes_are_found_where_they_were_taken(imagery, tmp_path):
    origins = Origins(Pyramid(imagery[1]))
    for scene in banked(imagery, tmp_path, False).scenes:
        found = origins.find(scene)
        assert found.gap < 5
        assert not found.mirrored
        assert (found.y, found.x) == (0, 0)
        assert found.image.lat == scene.latitude


def test_bent_scenes_are_found_too(imagery, bent):
    from generator.banks.warp import mirrored

    origins = Origins(Pyramid(imagery[1]))
    for number, scene in enumerate(bent.scenes):
        found = origins.find(scene)
        assert found.mirrored == mirrored(f"{number}.png")
        assert max(found.y, found.x) <= 16
        assert found.gap < copies.LOST


def test_places_are_others_only_where_that_is_sure(imagery):
    first, second, _ = Origins(Pyramid(imagery[1])).images
    assert of_other_places(first, second)
    assert not of_other_places(first, first)


def test_the_table_counts_entries_that_are_no_nearer_than_another_place():
    window = CopyDistances(entry=(0.9, 0.5), untrained=(0.4, 0.4), other=(0.8, 0.6))
    lines = copies_table([CopyRow(13, [window, window], 1), CopyRow(15, [], 3)]).splitlines()
    assert lines[2] == "| 13 | 2 | 1 | whole | entry | 100 % | 0.900 | 0.800 | 1.12 |"
    assert lines[3].startswith("| 13 | 2 | 1 | whole | untrained | 0 % |")
    assert lines[4].startswith("| 13 | 2 | 1 | tiles | entry | 0 % |")
    assert lines[6] == "| 15 | 0 | 3 | – | – | – | – | – | – |"


def test_the_command_compares_entries_with_their_places(
    imagery, bent, tmp_path, capsys, monkeypatch
):
    weights = write_layouts(tmp_path / "w.safetensors", bent)
    monkeypatch.setattr(copies, "POOL", 8)
    given = ["--weights", weights, "--data", imagery[1], "--only", "copies", "--zooms", 15]
    monkeypatch.setattr("sys.argv", ["training", "evaluate", *map(str, given)])
    assert main() == 0
    assert f"| 15 | {PLACES} | 0 | whole | entry |" in capsys.readouterr().out
