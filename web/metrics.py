"""Prometheus figures of a web process. With several processes they share files, and every scrape shows the sum."""

from __future__ import annotations

import os
from collections import Counter as Counts
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from digitmill.errors import StorageUnavailable
from digitmill.store.base import JobStore, WorkerInfo

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Set by ``web/__main__.py`` before this is imported, as prometheus-client wants it."""
WORKER_SECONDS = 15.0
"""A worker that was not heard of for so long counts as gone."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
MENDED = ("queued", "active", "open", "leases", "plans", "expiry", "blobs")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    def __init__(self, store: JobStore) -> None:
        self._registry = CollectorRegistry()
        own: CollectorRegistry | None = self._registry
        if SHARED_FOLDER in os.environ:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
            own = None
        self._requests = Counter(
            "digitmill_http_requests", "Requests answered.", ("method", "route", "status"), registry=own
        )
        self._seconds = Histogram(
            "digitmill_http_request_seconds",
            "Seconds from a request's arrival to the first byte of its answer.",
            ("method", "route"),
            buckets=SECONDS,
            registry=own,
        )
        self._refused = Counter(
            "digitmill_refused",
            "Connections and requests turned away or given up at the door.",
            ("reason",),
            registry=own,
        )
        self._registry.register(_Load(store))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note one answered request. ``route`` is the rule that it matched."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def refuse(self, reason: str) -> None:
        """Note a connection or a request that was turned away or given up. ``reason`` is one of a few words."""
        self._refused.labels(reason).inc()

    def scrape(self) -> bytes:
        return generate_latest(self._registry)


class _Load(Collector):
    """Read from the job store at every scrape; without an answer only that there was none."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        try:
            queued, workers = self._store.queued_images(), self._store.workers(WORKER_SECONDS)
            mends = self._store.mends()
        except StorageUnavailable:
            yield GaugeMetricFamily("digitmill_store_up", "Whether the job store answers.", 0)
            return
        yield GaugeMetricFamily("digitmill_store_up", "Whether the job store answers.", 1)
        yield GaugeMetricFamily("digitmill_queued_images", "Images of open jobs that have no row yet.", queued)
        yield _workers(workers)
        yield _mends(mends)


def _workers(workers: Sequence[WorkerInfo]) -> Metric:
    """By what answers in them; a single 0 where there are none, so that the sum is always there to watch."""
    family = GaugeMetricFamily(
        "digitmill_workers", "Worker processes heard of in the last seconds.", labels=("engine", "precision", "device")
    )
    counts = Counts((worker.engine, worker.precision, worker.device) for worker in workers)
    for labels, count in (counts or {("", "", ""): 0}).items():
        family.add_metric(labels, count)
    return family


def _mends(mends: Mapping[str, int]) -> Metric:
    """By what was wrong; zeros where nothing was, so that an increase is seen."""
    family = CounterMetricFamily(
        "digitmill_store_mends", "Times that the audit mended what was noted beside the jobs.", labels=("what",)
    )
    for what in MENDED:
        family.add_metric((what,), mends.get(what, 0))
    return family
