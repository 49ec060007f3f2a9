"""Addresses and conditional requests."""

import pytest

from generator.errors import TileError
from generator.tile import Tile
from tileserver.errors import BadRequestError
from tileserver.http import is_unchanged, parse_address

TAG = b'"abc"'


def address(path: str, default: int = 7) -> tuple[int, Tile]:
    parts = path.split("/")
    names = ("z", "x", "y") if len(parts) == 3 else ("seed", "z", "x", "y")
    return parse_address(dict(zip(names, parts, strict=True)), default)


def test_an_address_without_a_seed_is_of_the_default_world() -> None:
    assert address("3/1/2.png") == (7, Tile(3, 1, 2))
    assert address("0/3/1/2.png") == (0, Tile(3, 1, 2))
    assert address(f"{2**64 - 1}/3/1/2.png") == (2**64 - 1, Tile(3, 1, 2))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a/0/0.png", "the zoom of the tile is 'a', expected a whole number"),
        ("1.5/0/0.png", "the zoom"),
        ("1/ 0/0.png", "the x"),
        ("1/+0/0.png", "the x"),
        ("1/0x1/0.png", "the x"),
        ("1/٣/0.png", "the x"),
        ("1//0.png", "the x"),
        ("1/0/0\n.png", "the y"),
        ("1/0/99999999999999999999.png", "the y"),
        ("1/0/.png", "the y"),
        ("1/0/0", "no extension, expected"),
        ("1/0/0.", "no extension, expected"),
        ("1/0/0.gif", "the extension .gif"),
        ("1/0/0.PNG", "the extension .PNG"),
        ("1/0/0.tar.png", "the extension .tar.png"),
        ("-1/1/0/0.png", "the seed is '-1', expected 0 to 18446744073709551615"),
        (f"{2**64}/1/0/0.png", "the seed is '18446744073709551616'"),
        ("x/1/0/0.png", "the seed is 'x'"),
    ],
)
def test_what_is_no_address_is_told(path: str, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        address(path)
    assert str(caught.value).startswith((message, "the address has " + message))


@pytest.mark.parametrize("path", ["16/0/0.png", "3/8/0.png", "3/0/-1.png", "0/0/999999999999.png"])
def test_a_tile_off_the_map_is_told(path: str) -> None:
    with pytest.raises(TileError, match="expected 0 to"):
        address(path)


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(BadRequestError) as caught:
        address("x" * 9999 + "/0/0.png")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "unchanged"),
    [
        (b'"abc"', True),
        (b'W/"abc"', True),
        (b"*", True),
        (b'"x", "abc"', True),
        (b'"x",W/"abc" , "y"', True),
        (b'"a,b", "abc"', True),
        (b'"ab"', False),
        (b"abc", False),
        (b'"x abc"', False),
        (b"", False),
        (b'"abc', False),
    ],
)
def test_if_none_match(value: bytes, unchanged: bool) -> None:
    assert is_unchanged([(b"host", b"x"), (b"if-none-match", value)], TAG) is unchanged


def test_if_none_match_may_be_sent_in_pieces() -> None:
    assert is_unchanged([(b"if-none-match", b'"x"'), (b"if-none-match", b'"abc"')], TAG)
    assert not is_unchanged([(b"host", b'"abc"')], TAG)
