import dataclasses
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
from generator.nets.bands import low_band
from generator.nets.body import padded
from generator.nets.conditioning import to_pixels, to_tensor
from generator.nets.config import SamplerConfig
from tests.imagery import prepared_imagery
from tests.layouts import tiny_bank, write_layouts
from training.drawing import draw, edges_of
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.losses.context import Drawn, Judges, ScoreContext
from training.losses.terms import checkerboard, hold
from training.measure.sites import SITES
from training.run import chaincollect
from training.run.chaincollect import ChainFolder, ChainPlace, near_a_site, places
from training.run.chainstep import ChainStep, chained
from training.run.export import BANKED, export
from training.run.machine import Machine
from training.run.recipe import ChainsRecipe, Recipe
from training.run.stages import train_chains
from training.samples import chainfile, realwindows
from training.samples.chainbatches import ChainBatches
from training.samples.chainfile import Chain
from training.samples.realwindows import RealWindows, look_of

SIDE = 32
SAMPLER = SamplerConfig(augmentation=(1.0, 0.5, 0.0, 0.25, 1.0), contrast=(1, 1.5, 2, 1, 1))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    return prepared_imagery(folder)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_layouts(tmp_path_factory.mktemp("weights") / "w.safetensors", tiny_bank())


def made_up(zooms, seed, side=SIDE, dimensions=4):
    random, count = np.random.default_rng(seed), len(zooms)
    return Chain(
        random.integers(60, 120, (side, side, 3), np.uint8),
        np.array(zooms),
        random.integers(-3, 4, (count, dimensions, side, side)).astype(np.int8),
        np.full((count, 4 * side, 4 * side), 200, np.uint8),
        np.full(count, 50.0, np.float32),
        random.uniform(5, 15, (count, 4)).astype(np.float32),
    )


def some_chains():
    return [made_up(zooms, 10 * n + zooms[0]) for n in range(6) for zooms in ([9], [11], [13, 15])]


def real_windows(data, zooms, path):
    return RealWindows(Pyramid(data), zooms, path, window=SIDE, count=20, seed=0)


@pytest.fixture
def real(data, tmp_path):
    return real_windows(data, (9, 11, 13, 15), tmp_path / "real.npz")


def batches(real, shares=(0.2, 0.2, 0.6), chains=None, **others):
    given = {"size": 2, "count": 1, "seed": 0, **others}
    chains = some_chains() if chains is None else chains
    return ChainBatches(chains, real, SAMPLER, shares, (0.35, 0.7), **given)


def options(steps=2, **others):
    return ChainsRecipe(steps, window=SIDE, places=2, pool=20, group=2, shares=(0, 0, 1), **others)


def keep_chains(folder, weights, given):
    """Write what would be collected from a world: made-up chains."""
    folder.mkdir(parents=True)
    key = f"{checkpoint.load(weights).digest} {given.window} {given.seed}"
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


def test_batches_are_drawn_by_address_and_pairs_go_on_from_their_own(real):
    made = batches(real, (0, 0, 1), count=2)
    batch, again = made[3], made[3]
    assert batch.keys() == again.keys()
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert batch["above"].tolist() == [0, 1, 2, 3]
    assert batch["parent"].shape == (4, 3, SIDE, SIDE)
    assert batch["codes"].shape == (8, 4, SIDE, SIDE)
    assert batch["real"].shape == (8, 3, 4 * SIDE, 4 * SIDE)
    # Stages of 13 have their own level, those of 15 one of those asked for.
    assert set(batch["level"][:4].tolist()) == {0.25}
    assert {round(level, 3) for level in batch["level"][4:].tolist()} <= {0.35, 0.7}


def test_groups_that_begin_at_several_zooms_lie_one_behind_the_other(real):
    batch = batches(real, count=12)[0]
    count = len(batch["parent"])
    assert count == 24
    above = batch["above"].tolist()
    assert len(batch["gsd"]) == count + len(above)
    assert 0 < len(above) < count
    assert all(batch["level"][row] == 0.25 for row in above)
    # Where the parent leads alone, at 11 here, nothing fades and contrast is as it is.
    alone = batch["level"] == 0
    assert alone.any()
    assert (batch["coverage"][alone] == 255).all()
    assert (batch["contrast"][alone] == 1).all()


