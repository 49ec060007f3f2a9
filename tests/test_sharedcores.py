"""Threads that evaluate a network at the same time have parts of the cores, and then all again."""

import threading

import pytest
import torch

from generator.cascade.sharedcores import SharedCores, share_memory
from tests.networks import torch_threads


@pytest.fixture(autouse=True)
def four_threads():
    with torch_threads(4):
        yield


def test_one_thread_has_all_and_two_have_halves() -> None:
    cores, seen = SharedCores(), {}
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with cores.share():
            seen["other"] = torch.get_num_threads()
            inside.set()
            leave.wait(20)
        seen["after"] = torch.get_num_threads()

    assert cores.count == 4
    with cores.share():
        seen["alone"] = torch.get_num_threads()
        thread = threading.Thread(target=other)
        thread.start()
        assert inside.wait(20)
    with cores.share():
        seen["together"] = torch.get_num_threads()
    leave.set()
    thread.join()
    assert seen == {"alone": 4, "other": 2, "together": 2, "after": 4}
    assert torch.get_num_threads() == 4


def test_who_made_it_may_change_its_own_number() -> None:
    cores = SharedCores()
    torch.set_num_threads(1)
    with cores.share():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 1


def test_a_window_that_fails_gives_its_cores_back() -> None:
    cores = SharedCores()
    with pytest.raises(ValueError, match="x"), cores.share():
        raise ValueError("x")
    with cores.share():
        assert torch.get_num_threads() == 4


def test_sharing_memory_does_no_harm_twice() -> None:
    share_memory()
    share_memory()
