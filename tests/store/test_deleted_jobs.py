"""A job that is deleted while somebody still works for it: what comes late leaves nothing behind."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from digitmill.domain.jobs import Counts, JobState
from digitmill.store.base import TAKEN_SECONDS, Claim
from digitmill.store.redis import RedisJobStore
from digitmill.store.webhook_store import Attempt
from tests.store.conftest import IMAGES, Bench, take_chunk

FAILED = Attempt(at=1.0, seconds=0.1, status=503, error=None)
COUNTS = Counts(total=IMAGES, statuses=Counter(recognized=2, blank=1))


@pytest.fixture
def client(empty_redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(empty_redis_url) as client:
        yield client


def left(client: Any) -> set[bytes]:
    """But for counters, and what ends by itself soon."""
    return {key for key in client.scan_iter() if not 0 <= client.ttl(key) <= TAKEN_SECONDS} - {b"dm:queued", b"dm:turn"}


@pytest.mark.parametrize(
    "late",
    [
        lambda store, claim: store.chunks.note_place(claim.job.id, claim.chunk, 1),
        lambda store, claim: store.chunks.renew(claim.job.id, claim.chunk, 60),
        lambda store, claim: store.chunks.give_back(claim.job.id, claim.chunk),
        lambda store, claim: store.chunks.complete(claim, b"rows", COUNTS),
    ],
    ids=["note a place", "renew", "give back", "complete"],
)
def test_what_a_worker_does_late_leaves_nothing(client: Any, late: Callable[[RedisJobStore, Claim], object]) -> None:
    store = RedisJobStore(client)
    job = Bench(store, time.sleep).submit()
    claim = take_chunk(store, job.id, 0, 60)
    assert claim is not None
    store.delete(job.id)
    late(store, claim)
    assert left(client) == set()
    assert store.upkeep.queued_images() == 0


@pytest.mark.parametrize("retry_in", [None, 60.0])
def test_an_attempt_to_send_its_event_that_ends_late_leaves_no_log(client: Any, retry_in: float | None) -> None:
    store = RedisJobStore(client)
    job = Bench(store, time.sleep).submit(webhook_url="https://hooks.example/")
    store.finish(job.id, JobState.CANCELLED)
    assert store.webhooks.claim(job.id, 60)
    store.delete(job.id)
    store.webhooks.record(job.id, FAILED, retry_in)
    assert left(client) == set()
