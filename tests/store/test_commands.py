"""What a small image costs Redis where callers follow each other: a script's time is that of the commands in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from digitmill.domain.jobs import Counts, Job, JobState, ModelReference, Options, new_job_id
from digitmill.domain.precedence import QueueName
from digitmill.store.base import Done, PackedChunk
from digitmill.store.orders import Order
from digitmill.store.redis import RedisJobStore

MOST_COMMANDS = 40
"""From the record of the job to its rows, those inside scripts counted too."""


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    yield client
    client.close()


def commands(client: Any) -> int:
    """Those that Redis has run so far; to ask is one more."""
    return int(client.info("stats")["total_commands_processed"])


def read_one(store: RedisJobStore) -> None:
    """One image from its submission to its row, by a worker that waits for it."""
    job_id = new_job_id()
    job = Job(
        id=job_id, owner="ann", state=JobState.QUEUED, queue=QueueName.INTERACTIVE, created_at=0.0,
        counts=Counts(total=1), chunks=1, model=ModelReference("digits", "1", "0" * 64),
        options=Options(model="digits@1", review_below=0.9, expires_in=60), blob=job_id,
    )  # fmt: skip
    plan = [PackedChunk(0, b"entries", upload=b"picture")]
    waiter = store.follow(job, plan)
    store.create(job, most_open=9, plan=plan, followed=True, small=True)
    popped = store.chunks.wait_for_work(1.0)
    (claim,) = store.chunks.take(Order(32, 60, called=True, stays=True, popped=popped)).claims
    store.chunks.complete_all([Done(claim, b"rows", Counts(total=1, statuses=Counter(recognized=1)))])
    waiter.close()


def test_a_small_image_costs_redis_few_commands(client: Any) -> None:
    store = RedisJobStore(client)
    # the first loads the scripts and opens the connections
    for _ in range(3):
        read_one(store)
    before = commands(client)
    for _ in range(10):
        read_one(store)
    assert (commands(client) - before - 1) / 10 <= MOST_COMMANDS
    store.close()
