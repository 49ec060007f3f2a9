import pytest
import torch

from training.critic import INPUTS, Critic, ParentCritic
from training.perceptual import Perceptual
from training.state import DistillConfig, RunConfig, State
from training.trainer import Trainer

CPU = torch.device("cpu")
SIDES = (16, 16, 12, 10, 8)
GSD = torch.tensor([4.0, 64.0])


def maps(seed, count=2):
    torch.manual_seed(seed)
    return [torch.randn(count, c, n, n) for c, n in zip(INPUTS, SIDES, strict=True)]


def same(first, second):
    return [torch.equal(a, b) for a, b in zip(first, second, strict=True)]


@pytest.fixture(scope="module")
def critic():
    torch.manual_seed(0)
    return ParentCritic().eval()


def test_swapping_parents_changes_every_level_s_scores(critic):
    children, parents = maps(0), maps(1)
    scores = critic(children, GSD, parents)
    assert [s.shape for s in scores] == [(2, 1, n - 4, n - 4) for n in SIDES]
    swapped = critic(children, GSD, [m.flip(0) for m in parents])
    assert not any(same(scores, swapped))


def test_the_resolution_changes_the_scores(critic):
    children, parents = maps(0), maps(1)
    with torch.no_grad():
        for head in critic.heads:
            head.code.weight.normal_(std=0.1)
    assert not any(same(critic(children, GSD, parents), critic(children, GSD.flip(0), parents)))


def test_no_parent_is_as_parents_of_zeros(critic):
    children = maps(0)
    zeros = [torch.zeros_like(m) for m in children]
    assert all(same(critic(children, GSD), critic(children, GSD, zeros)))


def test_the_plain_critic_looks_at_no_parent_and_has_the_parameters_that_it_had():
    torch.manual_seed(0)
    plain = Critic().eval()
    assert all(same(plain(maps(0), GSD), plain(maps(0), GSD, maps(1))))
    names = {name.split(".")[0] for name, _ in plain.named_parameters()}
    assert names == {"heads"}
    assert sum(p.numel() for p in plain.parameters()) == 276_869
    missing, unexpected = ParentCritic().load_state_dict(plain.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing} == {"parents"}
    assert not unexpected


def trainer(config):
    made = Trainer(State(config, CPU))
    made.perceptual = Perceptual()
    return made


def test_the_critic_is_told_of_real_parents_and_of_none_that_the_network_made():
    config = DistillConfig("exact-tiny", core=32, pairs=1, chains=1, teacher="digest")
    told = trainer(config)._parents(torch.rand(2, 3, 96, 96))
    assert [m.shape[:2] for m in told] == [(6, c) for c in INPUTS]
    for m in told:
        first, second = m[0::2], m[1::2]
        assert first.any()
        assert torch.equal(first[0], first[2])
        assert not second.any()


def test_a_run_of_train_tells_its_critic_nothing():
    assert trainer(RunConfig("exact-tiny", core=32))._parents(torch.rand(2, 3, 96, 96)) is None
