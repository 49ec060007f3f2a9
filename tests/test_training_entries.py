import dataclasses

import numpy as np
import pytest
import torch

from generator.cascade import checkpoint
from generator.grid.tile import SCALE
from generator.memory import Bank
from generator.memory.config import CHOSEN_AT
from generator.nets.config import PRESETS
from tests.fakes_memory import ENCODER, ground, synthetic_bank, synthetic_scene
from tests.imagery import prepared_imagery
from tests.layouts import tiny_bank, write_layouts
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.losses.regions import octave_energies, region_moments, set_distance
from training.run.entrystep import EntryStep
from training.run.export import BANKED
from training.run.machine import Machine
from training.run.recipe import EntriesRecipe, Recipe
from training.run.stages import train_entries
from training.run.state import TrainingState
from training.samples.entrybank import Entries, EntryWindow

WINDOW = 48


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    return prepared_imagery(folder)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_layouts(tmp_path_factory.mktemp("weights") / "w.safetensors", tiny_bank())


def scenes_of(bank, zoom):
    return [scene for scene in bank.scenes if scene.chosen_at == CHOSEN_AT[zoom]]


def index_of(held, spot):
    return torch.from_numpy(held.index(spot))[None]


def random():
    return np.random.default_rng(5)


def test_the_scene_that_a_parent_is_of_is_chosen_for_it():
    scenes = [synthetic_scene(seed, 15) for seed in (1, 2, 3)]
    held = Entries(Bank(tuple(scenes), ENCODER, 4), WINDOW)
    parent = ground(2, 96, 96)[24:72, 24:72]
    found = [held.choose(15, parent, random()) for _ in range(3)]
    assert found[0].scene == 1
    assert abs(found[0].y - 24) <= 12
    assert abs(found[0].x - 24) <= 12


def test_many_places_are_chosen_for_a_parent():
    held = Entries(synthetic_bank(0), WINDOW)
    draw = random()
    spots = [held.choose(9, ground(1, 48, 48), draw) for _ in range(60)]
    assert len({spot.scene for spot in spots}) == 3


def test_what_passes_no_gate_is_told():
    held = Entries(Bank((synthetic_scene(1, 15),), ENCODER, 4), WINDOW)
    sea = np.full((48, 48, 3), 250, np.uint8)
    assert not held.choose(15, sea, random()).fits
    assert held.choose(15, ground(1, 96, 96)[24:72, 24:72], random()).fits


