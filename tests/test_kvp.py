"""WMTS requests in keys and values."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileserver.documents.kvp import TileRequest, WmtsError, parse

TILE = {
    "SERVICE": "WMTS",
    "REQUEST": "GetTile",
    "VERSION": "1.0.0",
    "LAYER": "elsewhere",
    "STYLE": "default",
    "FORMAT": "image/webp",
    "TILEMATRIXSET": "GoogleMapsCompatible",
    "TILEMATRIX": "3",
    "TILEROW": "2",
    "TILECOL": "7",
}


def test_a_tile_is_row_and_column_of_a_matrix() -> None:
    assert parse(TILE.items()) == TileRequest(3, 7, 2, "webp")


@given(st.permutations(list(TILE)), st.randoms())
def test_keys_count_in_any_case_and_order(keys: list[str], random: object) -> None:
    pairs = [("".join(map(_either, key)), TILE[key]) for key in keys]
    assert parse([*pairs, ("bbox", "1,2"), ("tilerow", "0")]) == TileRequest(3, 7, 2, "webp")


def _either(letter: str) -> str:
    return letter.lower() if ord(letter) % 2 else letter


@given(st.permutations(list(TILE)), st.sampled_from([str.lower, str.upper, str.title]))
def test_values_count_in_any_case(keys: list[str], change: Callable[[str], str]) -> None:
    assert parse((key, change(TILE[key])) for key in keys) == TileRequest(3, 7, 2, "webp")


def test_a_tile_needs_no_version_and_jpg_is_jpeg() -> None:
    pairs = {**TILE, "FORMAT": "image/jpg"}
    del pairs["VERSION"]
    assert parse(pairs.items()) == TileRequest(3, 7, 2, "jpg")


def test_without_service_and_request_the_capabilities_are_asked_for() -> None:
    assert parse([]) is None
    assert parse([("key", "secret"), ("version", "1.0.0")]) is None
    assert parse([("service", "wmts"), ("request", "getcapabilities")]) is None


def test_capabilities_are_asked_for() -> None:
    pairs = [("Service", "WMTS"), ("Request", "GetCapabilities")]
    assert parse(pairs) is None
    assert parse([*pairs, ("AcceptVersions", "2.0.0,1.0.0")]) is None


@pytest.mark.parametrize("key", [key for key in TILE if key != "VERSION"])
def test_every_key_of_a_tile_is_needed(key: str) -> None:
    with pytest.raises(WmtsError) as caught:
        parse([pair for pair in TILE.items() if pair[0] != key])
    assert (caught.value.code, caught.value.locator) == ("MissingParameterValue", key)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("SERVICE", "WMS", "InvalidParameterValue"),
        ("REQUEST", "GetMap", "InvalidParameterValue"),
        ("REQUEST", "GetFeatureInfo", "OperationNotSupported"),
        ("VERSION", "1.1.0", "InvalidParameterValue"),
        ("LAYER", "other", "InvalidParameterValue"),
        ("STYLE", "dark", "InvalidParameterValue"),
        ("FORMAT", "image/gif", "InvalidParameterValue"),
        ("TILEMATRIXSET", "EPSG:4326", "InvalidParameterValue"),
        ("TILEMATRIX", "18", "InvalidParameterValue"),
        ("TILEMATRIX", "03", "InvalidParameterValue"),
        ("TILEROW", "1.5", "InvalidParameterValue"),
        ("TILEROW", "", "InvalidParameterValue"),
        ("TILEROW", "8", "TileOutOfRange"),
        ("TILECOL", "-1", "TileOutOfRange"),
    ],
)
def test_a_wrong_value_has_ogcs_name_and_its_key(key: str, value: str, code: str) -> None:
    with pytest.raises(WmtsError) as caught:
        parse({**TILE, key: value}.items())
    assert (caught.value.code, caught.value.locator) == (code, key)
    assert len(str(caught.value)) < 200


def test_only_one_version_is_negotiated() -> None:
    with pytest.raises(WmtsError) as caught:
        parse([("SERVICE", "WMTS"), ("REQUEST", "GetCapabilities"), ("acceptversions", "2.0.0")])
    assert caught.value.code == "VersionNegotiationFailed"


@given(st.lists(st.tuples(st.sampled_from([*TILE, "x"]), st.text(max_size=9)), max_size=12))
def test_any_query_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    with contextlib.suppress(WmtsError):
        parse(pairs)
