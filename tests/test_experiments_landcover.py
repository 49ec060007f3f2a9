"""The land-cover experiment: arms of equal size, a network that learns, a table."""

import numpy as np
import pytest

from experiments import landcover
from experiments.landcover import (
    ARMS,
    LabelledWindows,
    LandcoverPlan,
    accuracy,
    bicubic,
    chosen,
    row,
    train,
)
from experiments.landcoverwindows import LandcoverWindows
from generator.cascade import checkpoint
from generator.datasets.labelled import seed_of
from generator.datasets.variants import VariantConfig, vary
from generator.imagery.sources import read_manifest
from generator.nets.config import SamplerConfig
from tests.fakes_cascade import FakeCascade
from tests.imagery import write_imagery
from tests.networks import tiny_network
from training.imagery.prepare import prepare

PLAN = LandcoverPlan(classes=2, labelled=3, per_image=2, steps=40)


def striped(count, seed=0):
    """Return windows of two kinds: fine stripes and coarse ones, of equal colours."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 2)
    windows = np.empty((count, 64, 64, 3), np.uint8)
    for window, label in zip(windows, labels, strict=True):
        period = 16 if label else 2
        stripes = (np.arange(64) + random.integers(16)) // period % 2
        window[:] = (90 + 60 * stripes)[:, None, None] + random.integers(0, 9, (64, 64, 3))
    return LabelledWindows(
        LandcoverWindows(windows, np.full(count, 10.0), ("made",) * count), labels
    )


def test_every_arm_has_the_real_windows_and_as_many_more():
    known = striped(60)
    arms = landcover.training_sets(FakeCascade(), known, PLAN, None, 5)
    assert tuple(arms) == ARMS
    few, _ = chosen(known.labels, PLAN, np.random.default_rng(5))
    sizes = {arm: len(windows) for arm, (windows, _) in arms.items()}
    assert list(sizes.values()) == [6, 18, 18, 18, 18]
    for arm in ARMS[1:4]:
        windows, labels = arms[arm]
        assert np.array_equal(windows[:6], known.drawn.windows[few])
        assert labels.tolist()[6:] == np.repeat(known.labels[few], 2).tolist()
    made = arms["+ variants"][0]
    expected = vary(
        FakeCascade(), known.drawn.windows[few[1]], VariantConfig(10.0), seed_of(5, str(few[1]), 0)
    )
    assert np.array_equal(made[6 + 2], expected)


def test_labelled_windows_are_drawn_per_class():
    labels = np.array([0] * 20 + [1] * 5)
    few, many = chosen(labels, PLAN, np.random.default_rng(0))
    assert labels[few].tolist() == [0] * 3 + [1] * 3
    assert np.bincount(labels[many]).tolist() == [9, 5]
    assert set(few) < set(many)
    assert len(set(many)) == 14


def test_the_network_learns_what_there_is_to_learn():
    known, held_out = striped(40), striped(40, seed=1)
    windows = known.drawn.windows
    assert accuracy(train(windows, known.labels, PLAN, 0), held_out) > 0.95
    shuffled = np.random.default_rng(0).permutation(known.labels)
    assert accuracy(train(windows, shuffled, PLAN, 0), held_out) < 0.8


def test_every_class_counts_alike():
    class Always(landcover.nn.Module):
        def forward(self, x):
            return x.new_tensor([[1.0, 0.0]]).repeat(len(x), 1)

    few = striped(12)
    keep = np.concatenate([np.flatnonzero(few.labels == 0), np.flatnonzero(few.labels == 1)[:1]])
    drawn = LandcoverWindows(few.drawn.windows[keep], few.drawn.gsd[keep], ("made",) * 7)
    assert accuracy(Always(), LabelledWindows(drawn, few.labels[keep])) == 0.5


def test_controls_keep_the_size_and_bicubic_loses_detail():
    fine = striped(2).drawn.windows[0]
    assert bicubic(fine).shape == fine.shape
    detail = [np.abs(np.diff(w.astype(int), axis=0)).mean() for w in (fine, bicubic(fine))]
    assert detail[1] < 0.5 * detail[0]
    toned = landcover.tones(fine, np.random.default_rng(0))
    assert toned.shape == fine.shape
    assert not np.array_equal(toned, fine)


def test_a_line_tells_mean_and_spread():
    found = {arm: [0.5, 0.7] for arm in ARMS} | {"+ bicubic": [0.4, 0.4]}
    cells = row(13, striped(4), striped(6), found)
    assert cells[:4] == ["13", "10 to 10", "6", "60.0 ± 14.1"]
    assert cells[-1] == "20.0 ± 14.1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("landcover")
    prepare(read_manifest(write_imagery(path / "in")), None, path / "data")
    checkpoint.save(path / "tiny.safetensors", tiny_network(), SamplerConfig(), {})
    return path


def command(monkeypatch, folder, *options):
    monkeypatch.setattr(landcover, "STEPS", 2)
    monkeypatch.setattr(landcover, "POOL", 40)
    given = ["--data", folder / "data", "--weights", folder / "tiny.safetensors", *options]
    return landcover.EXPERIMENT.main(list(map(str, given)))


def test_the_command_prints_a_table(monkeypatch, folder, capsys):
    options = ("--zooms", 13, "--seeds", 2, "--classes", 3, "--labelled", 2, "--per-image", 1)
    assert command(monkeypatch, folder, *options) == 0
    printed = capsys.readouterr().out
    assert "| zoom | m per pixel | test windows | real alone |" in printed
    assert "| 13 | 8 to 16 |" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--labelled", 0), "1 or more"),
        (("--classes", 1), "--classes takes 2 or more"),
        (("--sources", "nowhere"), "there is no source 'nowhere'; the imagery has "),
        (("--weights", "nowhere"), "cannot read the weights"),
    ],
)
def test_mistakes_are_one_sentence(monkeypatch, folder, capsys, options, message):
    assert command(monkeypatch, folder, *options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
