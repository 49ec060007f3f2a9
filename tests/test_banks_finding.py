from pathlib import Path

import pytest

from generator.banks import gather
from generator.imagery.options import Options
from tests.fakes_imagery import write_picture
from tests.fakes_memory import ground


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.imagery.pieces.SIDE", 128)


def test_a_large_image_is_cut_for_each_stage_it_can_serve(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", ground(1, 512, 512), 3.8, (47.0, 8.0))
    found = gather(tmp_path, Options(), (9, 11, 15))
    by_zoom = {zoom: [o.source for o in found.offers if zoom in o.zooms] for zoom in (9, 11, 15)}
    assert [source.gsd for source in by_zoom[15]] == [pytest.approx(3.8, rel=0.01)] * 16
    (whole,) = by_zoom[11]
    assert whole.gsd == pytest.approx(15.2, rel=0.01)
    decoded = whole.read()
    assert decoded is not None
    assert decoded.pixels.shape == (128, 128, 3)


def test_a_small_image_is_offered_once_to_all(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", ground(1, 100, 100), 3.8, (47.0, 8.0))
    (offer,) = gather(tmp_path, Options(), (11, 15)).offers
    assert offer.zooms == (11, 15)


def test_what_cannot_be_used_is_named_once(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", ground(1, 512, 512), 3.8, (47.0, 8.0))
    write_picture(tmp_path / "b.png", ground(1, 100, 100), 3.8, (47.0, 8.0))
    (tmp_path / "b.json").unlink()
    found = gather(tmp_path, Options(), (11, 15))
    assert len(found.failed) == 1
    assert "does not say its ground resolution" in found.failed[0]
