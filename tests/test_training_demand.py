"""What a world asks for: the same again, as its own choice sees it, and collected in parts."""

import numpy as np
import pytest
from PIL import Image

import generator
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE, row_of
from generator.memory.config import WINDOW
from generator.memory.jitteredgrid import EARTH
from tests.layouts import tiny_bank, write_layouts
from training.run import demand
from training.run.demand import DemandFile, DemandPlace


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    pixels = np.random.default_rng(0).integers(60, 160, (32, 64, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "base.png")
    weights = write_layouts(folder / "w.safetensors", tiny_bank())
    return generator.load(folder / "base.png", weights, geography="none")


@pytest.mark.parametrize("zoom", [7, 9])
@pytest.mark.parametrize(("lat", "lon"), [(20.0, 30.0), (-55.9, 179.99), (75.9, -179.99)])
def test_a_place_asks_for_what_the_choice_of_its_cell_sees(world, zoom, lat, lon):
    place = DemandPlace(world, zoom)
    descriptor, gates = place.asked(lat, lon)
    # As the memory views the pixels round it, with all that a field reads.
    size = TILE_SIZE << (zoom - 2)
    x, y = int((lon + 180) / 360 * size), int(row_of(lat, size))
    view = world.memory._view(
        zoom, Rectangle(x, y, 1, 1),
        (lambda area: world.ground(demand.SEED, area, zoom - 2, place._read).dry, None),
        EARTH, None,
    )  # fmt: skip
    wanted, bounds = view.described(np.array([y]), np.array([x]))
    middle = len(gates) // 2
    np.testing.assert_array_equal(descriptor[middle], wanted[0])
    np.testing.assert_array_equal(gates[middle], bounds[0])
    # Where pixels are drawn a place is nine cells, all of which lie within half a degree of it.
    assert len(gates) == (1 if zoom == 7 else 9)
    assert (demand._APART + WINDOW // 2) * 360 / (TILE_SIZE << 7) < 0.5


def test_tiles_that_are_thrown_away_change_nothing(world, monkeypatch):
    places = [(20.0, 30.0), (-20.0, 60.0), (20.0, 30.5)]
    kept = [DemandPlace(world, 9).asked(*place) for place in places]
    monkeypatch.setattr(demand, "_KEPT", 0)
    one = DemandPlace(world, 9)
    for before, place in zip(kept, places, strict=True):
        after = one.asked(*place)
        assert all((a == b).all() for a, b in zip(before, after, strict=True))


def test_asking_goes_on_with_what_is_lacking_and_stops_in_time(
    world, tmp_path, monkeypatch, capsys
):
    path, calls, asked = tmp_path / "d.npz", [], DemandPlace.asked

    def counted(self, *place):
        calls.append(place)
        return asked(self, *place)

    monkeypatch.setattr(DemandPlace, "asked", counted)
    assert DemandFile(path, 7, 3, "mine").collect(world, -1.0) is None
    assert len(calls) == 1
    assert "place 1/3 of zoom 7" in capsys.readouterr().out
    whole = DemandFile(path, 7, 3, "mine").collect(world, 99.0)
    assert len(calls) == len(set(calls)) == len(whole.descriptors) == len(whole.gates) == 3
    # More places begin with the same ones; fewer are the first of them; another world has its own.
    more = DemandFile(path, 7, 4, "mine").collect(world, 99.0)
    fewer = DemandFile(path, 7, 2, "mine").collect(world, 99.0)
    assert len(calls) == 4
    np.testing.assert_array_equal(more.descriptors[:3], whole.descriptors)
    np.testing.assert_array_equal(fewer.gates, whole.gates[:2])
    other = DemandFile(tmp_path / "o.npz", 7, 3, "other").collect(world, 99.0)
    np.testing.assert_array_equal(other.descriptors, whole.descriptors)
    DemandFile(path, 7, 1, "other").collect(world, 99.0)
    assert len(calls) == 8
