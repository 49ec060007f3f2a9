"""What the server counts and times, over all its processes, in Prometheus' text format.

Every process of a server writes into a row of its own in memory that all of them share; whoever is
asked adds the rows up. A process that dies leaves its row to its successor, so nothing counts
backwards and nothing is lost. Without shared memory there is one row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from generator.grid.tile import MAX_ZOOM
from tileserver.rendering.request import Priority

CONTENT_TYPE = CONTENT_TYPE_LATEST

Cells = MutableSequence[float]

ZOOMS = tuple(range(MAX_ZOOM + 1))
STATUSES = (
    200, 204, 206, 301, 304, 307, 400, 401, 403, 404, 405, 406, 408, 409, 410, 413, 414, 415, 416,
    429, 431, 500, 501, 503, "other",
)  # fmt: skip
PRIORITIES = tuple(priority.name.lower() for priority in Priority)
PROCESSES = ("generator", "worker")

_SHORT = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25, 1.0)
_LONG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)


@dataclass(frozen=True)
class Family:
    """One metric: its name, meaning, kind, label with all its values, and buckets in seconds."""

    name: str
    text: str
    kind: str = "counter"
    label: str = ""
    values: tuple[object, ...] = ("",)
    buckets: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Return how many cells one value of the label takes: buckets, rest and sum, or one."""
        return len(self.buckets) + 2 if self.buckets else 1


FAMILIES = {
    family.name: family
    for family in (
        Family("http_requests", "HTTP answers by status", "counter", "status", STATUSES),
        Family("http_bytes", "Bytes of tiles sent"),
        Family("tile_hits", "Tiles asked for that were stored", "counter", "zoom", ZOOMS),
        Family("tile_misses", "Tiles asked for that were not stored", "counter", "zoom", ZOOMS),
        Family("archive_tiles", "Tiles answered from the archive"),
        Family("archive_failures", "Tiles that could not be read from the archive"),
        Family("queue_length", "Blocks waiting to be made, inputs included", "gauge"),
        Family("queue_seconds", "Time from a request to the start of its block", "histogram",
               "priority", PRIORITIES, _LONG),
        Family("generation_seconds", "Time to compute one block, by its top zoom", "histogram",
               "zoom", ZOOMS, _LONG),
        Family("encode_seconds", "Time to turn one tile's pixels into PNG", "histogram",
               "zoom", ZOOMS, _SHORT),
        Family("store_seconds", "Time of one durable commit", "histogram", "", ("",), _SHORT),
        Family("tiles_made", "Tiles computed and encoded", "counter", "zoom", ZOOMS),
        Family("generation_failures", "Blocks that could not be made"),
        Family("jobs_dropped", "Queued blocks that nobody waited for"),
        Family("jobs_refused", "Requests turned away: queue full or budget used up"),
        Family("claims_awaited", "Blocks found to be made by another process"),
        Family("tiles_unsaved", "Tiles served that could not be stored"),
        Family("restarts", "Processes started again after they died", "counter", "process",
               PROCESSES),
    )
}  # fmt: skip


def _layout() -> dict[str, int]:
    found, position = {}, 0
    for family in FAMILIES.values():
        found[family.name] = position
        position += family.width * len(family.values)
    found["end"] = position
    return found


_START = _layout()

CELLS = _START["end"]
"""Numbers in a process's row."""


def position(name: str) -> int:
    """Return where in a row the cells of a metric begin."""
    return _START[name]


class Count:
    """A number that grows, or for a gauge is set."""

    __slots__ = ("_at", "_cells")

    def __init__(self, cells: Cells, at: int) -> None:
        self._cells, self._at = cells, at

    @property
    def value(self) -> float:
        """What this process counted."""
        return self._cells[self._at]

    def inc(self, amount: float = 1) -> None:
        """Add to it."""
        self._cells[self._at] += amount

    def set(self, value: float) -> None:
        """Replace it."""
        self._cells[self._at] = value


