import torch

from generator.nets.diffusion import TIMESTEPS, alpha_bar, ddim_times, diffuse, p2_weight


def test_schedule_is_the_paper_s():
    abar = alpha_bar()
    assert abar.shape == (TIMESTEPS + 1,)
    assert abar[0] == 1
    torch.testing.assert_close(abar[1], torch.tensor(1 - 0.0015))
    torch.testing.assert_close(abar[-1] / abar[-2], torch.tensor(1 - 0.0155))
    assert (abar.diff() < 0).all()
    assert abar[-1] < 3e-4


def test_diffusion_keeps_unit_variance():
    clean, noise = torch.randn(2, 3, 64, 64), torch.randn(2, 3, 64, 64)
    noisy = diffuse(clean, noise, torch.tensor([0.9, 0.1]))
    torch.testing.assert_close(noisy.std((1, 2, 3)), torch.ones(2), atol=0.03, rtol=0)


def test_p2_weight_on_the_clean_image_equals_p2_on_epsilon():
    abar = torch.tensor([0.2, 0.7])
    snr = abar / (1 - abar)
    # The error of epsilon is sqrt(SNR) times the error of x_0.
    torch.testing.assert_close(p2_weight(abar), snr / (1 + snr))


def test_times_run_from_all_noise_to_none():
    assert ddim_times(1) == [1000, 0]
    assert ddim_times(4) == [1000, 750, 500, 250, 0]
