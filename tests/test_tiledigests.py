"""Tiles of the shipped weights keep their bytes, whatever becomes of the code."""

import json
from pathlib import Path

import pytest

from tests.tiledigests import digests, environment

KEPT = json.loads((Path(__file__).parent / "tiledigests.json").read_text())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_tiles_with_and_without_geography_keep_their_bytes() -> None:
    if environment() != KEPT["environment"]:
        pytest.skip(f"the digests are of {KEPT['environment']}; this is {environment()}")
    found = digests()
    assert len(found) > 160
    assert {name: d for name, d in found.items() if d != KEPT["tiles"].get(name)} == {}
