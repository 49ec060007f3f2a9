import itertools
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from generator.imagery.sources import read_manifest
from tests.imagery import write_imagery
from training.distributed import Addresses, Averaged, Group, join
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid, prepare
from training.loop import batches
from training.samples.windows import Samples

OPTIONS = ["--preset", "exact-tiny", "--core", "32", "--denoise", "1", "--pairs", "1"]
OPTIONS += ["--chains", "1", "--accumulate", "2", "--threads", "1", "--workers", "0"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    prepare(read_manifest(write_imagery(folder / "in")), None, folder / "out")
    return folder / "out"


def test_processes_draw_what_one_would():
    def numbers(group, count):
        return list(itertools.islice(Addresses(3, 4, 5, group), count))

    assert numbers(Group(), 24) == list(range(60, 84))
    shares = [numbers(Group(rank, 2), 12) for rank in (0, 1)]
    joint = [shares[0][:6], shares[1][:6], shares[0][6:], shares[1][6:]]
    assert [number for part in joint for number in part] == list(range(60, 84))


def test_batches_of_processes_are_parts_of_the_joint_batch(data):
    samples = Samples(Pyramid(data), "train", 32)
    whole = next(batches(samples, 4, 3, 0, accumulate=2))
    for rank in (0, 1):
        part = next(batches(samples, 4, 3, 0, accumulate=2, group=Group(rank, 2)))
        for name, value in part.items():
            assert torch.equal(value, whole[name][2 * rank : 2 * rank + 2])


def test_batches_that_cannot_be_dealt_out_evenly_are_refused():
    with pytest.raises(TrainingError, match="accumulate is 3, expected a multiple of the 2 proc"):
        Group(0, 2).share(3)
    assert list(Group(1, 2).share(6)) == [3, 4, 5]


def test_alone_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    group = join("cpu")
    value = torch.tensor([1.0, 2.0])
    group.sum([value])
    group.wait()
    group.leave()
    assert value.tolist() == [1.0, 2.0]
    assert group.leads
    assert group.any(True)
    assert not group.any(False)


def test_moving_statistics_do_not_depend_on_the_order_of_batches():
    def moved(values):
        buffer = torch.tensor([2.0])
        memory = Averaged([buffer], len(values))
        for value in values:
            memory.begin()
            buffer.lerp_(torch.tensor([value]), 0.5)
            memory.end()
        memory.finish(Group())
        return float(buffer)

    assert moved([4.0]) == 3.0
    assert moved([4.0, 8.0]) == moved([8.0, 4.0]) == 4.0


def launch(data, run, steps, processes, *more):
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone"]
        # Without "--", torchrun takes --run for one of its own options.
        command += ["--nproc-per-node", str(processes), "-m", "--", "training"]
    else:
        command += ["-m", "training"]
    command += ["train", "--data", str(data), "--run", str(run)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, "--steps", str(steps), *OPTIONS, *more],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def train(data, run, steps, processes=1, *more):
    process = launch(data, run, steps, processes, *more)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    return output


def state(run):
    return torch.load(run / "state.pt", weights_only=True)


def moved_by(run, start):
    """Change of all weights since `start`, as one vector."""
    ours, first = state(run)["network"], start["network"]
    return torch.cat([(ours[name] - first[name]).flatten() for name in first])


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one_and_resume(data, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    train(data, one, 1)
    start = state(one)
    train(data, one, 21)
    train(data, two, 1, processes=2)
    assert "continuing" in (output := train(data, two, 21, processes=2))
    # The leading process alone speaks.
    assert output.count("continuing") == output.count("21/21") + 1 == output.count("20/21") == 1
    ours, theirs = (json.loads((run / "log.jsonl").read_text()) for run in (one, two))
    assert ours["step"] == theirs["step"] == 20
    assert ours.keys() == theirs.keys() >= {"denoising", "pixels", "perceptual", "adversarial"}
    for name in ours.keys() - {"seconds"}:
        assert ours[name] == pytest.approx(theirs[name], rel=2e-3), name
    first, second = moved_by(one, start), moved_by(two, start)
    assert (first - second).norm() < 0.02 * first.norm()


@pytest.mark.slow
def test_processes_that_are_stopped_save_at_the_same_step(data, tmp_path):
    plain = ["--perceptual", "0", "--adversarial", "0"]
    process = launch(data, tmp_path, 100_000, 2, *plain)
    try:
        # The log is opened when all processes have begun.
        deadline = time.monotonic() + 200
        while not (tmp_path / "log.jsonl").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        # One that stopped at another step would wait for the other without end.
        process.communicate(timeout=60)
    finally:
        process.terminate()
        process.communicate()
    saved = state(tmp_path)["step"]
    train(data, tmp_path, saved + 1, 2, *plain)
    assert state(tmp_path)["step"] == saved + 1
