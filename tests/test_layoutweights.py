"""Weights with an encoder and a bank: written and read again; what does not fit is one sentence."""

import dataclasses

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

import generator
from generator.cascade import checkpoint
from generator.cascade.loading import open_memory
from generator.grid.errors import BankError, GeneratorError
from generator.memory import Memory, save
from generator.nets.config import SamplerConfig
from tests.layouts import STRENGTHS, tiny_bank, tiny_decoder, tiny_encoder, write_layouts
from tests.networks import tiny_network


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "layouts.safetensors"
    return write_layouts(path, tiny_bank())


def one_sentence(error):
    said = str(error.value)
    assert "\n" not in said
    assert len(said) < 300
    return said


def test_decoder_encoder_and_bank_are_read_as_they_were_written(weights):
    loaded = checkpoint.load(weights)
    assert loaded.sampler == SamplerConfig(augmentation=STRENGTHS)
    for ours, theirs in ((loaded.network, tiny_decoder()), (loaded.encoder, tiny_encoder())):
        assert ours.config == theirs.config
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other.bfloat16().float())
    assert loaded.bank.digest == tiny_bank().digest
    assert loaded.encoder_digest == loaded.bank.encoder == checkpoint.digest_of(tiny_encoder())


def test_an_encoder_s_digest_is_that_of_its_stored_weights():
    digest = checkpoint.digest_of(tiny_encoder())
    assert len(digest) == 64
    assert digest == checkpoint.digest_of(tiny_encoder().bfloat16().float())
    assert digest != checkpoint.digest_of(tiny_encoder(1))


def test_stages_may_have_decoders_of_their_own_beside_a_memory(tmp_path):
    path = tmp_path / "several.safetensors"
    checkpoint.save(
        path, tiny_decoder(), SamplerConfig(), {}, {15: tiny_decoder(1)}, tiny_encoder(),
        tiny_bank(),
    )  # fmt: skip
    loaded = checkpoint.load(path)
    assert list(loaded.specialists) == [15]
    assert loaded.bank is not None
    base = tmp_path / "base.png"
    Image.new("RGB", (64, 32)).save(base)
    stages = generator.load(base, path).stages
    assert stages[15].network is not stages[13].network is stages[11].network
    assert [stage.fading for stage in stages.values()] == [True] * 5


def test_weights_without_a_bank_have_no_memory(tmp_path):
    loaded = checkpoint.load(write_layouts(tmp_path / "bare.safetensors"))
    assert loaded.bank is None
    assert loaded.encoder is not None
    assert open_memory(None, loaded) is None
    with pytest.raises(GeneratorError, match="hold none of their own") as error:
        open_memory(("shipped",), loaded)
    one_sentence(error)


def damaged(weights, path, change):
    """Copy weights with their memory changed."""
    with safe_open(weights, "pt") as opened:
        metadata = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    change(tensors, metadata)
    save_file(tensors, path, metadata)
    return path


def _halve(tensors, metadata):
    tensors["memory/bank/codes"] = tensors["memory/bank/codes"][: 1 << 12].clone()


def _lose(tensors, metadata):
    del tensors["memory/bank/places"]


def _scramble(tensors, metadata):
    tensors["memory/bank/codes"] = 255 - tensors["memory/bank/codes"]


def _forget(tensors, metadata):
    del metadata["memory"]


def _garble(tensors, metadata):
    metadata["memory"] = metadata["memory"][:-9]


@pytest.mark.parametrize("change", [_halve, _lose, _scramble, _forget, _garble])
def test_a_damaged_memory_is_one_sentence(weights, tmp_path, change):
    path = damaged(weights, tmp_path / "damaged.safetensors", change)
    with pytest.raises(GeneratorError) as error:
        checkpoint.load(path)
    one_sentence(error)


def test_a_memory_of_another_encoder_is_refused(weights, tmp_path):
    path = write_layouts(tmp_path / "other.safetensors", tiny_bank(), tiny_encoder(1))
    with pytest.raises(BankError) as error:
        checkpoint.load(path)
    assert "encoder" in one_sentence(error)
    stranger = dataclasses.replace(tiny_bank(), encoder="7" * 64)
    save(stranger, tmp_path / "stranger.bank")
    with pytest.raises(BankError) as error:
        generator.load(weights=weights, memory=(str(tmp_path / "stranger.bank"),))
    assert "encoder" in one_sentence(error)


def test_banks_of_one_s_own_are_mixed_with_the_weights_own(weights, tmp_path):
    save(tiny_bank(2), tmp_path / "mine.bank")
    loaded = checkpoint.load(weights)
    memory = open_memory((str(tmp_path / "mine.bank"), "shipped"), loaded)
    assert memory.digest == Memory([tiny_bank(2), tiny_bank()]).digest
    assert memory.digest != open_memory(None, loaded).digest
    # Alone, a bank has the weights' own behind it where it has no scene.
    coarse = dataclasses.replace(tiny_bank(2), scenes=tiny_bank(2).scenes[:3])
    save(coarse, tmp_path / "coarse.bank")
    alone = open_memory((str(tmp_path / "coarse.bank"),), loaded)
    assert alone.digest == Memory([coarse], tiny_bank()).digest != Memory([coarse]).digest
    with pytest.raises(BankError) as error:
        open_memory((str(tmp_path / "none.bank"),), loaded)
    assert "none.bank" in one_sentence(error)


def test_weights_that_draw_from_noise_have_no_use_for_a_memory(tmp_path):
    path = tmp_path / "noise.safetensors"
    checkpoint.save(path, tiny_network(), SamplerConfig(), {})
    for names in (("shipped",), ("mine.bank",)):
        with pytest.raises(GeneratorError, match="these weights draw from noise") as error:
            open_memory(names, checkpoint.load(path))
        one_sentence(error)
    assert open_memory((), checkpoint.load(path)) is None
