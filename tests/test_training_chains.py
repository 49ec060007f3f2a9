import dataclasses
import itertools
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

import generator
from generator.cascade import checkpoint
from generator.cascade.layoutstage import LayoutStage
from generator.grid.tile import EQUATOR_RESOLUTION, TILE_SIZE
from generator.grid.window import gather
from generator.nets import kuwahara
from generator.nets.body import padded
from generator.nets.conditioning import to_pixels, to_tensor
from generator.nets.config import SamplerConfig
from generator.nets.median import median
from tests.imagery import prepared_imagery
from tests.layouts import tiny_bank, write_layouts
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.measure.sites import SITES
from training.run import chaincollect
from training.run.chaincollect import ChainFolder, ChainPlace, near_a_site, places
from training.run.chainstep import ChainStep, chained, medians
from training.run.export import BANKED, export
from training.run.machine import Machine
from training.run.recipe import ChainsRecipe, Recipe
from training.run.stages import train_chains
from training.samples import chainfile, realwindows
from training.samples.chainbatches import ChainBatches
from training.samples.chainfile import Chain
from training.samples.realwindows import RealWindows, look_of
from training.sharpedges import enlarge_sharply

SIDE = 32
ZOOMS = (7, 9, 11, 13, 15)
SAMPLER = SamplerConfig(augmentation=(1.0, 0.5, 0.0, 0.25, 1.0), contrast=(1, 1.5, 2, 1, 1))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    return prepared_imagery(folder)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_layouts(tmp_path_factory.mktemp("weights") / "w.safetensors", tiny_bank())


def made_up(seed, zooms=ZOOMS, side=SIDE, dimensions=4):
    random, count = np.random.default_rng(seed), len(zooms)
    return Chain(
        random.integers(60, 120, (side, side, 3), np.uint8),
        np.array(zooms),
        np.zeros((count, side, side, 3), np.int16),
        random.integers(-3, 4, (count, dimensions, side, side)).astype(np.int8),
        np.full((count, 4 * side, 4 * side), 200, np.uint8),
        np.full(count, 50.0, np.float32),
        random.uniform(5, 15, (count, 4)).astype(np.float32),
    )


def some_chains():
    return [made_up(n) for n in range(6)]


def real_windows(data, zooms, path):
    return RealWindows(Pyramid(data), zooms, path, window=SIDE, count=20, seed=0)


@pytest.fixture
def real(data, tmp_path):
    return real_windows(data, ZOOMS, tmp_path / "real.npz")


def batches(real, chains=None, **others):
    given = {"size": 2, "count": 1, "seed": 0, **others}
    return ChainBatches(some_chains() if chains is None else chains, real, SAMPLER, **given)


def options(steps=2, **others):
    return ChainsRecipe(steps, window=SIDE, places=2, pool=20, group=2, **others)


def keep_chains(folder, weights, given):
    """Write what would be collected from a world: made-up chains."""
    folder.mkdir(parents=True)
    key = f"whole {checkpoint.load(weights).digest} {given.window} {given.seed}"
    for number in range(given.places):
        chainfile.save(folder / f"{number:05}.npz", some_chains()[number::2], key)


def test_a_chain_comes_back_from_its_file_and_another_key_is_not_taken(tmp_path):
    chains, path = some_chains(), tmp_path / "a.npz"
    chainfile.save(path, chains, "mine")
    for chain, again in zip(chains, chainfile.load(path, "mine"), strict=True):
        for field in dataclasses.fields(Chain):
            np.testing.assert_array_equal(getattr(chain, field.name), getattr(again, field.name))
    assert chainfile.load(path, "other") is None
    assert chainfile.load(tmp_path / "none.npz", "mine") is None
    path.write_bytes(path.read_bytes()[:1000])
    assert chainfile.load(path, "mine") is None


