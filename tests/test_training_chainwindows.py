import numpy as np
import pytest
import torch

from generator import checkpoint
from generator.imagery.sources import read_manifest
from generator.memory import Memory
from tests.fakes_memory import endless, synthetic_bank
from tests.imagery import write_imagery
from tests.layouts import STRENGTHS, tiny_bank, write_layouts
from training.layouts import chainwindows
from training.layouts.chainwindows import ChainWindow, ChainWindows
from training.layouts.entries import NEAR, EntryOptions, EntryTrainer
from training.layouts.entrybank import Entries, addressed, addresses_of
from training.layouts.groups import Groups
from training.pyramid import Pyramid, prepare

SIDE = 48


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_layouts(tmp_path_factory.mktemp("weights") / "w.safetensors", tiny_bank())


@pytest.fixture(scope="module")
def gathered(weights):
    windows = ChainWindows()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chainwindows, "LEAST_SHOWN", 0.0)
        windows.gather(weights, SIDE, 1, np.random.default_rng(2))
    return windows


@pytest.mark.parametrize("zoom", [7, 9, 11, 13, 15])
def test_an_addressed_memory_tells_which_entries_the_product_shows(zoom):
    bank = synthetic_bank(1)
    where = zoom, 700, 900, SIDE, SIDE, endless(3, 131072, 131072)
    codes = Memory([bank]).field(7, *where)
    told = addresses_of(Memory([addressed(bank)]).field(7, *where))
    assert (told[..., 0] > 0).mean() > 0.5
    read = Entries(bank, SIDE).read_first(zoom, [told])[0].numpy()
    np.testing.assert_array_equal(read, codes)


def test_windows_are_of_chains_and_tell_what_is_shown_there(gathered, weights):
    bank = checkpoint.load(weights).bank
    entries = Entries(bank, SIDE)
    assert sorted(gathered.held) == [7, 9, 11, 13, 15]
    for zoom, times in gathered.held.items():
        assert len(times[0]) == 4
        for window in times[0]:
            assert window.parent.shape == window.addresses.shape == (SIDE, SIDE, 3)
            assert 1e5 / 2**zoom < 1.6 * window.gsd < 3e5 / 2**zoom
            entries.read_first(zoom, [window.addresses])
        parents = [window.parent for window in times[0]]
        assert len({parent.tobytes() for parent in parents}) > 1


def test_windows_are_kept_a_few_times_and_come_back(gathered):
    other = ChainWindows()
    other.load_state(gathered.state())
    for zoom, times in gathered.held.items():
        for first, second in zip(times[0], other.held[zoom][0], strict=True):
            np.testing.assert_array_equal(first.parent, second.parent)
            np.testing.assert_array_equal(first.addresses, second.addresses)
            assert first.gsd == pytest.approx(second.gsd)


def test_the_windows_of_the_nearest_colours_are_taken_each_once():
    windows = ChainWindows()
    nowhere = np.zeros((4, 4, 3), np.int16)
    windows.held[9] = [
        [ChainWindow(np.full((4, 4, 3), grey, np.uint8), nowhere, 1.0) for grey in (20, 90, 95)],
        [ChainWindow(np.full((4, 4, 3), 200, np.uint8), nowhere, 1.0)],
    ]
    asked = torch.tensor([94.0, 94.0, 180.0]) / 127.5 - 1
    child = asked.view(3, 1, 1, 1).expand(3, 3, 16, 16)
    found = windows.like(9, child, np.random.default_rng(0))
    assert [int(window.parent[0, 0, 0]) for window in found] == [95, 90, 200]
    assert len(windows.like(9, child.repeat(2, 1, 1, 1), np.random.default_rng(0))) == 4
    assert windows.like(11, child, np.random.default_rng(0)) == []


def test_a_step_on_chains_moves_what_they_show_at_the_product_s_strength(weights, tmp_path):
    prepare(read_manifest(write_imagery(tmp_path / "in")), None, tmp_path / "data")
    trainer = EntryTrainer(checkpoint.load(weights), EntryOptions(group=2, chained=1.0))
    group = Groups(Pyramid(tmp_path / "data"), SIDE, 2, trainer.shares)[0]
    zoom = (7, 9, 11, 13, 15)[int(group["band"])]
    shown = np.stack(np.broadcast_arrays(2, *np.indices((SIDE, SIDE))), -1).astype(np.int16)
    parent = np.random.default_rng(0).integers(40, 90, (SIDE, SIDE, 3), np.uint8)
    trainer.chains.held[zoom] = [[ChainWindow(parent, shown, 5.0)] * 2]
    child = group["child"].float() / 127.5 - 1
    laid = trainer._chained(zoom, child, np.random.default_rng(0))
    lead = STRENGTHS[(zoom - 7) // 2]
    assert all(abs(s - lead) <= NEAR + 1 / 32 and 0 <= s <= 1 for s in laid.strengths)
    for _ in range(4):
        assert trainer.step(group)["style"] > 0
    values, first = trainer.entries.values[zoom], trainer.entries.first[zoom]
    assert [bool((v != f).any()) for v, f in zip(values, first, strict=True)] == [0, 1, 0]
    assert (values[1][:SIDE, :SIDE] != first[1][:SIDE, :SIDE]).mean() > 0.5


def test_chains_are_made_anew_when_due_and_by_the_weights_as_they_are(
    weights, tmp_path, monkeypatch
):
    trainer = EntryTrainer(checkpoint.load(weights), EntryOptions(renewed=3))
    asked = []
    monkeypatch.setattr(ChainWindows, "gather", lambda _, *given: asked.append(given) or True)
    due = []
    for done in range(8):
        trainer.done = done
        due.append(trainer.renew(tmp_path / "out.safetensors"))
    assert due == [True, False, False, True, False, False, True, False]
    assert checkpoint.load(asked[0][0]).record["entry_steps"] == 6
    draws = [given[3].random() for given in asked]
    assert len(set(draws)) == 3
    monkeypatch.undo()
    trainer.done = 9
    assert not trainer.renew(tmp_path / "out.safetensors", lambda: True)
    assert (trainer.renewals, trainer.chains.held) == (3, {})
    none = EntryTrainer(checkpoint.load(weights), EntryOptions(chained=0.0))
    assert not none.renew(tmp_path / "none.safetensors")
