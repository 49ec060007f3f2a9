"""Addresses: what is one, and what is told about what is none."""

import mercantile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.grid.errors import TileError
from generator.grid.tile import Tile
from tileserver.address import TileAddress, match_address, parse_address, version_of
from tileserver.encoding import Encoding
from tileserver.errors import BadRequestError


def address(path: str, query: bytes = b"") -> TileAddress:
    parts = path.split("/")
    flipped = "tms" in parts
    parts = [part for part in parts if part != "tms"]
    names = ("z", "x", "y") if len(parts) == 3 else ("seed", "z", "x", "y")
    return parse_address(dict(zip(names, parts, strict=True)), query, flipped)


def both(path: str, query: bytes = b"") -> TileAddress:
    """Read an address in both ways, which must agree."""
    target = b"/" + path.encode() + (b"?" + query if query else b"")
    found = match_address(target)
    assert found == address(path, query)
    assert found is not None
    return found


def test_an_address_names_tile_world_and_encoding() -> None:
    assert both("3/1/2.png") == TileAddress(None, Tile(3, 1, 2), Encoding.PNG)
    assert both("0/3/1/2.webp") == TileAddress(0, Tile(3, 1, 2), Encoding.WEBP)
    assert both(f"{2**64 - 1}/3/1/2.jpg").seed == 2**64 - 1
    assert both("3/1/2.jpeg").encoding is both("3/1/2.jpg").encoding is Encoding.JPEG
    assert both("3/1/2@2x.webp").encoding is Encoding.WEBP_2X
    assert both("15/32767/32767@2x.png").encoding is Encoding.PNG_2X


def test_tms_counts_rows_from_the_south() -> None:
    assert both("tms/3/1/2.png").tile == Tile(3, 1, 5)
    assert both("7/tms/3/1/0.png") == TileAddress(7, Tile(3, 1, 7), Encoding.PNG)
    assert both("tms/0/0/0.png").tile == Tile(0, 0, 0)
    north = both("tms/4/5/15.png").tile
    assert mercantile.bounds(north.x, north.y, north.z).north == pytest.approx(85.0511, abs=1e-3)
    with pytest.raises(TileError):
        address("tms/3/1/8.png")


def test_the_version_is_found_among_other_parameters() -> None:
    version = version_of(bytes(range(16))).encode()
    assert len(version) == 12
    for query in (b"v=" + version, b"a=1&v=" + version, b"v=" + version + b"&t=1623"):
        assert both("3/1/2.png", query).version == version
    for query in (b"vv=" + version, b"v=" + version + b"0", b"v=XYZ", b"t=1", b"&&"):
        assert both("3/1/2.png", query).version == b""


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
        ("1/0/@2x.png", "the y"),
        ("1/0/0@2x@2x.png", "the y"),
        ("1/0/0@3x.png", "the y"),
        ("tms/1/0/x.png", "the y"),
        ("1/0/0", "no extension, expected"),
        ("1/0/0@2x", "no extension, expected"),
        ("1/0/0.", "no extension, expected"),
        ("1/0/0.gif", "the extension .gif"),
        ("1/0/0.PNG", "the extension .PNG"),
        ("1/0/0.tar.png", "the extension .tar.png"),
        ("1/0/0.png@2x", "the extension .png@2x"),
        ("-1/1/0/0.png", "the seed is '-1', expected 0 to 18446744073709551615"),
        (f"{2**64}/1/0/0.png", "the seed is '18446744073709551616'"),
        ("x/1/0/0.png", "the seed is 'x'"),
    ],
)
def test_what_is_no_address_is_told(path: str, message: str) -> None:
    assert match_address(b"/" + path.encode()) is None
    with pytest.raises(BadRequestError) as caught:
        address(path)
    assert str(caught.value).startswith((message, "the address has " + message))


@pytest.mark.parametrize(
    "path", ["18/0/0.png", "3/8/0.png", "3/0/-1.png", "0/0/999999999999.png", "tms/18/0/0.png"]
)
def test_a_tile_off_the_map_is_told(path: str) -> None:
    assert match_address(b"/" + path.encode()) is None
    with pytest.raises(TileError, match="expected 0 to"):
        address(path)


def test_the_finest_zoom_has_columns_of_six_digits() -> None:
    last = Tile(17, 131071, 131071)
    assert both("17/131071/131071.png").tile == last
    assert both("tms/17/131071/0.png").tile == last


def test_a_zoom_beyond_the_world_s_finest_is_told() -> None:
    params = {"z": "16", "x": "0", "y": "0.png"}
    assert parse_address(params, max_zoom=17).tile == Tile(16, 0, 0)
    with pytest.raises(TileError, match="zoom is 16, expected 0 to 15"):
        parse_address(params, max_zoom=15)


def test_a_long_text_is_cut_in_the_message() -> None:
    assert match_address(b"/3/1/2.png?" + b"x" * 9999) is None
    with pytest.raises(BadRequestError) as caught:
        address("x" * 9999 + "/0/0.png")
    assert len(str(caught.value)) < 200


PARTS = st.sampled_from(["", "0", "1", "-1", "3", "07", "9" * 19, "tms", "x", "2@2x", "٣", " 1"])


@given(
    st.lists(PARTS, min_size=3, max_size=5).map("/".join),
    st.sampled_from([".png", ".webp", ".jpg", ".jpeg", ".gif", "@2x.png", "", ".png/"]),
)
def test_both_readers_agree_on_what_is_an_address(path: str, end: str) -> None:
    found = match_address(f"/{path}{end}".encode())
    if found is not None:
        assert address(path + end) == found


@given(st.binary(max_size=60))
def test_any_bytes_are_an_address_or_not(target: bytes) -> None:
    found = match_address(b"/" + target)
    assert found is None or isinstance(found.tile, Tile)
