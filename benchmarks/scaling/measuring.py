"""Measure ``costs.json`` again: every operation through the service's own code, against a Redis of its own."""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import redis
from kombu.entity import Queue as BrokerQueue

from benchmarks.scaling.costs import Memory, Operation, Operations
from benchmarks.scaling.server import Meter
from digitmill.domain.jobs import Counts, Job, JobState, ModelReference, Options, new_job_id
from digitmill.domain.precedence import QueueName
from digitmill.measures import Measures
from digitmill.queue import WORK_QUEUE, Queue, celery_app
from digitmill.settings import Settings
from digitmill.store.base import Claim, Done, PackedChunk
from digitmill.store.connection import connect
from digitmill.store.keys import plan_key, rows_key
from digitmill.store.orders import Order
from digitmill.store.redis import RedisJobStore
from digitmill.store.upkeep import WorkerInfo
from digitmill.upkeep.recovery import Recovery
from digitmill.work.taking import GATHERED_CHUNKS

CHUNK = 1024
CHUNKS = 977
"""of a job of 1,000,000 images"""
TIMES = 480
ROUNDS = 5
SINGLE_BYTES = 373
"""of MNIST's pictures as PNGs; they lie in Redis with their plan"""
IDLE_WORKERS = 100
POLLS = 5
T = TypeVar("T")

OWNER = "measured"
ORDER = Order(GATHERED_CHUNKS, 600.0, stays=True)


