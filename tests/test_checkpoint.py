import pytest
import torch
from safetensors.torch import save_file

from generator.cascade import checkpoint
from generator.grid.errors import WeightsError
from generator.nets.config import SamplerConfig
from tests.networks import tiny_network


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "weights.safetensors"
    checkpoint.save(path, tiny_network(), SamplerConfig(steps=2), {"steps": 7})
    return path


def test_weights_carry_configuration_and_record(saved):
    loaded = checkpoint.load(saved)
    assert loaded.sampler == SamplerConfig(steps=2)
    assert loaded.record == {"steps": 7}
    assert loaded.network.config == tiny_network().config
    for ours, theirs in zip(loaded.network.parameters(), tiny_network().parameters(), strict=True):
        assert torch.equal(ours, theirs.bfloat16().float())


def test_digest_follows_the_content(saved, tmp_path):
    other = tmp_path / "other.safetensors"
    checkpoint.save(other, tiny_network(seed=1), SamplerConfig(steps=2), {"steps": 7})
    assert checkpoint.load(saved).digest != checkpoint.load(other).digest


def test_missing_truncated_and_foreign_files_are_one_sentence(saved, tmp_path):
    with pytest.raises(WeightsError, match="cannot read the weights"):
        checkpoint.load(tmp_path / "none.safetensors")
    truncated = tmp_path / "truncated.safetensors"
    truncated.write_bytes(saved.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="cannot read the weights"):
        checkpoint.load(truncated)
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"\x89PNG not weights at all, but long enough to be read" * 10)
    with pytest.raises(WeightsError, match="cannot read the weights"):
        checkpoint.load(foreign)


def test_weights_of_another_version_are_refused(tmp_path):
    path = tmp_path / "old.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"format": "elsewhere-0"})
    with pytest.raises(WeightsError, match=r"'elsewhere-0', expected 'elsewhere-1'"):
        checkpoint.load(path)


def test_tensors_that_do_not_fit_the_configuration_are_refused(saved, tmp_path):
    from safetensors import safe_open

    with safe_open(saved, "pt") as opened:
        metadata = opened.metadata()
    path = tmp_path / "mixed.safetensors"
    save_file({"stem.weight": torch.zeros(1)}, path, metadata)
    with pytest.raises(WeightsError, match="do not fit"):
        checkpoint.load(path)


def test_single_stages_may_have_networks_of_their_own(tmp_path):
    path = tmp_path / "several.safetensors"
    checkpoint.save(path, tiny_network(), SamplerConfig(), {}, {15: tiny_network(seed=1)})
    loaded = checkpoint.load(path)
    assert list(loaded.specialists) == [15]
    assert loaded.network_of(13) is loaded.network
    for zoom, seed in ((13, 0), (15, 1)):
        ours, theirs = loaded.network_of(zoom), tiny_network(seed=seed)
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other.bfloat16().float())


def test_a_stage_s_own_network_must_be_of_the_same_configuration(tmp_path):
    other = tiny_network(preset="exact-tiny-unguided")
    with pytest.raises(ValueError, match="other configurations"):
        checkpoint.save(tmp_path / "w", tiny_network(), SamplerConfig(), {}, {15: other})


def test_weights_of_unknown_stages_are_refused(saved, tmp_path):
    from safetensors import safe_open

    with safe_open(saved, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        metadata = opened.metadata()
    path = tmp_path / "unknown.safetensors"
    save_file(tensors | {"14/stem.weight": torch.zeros(1)}, path, metadata)
    with pytest.raises(WeightsError, match="stages 14, expected some of 7, 9, 11, 13, 15"):
        checkpoint.load(path)
