"""What the server counts and times, in a Prometheus registry of its own."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST

_GENERATION_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_ENCODE_BUCKETS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25)


class Metrics:
    """Counters and histograms of one server; two servers in one process do not share them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "elsewhere_http_requests", "HTTP answers by status", ["status"], registry=registry
        )
        lookups = Counter(
            "elsewhere_tile_lookups", "Tiles asked for, by result", ["result"], registry=registry
        )
        self.hits = lookups.labels("hit")
        self.misses = lookups.labels("miss")
        self.generation = Histogram(
            "elsewhere_generation_seconds",
            "Time to compute one tile from its inputs",
            ["zoom"],
            buckets=_GENERATION_BUCKETS,
            registry=registry,
        )
        self.encode = Histogram(
            "elsewhere_encode_seconds",
            "Time to turn one tile's pixels into PNG",
            buckets=_ENCODE_BUCKETS,
            registry=registry,
        )
        self.failures = Counter(
            "elsewhere_generation_failures", "Tiles that could not be made", registry=registry
        )
        self.dropped = Counter(
            "elsewhere_jobs_dropped", "Queued tiles that nobody waited for", registry=registry
        )
        self.unsaved = Counter(
            "elsewhere_tiles_unsaved", "Tiles served that could not be stored", registry=registry
        )

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge whose value is read whenever the metrics are."""
        Gauge(f"elsewhere_{name}", text, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """Return all values in Prometheus' text format."""
        return generate_latest(self.registry)