class Timer:
    """A histogram of seconds."""

    __slots__ = ("_at", "_buckets", "_cells")

    def __init__(self, cells: Cells, at: int, buckets: tuple[float, ...]) -> None:
        self._cells, self._at, self._buckets = cells, at, buckets

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._cells[self._at + bisect_left(self._buckets, seconds)] += 1
        self._cells[self._at + len(self._buckets) + 1] += seconds


class Metrics:
    """The counters of one process; `text` tells those of all processes of the server.

    rows: the shared rows, [processes][CELLS] numbers; row: which is this process's own. Without
    rows the process is alone.
    """

    def __init__(self, rows: Sequence[Cells] | None = None, row: int = 0) -> None:
        self.rows: Sequence[Cells] = [[0.0] * CELLS] if rows is None else rows
        self.cells = self.rows[row]
        self.registry = CollectorRegistry()
        self.registry.register(_Sums(self.rows))
        self.requests = self._counts("http_requests")
        self.bytes = self._counts("http_bytes")[""]
        self.hits, self.misses = self._counts("tile_hits"), self._counts("tile_misses")
        self.archived = self._counts("archive_tiles")[""]
        self.archive_failures = self._counts("archive_failures")[""]
        self.queue_length = self._counts("queue_length")[""]
        self.queue = self._timers("queue_seconds")
        self.generation = self._timers("generation_seconds")
        self.encode = self._timers("encode_seconds")
        self.store = self._timers("store_seconds")[""]
        self.made = self._counts("tiles_made")
        self.failures = self._counts("generation_failures")[""]
        self.dropped = self._counts("jobs_dropped")[""]
        self.refused = self._counts("jobs_refused")[""]
        self.awaited = self._counts("claims_awaited")[""]
        self.unsaved = self._counts("tiles_unsaved")[""]
        self.restarts = self._counts("restarts")

    def answered(self, status: int) -> None:
        """Count an HTTP answer."""
        self.requests.get(status, self.requests["other"]).inc()

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge whose value is read, in the process that is asked, whenever metrics are."""
        Gauge(f"elsewhere_{name}", text, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """Return all values in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counts(self, name: str) -> dict[object, Count]:
        start = _START[name]
        return {v: Count(self.cells, start + n) for n, v in enumerate(FAMILIES[name].values)}

    def _timers(self, name: str) -> dict[object, Timer]:
        family, start = FAMILIES[name], _START[name]
        return {
            value: Timer(self.cells, start + n * family.width, family.buckets)
            for n, value in enumerate(family.values)
        }


class _Sums(Collector):
    """Adds up the rows of all processes; values of a label that never occurred are left out."""

    def __init__(self, rows: Sequence[Cells]) -> None:
        self._rows = rows

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        total = [sum(cells) for cells in zip(*(list(row) for row in self._rows), strict=True)]
        for family in FAMILIES.values():
            yield _metric(family, total)


_KINDS: dict[str, Any] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


def _metric(family: Family, total: list[float]) -> Metric:
    names = [family.label] if family.label else []
    metric = _KINDS[family.kind](f"elsewhere_{family.name}", family.text, labels=names)
    for n, value in enumerate(family.values):
        start = _START[family.name] + n * family.width
        cells = total[start : start + family.width]
        labels = [str(value)] if names else []
        if names and not any(cells):
            continue
        if family.buckets:
            metric.add_metric(labels, _cumulated(family.buckets, cells[:-1]), cells[-1])
        else:
            metric.add_metric(labels, cells[0])
    found: Metric = metric
    return found


def _cumulated(buckets: tuple[float, ...], counts: list[float]) -> list[tuple[str, float]]:
    found, running = [], 0.0
    for edge, count in zip([*map(str, buckets), "+Inf"], counts, strict=True):
        running += count
        found.append((edge, running))
    return found
