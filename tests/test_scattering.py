import torch

from training.scattering import modulus, scattering, wavelets


def test_wavelets_have_zero_mean_and_unit_norm():
    bank = wavelets(torch.device("cpu"))
    assert bank.shape == (8, 1, 7, 7)
    assert bank.sum((1, 2, 3)).abs().max() < 1e-5
    torch.testing.assert_close(bank.square().sum((1, 2, 3)), torch.ones(8))


def test_modulus_knows_the_orientation_of_stripes():
    stripes = torch.sin(torch.arange(40) * 0.6 * torch.pi).expand(1, 1, 40, 40)
    across, _, along, _ = modulus(stripes)[0].mean((1, 2))
    assert across > 3 * along


def test_scattering_tells_an_edge_from_noise_of_the_same_spectrum():
    torch.manual_seed(0)
    cells = torch.randn(8, 1, 12, 12).repeat_interleave(16, 2).repeat_interleave(16, 3)
    spectrum = torch.fft.fft2(cells).abs()
    phases = torch.angle(torch.fft.fft2(torch.randn(8, 1, 192, 192)))
    noise = torch.fft.ifft2(torch.polar(spectrum, phases)).real
    for ours, theirs in zip(
        scattering(cells.expand(-1, 3, -1, -1))[:2],
        scattering(noise.expand(-1, 3, -1, -1))[:2],
        strict=True,
    ):
        # Detail of cells is gathered at their edges, that of noise is everywhere.
        assert ours.std() / ours.mean() > 1.5 * theirs.std() / theirs.mean()


def test_octaves_halve_the_maps():
    sizes = [m.shape[-1] for m in scattering(torch.randn(1, 3, 192, 192))]
    assert sizes[0] > 1.8 * sizes[2] > 3 * sizes[4]
    assert {m.shape[1] for m in scattering(torch.randn(1, 3, 192, 192))} == {16}
