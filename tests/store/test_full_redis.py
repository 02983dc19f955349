"""A Redis that is full refuses what takes memory, whole, and lets pass what frees it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from digitmill.domain.jobs import Counts, JobState
from digitmill.errors import NotFound, StorageUnavailable
from digitmill.store.base import TAKEN_SECONDS
from digitmill.store.redis import RedisJobStore
from digitmill.store.upkeep import WorkerInfo
from tests.store.conftest import IMAGES, Bench, take_chunk
from tests.store.contents import contents


@pytest.fixture
def client(empty_redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(empty_redis_url) as client:
        yield client
        client.config_set("maxmemory", 0)


@contextmanager
def full(client: Any) -> Iterator[None]:
    client.config_set("maxmemory", 1)
    yield
    client.config_set("maxmemory", 0)


def assert_nothing_is_left(client: Any) -> None:
    left = {key for key in client.scan_iter() if not 0 <= client.ttl(key) <= TAKEN_SECONDS} - {b"dm:queued", b"dm:turn"}
    assert (left, int(client.get("dm:queued"))) == (set(), 0)


@pytest.mark.parametrize("claimed", [False, True])
def test_a_job_is_deleted_whole_while_redis_is_full(client: Any, claimed: bool) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit(webhook_url="https://hooks.example/")
    if claimed:
        take_chunk(bench.store, job.id, 0, 60)
    with full(client):
        bench.store.delete(job.id)
    with pytest.raises(NotFound):
        bench.store.get(job.id)
    assert_nothing_is_left(client)


def test_a_job_is_cancelled_whole_while_redis_is_full(client: Any) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    bench.run(job.id, 0)
    with full(client):
        assert bench.store.finish(job.id, JobState.CANCELLED).state is JobState.CANCELLED
    assert (bench.store.upkeep.queued_images(), bench.store.upkeep.load("ann").open_jobs) == (0, 0)
    bench.store.delete(job.id)
    assert_nothing_is_left(client)


def test_expired_jobs_are_cleared_away_while_redis_is_full(client: Any) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit(chunks=1, expires_in=1)
    bench.run(job.id, 0)
    bench.pass_time(2.1)
    with full(client):
        assert bench.store.upkeep.lock("purge", 60)
        assert bench.store.upkeep.take_expired(10, 60) == [job.id]
        assert bench.store.upkeep.take_expired(10, 60) == [], "the lease on it was noted"
        bench.store.upkeep.purge([job.id])
    assert not client.exists(f"dm:job:{job.id}:plan", f"dm:job:{job.id}:rows", "dm:expiry")


def test_a_worker_is_heard_of_and_keeps_or_gives_back_its_chunks_while_redis_is_full(client: Any) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    for chunk in (0, 1):
        assert take_chunk(bench.store, job.id, chunk, 0.2)
    with full(client):
        bench.store.upkeep.beat([WorkerInfo("a:1/2", "openvino", "cpu", "f32", "digits@1")])
        bench.store.chunks.renew(job.id, 0, 60)
        bench.store.chunks.give_back(job.id, 1)
        bench.pass_time(0.3)
        assert [chunk for _, chunk in bench.store.upkeep.requeue_expired(10)] == [1]
    assert len(bench.store.upkeep.workers(within=60)) == 1


def test_what_takes_memory_is_refused_whole_and_is_done_once_there_is_room(client: Any) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    claim = take_chunk(bench.store, job.id, 0, 60)
    assert claim is not None
    before = contents(client)
    counts = Counts(total=IMAGES, statuses=Counter(recognized=2, blank=1))
    with full(client):
        with pytest.raises(StorageUnavailable):
            bench.submit()
        with pytest.raises(StorageUnavailable):
            take_chunk(bench.store, job.id, 1, 60)
        with pytest.raises(StorageUnavailable):
            bench.store.chunks.complete(claim, b"rows", counts)
    assert contents(client) == before
    assert bench.store.chunks.complete(claim, b"rows", counts).stored
