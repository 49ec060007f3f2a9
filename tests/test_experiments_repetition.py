import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from experiments.repetition import (
    EXPERIMENT,
    LAGS,
    LOW_TEXTURE,
    MOST,
    NOISES,
    Curve,
    around,
    autocorrelation,
    draw_figure,
    low_texture_tiles,
    measure,
    table,
)
from experiments.scenery import draw
from tests.planet import tiny_cascade, write_planet, write_weights


def picture(grey):
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, -1)


def noise(seed, *shape):
    return 128 + 30 * np.random.default_rng(seed).standard_normal(shape)


def test_a_repeated_tile_correlates_at_its_period_alone():
    values = autocorrelation(picture(np.tile(noise(0, 128, 128), (4, 4))))
    assert values.shape == (MOST + 1,)
    assert values[[0, 128, 256]] == pytest.approx([1, 1, 1], abs=0.01)
    others = np.delete(values, [0, 128, 256])[8:]
    assert np.abs(others).max() < 0.05


def test_noise_without_a_period_correlates_nowhere():
    values = autocorrelation(picture(noise(0, 512, 512)))
    assert np.abs(values[8:]).max() < 0.02


def test_both_directions_count_and_coarse_shapes_do_not():
    rows = np.tile(noise(0, 512, 128), (1, 4))
    assert autocorrelation(picture(rows))[128] == pytest.approx(0.5, abs=0.03)
    hills = 128 + 60 * np.sin(np.arange(512) * 2 * np.pi / 128)
    mixed = picture(np.tile(hills, (512, 1)) + noise(1, 512, 512) - 128)
    assert abs(autocorrelation(mixed)[128]) < 0.02


def test_the_definition_is_kept():
    one = picture(noise(3, 96, 96))
    detail = one[..., 0].astype(float)
    detail -= gaussian_filter(detail, 8.0)
    pairs = [(detail[:, :-7], detail[:, 7:]), (detail[:-7], detail[7:])]
    direct = [(a * b).mean() / np.sqrt((a**2).mean() * (b**2).mean()) for a, b in pairs]
    assert autocorrelation(one, 10)[7] == pytest.approx(np.mean(direct))


def test_a_blank_picture_has_no_repetition():
    assert autocorrelation(np.full((320, 320, 3), 9, np.uint8))[128] == 0


def test_references_lie_beside_the_lag_on_the_same_grid():
    for lag in LAGS:
        beside = around(lag)
        assert lag not in beside
        assert not set(beside) & set(LAGS)
        assert np.mean(beside) == lag
        assert all(one % 8 == 0 and one <= MOST for one in beside)


def test_the_table_compares_each_lag_with_what_lies_beside_it():
    flat = [0.01] * (MOST + 1)
    peak = list(flat)
    peak[128] = 0.5
    curves = [Curve("field", kind, 9, flat) for kind in ("sea", "desert")]
    curves += [Curve("repeated", kind, 9, peak) for kind in ("sea", "desert")]
    lines = table(curves).splitlines()
    assert lines[2].count("+0.010 ± 0.000") == 6
    assert "| +0.500 ± 0.000 | +0.010 ± 0.000 |" in lines[3]
    assert lines[-1] == "| repeated | desert | +0.500 |"


@pytest.mark.slow
def test_the_repeated_tile_shows_in_chains_and_the_field_does_not(tmp_path):
    curves = measure(tiny_cascade(tmp_path), 1, 0)
    assert [curve.zoom for curve in curves] == [9, 11, 13, 15] * 4
    for curve in curves:
        excess = curve.values[128] - np.mean([curve.values[lag] for lag in around(128)])
        assert excess > 0.2 if curve.noise == "repeated" else abs(excess) < 0.1


def test_a_chain_s_pictures_are_the_world_s_own_tiles(tmp_path):
    cascade = tiny_cascade(tmp_path)
    (parent,) = draw(cascade.basemap, ("sea",), 1, 0)
    zoom, made = low_texture_tiles(cascade, parent, 5)[0]
    assert (zoom, made.shape) == (7, (512, 512, 3))
    tile = cascade.render(5, parent.children[3])
    assert np.abs(made[256:, 256:].astype(int) - tile).max() <= 1


def test_curves_become_a_small_picture(tmp_path):
    curves = [
        {"noise": noise, "kind": kind, "zoom": 9, "values": [0.0] * (MOST + 1)}
        for noise in NOISES
        for kind in LOW_TEXTURE
    ]
    path = draw_figure(curves, tmp_path / "deep")
    assert path.name == "repetition.png"
    assert 2_000 < path.stat().st_size < 150_000
    with Pillow.open(path) as opened:
        assert opened.size[0] > 500


@pytest.mark.slow
def test_the_command_measures_draws_and_finds_its_numbers_again(tmp_path, capsys):
    write_planet(tmp_path / "planet.png")
    write_weights(tmp_path / "tiny.safetensors")
    given = ["--weights", tmp_path / "tiny.safetensors", "--base", tmp_path / "planet.png"]
    given += ["--places", 2, "--json", tmp_path / "numbers.json", "--figures", tmp_path]
    assert EXPERIMENT.main(list(map(str, given))) == 0
    assert "| repeated | sea | 8 |" in capsys.readouterr().out
    assert 1_000 < (tmp_path / "repetition.png").stat().st_size < 150_000
    assert EXPERIMENT.main(list(map(str, given))) == 0
    assert "rollouts ━" not in capsys.readouterr().out
