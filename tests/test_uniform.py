"""Tiles of one colour: found by their bytes, and encoded again to the same."""

import numpy as np
import pytest

from generator.grid.tile import Tile
from tests.fakes import draw
from tileserver import encode
from tileserver.encode import LONGEST_UNIFORM, colour_of, encode_png, png_of


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (10, 20, 30), (0, 0, 255)])
def test_a_colour_survives_and_gives_the_encoder_s_bytes(colour: tuple[int, int, int]) -> None:
    png = encode_png(np.full((256, 256, 3), colour, np.uint8))
    assert len(png) < LONGEST_UNIFORM
    assert colour_of(png) == bytes(colour)
    assert png_of(bytes(colour)) == png


def test_a_tile_of_two_colours_has_no_colour() -> None:
    pixels = np.full((256, 256, 3), 9, np.uint8)
    pixels[255, 255, 2] = 8
    assert colour_of(encode_png(pixels)) is None
    assert colour_of(encode_png(draw(0, Tile(3, 1, 1)))) is None


def test_other_bytes_for_one_colour_are_kept_as_they_are() -> None:
    png = encode_png(np.full((256, 256, 3), 7, np.uint8))
    assert colour_of(png + b"more") is None


@pytest.mark.parametrize("payload", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_png_has_no_colour(payload: bytes) -> None:
    assert colour_of(payload) is None


def test_long_payloads_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(png: bytes) -> None:
        raise AssertionError

    monkeypatch.setattr(encode, "decode_png", fail)
    assert colour_of(b"x" * (LONGEST_UNIFORM + 1)) is None
