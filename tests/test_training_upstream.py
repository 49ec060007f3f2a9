import torch

from generator.cascade import checkpoint
from generator.nets.config import SamplerConfig
from tests.batches import made_up
from tests.networks import tiny_network
from training.frozen import load_frozen
from training.state import RunConfig, State
from training.trainer import Trainer

CPU = torch.device("cpu")


def parents(config, seed):
    """The parents of a batch's two samples, for a run whose own network is drawn from a seed."""
    state = State(config, CPU)
    state.network.load_state_dict(tiny_network(seed).state_dict())
    trainer = Trainer(state)
    trainer.random.manual_seed(5)
    return trainer._conditions(made_up(config, CPU))[1]["parent"]


def test_stages_upstream_make_the_parents_of_chains(tmp_path):
    path = tmp_path / "upstream.safetensors"
    checkpoint.save(path, tiny_network(7), SamplerConfig(), {})
    config = RunConfig("exact-tiny", core=32, perceptual=0, adversarial=0, pairs=1, chains=1)
    given = RunConfig(
        "exact-tiny", core=32, perceptual=0, adversarial=0, pairs=1, chains=1, upstream=str(path)
    )
    own = [parents(config, seed) for seed in (1, 2)]
    fixed = [parents(given, seed) for seed in (1, 2)]
    assert torch.equal(own[0][::2], fixed[0][::2])
    assert not torch.equal(own[0][1::2], own[1][1::2])
    assert torch.equal(fixed[0], fixed[1])
    assert not fixed[0].requires_grad
    assert not any(p.requires_grad for p in load_frozen(path, CPU)[0].parameters())
