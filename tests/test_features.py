import torch

from training.features import CHANNELS, random_features, shifted_window
from training.loss import energy_score


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_images_of_one_call_meet_the_same_networks():
    image = torch.randn(2, 3, 96, 96)
    ours, theirs = random_features([image, image], generator())
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    other, _ = random_features([image, image], generator(1))
    assert not torch.equal(ours[0], other[0])
    assert {m.shape[1] for m in ours} == {CHANNELS}
    assert len(ours) == 6


def test_flat_colour_has_no_features():
    flat = torch.full((1, 3, 64, 64), 0.7)
    (maps,) = random_features([flat], generator())
    assert max(float(m.max()) for m in maps) < 1e-3


def test_score_of_features_prefers_edges_where_the_truth_has_edges():
    """Noise of the same spectrum as the truth loses, though its patches have the same power."""
    torch.manual_seed(0)

    def cells():
        return torch.randn(16, 3, 12, 12).repeat_interleave(8, 2).repeat_interleave(8, 3)

    def noise():
        spectrum = torch.fft.fft2(cells()).abs()
        phases = torch.angle(torch.fft.fft2(torch.randn(16, 3, 96, 96)))
        return torch.fft.ifft2(torch.polar(spectrum, phases)).real

    truth = cells()
    right = energy_score(*random_features([cells(), cells(), truth], generator()))
    wrong = energy_score(*random_features([noise(), noise(), truth], generator()))
    assert right < wrong


def test_windows_are_cut_alike_and_move():
    image = torch.arange(192.0 * 192).view(1, 1, 192, 192)
    corners = set()
    for seed in range(5):
        a, b = shifted_window([image, image + 1], generator(seed))
        assert a.shape == (1, 1, 160, 160)
        assert torch.equal(a + 1, b)
        corners.add(float(a[0, 0, 0, 0]))
    assert len(corners) > 2
