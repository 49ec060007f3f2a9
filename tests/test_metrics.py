"""Metrics: a registry of one's own, in Prometheus' text format."""

from prometheus_client.parser import text_string_to_metric_families

from tileserver.metrics import Metrics


def values(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_is_counted_can_be_read_back() -> None:
    metrics = Metrics()
    metrics.requests.labels(200).inc()
    metrics.hits.inc(3)
    metrics.generation.labels(7).observe(0.03)
    metrics.watch("queue_length", "Waiting", lambda: 12)
    found = values(metrics)
    assert found["elsewhere_http_requests_total 200"] == 1
    assert found["elsewhere_tile_lookups_total hit"] == 3
    assert found["elsewhere_tile_lookups_total miss"] == 0
    assert found["elsewhere_generation_seconds_count 7"] == 1
    assert found["elsewhere_queue_length"] == 12


def test_two_servers_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.misses.inc()
    assert values(first)["elsewhere_tile_lookups_total miss"] == 1
    assert values(second)["elsewhere_tile_lookups_total miss"] == 0
