"""What documents say of a map follows its base map: nobody is credited for another's planet."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.site import site
from tests.test_documents import WORLDLY
from tileserver.documents.about import abstract, attribution, geography_credits
from tileserver.settings import Settings

OTHER = (Path("mars.jpg"), Path("planet:3"), Path("planet:3:ice"))


def test_the_earth_credits_nasa() -> None:
    assert "NASA's Blue Marble" in abstract(Settings())
    assert "base map: NASA Blue Marble" in attribution(Settings())


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


def layers(folder: Path, **credits: str) -> str:
    index = {name: {"file": f"{name}.bin", "credit": line} for name, line in credits.items()}
    (folder / "layers.json").write_text(json.dumps(index))
    return str(folder)


def test_layers_of_geography_are_credited_once_each(tmp_path: Path) -> None:
    folder = layers(tmp_path, water="© A (ODbL)", rivers="B (LGPL-3.0)", roads="© A (ODbL)")
    settings = Settings(geography=folder)
    assert geography_credits(settings) == ["© A (ODbL)", "B (LGPL-3.0)"]
    assert attribution(settings).endswith("Blue Marble; geography: © A (ODbL); B (LGPL-3.0)")


@pytest.mark.parametrize("base", [*OTHER, None])
def test_a_world_without_layers_credits_nobody_for_them(base: Path | None) -> None:
    settings = Settings(base=base, geography="none")
    assert geography_credits(settings) == []
    assert "geography" not in attribution(settings)
    if base is not None:
        assert geography_credits(Settings(base=base)) == []


def test_every_document_that_credits_the_base_map_credits_the_layers(tmp_path: Path) -> None:
    folder = layers(tmp_path, water="Mappers & Co")

    async def check() -> None:
        async with site(tmp_path / "cache", geography=folder) as made:
            credited = 0
            for path in (*WORLDLY, "/api/info", "/gdal.xml"):
                text = (await made.get(path)).text
                assert ("base map: NASA" in text) == ("Mappers &" in text), path
                credited += "base map: NASA" in text
            assert credited >= 4
            info = (await made.get("/api/info")).json()
            assert info["credits"] == ["Mappers & Co"]
            assert (info["earth"], info["base_map"]) == (True, "NASA Blue Marble")

    asyncio.run(check())


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