def test_real_windows_are_those_of_the_same_look_and_the_same_again(data, tmp_path, monkeypatch):
    monkeypatch.setattr(realwindows, "_ALIKE", 3)
    path = tmp_path / "real.npz"
    real = real_windows(data, (13,), path)
    dark, bright = (
        [real.like(13, look, np.random.default_rng(n)).mean() for n in range(9)]
        for look in np.array([[0, 0, 0, 8], [16, 16, 16, 8]], np.float32)
    )
    assert max(dark) < min(bright)
    assert 1 < len(set(dark)) <= 3
    again = real_windows(data, (13,), path)
    np.testing.assert_array_equal(real.window(13, 3), again.window(13, 3))
    np.testing.assert_array_equal(look_of(real.window(13, 3)), again.looks[13][3])


def test_real_windows_are_read_without_their_imagery_and_averaged_where_it_is_fine(
    data, tmp_path, monkeypatch
):
    path = tmp_path / "real.npz"
    real = real_windows(data, (11, 13), path)
    held = [real.window(zoom, 5) for zoom in (11, 13)]
    assert all(window.shape == (4 * SIDE, 4 * SIDE, 3) for window in held)
    monkeypatch.setattr(Pyramid, "pixels", None)
    again = real_windows(data, (11, 13), path)
    for zoom, window in zip((11, 13), held, strict=True):
        np.testing.assert_array_equal(again.window(zoom, 5), window)


def test_batches_are_drawn_by_address_stage_by_stage(real):
    made = batches(real, count=2)
    batch, again = made[3], made[3]
    assert batch.keys() == again.keys()
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert batch["zoom"].tolist() == list(ZOOMS)
    assert batch["parent"].shape == (4, 3, SIDE, SIDE)
    assert batch["codes"].shape == (20, 4, SIDE, SIDE)
    assert batch["real"].shape == (20, 3, 4 * SIDE, 4 * SIDE)
    assert batch["level"].view(5, 4).tolist() == [[level] * 4 for level in SAMPLER.augmentation]
    # Where the parent leads alone, at 11 here, nothing fades.
    coverage = batch["coverage"].view(5, -1)
    assert (coverage[2] == 255).all()
    assert (coverage[1] == 200).all()


def test_a_group_is_the_same_however_many_a_step_has(real):
    pair, alone = batches(real, count=2)[3], batches(real, count=1)[3]
    for name in ("codes", "real", "even"):
        # Of each stage the first group of two.
        first = pair[name].unflatten(0, (5, 2, -1))[:, 0].flatten(0, 1)
        assert torch.equal(first, alone[name]), name


def test_fewer_chains_than_a_group_come_again_and_none_is_told(real):
    batch = batches(real, [made_up(1)], size=3)[0]
    assert torch.equal(batch["parent"][0], batch["parent"][2])
    with pytest.raises(TrainingError, match="no chain shows any layouts, expected more places"):
        batches(real, [])


def test_the_gradient_of_the_last_stage_reaches_the_first_drawing(weights, real):
    step = ChainStep(checkpoint.load(weights), options())
    batch = batches(real)[0]
    codes = batch["codes"].float().requires_grad_()
    images, _ = chained(step.decoder, batch | {"codes": codes}, SAMPLER)
    count = len(batch["parent"])
    assert images.shape == (5 * count, 3, 4 * SIDE, 4 * SIDE)
    # Seen from the last child alone, the codes of all parents have a gradient, too.
    (slope,) = torch.autograd.grad(images[-count:].square().sum(), codes)
    assert all(part.abs().sum() > 0 for part in slope.split(count))


def test_a_child_is_drawn_from_the_middle_of_what_was_drawn_above_it(weights, real):
    step = ChainStep(checkpoint.load(weights), options())
    batch = batches(real)[0] | {"zoom": torch.tensor([7, 9])}
    batch["codes"] = batch["codes"] * 0
    sampler = SamplerConfig(augmentation=(1e-6,) * 5)  # the parent leads
    with torch.no_grad():
        upper, lower = chained(step.first, batch, sampler)[0].chunk(2)
        batch["ground"] = batch["ground"] + 10
        _, brighter = chained(step.first, batch, sampler)[0].chunk(2)
    small = torch.nn.functional.avg_pool2d(lower, 4)

    def off(x, y):
        middle = upper[..., 48 + y : 80 + y, 48 + x : 80 + x]
        return float((small - middle)[..., 2:-2, 2:-2].abs().mean())

    assert off(0, 0) < 0.3 * min(off(1, 0), off(0, 1), off(-1, 0), off(0, -1))
    # What geography adds to a parent is in its child.
    assert float((brighter - lower).mean()) * 127.5 == pytest.approx(10, abs=1)


