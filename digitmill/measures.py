"""Figures that the processes of workers add up, in a tally of the store, for ``/metrics`` of the web server.

Each process counts in its memory, and hands in every few seconds, so that a chunk costs no call. What a process that
was killed had not handed in yet is lost: these are for graphs, and no row or job depends on them.
"""

from __future__ import annotations

import secrets
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitmill.store.tally_store import TallyStore

TALLY = "measures"
REMEMBERED_SECONDS = 900
"""So long after it was handed in a batch that is handed in again is known."""
BETWEEN = "|"
SUM = "sum"
MICRO = 1_000_000

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LONG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 43200.0)
_SURE = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


_Counted = tuple[str, tuple[str, ...], int | str]
"""Name and labels of a family, and the place of a bucket or SUM; "" of what is counted."""


@dataclass(frozen=True, slots=True)
class Family:
    """What is counted, or with ``buckets`` (upper limits, ascending) observed. Labels have few values each."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


ROWS = Family("digitmill_rows", "Rows stored, by model and status.", ("model", "status"))
BYTES = Family("digitmill_image_bytes", "Bytes of images that workers read, as they lie in uploads.")
FAILURES = Family("digitmill_failures", "Images that failed, by the code of their row's error.", ("code",))
CONFIDENCE = Family(
    "digitmill_confidence", "How sure the best guesses of rows are, by model: for drift.", ("model",), _SURE
)
JOBS = Family("digitmill_jobs", "Jobs that came to their end, by state.", ("state",))
QUEUE_WAIT = Family(
    "digitmill_queue_wait_seconds", "Seconds from a job's submission to the first chunk in a worker's hands.", (), _LONG
)
JOB = Family("digitmill_job_seconds", "Seconds from a job's submission to its completion.", (), _LONG)
STAGE = Family(
    "digitmill_chunk_stage_seconds",
    "Seconds of a chunk in each stage: read the upload, decode, normalise; infer and store, of all that went together.",
    ("stage",),
    _FAST,
)
DELIVERIES = Family(
    "digitmill_deliveries",
    "Attempts to send webhooks, or to write rows elsewhere, by what came of them.",
    ("kind", "outcome"),
)
LEASES_LOST = Family("digitmill_leases_lost", "Chunks whose worker fell silent, and that were given to another.")

FAMILIES = (ROWS, BYTES, FAILURES, CONFIDENCE, JOBS, QUEUE_WAIT, JOB, STAGE, DELIVERIES, LEASES_LOST)


@dataclass(frozen=True, slots=True)
class Figure:
    """One set of labels of a family: what was counted, and of observations how many in each bucket (the last of them
    above all limits), and their sum."""

    labels: tuple[str, ...]
    count: int = 0
    buckets: tuple[int, ...] = ()
    sum: float = 0.0


class Measures:
    """Any thread may call."""

    def __init__(self, tallies: TallyStore) -> None:
        self._tallies = tallies
        self._lock = threading.Lock()
        self._handing_in = threading.Lock()
        self._new = Counter[_Counted]()
        self._owed: tuple[str, Mapping[str, int]] | None = None

    def count(self, family: Family, *labels: str, times: int = 1) -> None:
        with self._lock:
            self._new[family.name, labels, ""] += times

    def observe(self, family: Family, value: float, *labels: str) -> None:
        place = bisect_left(family.buckets, value)
        with self._lock:
            self._new[family.name, labels, place] += 1
            self._new[family.name, labels, SUM] += round(value * MICRO)

    def observe_all(self, family: Family, values: NDArray[np.floating], *labels: str) -> None:
        """``values`` has one dimension."""
        if not len(values):
            return
        # rounded as the limits are: 0.98 of 32 bits is more than 0.98
        places = np.searchsorted(family.buckets, values.astype(np.float64).round(6))
        counts = np.bincount(places, minlength=len(family.buckets) + 1).tolist()
        with self._lock:
            for place, times in enumerate(counts):
                if times:
                    self._new[family.name, labels, place] += times
            self._new[family.name, labels, SUM] += round(float(values.sum(dtype=np.float64)) * MICRO)

    def hand_in(self) -> None:
        """Add what was counted since to the store, once, however often it takes.

        Raises:
            StorageUnavailable: it is kept for the next time.
        """
        with self._handing_in:
            while True:
                if self._owed is None:
                    with self._lock:
                        new, self._new = self._new, Counter[_Counted]()
                    if not new:
                        return
                    self._owed = secrets.token_hex(8), {_field(*counted): times for counted, times in new.items()}
                self._tallies.add(TALLY, *self._owed, once_seconds=REMEMBERED_SECONDS)
                self._owed = None

    def figures(self) -> Mapping[Family, list[Figure]]:
        """What all processes have handed in, all families, with their figures by labels. Raises StorageUnavailable."""
        found = self._tallies.counts(TALLY)
        return {family: list(_figures(family, found)) for family in FAMILIES}


def _field(name: str, labels: tuple[str, ...], what: int | str) -> str:
    return BETWEEN.join((name, *labels, *([] if what == "" else [str(what)])))


def _figures(family: Family, found: Mapping[str, int]) -> Iterator[Figure]:
    by_labels: dict[tuple[str, ...], dict[str, int]] = {}
    for field, number in found.items():
        name, *rest = field.split(BETWEEN)
        # what an earlier or a later release counted by other labels is left out
        if name != family.name or len(rest) != len(family.labels) + bool(family.buckets):
            continue
        labels, last = (tuple(rest[:-1]), rest[-1]) if family.buckets else (tuple(rest), "")
        by_labels.setdefault(labels, {})[last] = number
    for labels, numbers in sorted(by_labels.items()):
        if not family.buckets:
            yield Figure(labels, numbers[""])
            continue
        buckets = tuple(numbers.get(str(place), 0) for place in range(len(family.buckets) + 1))
        yield Figure(labels, sum(buckets), buckets, numbers.get(SUM, 0) / MICRO)
