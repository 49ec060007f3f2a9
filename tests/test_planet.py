"""Made-up planets: deterministic, without edges, of the Blue Marble's colours, and worlds' base."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generator.base.basemap import BaseMap
from generator.cascade import checkpoint
from generator.cascade.cascade import Cascade
from generator.cascade.identityinputs import identity_inputs
from generator.grid.errors import BaseMapError
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from generator.nets.config import SamplerConfig
from generator.planets import planet as planets
from generator.planets.planet import Planet
from generator.planets.style import STYLES
from tests.networks import assert_same_pixels, tiny_network


@cache
def picture(seed: int = 3, style: str = "terra", width: int = 256) -> Pixels:
    return Planet(seed, style).picture(width)


@cache
def base(seed: int) -> BaseMap:
    return BaseMap(picture(seed))


@pytest.fixture
def cascade(tmp_path: Path) -> Cascade:
    checkpoint.save(tmp_path / "tiny.safetensors", tiny_network(), SamplerConfig(), {"steps": 1})
    return make(tmp_path, 3)


def make(folder: Path, seed: int) -> Cascade:
    loaded = checkpoint.load(folder / "tiny.safetensors")
    return Cascade(base(seed), loaded, SamplerConfig(), torch.device("cpu"), torch.float32)


def roughness(first: Pixels, second: Pixels) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def sea(pixels: Pixels) -> float:
    """Share of the sphere's surface that is blue."""
    weight = np.cos((0.5 - (np.arange(len(pixels)) + 0.5) / len(pixels)) * np.pi)
    blue = pixels[..., 2].astype(int) > pixels[..., 0].astype(int) + 12
    return float((blue.mean(1) * weight).sum() / weight.sum())


def test_a_planet_is_always_the_same_and_another_number_another() -> None:
    assert np.array_equal(picture(), Planet(3).picture(256))
    assert roughness(picture(3), picture(4)) > 20
    assert roughness(picture(3), picture(2**64 - 1)) > 20


def test_a_planet_is_the_same_at_any_width() -> None:
    fine = picture(3, "terra", 512).astype(float)
    averages = fine.reshape(128, 2, 256, 2, 3).mean((1, 3))
    difference = np.abs(averages - picture()).mean()
    assert difference < roughness(picture(3), picture(4)) / 4


def test_neither_the_dateline_nor_a_pole_is_an_edge() -> None:
    whole = picture()
    inside = np.median([roughness(whole[:, x], whole[:, x + 1]) for x in range(20, 230, 10)])
    assert roughness(whole[:, -1], whole[:, 0]) < 2 * inside
    for row in (whole[0], whole[-1]):
        # Beyond the pole lies the far meridian.
        assert roughness(row, np.roll(row, 128, 0)) < 12


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planets, "_ROWS", 23)
    assert np.array_equal(Planet(3).picture(256), picture())


def test_a_planet_has_sea_ice_forest_and_desert() -> None:
    pixels = picture(3, "terra", 512).reshape(-1, 3).astype(int)
    red, green, blue = pixels.T
    assert (red > 225).mean() > 0.02
    assert ((red < 70) & (green > red) & (blue < 40)).mean() > 0.01
    assert ((red > 130) & (red > blue + 30)).mean() > 0.01
    assert ((red < 40) & (blue > red + 12)).mean() > 0.4


def test_styles_are_what_they_say() -> None:
    assert sea(picture(5, "islands")) > sea(picture(5)) > sea(picture(5, "desert")) + 0.15
    ice = [(picture(5, style) > 200).all(-1).mean() for style in ("ice", "terra")]
    assert ice[0] > ice[1] + 0.1


@pytest.mark.parametrize("style", STYLES)
def test_a_name_is_read_as_it_is_written(style: str) -> None:
    planet = Planet(17, style)
    assert Planet.named(Path(str(planet))) == planet


@pytest.mark.parametrize("text", ["planet.png", "maps/planet:3", "planets:3", "planet"])
def test_a_file_is_no_planet(text: str) -> None:
    assert Planet.named(Path(text)) is None
    assert Planet.named(None) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("planet:", "expected planet:N or planet:N:STYLE such as planet:3"),
        ("planet:-1", "expected planet:N"),
        ("planet:three", "expected planet:N"),
        (f"planet:{2**64}", r"expected 0 to 2\^64 - 1"),
        ("planet:3:lava", "'lava', expected one of: terra, islands, desert, ice"),
        ("planet:3:", "'', expected one of"),
    ],
)
def test_a_wrong_name_is_answered_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BaseMapError, match=sentence):
        BaseMap.open(Path(text))


@pytest.mark.parametrize("width", [62, 129, 16386])
def test_a_wrong_width_is_refused(width: int) -> None:
    with pytest.raises(BaseMapError, match=f"width is {width}, expected an even number, 64 to"):
        Planet(0).picture(width)


def test_a_name_opens_what_its_picture_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Planet.picture, "__defaults__", (256, None))
    Image.fromarray(picture(3)).save(tmp_path / "third.png")
    named, drawn = (Path("planet:3"), tmp_path / "third.png")
    assert BaseMap.open(named, "none").digest == BaseMap.open(drawn).digest
    assert BaseMap.open(named).digest == BaseMap.open(drawn, "natural").digest
    assert BaseMap.open(named).digest != BaseMap.open(drawn).digest


def test_planets_are_told_apart_before_they_are_drawn() -> None:
    names = (None, "planet:3", "planet:4", "planet:3:ice")
    told = [identity_inputs(None if name is None else Path(name)) for name in names]
    assert len(set(told)) == len(names)
    assert identity_inputs(Path("planet:3:terra")) == told[1]


def test_worlds_of_another_planet_are_other_worlds(tmp_path: Path, cascade: Cascade) -> None:
    assert make(tmp_path, 4).fingerprint(0) != cascade.fingerprint(0)
    assert make(tmp_path, 3).fingerprint(0) == cascade.fingerprint(0)


@pytest.mark.parametrize("deepest", [8, pytest.param(15, marks=pytest.mark.slow)])
def test_every_zoom_of_a_planet_answers_and_follows_it(
    tmp_path: Path, cascade: Cascade, deepest: int
) -> None:
    store: dict[Tile, Pixels] = {}
    for zoom in range(deepest + 1):
        made = cascade.render(0, Tile(zoom, (1 << zoom) - 1, (1 << zoom) * 3 // 7), store)
        assert made.shape == (256, 256, 3)
        assert made.dtype == np.uint8
    there = Tile(7, 127, 54)
    assert not np.array_equal(make(tmp_path, 4).render(0, there), store[there])


def test_a_planets_dateline_is_no_seam(cascade: Cascade) -> None:
    store: dict[Tile, Pixels] = {}

    def read(tile: Tile) -> Pixels:
        return cascade.render(0, tile, store)

    across = cascade.window(0, Tile(7, 127, 54), read, 2)
    for x, half in ((127, across[:256, :256]), (0, across[:256, 256:])):
        assert_same_pixels(half, read(Tile(7, x, 54)), torch.float32)
