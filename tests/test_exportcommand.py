"""The command `export`: what it writes, says and refuses."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path

import pytest

from generator.grid.block import Block
from generator.grid.errors import WeightsError
from generator.grid.tile import Tile
from tests import pmtiles_spec
from tests.fakes import FakeRenderer
from tileserver.cli import main
from tileserver.commands import basics as commands
from tileserver.commands import export as exportcommand
from tileserver.regions.region import Region
from tileserver.regions.tileid import tile_id
from tileserver.rendering.models import FILE
from tileserver.settings import Settings

Capture = pytest.CaptureFixture[str]
ALPS = ["--bbox", "6,45.5,12,47.5", "--zooms", "0-6"]
REGION = Region((6.0, 45.5, 12.0, 47.5), range(7))


@pytest.fixture
def renderer(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> FakeRenderer:
    """Return the renderer of commands that run in a folder which nothing else writes to."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return renderer


def test_a_region_is_made_and_written_and_said(renderer: FakeRenderer, capsys: Capture) -> None:
    assert main(["export", "alps.pmtiles", *ALPS, "--seed", "7"]) == 0
    found = pmtiles_spec.read(Path("alps.pmtiles"))
    assert set(found.tiles) == {tile_id(tile) for tile in REGION.walk()}
    assert "world 7" in found.metadata["name"]
    assert "real" in found.metadata["description"]
    assert "not a real place" in found.metadata["attribution"]
    assert f"Wrote alps.pmtiles: {len(REGION)} tiles" in capsys.readouterr().out
    assert {seed for seed, _ in renderer.calls} == {7}


def test_a_second_export_makes_nothing_and_gives_the_same_file(renderer: FakeRenderer) -> None:
    for name in ("a.pmtiles", "b.pmtiles"):
        assert main(["export", name, *ALPS]) == 0
    blocks = [block for _, block in renderer.calls]
    assert len(blocks) == len(set(blocks))
    assert Path("a.pmtiles").read_bytes() == Path("b.pmtiles").read_bytes()


def test_only_what_is_stored_and_how_much_is_not(renderer: FakeRenderer, capsys: Capture) -> None:
    assert main(["render", "6/33/22", "-o", "tile.png"]) == 0
    assert main(["export", "a.mbtiles", *ALPS, "--cached"]) == 0
    assert "of the region are not stored" in capsys.readouterr().out
    assert Block(Tile(4, 8, 5)) not in [block for _, block in renderer.calls]


def test_what_is_stored_is_exported_without_weights(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    def missing(settings: Settings) -> FakeRenderer:
        raise WeightsError("cannot read the weights")

    assert main(["export", "a.mbtiles", *ALPS, "--seed", "7"]) == 0
    monkeypatch.setattr(commands, "load_world", missing)
    assert main(["export", "b.mbtiles", *ALPS, "--seed", "7", "--cached"]) == 0
    # The same in a copy of the cache to which no model was ever written down.
    (tmp_path / "tiles" / FILE).unlink()
    assert main(["export", "c.mbtiles", *ALPS, "--seed", "7", "--cached"]) == 0
    for name in ("b.mbtiles", "c.mbtiles"):
        assert len(tiles(name)) == len(REGION)
        assert tiles(name) == tiles("a.mbtiles")
    capsys.readouterr()
    assert main(["export", "d.mbtiles", *ALPS, "--seed", "8", "--cached"]) == 2
    assert "no tile of world 8 is stored" in capsys.readouterr().err


def test_which_of_several_stored_worlds_is_meant_is_not_guessed(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    box = ["--bbox", "6,45.5,7,46", "--zooms"]
    other = FakeRenderer(name="other")
    for fake, name, zoom in ((renderer, "a.mbtiles", "1"), (other, "b.mbtiles", "2")):
        monkeypatch.setattr(commands, "load_world", lambda settings, fake=fake: fake)
        assert main(["export", name, *box, zoom]) == 0
        (tmp_path / "tiles" / FILE).unlink()
    assert main(["export", "c.mbtiles", *box, "0-3", "--cached"]) == 0
    assert tiles("c.mbtiles") == tiles("b.mbtiles") != tiles("a.mbtiles")


def tiles(name: str) -> list[tuple[int, int, int, bytes]]:
    with contextlib.closing(sqlite3.connect(name)) as base:
        return sorted(base.execute("SELECT * FROM tiles"))


def test_a_polygon_and_a_format(renderer: FakeRenderer) -> None:
    ring = [[6, 45.5], [12, 45.5], [12, 47.5], [6, 45.5]]
    Path("a.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    arguments = ["--polygon", "a.geojson", "--zooms", "6", "--format", "webp"]
    assert main(["export", "a.pmtiles", *arguments]) == 0
    assert pmtiles_spec.read(Path("a.pmtiles")).header["type"] == pmtiles_spec.WEBP


def test_an_existing_file_is_kept_unless_forced(renderer: FakeRenderer, capsys: Capture) -> None:
    Path("a.pmtiles").write_text("older")
    assert main(["export", "a.pmtiles", *ALPS]) == 2
    assert "--force" in capsys.readouterr().err
    assert renderer.calls == []
    assert main(["export", "a.pmtiles", *ALPS, "--force"]) == 0
    assert Path("a.pmtiles").read_bytes()[:7] == b"PMTiles"


def test_zooms_that_are_left_out_are_named(renderer: FakeRenderer, capsys: Capture) -> None:
    assert main(["export", "a.pmtiles", "--bbox", "6,45.5,7,46", "--zooms", "0-1,3,6"]) == 0
    error = capsys.readouterr().err
    assert "Note: zoom 2 between 1 and 3 will be missing" in error
    assert "Note: zooms 4 to 5 between 3 and 6 will be missing" in error
    assert "--zooms 3-6 has them" in error
    assert main(["export", "b.pmtiles", "--bbox", "6,45.5,7,46", "--zooms", "4-6"]) == 0
    assert "Note" not in capsys.readouterr().err


def test_being_told_to_stop_leaves_nothing_half(
    renderer: FakeRenderer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping(FakeRenderer):
        def compute(self, seed, block, read):  # type: ignore[no-untyped-def]
            if block.top.z == 6:
                raise KeyboardInterrupt
            return super().compute(seed, block, read)

    monkeypatch.setattr(commands, "load_world", lambda settings: Stopping())
    assert main(["export", "a.pmtiles", *ALPS]) == 130
    assert "Stopped; a.pmtiles was not written." in capsys.readouterr().err
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.zip", *ALPS], "expected .pmtiles"),
        (["a.tif", *ALPS], "one zoom"),
        (["none/a.pmtiles", *ALPS], "to be a directory"),
        (["a.pmtiles", "--polygon", "none.geojson", "--zooms", "3"], "cannot be read"),
        (["a.pmtiles", *ALPS, "--nice", "30"], "expected 0 to 19"),
        (["a.pmtiles", *ALPS, "--cached"], "no tile of world 0 is stored"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    renderer: FakeRenderer, capsys: Capture, arguments: list[str], expected: str
) -> None:
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err.splitlines()
    assert expected in error[-1]
    assert exportcommand.__name__ not in "\n".join(error)
    assert os.listdir() == []
