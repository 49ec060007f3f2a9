import torch

from training.losses.critic import Critic
from training.losses.perceptual import INPUTS

SIDES = (16, 16, 12, 10, 8)
GSD = torch.tensor([4.0, 64.0])


def maps(seed, count=2):
    torch.manual_seed(seed)
    return [torch.randn(count, c, n, n) for c, n in zip(INPUTS, SIDES, strict=True)]


def test_a_score_for_every_place_of_every_level_depends_on_the_resolution():
    torch.manual_seed(0)
    critic, children = Critic().eval(), maps(0)
    with torch.no_grad():
        for head in critic.heads:
            head.code.weight.normal_(std=0.1)
    scores, others = critic(children, GSD), critic(children, GSD.flip(0))
    assert [s.shape for s in scores] == [(2, 1, n - 4, n - 4) for n in SIDES]
    assert not any(torch.equal(a, b) for a, b in zip(scores, others, strict=True))
    assert sum(p.numel() for p in critic.parameters()) == 276_869
