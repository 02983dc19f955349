"""Many workers at one Redis, as a simulation of discrete events: jobs come, chunks are taken, workers fail.

Everything the code of the service does to Redis is here at its measured cost, and Redis does one thing at a time.
Two runs with the same arguments give the same outcome.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from benchmarks.scaling.costs import Costs, Engine
from digitmill.jobs.jobs import TINY_BYTES
from digitmill.settings import Settings
from digitmill.store.redis import PLAN_BATCH
from digitmill.work.taking import GATHERED_CHUNKS, STAY_SECONDS

SIZES = (1, 10_000, 1_000_000)
"""Images of a job."""
FREQUENCIES = (10_000, 100, 1)
"""Of a job of each size: each is a hundred times as rare as the one before."""

ROUND_TRIP_SECONDS = 0.0003
BLOB_SECONDS = 0.03
"""Until the first byte of a chunk comes, as from S3."""
BLOB_BYTES_A_SECOND = 50e6
RESTART_SECONDS = 5.0
BEAT_SECONDS = 5.0
HEALTH_SECONDS = 15.0


def chunk_images(engine: Engine, settings: Settings) -> int:
    """The most images of this kind that a chunk has."""
    return min(settings.chunk_images, int(settings.chunk_bytes // engine.upload_bytes))


def chunk_seconds(engine: Engine, images: int) -> float:
    """That a worker takes for a chunk, without Redis."""
    return BLOB_SECONDS + images * (engine.upload_bytes / BLOB_BYTES_A_SECOND + engine.worker_seconds)


def gathered_seconds(costs: Costs, engine: Engine, jobs: int) -> float:
    """That a worker takes for so many small jobs of one image. Tiny ones come with Redis' answer; the uploads of
    others are read one after the other."""
    read = BLOB_SECONDS if engine.upload_bytes > TINY_BYTES else 0.0
    return costs.whole.worker_seconds_a_single + jobs * (read + engine.worker_seconds)


@dataclass(frozen=True)
class Scenario:
    """``offered`` images a second, for ``seconds``; a worker process fails once in ``hours_to_failure``.

    ``sizes`` are images of a job, ``frequencies`` how often each comes beside the others.
    """

    workers: int
    offered: float
    seconds: float
    engine: Engine
    hours_to_failure: float = 24.0
    sizes: tuple[int, ...] = SIZES
    frequencies: tuple[int, ...] = FREQUENCIES
    seed: int = 1


@dataclass
class Tally:
    """What was counted; ``waits`` are seconds from the POST to the last row, by size of the job."""

    images: int = 0
    busy: float = 0.0
    refused: int = 0
    failures: int = 0
    waits: dict[int, list[float]] = field(default_factory=dict)


@dataclass(eq=False)
class _Job:
    images: int
    chunks: int
    at: float
    given: int = 0
    done: int = 0


class Simulation:
    """``run`` it once. Settings are the service's own: chunk, window, lease, sweep, the limit of waiting images."""

    def __init__(self, scenario: Scenario, costs: Costs, settings: Settings) -> None:
        self._scenario, self._settings = scenario, settings
        self._chunk_images = chunk_images(scenario.engine, settings)
        self._costs, self._operations = costs, costs.operations
        self._random = random.Random(scenario.seed)
        self._now, self._redis_free, self._waiting_images = 0.0, 0.0, 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._small: deque[_Job] = deque()
        self._again: deque[tuple[_Job, int]] = deque()
        self._bulk: deque[_Job] = deque()
        self._wakeups = 0
        self._idle: deque[int] = deque(range(scenario.workers))
        self._rest = [0] * scenario.workers  # how often each came to rest: an old poll is known by it
        self._stays_until = [0.0] * scenario.workers
        self.tally = Tally(waits={size: [] for size in scenario.sizes})

    def run(self) -> Tally:
        scenario = self._scenario
        total = sum(size * times for size, times in zip(scenario.sizes, scenario.frequencies, strict=True))
        for size, times in zip(scenario.sizes, scenario.frequencies, strict=True):
            self._arrive(size, scenario.offered * times / total)
        for worker in range(scenario.workers):
            self._repeat(BEAT_SECONDS, lambda: self._ask("beat"))
            self._repeat(self._settings.sweep_seconds, lambda: self._ask("sweep_lost"))
            self._repeat(HEALTH_SECONDS, lambda: self._ask("read_workers", scenario.workers / 100))
            self._poll(worker, 0)
        self._repeat(self._settings.sweep_seconds, lambda: self._ask("sweep"))
        while self._events and self._events[0][0] <= scenario.seconds:
            self._now, _, do = heapq.heappop(self._events)
            do()
        return self.tally

    def _at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), do))

    def _ask(self, operation: str, times: float = 1.0) -> float:
        """Let Redis do this; when the answer comes."""
        seconds = times * getattr(self._operations, operation).microseconds / 1e6
        self._redis_free = max(self._now, self._redis_free) + seconds
        self.tally.busy += seconds
        return self._redis_free + ROUND_TRIP_SECONDS

    def _repeat(self, every: float, do: Callable[[], object]) -> None:
        def again() -> None:
            do()
            self._at(self._now + every, again)

        self._at(self._random.uniform(0, every), again)

    def _arrive(self, size: int, a_second: float) -> None:
        def come() -> None:
            self._submit(size)
            self._at(self._now + gap() / a_second, come)

        def gap() -> float:
            """Single images come at random, larger jobs about evenly, so that a short run sees its share of them."""
            return self._random.expovariate(1) if size == 1 else self._random.uniform(0.5, 1.5)

        if a_second:
            self._at(self._random.random() / a_second, come)

    def _submit(self, size: int) -> None:
        if self._waiting_images >= self._settings.max_queued_images:
            self.tally.refused += 1
            return
        self._waiting_images += size
        job = _Job(size, math.ceil(size / self._chunk_images), self._now)
        if size == 1:
            self._at(self._now + self._costs.whole.web_seconds_a_single, lambda: self._record_small(job))
        else:
            self._plan(job, job.chunks)

    def _plan(self, job: _Job, left: int) -> None:
        """The web process plans batch by batch, then records the job."""
        if left <= 0:
            self._at(self._ask("create"), lambda: self._wait(self._bulk, job))
            return
        chunks = min(left, PLAN_BATCH)
        ready = self._ask("plan", chunks) + chunks * self._chunk_images * self._scenario.engine.web_seconds
        self._at(ready, lambda: self._plan(job, left - chunks))

    def _record_small(self, job: _Job) -> None:
        self._at(self._ask("submit_single"), lambda: self._wait(self._small, job))

    def _wait(self, queue: deque[Any], what: object) -> None:
        queue.append(what)
        self._call()

    def _call(self) -> None:
        """Send a wakeup where something waits and none is under way."""
        if self._wakeups or not (self._small or self._again or self._bulk):
            return
        self._wakeups = 1
        self._at(self._ask("send"), self._hear)

    def _hear(self) -> None:
        if self._idle:
            self._come(self._idle.popleft())

    def _free(self, worker: int) -> None:
        self._rest[worker] += 1
        if self._wakeups:
            self._come(worker)
            return
        self._idle.append(worker)
        self._poll(worker, self._rest[worker])

    def _come(self, worker: int) -> None:
        """A worker hears the wakeup, takes work and calls another where more waits."""
        self._rest[worker] += 1
        self._wakeups = 0
        self._stays_until[worker] = self._now + STAY_SECONDS
        self._at(self._ask("deliver"), lambda: self._take(worker, "take"))

    def _poll(self, worker: int, rest: int) -> None:
        """A worker at rest asks the broker again every second."""

        def ask() -> None:
            if self._rest[worker] == rest:
                self._ask("idle_poll")
                self._at(self._now + 1.0, ask)

        self._at(self._now + 1.0, ask)

    def _take(self, worker: int, operation: str) -> None:
        """The most urgent first: small jobs together, then chunks to be done again, then jobs in turns."""
        if self._small:
            self._read_small(worker, [self._small.popleft() for _ in range(min(GATHERED_CHUNKS, len(self._small)))])
        elif self._again:
            self._read(worker, *self._again.popleft(), self._ask(operation))
        elif self._bulk:
            job = self._bulk.popleft()
            chunk, job.given = job.given, job.given + 1
            if job.given < job.chunks:
                self._bulk.append(job)
            self._read(worker, job, chunk, self._ask(operation))
        else:
            self._at(self._ask(operation), lambda: self._free(worker))
            return
        self._call()

    def _read_small(self, worker: int, jobs: list[_Job]) -> None:
        seconds = gathered_seconds(self._costs, self._scenario.engine, len(jobs))

        def done() -> None:
            stored = self._ask("complete_single", len(jobs))
            for job in jobs:
                self._finish_chunk(job, 1, stored)
            self._at(stored, lambda: self._go_on(worker))

        self._at(self._ask("take_single", len(jobs)) + seconds, done)

    def _read(self, worker: int, job: _Job, chunk: int, taken: float) -> None:
        images = min(self._chunk_images, job.images - chunk * self._chunk_images)
        seconds = self._random.uniform(0.9, 1.1) * chunk_seconds(self._scenario.engine, images)
        if self._random.random() < seconds / (3600 * self._scenario.hours_to_failure):
            self._fail(worker, job, chunk, self._now + self._random.uniform(0, seconds))
        else:
            self._at(taken + seconds, lambda: self._complete(worker, job, images))

    def _go_on(self, worker: int) -> None:
        if self._now < self._stays_until[worker]:
            self._take(worker, "take")
        else:
            self._call()
            self._free(worker)

    def _fail(self, worker: int, job: _Job, chunk: int, when: float) -> None:
        """The first sweep after the lease has ended lets the chunk wait again."""
        self.tally.failures += 1
        sweep = self._settings.sweep_seconds
        swept = sweep * math.ceil((when + self._settings.lease_seconds) / sweep)
        self._at(when + RESTART_SECONDS, lambda: self._free(worker))
        self._at(swept, lambda: self._wait(self._again, (job, chunk)))

    def _complete(self, worker: int, job: _Job, images: int) -> None:
        """The next chunk is taken in the same round trip, while the worker stays."""
        if self._now < self._stays_until[worker] and not self._small:
            self._finish_chunk(job, images, self._now)
            self._take(worker, "complete")
        else:
            stored = self._ask("complete")
            self._finish_chunk(job, images, stored)
            self._at(stored, lambda: self._go_on(worker))

    def _finish_chunk(self, job: _Job, images: int, when: float) -> None:
        job.done += 1
        self._waiting_images -= images
        self.tally.images += images
        if job.done == job.chunks:
            self.tally.waits[job.images].append(when - job.at)
