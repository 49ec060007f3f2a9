"""Metrics: shared rows added up, in Prometheus' text format."""

import multiprocessing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tileserver.rendering.metrics import CELLS, FAMILIES, Metrics


def values(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_is_counted_can_be_read_back() -> None:
    metrics = Metrics()
    metrics.answered(200)
    metrics.answered(418)
    metrics.hits[3].inc(3)
    metrics.generation[6].observe(0.03)
    metrics.generation[6].observe(0.05)
    metrics.generation[6].observe(99)
    metrics.queue_length.set(5)
    metrics.queue_length.set(4)
    metrics.watch("tiles_stored", "Stored", lambda: 12)
    found = values(metrics)
    assert found["elsewhere_http_requests_total 200"] == 1
    assert found["elsewhere_http_requests_total other"] == 1
    assert found["elsewhere_tile_hits_total 3"] == 3
    assert found["elsewhere_jobs_dropped_total"] == 0
    assert found["elsewhere_generation_seconds_bucket 0.025 6"] == 0
    assert found["elsewhere_generation_seconds_bucket 0.05 6"] == 2
    assert found["elsewhere_generation_seconds_bucket 20.0 6"] == 2
    assert found["elsewhere_generation_seconds_bucket +Inf 6"] == 3
    assert found["elsewhere_generation_seconds_count 6"] == 3
    assert found["elsewhere_generation_seconds_sum 6"] == pytest.approx(99.08)
    assert found["elsewhere_queue_length"] == 4
    assert found["elsewhere_tiles_stored"] == 12


def test_two_servers_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.dropped.inc()
    assert values(first)["elsewhere_jobs_dropped_total"] == 1
    assert values(second)["elsewhere_jobs_dropped_total"] == 0


def test_processes_are_added_up_and_the_dead_still_count() -> None:
    context = multiprocessing.get_context("spawn")
    rows = [context.RawArray("d", CELLS) for _ in range(2)]
    Metrics(rows, 0).made[7].inc(4)
    Metrics(rows, 1).made[7].inc(2)
    successor = Metrics(rows, 0)
    successor.made[7].inc()
    assert values(successor)["elsewhere_tiles_made_total 7"] == 7


def test_every_metric_has_cells_of_its_own() -> None:
    metrics = Metrics()
    for position in range(CELLS):
        metrics.cells[position] = 1
    found = values(metrics)
    for family in FAMILIES.values():
        if family.kind == "counter":
            names = [f"elsewhere_{family.name}_total"]
            names = [f"{names[0]} {v}" if family.label else names[0] for v in family.values]
            assert [found[name] for name in names] == [1] * len(names)
