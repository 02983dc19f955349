"""A job store of each kind, and jobs to put into it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import fakeredis
import pytest
import redis

from digitmill.domain import Counts, Job, JobState, ModelReference, Options, QueueName
from digitmill.jobs import new_job_id
from digitmill.store.base import JobStore, PackedChunk
from digitmill.store.memory import MemoryJobStore
from digitmill.store.redis import RedisJobStore

IMAGES = 3


@dataclass
class Bench:
    """A store, and a way to let time pass for it."""

    store: JobStore
    pass_time: Callable[[float], None]

    def submit(
        self,
        *,
        chunks: int = 2,
        window: int = 10,
        owner: str = "ann",
        expires_in: int = 60,
        most_open: int = 999,
        webhook_url: str | None = None,
    ) -> Job:
        job_id = new_job_id()
        plan = [PackedChunk(IMAGES * n, b"entries %d" % n) for n in range(chunks)]
        assert self.store.save_plan(job_id, iter(plan)) == chunks
        job = Job(
            id=job_id,
            owner=owner,
            state=JobState.QUEUED,
            queue=QueueName.BULK,
            created_at=time.time(),
            counts=Counts(total=IMAGES * chunks, skipped=1),
            chunks=chunks,
            model=ModelReference("digits", "1", "0" * 64),
            options=Options(
                model="digits@1",
                review_below=0.9,
                expires_in=expires_in,
                webhook_url=webhook_url,
                metadata={"ward": "7ü"},
            ),
            blob=job_id,
        )
        return self.store.create(job, window=window, most_open=most_open)

    def run(self, job_id: str, chunk: int, rows: bytes = b"rows") -> bool:
        claim = self.store.claim(job_id, chunk, 5)
        assert claim is not None
        return self.store.complete(claim, rows, Counts(total=IMAGES, recognized=2, blank=1)).stored


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        now = [1_700_000_000.0]

        def pass_time(seconds: float) -> None:
            now[0] += seconds

        yield Bench(MemoryJobStore(lambda: now[0]), pass_time)
    elif request.param == "fakeredis":
        store = RedisJobStore(fakeredis.FakeRedis())
        yield Bench(store, time.sleep)
        store.close()
    else:
        client = redis.Redis.from_url(request.getfixturevalue("redis_url"))
        client.flushall()
        store = RedisJobStore(client)
        yield Bench(store, time.sleep)
        store.close()
        client.close()
