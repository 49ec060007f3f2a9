import numpy as np
import pytest
import torch

from generator.banks.captioned import WIDTH, CaptionedPicture, Section, compose
from generator.banks.show import GREY, drawn, sheet, text
from generator.base.basemap import BaseMap
from generator.cascade.layoutstage import LayoutStage
from generator.memory.bank import Bank
from generator.nets.decoder import LayoutDecoder
from tests.fakes_imagery import TINY
from tests.fakes_memory import synthetic_bank, synthetic_scene


@pytest.fixture(scope="module")
def network() -> LayoutDecoder:
    torch.manual_seed(0)
    made = LayoutDecoder(TINY)
    with torch.no_grad():
        torch.nn.init.normal_(made.head.weight, std=0.1)
    return made.eval()


def test_a_scene_is_drawn_from_its_codes_over_grey(network: LayoutDecoder) -> None:
    scene = synthetic_scene(1, 15, 64)
    picture = drawn(scene, 15, LayoutStage(network))
    assert picture.shape == (192, 192, 3)
    assert picture.std() > 3
    assert abs(picture.mean() - GREY) < 8
    assert (drawn(synthetic_scene(2, 15, 64), 15, LayoutStage(network)) != picture).any()


def test_the_sheet_has_a_map_and_every_stage(network: LayoutDecoder) -> None:
    planet = BaseMap(np.full((64, 128, 3), 80, np.uint8))
    canvas = sheet(synthetic_bank(1, side=32), network, planet)
    assert canvas.shape[1] == WIDTH
    assert canvas.shape[0] > 1200


def test_a_wide_picture_has_no_white_below_it() -> None:
    wide = CaptionedPicture(np.zeros((100, 400, 3), np.uint8), ())
    canvas = compose([Section("map", [wide], 400, 0), Section("next", ())])
    rows = np.flatnonzero((canvas[:, 20] == 0).all(axis=-1))
    assert len(rows) == 100
    assert canvas.shape[0] < 100 + 100


def test_the_last_line_of_a_sheet_is_its_footer() -> None:
    plain, signed = compose([Section("a", ())]), compose([Section("a", ())], "Generated")
    assert len(signed) > len(plain)
    assert (signed[len(plain) :] < 200).any()


def test_the_text_counts_scenes_and_names_sources() -> None:
    lines = text(synthetic_bank(1, side=32))
    assert "scenes   12, codes of 4 x 7 levels" in lines
    assert "zoom 11 and 13     3 scenes,     0.8 megapixels,      12 places" in lines
    assert "  made up: 12 scenes, CC0-1.0\ncredits\n  nobody" in lines


def test_an_empty_bank_is_told_too() -> None:
    assert "scenes   0" in text(Bank((), "5" * 64, 4))


def test_captions_are_wrapped_and_cut_to_their_cells() -> None:
    long = CaptionedPicture(np.zeros((40, 20, 3), np.uint8), ("a word " * 50, "x" * 300))
    canvas = compose([Section("title", [long] * 30, 96, 3), Section("none", ())])
    ink = canvas[60:, :, 0] < 200
    assert ink.any()
    assert canvas.shape[0] < 600
    gap = canvas[140:180, 8 + 96 : 8 + 96 + 8]
    assert (gap == 255).all()