class Measuring:
    """``chunks`` are packed entries and rows of chunks of CHUNK images, ``single`` those of one image."""

    def __init__(
        self, url: str, folder: Path, chunks: Sequence[tuple[bytes, bytes]], single: tuple[bytes, bytes]
    ) -> None:
        self._url, self._folder = url, folder
        self._chunks, self._single = chunks, single
        self._meter = Meter(url)
        self._client: Any = connect(url)
        self._store = RedisJobStore(connect(url))
        self._app = celery_app(url)
        self._queue = Queue(self._app)

    def operations(self) -> tuple[Operations, Memory]:
        """The least of some rounds: what else a machine does at the time only ever adds."""
        self._warm_up()
        memory: dict[str, float] = {}
        rounds = [self._round(memory) for _ in range(ROUNDS)]
        least = {
            name: min((each[name] for each in rounds), key=lambda operation: operation.microseconds)
            for name in rounds[0]
        }
        return Operations.model_validate(least), Memory.model_validate(memory)

    def _round(self, memory: dict[str, float]) -> dict[str, Operation]:
        return self._large(memory) | self._broker(memory) | self._singles(memory) | self._upkeep()

    def _warm_up(self) -> None:
        """Let connections open and scripts be known."""
        job = self._job(1, CHUNK)
        self._store.create(job, most_open=10**9, plan=[PackedChunk(0, self._chunks[0][0])])
        for claim in self._store.chunks.take(ORDER).claims:
            self._store.chunks.complete_and_take([self._answer(claim)], ORDER)
        self._queue.wake()
        self._client.flushall()

    def _large(self, memory: dict[str, float]) -> dict[str, Operation]:
        job = self._job(CHUNKS, CHUNKS * CHUNK)
        plan = [PackedChunk(CHUNK * number, self._chunks[number % len(self._chunks)][0]) for number in range(CHUNKS)]
        found = {"plan": self._meter.cost(CHUNKS, lambda: self._store.save_plan(job.id, plan))}
        others = [self._job(2, 2 * CHUNK) for _ in range(TIMES)]
        before = self._meter.memory()
        found["create"] = self._meter.cost(TIMES, lambda: _each(others, self._create))
        record = (self._meter.memory() - before) / TIMES
        self._create(job)
        claims: list[Claim] = []
        found["take"] = self._meter.cost(TIMES, lambda: claims.extend(self._taken() for _ in range(TIMES)))
        found["complete"] = self._meter.cost(
            TIMES,
            lambda: _each(
                claims,
                lambda claim: self._store.chunks.complete_and_take([self._answer(claim)], _order()),
            ),
        )
        found["look"] = self._meter.cost(TIMES, lambda: [self._store.get(job.id) for _ in range(TIMES)])
        memory["record"] = record
        memory["plan_of_chunk"] = self._bytes(plan_key(job.id)) / CHUNKS
        memory["rows_of_chunk"] = self._bytes(rows_key(job.id)) / TIMES
        self._client.flushall()
        return found

    def _broker(self, memory: dict[str, float]) -> dict[str, Operation]:
        before = self._meter.memory()
        send = self._meter.cost(TIMES, lambda: self._send(TIMES))
        memory["message"] = (self._meter.memory() - before) / TIMES
        taken: list[Any] = []
        names = [queue.name for queue in self._app.conf.task_queues]
        with self._app.connection_for_read() as connection:
            queues = [BrokerQueue(WORK_QUEUE, no_ack=True)]  # type: ignore[no-untyped-call]
            with connection.Consumer(queues, callbacks=[lambda _, message: taken.append(message)]):
                deliver = self._meter.cost(TIMES, lambda: _drain(connection, taken, TIMES))
        return {"send": send, "deliver": deliver, "idle_poll": self._idle_poll(names)}

    def _idle_poll(self, names: Sequence[str]) -> Operation:
        """So many connections that each wait a second for all lists; kombu has four priorities to a queue."""
        lists = [name + ending for ending in ("", "\x06\x163", "\x06\x166", "\x06\x169") for name in names]
        clients = [redis.Redis.from_url(self._url) for _ in range(IDLE_WORKERS)]
        connections: list[Any] = [client.connection_pool.get_connection() for client in clients]

        def poll() -> None:
            for _ in range(POLLS):
                for connection in connections:
                    connection.send_command("BRPOP", *lists, 1)
                for connection in connections:
                    connection.read_response()

        cost = self._meter.cost(IDLE_WORKERS * POLLS, poll)
        for connection in connections:
            connection.disconnect()
        return cost

    def _singles(self, memory: dict[str, float]) -> dict[str, Operation]:
        jobs = [self._job(1, 1) for _ in range(TIMES)]
        entries, rows = self._single
        before = self._meter.memory()

        def submit() -> None:
            plan = [PackedChunk(0, entries, bytes(SINGLE_BYTES))]
            for job in jobs:
                self._store.create(job, most_open=10**9, plan=plan, small=True)

        found = {"submit_single": self._meter.cost(TIMES, submit)}
        claims: list[Sequence[Claim]] = []
        batches = TIMES // GATHERED_CHUNKS
        found["take_single"] = self._meter.cost(
            TIMES,
            lambda: claims.extend(self._store.chunks.take(_order()).claims for _ in range(batches)),
        )
        one = Counts(total=1, statuses=Counter(recognized=1))
        found["complete_single"] = self._meter.cost(
            TIMES,
            lambda: [self._store.chunks.complete_all([Done(claim, rows, one) for claim in batch]) for batch in claims],
        )
        memory["single"] = (self._meter.memory() - before) / TIMES
        self._client.flushall()
        return found

    def _upkeep(self) -> dict[str, Operation]:
        workers = [
            WorkerInfo(f"0123456789ab:7/{number}", "openvino", "cpu", "bf16", "digits@4")
            for number in range(IDLE_WORKERS)
        ]
        settings = Settings(var=self._folder, redis_url=self._url)
        recovery = Recovery(settings, self._store, self._queue, Measures(self._store.tallies))
        recovery.sweep()

        def sweep() -> None:
            for _ in range(50):
                self._client.delete("dm:lock:sweep")
                recovery.sweep()

        return {
            "beat": self._meter.cost(
                TIMES, lambda: _each(range(TIMES), lambda n: self._store.upkeep.beat([workers[n % 100]]))
            ),
            "sweep_lost": self._meter.cost(
                TIMES, lambda: _each(range(TIMES), lambda _: self._store.upkeep.lock("sweep", 4.5))
            ),
            "sweep": self._meter.cost(50, sweep),
            "read_workers": self._meter.cost(50, lambda: _each(range(50), lambda _: self._store.upkeep.workers(30))),
        }

    def _job(self, chunks: int, images: int) -> Job:
        job_id = new_job_id()
        return Job(
            id=job_id,
            owner=OWNER,
            state=JobState.QUEUED,
            queue=QueueName.BULK,
            created_at=time.time(),
            counts=Counts(total=images),
            chunks=chunks,
            model=ModelReference("digits", "2", "0" * 64),
            options=Options(model="digits@4", review_below=0.95, expires_in=86400),
            blob=job_id,
        )

    def _create(self, job: Job) -> None:
        self._store.upkeep.load(OWNER)
        self._store.create(job, most_open=10**9)

    def _taken(self) -> Claim:
        return self._store.chunks.take(_order()).claims[0]

    def _answer(self, claim: Claim) -> Done:
        rows = self._chunks[claim.chunk % len(self._chunks)][1]
        return Done(claim, rows, Counts(total=CHUNK, statuses=Counter(recognized=CHUNK - 12, review=12)))

    def _send(self, times: int) -> None:
        for _ in range(times):
            self._queue.wake()

    def _bytes(self, key: str) -> float:
        return float(self._client.memory_usage(key, samples=0) or 0)


def _order() -> Order:
    return replace(ORDER, word=secrets.token_hex(8))


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def load() -> tuple[float, float, float]:
    return os.getloadavg()


def _each(items: Iterable[T], do: Callable[[T], object]) -> None:
    for item in items:
        do(item)


def _drain(connection: Any, taken: list[Any], times: int) -> None:
    while len(taken) < times:
        connection.drain_events(timeout=5)
