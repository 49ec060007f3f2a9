import argparse
import dataclasses
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import generator
from generator.cascade import checkpoint
from generator.grid.block import Block
from generator.grid.errors import ImageryError
from generator.grid.tile import Tile
from generator.imagery.sources import Decoded, Source, read_manifest
from generator.nets.bands import contrast_scale, high_band, low_band
from generator.nets.config import SamplerConfig
from generator.nets.encoder import detail_of
from tests.fakes_recipe import NETWORK
from tests.imagery import write_imagery
from training.cli import main
from training.errors import TrainingError
from training.imagery.prepare import prepare
from training.imagery.pyramid import Pyramid
from training.run.bank import changed, offer_of, sources_of
from training.run.export import layout_networks
from training.run.layoutstep import LayoutStep
from training.run.loop import cooled
from training.run.machine import Machine, machine_of
from training.run.recipe import MemoryRecipe, Phase, Recipe
from training.run.recipefile import read
from training.run.stages import batches_of, train_networks
from training.run.state import STATE, TrainingState
from training.samples.collage import Cells, draw_cells, misfits
from training.samples.groups import Groups

TINY = (
    NETWORK
    + """
[train]
window = 24
edge = 4
shares = [1, 0, 0, 0, 0]

[[phase]]
until = 3
rate = 1e-3

[memory]
megapixels = { 7 = 1 }
licences = []
warp = true

[[entries]]
steps = 2
zooms = [7]
group = 2

[[entries]]
steps = 1
decoder_rate = 0.0
group = 2

[[chains]]
steps = 2
places = 1
pool = 20
group = 2
window = 32
"""
)