def test_fewer_chains_than_a_group_come_again_and_none_is_told(real):
    batch = batches(real, (0, 0, 1), [made_up([13, 15], 1)], size=3)[0]
    assert torch.equal(batch["parent"][0], batch["parent"][2])
    with pytest.raises(TrainingError, match="no chain begins at zoom 9, expected more places"):
        batches(real, (1, 0, 1), [made_up([13, 15], 1)])


def test_the_gradient_of_the_child_stage_reaches_the_parents_drawing(weights, real):
    step = ChainStep(checkpoint.load(weights), options())
    batch = batches(real, (0, 0, 1))[0]
    codes = batch["codes"].float().requires_grad_()
    images = chained(step.decoder, batch | {"codes": codes}, batch["level"].tolist())
    count = len(batch["parent"])
    assert images.shape == (2 * count, 3, 4 * SIDE, 4 * SIDE)
    # Seen from the child alone, the codes that the parent was drawn from have a gradient, too.
    (slope,) = torch.autograd.grad(images[count:].square().sum(), codes)
    assert slope[:count].abs().sum() > 0
    assert slope[count:].abs().sum() > 0


def test_the_child_is_drawn_from_the_middle_of_what_was_drawn_above_it(weights, real):
    step = ChainStep(checkpoint.load(weights), options())
    batch = batches(real, (0, 0, 1))[0]
    levels = [1e-6] * len(batch["level"])  # the parent leads
    plain = {"codes": batch["codes"] * 0, "edges": torch.zeros(len(levels), dtype=torch.bool)}
    with torch.no_grad():
        images = chained(step.first, batch | plain, levels)
    upper, lower = images.chunk(2)
    small = torch.nn.functional.avg_pool2d(lower, 4)

    def off(x, y):
        middle = upper[..., 48 + y : 80 + y, 48 + x : 80 + x]
        return float((small - middle)[..., 2:-2, 2:-2].abs().mean())

    assert off(0, 0) < 0.3 * min(off(1, 0), off(0, 1), off(-1, 0), off(0, -1))


def test_coarse_colour_is_held_by_as_many_grey_levels_as_it_is_off():
    first = torch.rand(2, 3, 64, 64) - 0.5
    drawn = Drawn(first + 3 / 127.5, first, torch.ones(2), first=first)
    context = ScoreContext(drawn, Judges())
    loss = hold.loss(context.samples, first, context)
    (slope,) = torch.autograd.grad(loss, context.samples)
    assert slope.flatten(1).norm(dim=1).tolist() == pytest.approx([3, 3], rel=1e-3)
    assert float(context.log["coarse_colour"]) == pytest.approx(3, rel=1e-3)
    # What is finer than the squares is free.
    fine = first + torch.tensor([1.0, -1.0]).repeat(32)
    context = ScoreContext(dataclasses.replace(drawn, samples=fine), Judges())
    assert hold.loss(context.samples, first, context).detach() < 1e-6


def test_what_one_code_draws_counts_by_its_deviation_in_grey_levels():
    images = torch.zeros(2, 3, 32, 32)
    pattern = torch.tensor([1.0, -1.0]).repeat(16) * 5 / 127.5
    even = (images + 0.3 + pattern).requires_grad_()
    context = ScoreContext(Drawn(images, images, torch.ones(2), even=even), Judges())
    loss = checkerboard.loss(context.samples, images, context)
    (slope,) = torch.autograd.grad(loss, even)
    assert slope.flatten(1).norm(dim=1).tolist() == pytest.approx([5, 5], rel=1e-3)
    assert float(context.log["dots"]) == pytest.approx(5, rel=1e-3)


