import pytest
import torch

from generator.cascade import checkpoint
from generator.grid.errors import GeneratorError, WeightsError
from generator.nets.build import build, preset
from generator.nets.config import PRESETS, SamplerConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.paper import PaperUNet
from generator.nets.unet import ExactUNet
from tests.networks import tiny_network


def test_every_preset_builds_the_network_of_its_family():
    for name in PRESETS:
        with torch.device("meta"):
            network = build(preset(name))
        family = name.split("-")[0]
        kinds = {"paper": PaperUNet, "layout": LayoutDecoder}
        assert type(network) is kinds.get(family, ExactUNet)
        assert network.config == PRESETS[name]


def test_an_unknown_preset_is_one_sentence():
    with pytest.raises(GeneratorError, match="preset is 'exact-xxl', expected one of exact-s, "):
        preset("exact-xxl")


def test_the_paper_s_weights_survive_their_file(tmp_path):
    network = tiny_network(preset="paper-tiny")
    checkpoint.save(tmp_path / "p.safetensors", network, SamplerConfig(steps=50), {})
    loaded = checkpoint.load(tmp_path / "p.safetensors")
    assert isinstance(loaded.network, PaperUNet)
    assert loaded.network.config == network.config
    for ours, theirs in zip(loaded.network.parameters(), network.parameters(), strict=True):
        assert torch.equal(ours, theirs.bfloat16().float())


def test_a_configuration_that_builds_no_network_is_one_sentence(tmp_path):
    from safetensors.torch import save_file

    metadata = {
        "format": checkpoint.FORMAT,
        "network": '{"blocks": [2, 3, 2, 1], "embedding": 192, "widths": [96, 192]}',
        "sampler": '{"augmentation": [0.1], "steps": 1}',
    }
    save_file({"a": torch.zeros(1)}, tmp_path / "odd.safetensors", metadata)
    with pytest.raises(WeightsError, match="do not fit its own configuration"):
        checkpoint.load(tmp_path / "odd.safetensors")
