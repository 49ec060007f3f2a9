"""Stages with networks of their own, put into one file."""

import pytest
import torch

from generator.cascade import checkpoint
from generator.nets.config import SamplerConfig
from tests.layouts import tiny_bank, tiny_encoder, write_layouts
from tests.networks import tiny_network
from training.cli import main
from training.errors import TrainingError
from training.run.export import combine


@pytest.fixture
def files(tmp_path):
    for seed, name in enumerate(("common", "fine", "finest")):
        strengths = tuple(0.1 * seed + 0.01 * n for n in range(5))
        checkpoint.save(
            tmp_path / f"{name}.safetensors", tiny_network(seed),
            SamplerConfig(1, strengths), {"steps": seed},
        )  # fmt: skip
    return {name: tmp_path / f"{name}.safetensors" for name in ("common", "fine", "finest")}


def same(network, seed):
    pairs = zip(network.parameters(), tiny_network(seed).parameters(), strict=True)
    return all(torch.equal(ours, theirs.bfloat16().float()) for ours, theirs in pairs)


def test_each_stage_has_its_own_network_strength_and_record(files, tmp_path):
    out = tmp_path / "all.safetensors"
    combine(files["common"], {15: files["finest"], 13: files["fine"]}, out)
    made = checkpoint.load(out)
    assert [same(made.network_of(z), seed) for z, seed in ((7, 0), (11, 0), (13, 1), (15, 2))]
    assert list(made.specialists) == [13, 15]
    assert made.sampler.augmentation == pytest.approx((0.0, 0.01, 0.02, 0.13, 0.24))
    assert made.record == {"steps": 0, "stages": {"13": {"steps": 1}, "15": {"steps": 2}}}


def test_a_combined_file_can_be_combined_again(files, tmp_path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    combine(files["common"], {15: files["fine"]}, first)
    combine(first, {9: files["finest"]}, second, [0.5] * 5)
    made = checkpoint.load(second)
    assert [z for z in (7, 9, 11, 13, 15) if not same(made.network_of(z), 0)] == [9, 15]
    assert same(made.network_of(15), 1)
    assert made.record["stages"].keys() == {"9", "15"}
    assert made.sampler.augmentation == (0.5,) * 5


def test_a_stage_that_a_file_does_not_serve_is_refused(files, tmp_path):
    deep, out = tmp_path / "deep.safetensors", tmp_path / "x.safetensors"
    sampler = SamplerConfig(1, (0.5,) * 6, (1.0,) * 6)
    checkpoint.save(deep, tiny_network(3), sampler, {"steps": 3})
    with pytest.raises(TrainingError, match="is for the stage 17, expected one up to 15"):
        combine(files["common"], {17: deep}, out)
    combine(deep, {15: files["fine"]}, out, [0.25] * 6)
    made = checkpoint.load(out)
    assert made.sampler.max_zoom == 17
    assert made.sampler.augmentation == (0.25,) * 6
    with pytest.raises(TrainingError, match="5 strengths are given, expected 6"):
        combine(deep, {}, out, [0.5] * 5)


def test_networks_of_another_kind_are_refused(files, tmp_path):
    other = tmp_path / "other.safetensors"
    checkpoint.save(other, tiny_network(0, "exact-tiny-unguided"), SamplerConfig(), {})
    with pytest.raises(TrainingError, match=r"other.safetensors holds .*guidance=False"):
        combine(files["common"], {15: other}, tmp_path / "x.safetensors")
    checkpoint.save(other, tiny_network(0), SamplerConfig(4), {})
    with pytest.raises(TrainingError, match=r"of 4 step\(s\), expected .* of 1, as"):
        combine(files["common"], {15: other}, tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        (["14=a"], "--stage is '14=a', expected ZOOM=FILE with a zoom of 7, 9, 11, 13, 15"),
        (["15"], "--stage is '15', expected ZOOM=FILE"),
        (["15=a", "15=b"], "--stage names a zoom twice"),
        (["15=/nowhere.safetensors"], "cannot read the weights /nowhere.safetensors"),
    ],
)
def test_the_command_says_in_a_sentence_what_is_wrong(
    files, tmp_path, monkeypatch, capsys, stages, said
):
    out = tmp_path / "out.safetensors"
    own = [word for stage in stages for word in ("--stage", stage)]
    line = ["training", "export", "--weights", str(files["common"]), *own, "--out", str(out)]
    monkeypatch.setattr("sys.argv", line)
    assert main() == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_the_command_writes_the_file(files, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out.safetensors"
    line = ["training", "export", "--weights", str(files["common"]), "--out", str(out)]
    line += ["--stage", f"15={files['fine']}"]
    monkeypatch.setattr("sys.argv", line)
    assert main() == 0
    assert f"wrote {out} (" in capsys.readouterr().out
    assert same(checkpoint.load(out).network_of(15), 1)


def test_layouts_keep_the_common_file_s_encoder_and_memory(tmp_path):
    common, own = tmp_path / "common.safetensors", tmp_path / "own.safetensors"
    write_layouts(common, tiny_bank())
    write_layouts(own)
    combine(common, {15: own}, tmp_path / "all.safetensors")
    made = checkpoint.load(tmp_path / "all.safetensors")
    assert list(made.specialists) == [15]
    assert made.bank.digest == tiny_bank().digest
    assert made.encoder_digest == checkpoint.load(common).encoder_digest
    write_layouts(own, encoder=tiny_encoder(1))
    with pytest.raises(TrainingError, match="draws codes of the encoder"):
        combine(common, {15: own}, tmp_path / "x.safetensors")
