import pytest
import torch
import torch.nn.functional as F

from training.errors import TrainingError
from training.losses import terms
from training.losses.balance import balance, equal_say, score
from training.losses.context import Drawn, Judges, ScoreContext
from training.losses.critic import relativistic
from training.losses.distances import opponent, patches
from training.losses.moments import RunningMoments

GSD = torch.full((2,), 16.0)


def scored(judges, samples, truth, **weights):
    """Gradient at samples and losses, of the terms that have weights."""
    context = ScoreContext(Drawn(samples, truth, GSD), judges)
    scores = score(context, weights)
    return balance(context, scores, weights)[0], scores | context.log


def length(gradient):
    return float(gradient.flatten(1).norm(dim=1).mean())


def test_every_term_has_a_loss_and_a_kind_of_balance():
    assert {"pixels", "features", "adversarial", "denoising"} <= set(terms.names())
    kinds = {terms.term(name).balance for name in terms.names()}
    assert kinds == {"sum", "share", "relative", "direct"}


def test_distances_are_least_at_the_truth_and_see_colour():
    judges, truth = Judges(), torch.rand(2, 3, 128, 128) - 0.5
    grey = truth.mean(1, keepdim=True).expand_as(truth)
    same, near = scored(judges, truth, truth, pixels=1.0, features=1.0)
    off, far = scored(judges, grey, truth, pixels=1.0, features=1.0)
    assert length(same) < 0.1 * length(off)
    assert sum(near.values()) < 0.2 < sum(far.values())
    assert set(far) == {"pixels", "features"}
    assert torch.allclose(opponent(grey)[:, 1:], torch.zeros(()), atol=1e-5)


def test_the_critic_learns_and_its_gradient_has_the_length_asked_for():
    torch.manual_seed(0)
    sharp = torch.rand(2, 3, 128, 128) - 0.5
    soft, judges = F.avg_pool2d(sharp, 3, 1, 1), Judges()
    alone = scored(judges, soft, sharp, pixels=1.0, features=1.0)[0]
    losses, gradient = [], alone
    for _ in range(12):
        gradient, parts = scored(judges, soft, sharp, pixels=1.0, features=1.0, adversarial=2.0)
        losses.append(float(parts["critic"]))
    assert losses[-1] < 0.8 * losses[0]
    assert length(gradient - alone) == pytest.approx(2 * length(alone), rel=0.2)


def test_a_term_without_a_weight_is_not_computed_and_one_that_lacks_something_says_so():
    images = torch.zeros(2, 3, 64, 64)
    assert scored(Judges(), images, images, pixels=1.0, adversarial=0.0)[1].keys() == {"pixels"}
    for name in ("code_size", "denoising", "anchor"):
        with pytest.raises(TrainingError, match="a term needs .*, which this training does not"):
            scored(Judges(), images, images, **{name: 1.0})


def test_gradients_of_maps_leave_with_the_same_say():
    maps = [torch.rand(1, 2, 4, 4, requires_grad=True) for _ in range(2)]
    first, second = equal_say(maps, (2.0, 8.0))
    (100 * first.sum() + 1e-3 * second.square().sum()).backward()
    assert [float(m.grad.norm()) for m in maps] == pytest.approx([1 / 2, 1 / 8], rel=1e-3)


def test_running_moments_standardise_what_they_have_seen():
    torch.manual_seed(0)
    moments = RunningMoments([3])
    maps = [5 + 2 * torch.randn(4, 3, 32, 32)]
    moments.update(maps)
    (made,) = moments(maps)
    assert float(made.mean()) == pytest.approx(0, abs=0.01)
    assert float(made.std()) == pytest.approx(1, abs=0.01)
    for _ in range(300):
        moments.update([m - 5 for m in maps])
    assert moments.mean0.abs().max() < 0.2


def test_patches_hold_tone_at_the_coarsest_octave_alone():
    flat = torch.full((1, 3, 64, 64), 0.7)
    parts = patches(flat)
    assert [part.shape[2] for part in parts] == [16, 8, 4, 2]
    assert max(float(part.abs().max()) for part in parts[:-1]) < 1e-6
    torch.testing.assert_close(parts[-1], torch.full((1, 48, 2, 2), 0.7))


def test_relativistic_loss_falls_as_the_better_scores_rise():
    low, high = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    losses = [float(relativistic([b], [w])) for b, w in ((high, low), (low, low), (low, high))]
    assert losses[0] < losses[1] < losses[2]
    assert losses[1] == pytest.approx(0.6931, abs=1e-3)
