"""Admission: room in the queue by priority, shares and budgets of clients."""

import time
from collections import Counter

import pytest

from tileserver.errors import BudgetError, UnavailableError
from tileserver.rendering import budgets as module
from tileserver.rendering.engine.policy import Admission
from tileserver.rendering.request import Priority, RequestOptions

CLIENT = RequestOptions(client="1.2.3.4", free=False)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


@pytest.mark.parametrize(
    ("priority", "room"),
    [(Priority.INTERACTIVE, 8), (Priority.PREFETCH, 4), (Priority.SEEDING, 2)],
)
def test_the_less_urgent_the_sooner_the_queue_is_full(priority: Priority, room: int) -> None:
    admission = Admission(8)
    admission.check(room - 1, RequestOptions(priority), 0.5, True)
    with pytest.raises(UnavailableError, match=f"{room} blocks of tiles are waiting"):
        admission.check(room, RequestOptions(priority), 0.5, True)


def test_a_full_queue_says_how_long_it_will_take() -> None:
    for pace, seconds in ((0.5, 50.0), (0.001, 1.0), (9.0, 60.0)):
        with pytest.raises(UnavailableError) as refusal:
            Admission(100).check(100, RequestOptions(), pace, True)
        assert refusal.value.retry == seconds


def test_one_client_takes_no_more_than_its_share_of_the_queue() -> None:
    admission, jobs = Admission(4), [Counter[str]() for _ in range(3)]
    for each in jobs[:2]:
        admission.join(each, CLIENT.client)
        admission.join(each, CLIENT.client)
    with pytest.raises(BudgetError, match="2 blocks of tiles are waiting .* for this client"):
        admission.check(2, CLIENT, 0.5, True)
    admission.check(2, CLIENT._replace(client="5.6.7.8"), 0.5, True)
    admission.check(2, CLIENT._replace(free=True), 0.5, True)
    admission.leave(jobs[0], CLIENT.client)
    with pytest.raises(BudgetError):
        admission.check(2, CLIENT, 0.5, True)
    admission.leave(jobs[0], CLIENT.client)
    admission.check(2, CLIENT, 0.5, True)
    admission.finish(jobs[1])
    assert not admission._waiting


def test_a_budget_refills_steadily_and_to_its_brim(clock: Clock) -> None:
    admission = Admission(100, budget=6)
    admission.check(0, CLIENT, 0.5, True)
    admission.charge(CLIENT, 8)
    with pytest.raises(BudgetError, match="6 new blocks of tiles per minute") as refusal:
        admission.check(0, CLIENT, 0.5, True)
    assert refusal.value.retry == pytest.approx(30)
    admission.check(0, CLIENT, 0.5, False)
    clock.now += 30.1
    admission.check(0, CLIENT, 0.5, True)
    clock.now += 10_000
    admission.charge(CLIENT, 6)
    with pytest.raises(BudgetError):
        admission.check(0, CLIENT, 0.5, True)


def test_budgets_are_each_clients_own_and_none_for_the_free() -> None:
    admission = Admission(100, budget=1)
    admission.charge(CLIENT, 5)
    admission.check(0, CLIENT._replace(client="5.6.7.8"), 0.5, True)
    admission.check(0, CLIENT._replace(free=True), 0.5, True)
    admission.check(0, RequestOptions(free=False), 0.5, True)


def test_only_so_many_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLIENTS_REMEMBERED", 10)
    admission = Admission(100, budget=1)
    for n in range(100):
        admission.charge(CLIENT._replace(client=str(n)), 1)
    assert len(admission._budgets._buckets) == 10
    assert time.monotonic() >= next(iter(admission._budgets._buckets.values())).time
