"""The folder of a data set: whole files, the same bytes, no mixing of two data sets."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.datasets.dataset import LINES, LIST, SETTINGS, DatasetFolder
from generator.grid.errors import DatasetError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def folder(path: Path, format: str = "png", **settings: object) -> DatasetFolder:
    return DatasetFolder(
        path, {"kind": "test", "zooms": (7, 9), **settings}, "Not a real place.", format
    )


@pytest.mark.parametrize("format", ["png", "webp"])
def test_pictures_lose_nothing_and_say_what_they_are(tmp_path: Path, format: str) -> None:
    made = folder(tmp_path / "out", format)
    made.open()
    name = f"a/b/c.{format}"
    assert not made.has(name)
    made.save(name, PIXELS)
    assert made.has(name)
    with Image.open(tmp_path / "out" / name) as image:
        assert np.array_equal(np.asarray(image), PIXELS)
        said = image.info.get("Disclaimer") or image.getexif()[0x010E]
    assert said == "Not a real place."
    assert made.encoded(PIXELS) == (tmp_path / "out" / name).read_bytes()


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = folder(tmp_path)
    made.open()

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DatasetError, match=r"a\.png cannot be written \(No space left"):
        made.save("a.png", PIXELS)
    assert [path.name for path in tmp_path.iterdir()] == [SETTINGS]


def test_the_same_settings_go_on_and_others_are_refused(tmp_path: Path) -> None:
    folder(tmp_path).open()
    folder(tmp_path).open()
    with pytest.raises(DatasetError, match="whose zooms differ: expected the same"):
        folder(tmp_path, zooms=(11,)).open()
    with pytest.raises(DatasetError, match="whose format differ"):
        folder(tmp_path, "webp").open()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match="holds something else"):
        folder(tmp_path).open()
    with pytest.raises(DatasetError, match="is a file, expected a folder"):
        folder(tmp_path / "mine.txt").open()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_checking_writes_nothing(tmp_path: Path) -> None:
    folder(tmp_path / "new").check()
    assert not (tmp_path / "new").exists()


def test_an_older_picture_than_its_source_does_not_count(tmp_path: Path) -> None:
    made = folder(tmp_path / "out")
    made.open()
    made.save("a.png", PIXELS)
    source = tmp_path / "source.png"
    source.write_bytes(b"new")
    stamp = (tmp_path / "out" / "a.png").stat().st_mtime_ns
    for change, expected in ((-1, True), (1, False)):
        import os

        os.utime(source, ns=(stamp + change, stamp + change))
        assert made.has("a.png", newer_than=source) is expected


def test_manifests_hold_a_line_per_row(tmp_path: Path) -> None:
    made = folder(tmp_path)
    made.open()
    made.finish([{"child": "ä.png"}, {"child": "b.png"}], [{"file": "ä.png", "gsd_m": 4}])
    lines = (tmp_path / LINES).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["child"] for line in lines] == ["ä.png", "b.png"]
    assert json.loads((tmp_path / LIST).read_text(encoding="utf-8"))[0]["file"] == "ä.png"


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="format is 'gif', expected one of png, webp"):
        folder(tmp_path, "gif")