@pytest.mark.parametrize("zoom", [7, 9, 11, 13, 15])
def test_windows_of_all_stages_lie_in_their_scenes(zoom):
    held = Entries(synthetic_bank(0), WINDOW)
    spot = held.choose(zoom, ground(3, 48, 48), random())
    codes = scenes_of(held.bank, zoom)[spot.scene].codes[zoom]
    read = held.read(index_of(held, spot))[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(read, codes[spot.y : spot.y + WINDOW, spot.x : spot.x + WINDOW])


def test_a_scene_smaller_than_the_window_lies_in_its_middle():
    held = Entries(Bank((synthetic_scene(1, 15, 32),), ENCODER, 4), WINDOW)
    spot = held.choose(15, ground(3, 48, 48), random())
    index = index_of(held, spot)
    read = held.read(index)[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(read[8:40, 8:40], held.bank.scenes[0].codes[15])
    assert not read[:8].any()
    held.move(index, torch.full((1, 4, WINDOW, WINDOW), 9.0))
    assert held.values.min() == held.values.max() == pytest.approx(3.49)


def test_moved_windows_become_codes_and_nothing_else_changes():
    bank = synthetic_bank(0)
    held = Entries(bank, WINDOW)
    steps = torch.full((1, 4, WINDOW, WINDOW), -0.7)
    held.move(index_of(held, EntryWindow(13, 2, 10, 20)), steps)
    after = held.rounded()
    assert after.encoder == bank.encoder
    pairs = list(zip(bank.scenes, after.scenes, strict=True))
    changed = [(n, z) for n, (a, b) in enumerate(pairs) for z in a.codes
               if (a.codes[z] != b.codes[z]).any()]  # fmt: skip
    eleven = [n for n, scene in enumerate(bank.scenes) if scene.chosen_at == 11]
    assert changed == [(eleven[2], 13)]
    a, b = (scene.codes[13].astype(int) for scene in pairs[eleven[2]])
    np.testing.assert_array_equal(b[10:58, 20:68], np.maximum(a[10:58, 20:68] - 1, -3))
    assert (a != b).mean() == held.changed() * sum(
        codes.size for scene in bank.scenes for codes in scene.codes.values()
    ) / a.size
    assert all((a.descriptors == b.descriptors).all() for a, b in pairs)


def test_state_comes_back_and_another_bank_is_refused():
    held, other = (Entries(synthetic_bank(0), WINDOW) for _ in range(2))
    held.move(index_of(held, EntryWindow(15, 0, 0, 0)), torch.ones(1, 4, WINDOW, WINDOW))
    other.load_state(held.state())
    assert other.rounded().digest == held.rounded().digest != held.bank.digest
    with pytest.raises(ValueError, match=r"\d+ codes, expected \d+"):
        Entries(synthetic_bank(0, scenes=2), WINDOW).load_state(held.state())


def test_style_sees_what_a_region_is_like_and_not_where_it_is():
    maps = torch.rand(1, 3, 32, 32)
    turned = maps.unflatten(2, (2, 16)).flip(3).flatten(2, 3)
    assert torch.allclose(region_moments(maps, 16), region_moments(turned, 16), atol=1e-5)
    assert not torch.allclose(region_moments(maps, 16), region_moments(maps * 0.5, 16), atol=1e-2)
    # Of a group's images all regions count together, in whatever order.
    pair, half = torch.rand(2, 6, 4, 4), torch.rand(2, 6, 4, 4) * 0.5
    assert set_distance(pair, pair.flip(0).flip(2), 2) < 0.05 < set_distance(pair, half, 2)
    assert set_distance(torch.cat([pair, half]), torch.cat([half, pair]), 4) < 0.05
    assert set_distance(torch.cat([pair, half]), torch.cat([half, pair]), 2) > 0.05
    image = torch.rand(1, 3, 64, 64) - 0.5
    assert [e.shape[-1] for e in octave_energies(image)] == [2, 2, 2]
    assert all(
        (a > b).all()
        for a, b in zip(octave_energies(image), octave_energies(image / 9), strict=True)
    )


def regional(losses):
    return losses["region_style"] + losses["region_octaves"]


def test_steps_move_entries_and_the_decoder_towards_other_places(weights, data):
    loaded = checkpoint.load(weights)
    step = EntryStep(loaded, EntriesRecipe(group=2, decoder_rate=1e-3))
    assert sum(step.shares) == pytest.approx(1)
    batches = step.batches(Pyramid(data))
    fitting = (b for b in map(batches.__getitem__, range(99)) if (b["index"] >= 0).any())
    batch = next(fitting)
    losses = [step.step(batch) for _ in range(6)]
    assert regional(losses[-1]) < regional(losses[0])
    assert step.entries.changed() > 0
    before = loaded.network.state_dict()
    assert any((before[k] != v).any() for k, v in step.decoder.state_dict().items())
    assert all((before[k] == v).all() for k, v in step.first.state_dict().items())


def test_the_entries_of_some_stages_move_alone_and_the_decoder_may_stay(weights, data):
    loaded = checkpoint.load(weights)
    step = EntryStep(loaded, EntriesRecipe(group=2, decoder_rate=0.0, rate=2.0, zooms=(15,)))
    assert step.shares == (0, 0, 0, 0, 1, 0)
    batches = step.batches(Pyramid(data))
    for number in range(6):
        step.step(batches[number])
    first, after = loaded.bank.scenes, step.entries.rounded().scenes
    moved = {zoom for a, b in zip(first, after, strict=True) for zoom in a.codes
             if (a.codes[zoom] != b.codes[zoom]).any()}  # fmt: skip
    assert moved == {15}
    kept = step.first.state_dict()
    assert all((kept[k] == v).all() for k, v in step.decoder.state_dict().items())
    asked = EntryStep(loaded, EntriesRecipe(shares=(1, 0, 0, 1, 2)))
    assert asked.shares == (0.25, 0, 0, 0.25, 0.5, 0)
    only = dataclasses.replace(loaded, bank=Bank(first[:3], loaded.bank.encoder, 4))
    with pytest.raises(TrainingError, match="no entries of zooms 15"):
        EntryStep(only, EntriesRecipe(zooms=(15,))).shares  # noqa: B018 - it raises


def test_a_training_goes_on_and_ends_as_if_never_stopped(weights, data, tmp_path):
    def run(folder, steps):
        made = tmp_path / folder
        if not made.exists():
            TrainingState(recipe(steps)).save(made)
            (made / BANKED).write_bytes(weights.read_bytes())
        assert train_entries(recipe(steps), data, made, Machine())
        return checkpoint.load(made / "entries-1.safetensors")

    def recipe(steps):
        return Recipe(PRESETS["layout-tiny"], entries=(EntriesRecipe(steps, group=2),))

    run("a", 1)
    stopped, whole = run("a", 2), run("b", 2)
    first = checkpoint.load(weights)
    assert stopped.bank.digest == whole.bank.digest != first.bank.digest
    assert stopped.encoder_digest == first.encoder_digest == stopped.bank.encoder
    assert stopped.record["entry_steps"] == 2
    assert stopped.sampler == first.sampler


def test_what_cannot_be_trained_is_refused_with_a_sentence(weights, data, tmp_path):
    bare = checkpoint.load(write_layouts(tmp_path / "bare.safetensors"))
    with pytest.raises(TrainingError, match="no bank of layouts"):
        EntryStep(bare, EntriesRecipe())
    loaded = checkpoint.load(weights)
    step = EntryStep(loaded, EntriesRecipe())
    step.save(tmp_path / "state")
    other = EntryStep(dataclasses.replace(loaded, digest="0" * 64), EntriesRecipe())
    with pytest.raises(TrainingError, match="begun with other weights"):
        other.load(tmp_path / "state")
    assert SCALE * step.options.window % 32 == 0