def test_a_decoder_learns_to_draw_nothing_of_one_code(weights, real, data):
    step = ChainStep(checkpoint.load(weights), options(rate=1e-3, checkerboard=100.0))
    step.chains, step.real = some_chains(), real
    batch = step.batches(Pyramid(data))[0]
    told = [float(step.step(batch)["dots"]) for _ in range(12)]
    assert told[-1] < 0.7 * told[0]


def test_steps_move_the_decoder_and_keep_the_bank(weights, real, data):
    loaded = checkpoint.load(weights)
    step = ChainStep(loaded, options(rate=1e-3))
    step.chains, step.real = some_chains(), real
    held = step.batches(Pyramid(data))
    losses = [step.step(held[0]) for _ in range(6)]
    regional = [each["region_style"] + each["region_octaves"] for each in losses]
    assert regional[-1] < regional[0]
    assert losses[0]["coarse_colour"] == 0
    assert losses[-1]["coarse_colour"] > 0
    assert step.bank is loaded.bank


def test_a_training_goes_on_and_ends_as_if_never_stopped(weights, data, tmp_path):
    def run(folder, steps):
        made, given = tmp_path / folder, options(steps)
        if not made.exists():
            keep_chains(made / "chains-1", weights, given)
            (made / BANKED).write_bytes(weights.read_bytes())
        assert train_chains(Recipe(chains=(given,)), data, made, Machine())
        return checkpoint.load(made / "chains-1.safetensors")

    run("a", 1)
    stopped, whole = run("a", 2), run("b", 2)
    before = checkpoint.load(weights)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, stopped.network.state_dict()[name])
    first = before.network.state_dict()
    assert any((first[k] != v).any() for k, v in whole.network.state_dict().items())
    assert whole.record["chain_steps"] == 2
    assert whole.bank.digest == before.bank.digest
    export(tmp_path / "a", tmp_path / "out.safetensors")
    assert checkpoint.load(tmp_path / "out.safetensors").digest == stopped.digest


def test_a_training_without_weights_to_begin_with_says_so(data, tmp_path):
    with pytest.raises(TrainingError, match=r"banked.safetensors is missing, expected the stage"):
        train_chains(Recipe(chains=(options(),)), data, tmp_path, Machine())


@pytest.fixture(scope="module")
def world(weights, tmp_path_factory):
    base = tmp_path_factory.mktemp("base") / "base.png"
    pixels = np.random.default_rng(0).integers(60, 160, (32, 64, 3), np.uint8)
    Image.fromarray(pixels).save(base)
    return generator.load(base, weights, geography="none")


