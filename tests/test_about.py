"""What documents say of a map follows its base map: nobody is credited for another's planet."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.site import site
from tests.test_documents import WORLDLY
from tileserver.documents.about import abstract, attribution
from tileserver.settings import Settings

OTHER = (Path("mars.jpg"), Path("planet:3"), Path("planet:3:ice"))


def test_the_earth_credits_nasa() -> None:
    assert "NASA's Blue Marble" in abstract(Settings())
    assert attribution(Settings()).endswith("base map: NASA Blue Marble")


@pytest.mark.parametrize("base", OTHER)
def test_another_planet_credits_nobody_else(base: Path) -> None:
    settings = Settings(base=base)
    for text in (abstract(settings), attribution(settings)):
        assert "NASA" not in text
        assert "Marble" not in text
        assert "Earth" not in text
    assert "not a real place" in attribution(settings)


def test_a_made_up_planet_is_named() -> None:
    assert attribution(Settings(base=OTHER[1])).endswith("base map: made-up planet 3")
    assert attribution(Settings(base=OTHER[2])).endswith("base map: made-up planet 3 (ice)")
    assert attribution(Settings(base=Path("planet:x"))).endswith("base map: planet:x")


def test_no_document_of_another_planet_speaks_of_nasa(tmp_path: Path) -> None:
    async def check() -> None:
        async with site(tmp_path, base=Path("planet:3")) as made:
            for path in (*WORLDLY, "/api/info", "/openapi.json", "/connect", "/gdal.xml"):
                answer = await made.get(path)
                assert answer.status_code == 200
                assert "Marble" not in answer.text, path
            told = (await made.get("/tilejson.json")).json()
            assert told["attribution"].endswith("base map: made-up planet 3")

    asyncio.run(check())