@pytest.fixture(scope="module")
def imagery(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    manifest = write_imagery(folder / "in")
    prepare(read_manifest(manifest), None, folder / "out")
    return manifest, folder / "out"


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def weights(state):
    return torch.cat([p.detach().flatten() for p in state.network.parameters()])


def test_groups_are_drawn_by_address_and_hold_windows_of_one_stage(imagery):
    groups = Groups(Pyramid(imagery[1]), 24, 4, (1.0, 0, 0, 0, 0))
    first, again, other = groups[5], groups[5], groups[6]
    assert first["child"].shape == (4, 3, 96, 96)
    assert first["child"].dtype == torch.uint8
    assert torch.equal(first["child"], again["child"])
    assert not torch.equal(first["child"], other["child"])


def test_cells_gather_codes_and_blend_details_of_the_same_owners():
    owner = torch.zeros(1, 8, 8, dtype=torch.int64)
    owner[:, :, 4:] = 2
    codes = torch.arange(3).view(3, 1, 1, 1).expand(3, 4, 8, 8).float()
    details = codes[:, :3].repeat_interleave(4, 2).repeat_interleave(4, 3)
    cells = Cells(owner, torch.tensor([[0, 1, 2]]))
    laid, blended = cells.gather(codes), cells.blend(details)
    assert laid.shape == (1, 4, 8, 8)
    assert (laid[..., :4] == 0).all()
    assert (laid[..., 4:] == 2).all()
    assert torch.allclose(blended[..., :8], torch.zeros(()), atol=1e-4)
    assert torch.allclose(blended[..., -8:], torch.full((), 2.0), atol=1e-4)


def test_a_window_never_lends_to_itself():
    costs = torch.zeros(2, 3, 32, 32)
    cells = draw_cells([[1, 2], [0, 2]], costs, 16, torch.Generator().manual_seed(1))
    assert set(cells.owner[0].unique().tolist()) == {1, 2}
    assert set(cells.owner[1].unique().tolist()) == {0, 2}


def test_a_cell_is_lent_by_a_window_that_fits_it():
    # Window 0 is dark in the west and bright in the east; 1 is dark, 2 is bright.
    parents = torch.full((3, 3, 64, 64), -0.5)
    parents[0, :, :, 32:] = 0.5
    parents[2] = 0.5
    costs = misfits(parents)
    assert costs[0, 0].max() == 0
    cells = draw_cells([[1, 2]], costs[:1], 16, torch.Generator().manual_seed(1))
    assert (cells.owner[0, :, :16] == 1).all()
    assert (cells.owner[0, :, 48:] == 2).all()


def test_a_window_with_its_own_layout_is_asked_to_come_back():
    child = F.interpolate(torch.rand(1, 3, 24, 24), scale_factor=4, mode="bicubic") * 2 - 1
    parent = F.avg_pool2d(child, 4)
    detail = detail_of(child, parent)
    base = low_band(parent, [1.0], padded=True)
    target = base + contrast_scale(base) * high_band(detail, [1.0], padded=True)
    inner = (..., slice(32, -32), slice(32, -32))
    assert (target - child)[inner].abs().mean() < 0.1 * (base - child)[inner].abs().mean()


def test_a_step_teaches_encoder_and_decoder_and_is_the_same_again(imagery, recipe):
    made = []
    for _ in range(2):
        state = TrainingState(read(recipe))
        before = weights(state)
        batch = batches_of(state.recipe, Pyramid(imagery[1]))[0]
        losses = LayoutStep(state).step(batch)
        assert not torch.equal(before, weights(state))
        assert all(np.isfinite(list(losses.values())))
        made.append(weights(state))
    assert torch.equal(*made)
    first, now = (
        each.network.encoder.parameters() for each in (TrainingState(read(recipe)), state)
    )
    assert any(not torch.equal(a, b) for a, b in zip(first, now, strict=True))


def test_an_interrupted_run_goes_on_to_the_step(imagery, recipe, tmp_path):
    given = read(recipe)
    whole = train_networks(given, imagery[1], tmp_path / "whole", 3)
    train_networks(given, imagery[1], tmp_path / "parts", 2)
    parts = train_networks(given, imagery[1], tmp_path / "parts", 3)
    assert (whole.step, parts.step) == (3, 3)
    assert torch.equal(weights(whole), weights(parts))


def test_an_older_state_goes_on(imagery, recipe, tmp_path):
    """Networks were called a pair, and the critic had moments of its own."""
    first = train_networks(read(recipe), imagery[1], tmp_path / "run", 2)
    held = torch.load(tmp_path / "run" / STATE, weights_only=True)
    held["pair"] = held.pop("network")
    held["adversary"]["critic"]["standard.mean0"] = torch.zeros(12)
    del held["lineage"], held["data"]
    torch.save(held, tmp_path / "run" / STATE)
    again = TrainingState(read(recipe))
    assert again.load(tmp_path / "run")
    assert torch.equal(weights(first), weights(again))
    assert again.lineage == []


def test_a_state_of_another_recipe_is_refused_in_one_sentence(recipe, tmp_path):
    TrainingState(read(recipe)).save(tmp_path / "run")
    other = Recipe(phases=(Phase(until=1),))
    with pytest.raises(TrainingError, match=r"is no state of this recipe"):
        TrainingState(other).load(tmp_path / "run")
    (tmp_path / "run" / STATE).unlink()
    assert not TrainingState(other).load(tmp_path / "run")


def test_phases_follow_each_other_and_the_last_goes_on():
    recipe = Recipe(phases=(Phase(until=5), Phase(until=9, rate=1e-5)))
    assert [recipe.phase(step).until for step in (0, 4, 5, 8, 9, 99)] == [5, 5, 9, 9, 9, 9]


def test_a_picture_that_two_manifests_name_is_offered_once(imagery):
    manifest = str(imagery[0])
    once = sources_of([manifest])
    assert [source.name for source in sources_of([manifest, manifest])] == [s.name for s in once]
    assert len(once) > 1


def test_a_run_stops_when_its_time_is_over_and_slows_down_before(imagery, recipe, tmp_path):
    machine = Machine(seconds=0.0, cool_down=100.0)
    state = train_networks(read(recipe), imagery[1], tmp_path / "run", 3, machine=machine)
    assert state.step == 0
    assert (tmp_path / "run" / STATE).exists()
    assert [cooled(left, 100.0) for left in (200, 50, 0)] == [1.0, 0.5, 0.05]
    assert cooled(1e9, Machine().cool_down) == 1.0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"device": "nope"}, "--device is 'nope', expected one that torch has here"),
        ({"workers": 0}, "--workers is 0, expected at least 1"),
        ({"seconds": 5.0, "cool_down": 9.0}, "--cool-down is 9, expected from 0 to --seconds, 5"),
    ],
)
def test_a_machine_that_is_not_there_is_refused_in_one_sentence(flags, words):
    given = dataclasses.asdict(Machine()) | flags
    with pytest.raises(TrainingError) as caught:
        machine_of(argparse.Namespace(**given))
    assert words in str(caught.value)


