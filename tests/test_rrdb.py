import torch

from generator.nets.rrdb import ConditionEncoder


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_the_encoder_is_esrgan_s_without_its_last_convolution():
    # RRDBNet of 23 blocks, 64 features and growth 32 is published with 16,697,987 parameters.
    with torch.device("meta"):
        encoder = ConditionEncoder(23, 64, 32)
    assert count(encoder) == 16_697_987 - (64 * 3 * 9 + 3)


def test_features_are_on_the_child_s_grid_and_follow_the_parent():
    torch.manual_seed(0)
    encoder = ConditionEncoder(1, 16, 8)
    parent = torch.randn(2, 3, 12, 10)
    features = encoder(parent)
    assert features.shape == (2, 16, 48, 40)
    changed = parent.clone()
    changed[1, :, 5, 5] += 1
    again = encoder(changed)
    assert torch.equal(features[0], again[0])
    assert not torch.allclose(features[1], again[1])
