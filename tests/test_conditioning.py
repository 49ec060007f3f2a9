import numpy as np
import torch

from generator.nets.conditioning import Conditioner, quantise_resolution, to_pixels, to_tensor
from tests.networks import tiny_network


def test_pixels_survive_the_round_trip():
    pixels = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
    tensor = to_tensor(pixels)
    assert tensor.shape == (1, 3, 16, 16)
    assert tensor.min() == -1
    assert tensor.max() == 1
    np.testing.assert_array_equal(to_pixels(tensor), pixels)


def test_out_of_range_values_are_clipped():
    image = torch.tensor([-3.0, 3.0, 0.0]).view(1, 3, 1, 1)
    assert to_pixels(image).tolist() == [[[0, 255, 128]]]


def test_quantised_resolution_is_within_one_percent():
    for metres in (0.3, 4.77, 76.4, 1222.0):
        assert abs(2 ** (quantise_resolution(metres) / 64) / metres - 1) < 0.01


def test_rows_of_equal_resolution_share_one_modulation():
    condition = Conditioner(tiny_network())
    same = condition(np.full(30, 70.0), 0.2)
    assert {tensor.shape[2] for tensor in same} == {1}
    varied = condition(np.linspace(50, 90, 30), 0.2)
    assert {tensor.shape[2] for tensor in varied} == {30}
    single = condition(np.array([50.0]), 0.2)
    assert torch.equal(varied[0][:, :, :1], single[0])
