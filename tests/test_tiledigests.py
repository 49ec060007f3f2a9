"""Tiles of the shipped weights keep their bytes, whatever becomes of the code."""

import json
from pathlib import Path

import pytest

from tests.tiledigests import digests, environment

KEPT = json.loads((Path(__file__).parent / "tiledigests.json").read_text())


@pytest.mark.slow
def test_two_hundred_tiles_keep_their_bytes() -> None:
    if environment() != KEPT["environment"]:
        pytest.skip(f"the digests are of {KEPT['environment']}; this is {environment()}")
    found = digests()
    assert len(found) > 200
    assert {name: found[name] for name in found if found[name] != KEPT["tiles"][name]} == {}