def test_what_repeats_with_every_code_is_told_from_texture_slopes_and_waves():
    random = torch.Generator().manual_seed(1)
    noise = torch.randn((1, 3, 64, 64), generator=random) * 0.1
    dots = torch.zeros(1, 3, 64, 64)
    dots[..., 1::4, 2::4] = 0.4
    slope = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    wave = torch.sin(torch.arange(64) * 2 * torch.pi / 7).expand(1, 3, 64, 64) * 0.3
    for plain in (noise, slope, wave, noise + slope):
        assert float(checkerboard.repetition(plain)) < 1e-5
    variance = float(dots.var(correction=0))
    assert variance / 3 < float(checkerboard.repetition(dots + slope)) < variance
    assert float(checkerboard.repetition(noise + dots)) > variance / 4
    # It is a part of the term, and its slope takes dots away.
    images = (noise + dots).requires_grad_()
    context = ScoreContext(
        Drawn(images, images, torch.ones(1), even=torch.zeros(1, 3, 8, 8)), Judges()
    )
    (gradient,) = torch.autograd.grad(checkerboard.loss(images, images, context), images)
    assert float((gradient * dots).sum()) > 0
    less = images.detach() - 0.01 * gradient
    assert checkerboard.repetition(less) < checkerboard.repetition(images.detach())


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

    def noted(self, zoom, area):
        areas.append((zoom, area))
        return window(self, zoom, area)

    monkeypatch.setattr(ChainPlace, "_window", noted)
    place = ChainPlace(world, 7, SIDE)
    chains = place.chains(20.0, 30.0, 5)
    assert [list(chain.zooms) for chain in chains] == [[9], [11], [13, 15], [13, 15]]
    assert [zoom for zoom, _ in areas] == [9, 11, 13, 15, 13, 15]
    # Each lies round the place, in even pixels, and one of 15 in the middle of its parent's child.
    for zoom, area in areas:
        assert area.x0 % 2 == area.y0 % 2 == 0
        assert abs(area.x0 / (TILE_SIZE << zoom - 2) - 210 / 360) < (900 + 4 * SIDE) / (256 << 11)
    for (_, upper), (_, lower) in (areas[2:4], areas[4:6]):
        inner = upper.finer(4).grown(-(4 * SIDE - SIDE) // 2)
        assert inner == lower
    # Parent and codes are those of the world's own tiles.
    read = place._read
    for (zoom, area), chain in zip(areas[:2], chains[:2], strict=True):
        np.testing.assert_array_equal(chain.parent, gather(area, zoom - 2, read))
        np.testing.assert_array_equal(chain.codes[0], world.latent(7, zoom, area, read))
        metres = EQUATOR_RESOLUTION * np.cos(np.radians(20)) / (1 << zoom)
        assert chain.gsd[0] == pytest.approx(metres, rel=0.02)


def test_collecting_goes_on_with_what_is_lacking_and_stops_in_time(
    world, tmp_path, monkeypatch, capsys
):
    made = []

    def chains(self, lat, lon, number):
        made.append(number)
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
    faint = dataclasses.replace(some_chains()[2], coverage=np.zeros((2, 128, 128), np.uint8))
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


def test_edges_are_those_that_the_cascade_draws(weights):
    """In the middle of a padded window, edges add what they add in the cascade's stage."""
    network = checkpoint.load(weights).network
    side = 2 * LayoutStage(network).margin + 16
    chain = made_up([15], 3, side)
    chain.parent[:, side // 2 :] += 80
    gsd, codes, level = np.array([float(chain.gsd[0])]), chain.codes[0], [1.0]
    stages = [LayoutStage(network, edges=edges) for edges in (True, False)]
    sharp, soft = (stage(chain.parent, codes, gsd, 1.0).astype(int) for stage in stages)
    inner = slice(4 * stages[0].margin, -4 * stages[0].margin)
    image, laid = to_tensor(chain.parent), torch.from_numpy(codes)[None].float()
    decoder, metres = padded(network), torch.tensor(gsd, dtype=torch.float32)
    told = [edges_of(image, level, torch.tensor([keep])) for keep in (True, False)]
    both = [draw(decoder, laid, image, metres, level, edges=edges) for edges in told]
    first, second = (to_pixels(each)[inner, inner].astype(int) for each in both)
    assert np.abs(sharp - soft).mean() > 4
    assert np.abs((first - second) - (sharp - soft)).mean() < 1.5
    # Without edges to keep, nothing is added.
    assert torch.equal(told[1], low_band(image, level, padded=True))
