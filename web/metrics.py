"""Prometheus figures of a web process. With several processes they share files, and every scrape shows the sum."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter as Counts
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from digitmill.domain.roles import Role
from digitmill.errors import StorageUnavailable
from digitmill.measures import Family, Figure, Measures
from digitmill.store.base import JobStore
from digitmill.store.upkeep import WorkerInfo
from digitmill.system.files import nearest
from digitmill.work.drift import DRIFTING
from web.server.shared_metrics import VARIABLE

WORKER_SECONDS = 15.0
"""A worker that was not heard of for so long counts as gone."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
MENDED = ("queued", "active", "open", "leases", "plans", "expiry", "blobs")
MOST_SETS_OF_LABELS = 200
"""Of one family."""
MOST_IDLE = 100
"""Open jobs among which the one is looked for that has waited longest for readers."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    def __init__(self, store: JobStore, measures: Measures, disk: Path) -> None:
        """``disk`` is a folder on the one that is told of."""
        self._registry = CollectorRegistry()
        own: CollectorRegistry | None = self._registry
        if VARIABLE in os.environ:
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
            "Connections and requests turned away or given up, by the limit, quota or fault that was the reason.",
            ("reason",),
            registry=own,
        )
        self._registry.register(_Load(store, measures, disk))

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

    def __init__(self, store: JobStore, measures: Measures, disk: Path) -> None:
        self._store = store
        self._measures = measures
        self._disk = disk

    def collect(self) -> Iterator[Metric]:
        yield from _room(self._disk)
        try:
            began = time.perf_counter()
            self._store.upkeep.ping()
            answered = time.perf_counter() - began
            queued, workers = self._store.upkeep.queued_images(), self._store.upkeep.workers(WORKER_SECONDS)
            mends, waiting = self._store.upkeep.mends(), self._store.chunks.waiting()
            full, idle, due = (
                self._store.upkeep.memory_share(),
                self._store.upkeep.stalled(0.0, MOST_IDLE),
                self._store.webhooks.backlog(),
            )
            drift, figures = self._store.tallies.counts(DRIFTING), self._measures.figures()
            used, ahead = self._store.upkeep.memory_bytes(), time.time() - self._store.now()
        except StorageUnavailable:
            yield GaugeMetricFamily("digitmill_store_up", "Whether the job store answers.", 0)
            return
        yield GaugeMetricFamily("digitmill_store_up", "Whether the job store answers.", 1)
        yield GaugeMetricFamily("digitmill_queued_images", "Images of open jobs that have no row yet.", queued)
        yield GaugeMetricFamily(
            "digitmill_longest_idle_seconds",
            "Seconds since the open job that has waited longest for readers was last worked on; 0 without open jobs.",
            # what waits for trainers may do so for hours
            next((seconds for job, seconds in idle if job.role is Role.READER), 0),
        )
        yield GaugeMetricFamily(
            "digitmill_redis_memory_share", "Share of Redis' maxmemory in use; 0 without one.", full
        )
        yield GaugeMetricFamily("digitmill_redis_memory_bytes", "Memory that Redis has in use.", used)
        yield GaugeMetricFamily(
            "digitmill_redis_ping_seconds", "Seconds that Redis took to answer, just now.", answered
        )
        yield GaugeMetricFamily(
            "digitmill_clock_difference_seconds", "Seconds by which this machine's clock is ahead of Redis'.", ahead
        )
        yield GaugeMetricFamily(
            "digitmill_webhooks_due", "Webhooks, and rows to be written elsewhere, not done yet.", due
        )
        yield _waiting(waiting)
        yield _workers(workers)
        yield _mends(mends)
        yield CounterMetricFamily(
            "digitmill_compared_jobs", "Completed jobs that were compared with what is usual.", drift.get("jobs", 0)
        )
        yield CounterMetricFamily(
            "digitmill_drifting_jobs", "Those of them that are unlike what is usual.", drift.get("drifting", 0)
        )
        for family, found in figures.items():
            yield _observed(family, found) if family.buckets else _counted(family, found)


def _room(folder: Path) -> Iterator[Metric]:
    """On the disk of the folder."""
    disk = shutil.disk_usage(nearest(folder))
    yield GaugeMetricFamily("digitmill_disk_bytes", "Size of the disk of uploads.", disk.total)
    yield GaugeMetricFamily("digitmill_disk_free_bytes", "What is free of it.", disk.free)


def _counted(family: Family, figures: Sequence[Figure]) -> Metric:
    counted = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for figure in _most(figures):
        counted.add_metric(figure.labels, figure.count)
    if not figures and not family.labels:
        counted.add_metric((), 0)
    return counted


def _observed(family: Family, figures: Sequence[Figure]) -> Metric:
    observed = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    limits = [*map(str, family.buckets), "+Inf"]
    for figure in _most(figures):
        upto = accumulate(figure.buckets)
        observed.add_metric(figure.labels, list(zip(limits, upto, strict=True)), figure.sum)
    return observed


def _most(figures: Sequence[Figure]) -> Sequence[Figure]:
    """Those counted most, where there are too many: models are published without end."""
    return sorted(figures, key=lambda figure: figure.count, reverse=True)[:MOST_SETS_OF_LABELS]


def _waiting(waiting: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(
        "digitmill_waiting",
        "What waits for a worker: small jobs, chunks to be done again, interactive and bulk jobs with chunks left.",
        labels=("urgency",),
    )
    for urgency, count in waiting.items():
        family.add_metric((urgency,), count)
    return family


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