def test_what_is_collected_is_what_the_product_draws_from(world, monkeypatch):
    areas = []
    window = ChainPlace._window

    def noted(self, zoom, area, child):
        areas.append((zoom, area))
        return window(self, zoom, area, child)

    monkeypatch.setattr(ChainPlace, "_window", noted)
    place = ChainPlace(world, 7, SIDE)
    chains = place.chains(20.0, 30.0)
    assert [list(chain.zooms) for chain in chains] == [list(ZOOMS)] * 2
    assert [zoom for zoom, _ in areas] == [*ZOOMS] * 2
    # Each lies round the place, in even pixels, and in the middle of its parent's child.
    for _, area in areas:
        assert area.x0 % 2 == area.y0 % 2 == 0
    for (_, upper), (zoom, lower) in itertools.pairwise(areas):
        if zoom > ZOOMS[0]:
            assert upper.finer(4).grown(-(4 * SIDE - SIDE) // 2) == lower
    for _, first in areas[:: len(ZOOMS)]:
        assert abs((first.x0 + SIDE / 2) / (TILE_SIZE << 5) - 210 / 360) < 4 / (TILE_SIZE << 5)
    # Parents and codes are those of the world's own tiles.
    read, chain = place._read, chains[0]
    for number, (zoom, area) in enumerate(areas[: len(ZOOMS)]):
        if not number:
            np.testing.assert_array_equal(chain.parent, gather(area, zoom - 2, read))
        np.testing.assert_array_equal(chain.codes[number], world.latent(7, zoom, area, read))
        metres = EQUATOR_RESOLUTION * np.cos(np.radians(20)) / (1 << zoom)
        assert chain.gsd[number] == pytest.approx(metres, rel=0.02)
    # This world has no geography.
    assert not chain.ground.any()


def test_collecting_goes_on_with_what_is_lacking_and_stops_in_time(
    world, tmp_path, monkeypatch, capsys
):
    made = []

    def chains(self, lat, lon):
        made.append(len(made))
        return some_chains()

    monkeypatch.setattr(ChainPlace, "chains", chains)
    kept = ChainFolder(tmp_path, 3, "key")
    assert not kept.collect(lambda: world, SIDE, 0, -1.0)
    assert made == [0]
    assert "place 1/3" in capsys.readouterr().out
    assert kept.collect(lambda: world, SIDE, 0, 99.0)
    assert kept.collect(lambda: world, SIDE, 0, 99.0)
    assert made == [0, 1, 2]
    assert len(kept.chains()) == 3 * len(some_chains())
    assert ChainFolder(tmp_path, 3, "other").lacking() == [0, 1, 2]
    faint = dataclasses.replace(some_chains()[2], coverage=np.zeros((5, 128, 128), np.uint8))
    assert not chaincollect.shows(faint)


def test_places_are_land_far_from_the_sites_and_the_same_again(world):
    def draw(seed):
        return list(islice(places(world, seed), 40))

    drawn = draw(3)
    assert drawn == draw(3) != draw(4)
    for lat, lon in drawn:
        assert all(
            abs(lat - s.lat) >= 1 or abs((lon - s.lon + 180) % 360 - 180) >= 1 for s in SITES
        )
    assert near_a_site(5.0, -150.0)
    assert near_a_site(35.69, 139.70 - 360 + 360.9)


def test_edges_and_medians_are_those_of_the_cascade():
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (10, 11, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(small).resize((44, 40), Image.Resampling.BICUBIC))
    rough = random.integers(0, 256, (40, 44, 3), np.uint8)
    pictures = np.stack([rough, smooth])
    images = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).float() / 127.5 - 1
    for made, reach, one in (
        (enlarge_sharply(images), kuwahara.REACH, kuwahara.enlarge_sharply),
        (medians(images, 11), 5, lambda picture: median(picture, 11)),
    ):
        pixels = ((made + 1) * 127.5).round().byte().numpy().transpose(0, 2, 3, 1)
        for picture, drawn in zip(pictures, pixels, strict=True):
            around = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), "edge")
            np.testing.assert_array_equal(drawn, one(around))


def test_a_whole_chain_is_drawn_as_the_product_draws_it(world, monkeypatch):
    """In the middle of padded windows: what they repeat beyond their edges is not the world's."""
    children, window, side = [], ChainPlace._window, 96

    def noted(*given):
        taken, child = window(*given)
        children.append(child)
        return taken, child

    monkeypatch.setattr(ChainPlace, "_window", noted)
    chain, _ = ChainPlace(world, 7, side).chains(20.0, 30.0)
    batch = {name: torch.from_numpy(getattr(chain, name)) for name in ("codes", "coverage", "gsd")}
    batch |= {
        "zoom": torch.from_numpy(chain.zooms),
        "parent": torch.from_numpy(chain.parent.transpose(2, 0, 1).copy())[None],
        "ground": torch.from_numpy(chain.ground.transpose(0, 3, 1, 2).copy()),
    }
    network = world.stage_at(7).network
    inner = slice(4 * LayoutStage(network).margin, -4 * LayoutStage(network).margin)
    with torch.no_grad():
        drawn, parents = chained(padded(network), batch, world.sampler)
    assert torch.equal(to_tensor(chain.parent), parents[:1])
    for made, child in zip(drawn.split(1), children, strict=False):
        # Training draws in bfloat16, whose roundings add up along the chain.
        gap = to_pixels(made).astype(int) - child
        assert np.abs(gap[inner, inner]).mean() < 0.2 * child[inner, inner].std()
