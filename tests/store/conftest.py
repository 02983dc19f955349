"""A job store of each kind, and jobs to put into it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from digitmill.domain.jobs import Counts, Job, JobState, ModelReference, Options, new_job_id
from digitmill.domain.precedence import Priority, QueueName
from digitmill.domain.roles import Role
from digitmill.store.base import Claim, JobStore, PackedChunk
from digitmill.store.orders import Order, Urgency
from digitmill.store.redis import RedisJobStore
from digitmill.store.redis_chunks import score_of
from tests.in_process import empty_redis, passing_time

IMAGES = 3
LONG_SECONDS = 3.0


def take_chunk(store: JobStore, job_id: str, chunk: int, lease: float) -> Claim | None:
    """What a worker holds that has taken this very chunk, if it is to be had."""
    popped = f"{job_id} {chunk}".encode(), float(score_of(Urgency.AGAIN))
    claims = store.chunks.take(Order(0, lease, popped=popped)).claims
    return claims[0] if claims else None


def passing_over(client: redis.Redis) -> Callable[[float], None]:
    """What lets time pass for a real Redis. Instead of waiting for LONG_SECONDS or more, it lets leases, and keys that
    end by themselves, end so much earlier; nothing else that the store notes grows older by that."""
    server: Any = client

    def pass_time(seconds: float) -> None:
        if seconds < LONG_SECONDS:
            time.sleep(seconds)
            return
        for member, ends in server.zrange("dm:leases", 0, -1, withscores=True):
            server.zadd("dm:leases", {member: ends - seconds})
        for key in server.scan_iter():
            if (left := server.pttl(key)) >= 0:
                server.pexpire(key, left - round(seconds * 1000))

    return pass_time


@dataclass
class Bench:
    """A store, and a way to let time pass for it."""

    store: JobStore
    pass_time: Callable[[float], None]

    def submit(
        self,
        *,
        chunks: int = 2,
        owner: str = "ann",
        expires_in: int = 60,
        most_open: int = 999,
        webhook_url: str | None = None,
        role: Role = Role.READER,
        images: int = IMAGES,
        priority: Priority = Priority.NORMAL,
        queue: QueueName = QueueName.BULK,
    ) -> Job:
        """A job of so many chunks of ``images`` each."""
        job_id = new_job_id()
        plan = [PackedChunk(images * n, b"entries %d" % n) for n in range(chunks)]
        assert self.store.save_plan(job_id, iter(plan)) == chunks
        job = Job(
            id=job_id,
            owner=owner,
            state=JobState.QUEUED,
            queue=queue,
            created_at=time.time(),
            counts=Counts(total=images * chunks, skipped=1),
            chunks=chunks,
            model=ModelReference("digits", "1", "0" * 64),
            options=Options(
                model="digits@1",
                review_below=0.9,
                expires_in=expires_in,
                webhook_url=webhook_url,
                metadata={"ward": "7ü"},
                priority=priority,
            ),
            blob=job_id,
            role=role,
        )
        return self.store.create(job, most_open=most_open).job

    def run(self, job_id: str, chunk: int, rows: bytes = b"rows") -> bool:
        claim = take_chunk(self.store, job_id, chunk, 5)
        assert claim is not None
        return self.store.chunks.complete(
            claim, rows, Counts(total=IMAGES, statuses=Counter(recognized=2, blank=1))
        ).stored


@pytest.fixture(params=["fakeredis", "redis"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "fakeredis":
        store = RedisJobStore(empty_redis())
        yield Bench(store, passing_time(request.getfixturevalue("monkeypatch")))
        store.close()
    else:
        client = redis.Redis.from_url(request.getfixturevalue("redis_url"))
        client.flushall()
        store = RedisJobStore(client)
        yield Bench(store, passing_over(client))
        store.close()
        client.close()
