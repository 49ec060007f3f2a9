import copy

import pytest
import torch

from training.errors import TrainingError
from training.parts import INDEX, KEEPS, join, join_to, split
from training.state import STATE, RunConfig, State

CONFIG = RunConfig(preset="exact-tiny")


def stepped():
    state = State(CONFIG, torch.device("cpu"))
    for parameter in (*state.network.parameters(), *state.critic.parameters()):
        parameter.grad = torch.randn_like(parameter)
    state.optimiser.step()
    state.critic_optimiser.step()
    state.step = 7
    return state


def data(state, folder):
    state.save(folder)
    return torch.load(folder / STATE, weights_only=True)


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for item in value.values() for t in tensors(item)]
    return [t for item in value for t in tensors(item)] if isinstance(value, (list, tuple)) else []


def test_exact_parts_give_back_the_state_bit_for_bit(tmp_path):
    whole = data(stepped(), tmp_path)
    kept = split(whole, tmp_path / "out", part_mib=0.1, limit_mib=60)
    assert kept.name == "exact"
    parts = sorted((tmp_path / "out").glob("*.part"))
    assert len(parts) > 3
    assert max(p.stat().st_size for p in parts) <= 0.1 * 2**20
    again = join(tmp_path / "out")
    assert again["config"] == whole["config"]
    assert again["step"] == 7
    for ours, theirs in zip(tensors(again), tensors(whole), strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("keep", [k.name for k in KEEPS])
def test_a_run_continues_from_every_kind_of_parts(tmp_path, keep):
    state = stepped()
    split(data(state, tmp_path), tmp_path / "out", keep=keep)
    assert join_to(tmp_path / "out", tmp_path / "run") == 7
    other = State(CONFIG, torch.device("cpu"))
    assert other.load(tmp_path / "run")
    assert other.step == 7
    for ours, theirs in zip(other.network.parameters(), state.network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.005, atol=0)
    for parameter in other.network.parameters():
        parameter.grad = torch.ones_like(parameter)
    other.optimiser.step()


def test_the_fullest_that_fits_is_kept_and_too_small_a_limit_is_explained(tmp_path):
    whole = data(stepped(), tmp_path)
    sizes = {}
    for keep in KEEPS:
        split(whole, tmp_path / keep.name, keep=keep.name)
        files = (tmp_path / keep.name).glob("*.part")
        sizes[keep.name] = sum(f.stat().st_size for f in files) / 2**20
    assert sizes["exact"] > sizes["half-moments"] > sizes["weights"] > sizes["half-weights"]
    limit = 0.5 * (sizes["exact"] + sizes["half-moments"])
    assert split(whole, tmp_path / "some", limit_mib=limit).name == "half-moments"
    with pytest.raises(TrainingError, match="expected at most"):
        split(whole, tmp_path / "none", limit_mib=0.5 * sizes["half-weights"])
    with pytest.raises(TrainingError, match="expected one of exact"):
        split(whole, tmp_path / "none", keep="all")


def test_a_smaller_set_leaves_no_part_of_the_larger_behind(tmp_path):
    whole = data(stepped(), tmp_path)
    split(whole, tmp_path / "out", part_mib=0.1)
    split(whole, tmp_path / "out", part_mib=2, keep="half-weights")
    assert len(list((tmp_path / "out").glob("*.part"))) == 1
    join(tmp_path / "out")


def test_missing_damaged_and_foreign_parts_are_named(tmp_path):
    out = tmp_path / "out"
    split(data(stepped(), tmp_path), out, part_mib=0.1)
    part = out / "state.1.part"
    content = part.read_bytes()
    part.write_bytes(b"\0" + content[1:])
    with pytest.raises(TrainingError, match=r"state\.1\.part is damaged"):
        join(out)
    part.unlink()
    with pytest.raises(TrainingError, match=r"state\.1\.part is missing"):
        join(out)
    (out / INDEX).write_text('{"format": "other", "sha256": []}')
    with pytest.raises(TrainingError, match="has format 'other'"):
        join(out)
    with pytest.raises(TrainingError, match="holds no parts"):
        join(tmp_path)


def test_splitting_leaves_the_state_as_it_was(tmp_path):
    whole = data(stepped(), tmp_path)
    before = copy.deepcopy(whole)
    split(whole, tmp_path / "out", keep="half-weights")
    for ours, theirs in zip(tensors(whole), tensors(before), strict=True):
        assert torch.equal(ours, theirs)