def test_the_groups_of_a_batch_lend_to_their_own_alone(imagery, recipe):
    given = read(recipe)
    phases = (dataclasses.replace(given.phases[0], groups=2),)
    batch = batches_of(dataclasses.replace(given, phases=phases), Pyramid(imagery[1]))[0]
    rows = torch.cat([batch["own"], batch["transplanted"]]).sort().values
    assert torch.equal(rows, torch.arange(8))
    for row, members, owner in zip(
        batch["transplanted"], batch["members"], batch["owner"], strict=True
    ):
        group = set(range(4)) if row < 4 else set(range(4, 8))
        assert set(members.tolist()) == group - {int(row)}
        assert set(owner.unique().tolist()) <= set(members.tolist())


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["training", *map(str, words)])
    return main()


def test_from_imagery_to_a_served_tile(imagery, recipe, tmp_path, monkeypatch, capsys):
    """The whole way by two commands: networks, bank, entries, chains."""
    manifest, data = imagery
    run, out, base = (tmp_path / name for name in ("run", "made.safetensors", "base.png"))
    Image.new("RGB", (64, 32), (90, 80, 60)).save(base)
    words = ["train", recipe, "--data", data, "--run", run, "--imagery", manifest]
    assert command(monkeypatch, *words, "--device", "cpu") == 0
    said = capsys.readouterr().out
    assert "step 3" in said
    assert said.splitlines()[-1] == "done"
    # Given again it finds everything done, the bank though what follows it has changed.
    recipe.write_text(TINY.replace("pool = 20", "pool = 30"))
    assert command(monkeypatch, *words, "--device", "cpu") == 0
    said = capsys.readouterr().out
    assert "is there already" in said
    assert "continuing entries 2 at step 1" in said
    assert "continuing chains 1 at step 2" in said
    assert command(monkeypatch, "export", "--run", run, "--out", out) == 0
    cascade = generator.load(base, out)
    assert cascade.memory is not None
    record = cascade.checkpoint.record
    assert (record["steps"], record["entry_steps"], record["lineage"]) == (3, 3, [])
    assert [each["steps"] for each in record["recipe"]["entries"]] == [2, 1]
    assert (record["chain_steps"], record["recipe"]["chains"][0]["hold"]) == (2, 0.22)
    assert record["data"] == Pyramid(data).digest
    bare = generator.load(base, out, memory=())
    tile = Tile(7, 60, 40)
    assert cascade.render(0, tile).shape == (256, 256, 3)
    assert cascade.identity != bare.identity


DEEP = TINY.split("[[entries]]")[0]
DEEP = DEEP.replace("shares = [1, 0, 0, 0, 0]", "shares = [1, 0, 0, 0, 0, 1]")
DEEP = DEEP.replace("megapixels = { 7 = 1 }", "megapixels = { 17 = 1 }")
DEEP += """
strengths = [0.3, 0.6, 1, 0.7, 0.8, 0.9]
contrast = [1, 1, 1, 1, 1, 1.1]

[[entries]]
steps = 1
zooms = [17]
group = 2
"""


def test_a_recipe_with_a_number_for_17_makes_weights_that_serve_it(tmp_path, monkeypatch):
    manifest = write_imagery(tmp_path / "in", deep=True)
    prepare(read_manifest(manifest), None, tmp_path / "data")
    deep, run, out, base = (tmp_path / name for name in ("deep.toml", "run", "out", "base.png"))
    deep.write_text(DEEP)
    Image.new("RGB", (64, 32), (90, 80, 60)).save(base)
    words = ["train", deep, "--data", tmp_path / "data", "--run", run, "--imagery", manifest]
    assert command(monkeypatch, *words, "--device", "cpu") == 0
    assert command(monkeypatch, "export", "--run", run, "--out", out) == 0
    cascade = generator.load(base, out)
    assert cascade.max_zoom == 17
    assert cascade.memory is not None
    assert cascade.memory.scenes.keys() == {17}
    tile, made = Tile(17, 70_000, 40_000), {}
    assert cascade.render(0, tile, made).shape == (256, 256, 3)
    assert cascade.chosen(0, Block.of(tile), made.__getitem__).any()


