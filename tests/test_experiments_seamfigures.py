import numpy as np
from PIL import Image as Pillow

from experiments.repetition import LOW_TEXTURE, MOST, NOISES
from experiments.seamfigures import draw_repetition, stretched


def test_contrast_is_raised_about_the_middle_grey():
    picture = np.full((256, 256, 3), 60, np.uint8)
    picture[100:103] = 70
    raised = stretched(picture)
    assert raised.dtype == np.uint8
    assert abs(int(raised[0, 0, 0]) - 128) <= 2
    assert 150 < raised[101].mean() < 170


def test_curves_become_a_small_picture(tmp_path):
    curves = [
        {"noise": noise, "kind": kind, "zoom": 9, "values": [0.0] * (MOST + 1)}
        for noise in NOISES
        for kind in LOW_TEXTURE
    ]
    path = draw_repetition(curves, tmp_path / "deep")
    assert path.name == "repetition.png"
    assert 2_000 < path.stat().st_size < 150_000
    with Pillow.open(path) as opened:
        assert opened.size[0] > 500