def test_a_command_that_lacks_something_says_so_in_a_sentence(
    imagery, recipe, tmp_path, monkeypatch, capsys
):
    words = ["train", recipe, "--data", imagery[1], "--run", tmp_path / "run", "--device", "cpu"]
    assert command(monkeypatch, *words) == 2
    assert "--imagery is missing, expected the manifests" in capsys.readouterr().err
    recipe.write_text(NETWORK + "[[phase]]\nuntil = 1\n")
    assert command(monkeypatch, *words, "--stage", "entries") == 2
    assert "has no stage entries, expected [entries] in it" in capsys.readouterr().err
    assert command(monkeypatch, *words, "--stage", "chains") == 2
    assert "has no stage chains, expected [chains] in it" in capsys.readouterr().err
    recipe.write_text("[network]\nfamily = 'unet'\n[chains]\n[[phase]]\nuntil = 1\n")
    assert command(monkeypatch, *words, "--stage", "chains") == 2
    assert "no stage chains, expected [network] family layout" in capsys.readouterr().err
    assert command(monkeypatch, "export", "--run", tmp_path / "none", "--out", tmp_path / "o") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_run_starts_from_what_fits_of_other_weights(recipe, tmp_path):
    first = TrainingState(read(recipe))
    with torch.no_grad():
        for value in first.ema.network.parameters():
            value.normal_()
    decoder, encoder = layout_networks(first)
    path = tmp_path / "first.safetensors"
    record = {"steps": 7, "lineage": [{"steps": 5}]}
    checkpoint.save(path, decoder, SamplerConfig(), record, encoder=encoder)
    text = recipe.read_text().replace("[train]", f'[train]\ninit = "{path}"')
    recipe.write_text(text)
    second = TrainingState(read(recipe))
    second.start()
    for ours, theirs in (
        (second.network.decoder, decoder),
        (second.network.encoder, encoder),
    ):
        for name, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[name], value)
    digest = checkpoint.load(path).digest
    assert second.record()["init"] == digest
    assert second.record()["lineage"] == [{"steps": 5}, {"steps": 7, "digest": digest}]
    recipe.write_text(text.replace("[train]", "[train]\ninit_digest = 'other'"))
    with pytest.raises(TrainingError, match="expected init_digest, other"):
        TrainingState(read(recipe)).start()


def test_a_bank_takes_pixels_for_what_they_resolve():
    memory = MemoryRecipe(enlarged={"9": 1.4}, resolved={"blue-*": 500})
    named = [
        Source("a.jpg", (), 260.0, 60.0, 0.0, source, "train", lambda: None)
        for source in ("blue-marble", "landsat")
    ]
    assert [offer_of(source, memory).zooms for source in named] == [(7,), (7, 9)]


def test_a_bank_takes_parts_of_pictures_at_another_scale():
    pixels = np.arange(20 * 40 * 3, dtype=np.uint8).reshape(20, 40, 3)
    masked = Decoded(pixels, pixels[::2, ::2, 0])
    named = [
        Source(name, (), 60.0, 60.0, 0.0, "landsat", "train", lambda: masked)
        for name in ("hills.jpg", "town.jpg", "cloud.jpg")
    ]
    memory = MemoryRecipe(rescaled={"hills*": 16}, part={"hills*": (0.25, 0, 1, 0.5)})
    hills, town, _ = changed(named, memory)
    assert (hills.name, hills.gsd, hills.lat) == ("hills.jpg as 16 m", 16, 60.0)
    assert town is named[1]
    read = hills.read()
    assert np.array_equal(read.pixels, pixels[:10, 10:])
    assert np.array_equal(read.mask, masked.mask[:5, 5:])
    assert hills.reading != changed(named, MemoryRecipe(rescaled={"hills*": 16}))[0].reading
    hidden = changed(named, MemoryRecipe(hide={"town*": ((0, 0.5, 0.5, 1),)}))[1]
    assert hidden.name == "town.jpg"
    assert not hidden.read().mask[5:, :10].any()
    assert np.array_equal(hidden.read().mask[:5], masked.mask[:5])
    assert masked.mask[5:, :10].any()
    with pytest.raises(TrainingError, match="names 'moon"):
        changed(named, MemoryRecipe(part={"moon*": (0, 0, 1, 1)}))
    with pytest.raises(ImageryError, match="rescaled of hills"):
        changed(named, MemoryRecipe(rescaled={"hills*": 0}))
