"""Jobs past their time: who clears them away, what goes, and what stays."""

from __future__ import annotations

import time

import pytest
import redis

from digitmill.domain.jobs import Job, JobState
from digitmill.errors import Expired, NotFound
from digitmill.store.orders import Order
from digitmill.store.redis import RedisJobStore
from tests.store.conftest import Bench


def ended(bench: Bench, *, expires_in: int = 1) -> Job:
    job = bench.submit(chunks=1, expires_in=expires_in)
    bench.run(job.id, 0)
    return job


def test_an_expired_job_says_so_and_gives_up_its_rows(bench: Bench) -> None:
    job = ended(bench)
    assert bench.store.upkeep.take_expired(10, lease=60) == []
    bench.pass_time(2.1)
    with pytest.raises(Expired):
        bench.store.get(job.id)
    assert bench.store.jobs_of("ann", before=None, limit=10) == []
    bench.store.upkeep.purge(bench.store.upkeep.take_expired(10, lease=60))
    with pytest.raises(NotFound):
        bench.store.chunks.starts(job.id)
    with pytest.raises(Expired):
        bench.store.get(job.id)
    assert list(bench.store.upkeep.known([job.id, "nobody"])) == [True, False]


def test_no_job_is_cleared_away_before_it_says_that_it_has_expired(bench: Bench) -> None:
    job = ended(bench)
    while not bench.store.upkeep.take_expired(10, lease=60):
        bench.pass_time(0.01)
    with pytest.raises(Expired):
        bench.store.get(job.id)


def test_an_open_job_does_not_expire(bench: Bench) -> None:
    job = bench.submit(expires_in=1)
    bench.pass_time(1.2)
    assert bench.store.get(job.id).state is JobState.QUEUED
    assert bench.store.upkeep.take_expired(10, lease=60) == []


def test_an_expired_job_is_taken_by_one_at_a_time(bench: Bench) -> None:
    jobs = {ended(bench).id for _ in range(3)}
    bench.pass_time(2.1)
    first, second = bench.store.upkeep.take_expired(2, lease=60), bench.store.upkeep.take_expired(2, lease=60)
    assert (len(first), len(second)) == (2, 1)
    assert {*first, *second} == jobs
    assert bench.store.upkeep.take_expired(2, lease=60) == []


def test_a_job_whose_clearing_away_was_cut_off_is_taken_again(bench: Bench) -> None:
    cut_off, purged = ended(bench), ended(bench)
    bench.pass_time(2.1)
    assert sorted(bench.store.upkeep.take_expired(10, lease=1)) == sorted([cut_off.id, purged.id])
    bench.store.upkeep.purge([purged.id])
    bench.pass_time(1.2)
    assert bench.store.upkeep.take_expired(10, lease=1) == [cut_off.id]


def test_a_job_may_be_purged_twice_and_one_that_never_was_too(bench: Bench) -> None:
    job, kept = ended(bench), ended(bench, expires_in=60)
    bench.pass_time(2.1)
    for _ in range(2):
        bench.store.upkeep.purge([job.id, "nobody"])
    bench.store.upkeep.purge([])
    assert bench.store.upkeep.take_expired(10, lease=60) == []
    assert bench.store.get(kept.id).state is JobState.COMPLETED


def test_a_job_that_is_deleted_while_it_is_cleared_away_does_not_come_back(bench: Bench) -> None:
    job = ended(bench)
    bench.pass_time(2.1)
    assert bench.store.upkeep.take_expired(10, lease=1) == [job.id]
    bench.store.delete(job.id)
    bench.pass_time(1.2)
    assert bench.store.upkeep.take_expired(10, lease=1) == []


def test_redis_keeps_of_a_purged_job_its_tombstone_alone(empty_redis_url: str) -> None:
    with redis.Redis.from_url(empty_redis_url) as client:
        bench = Bench(RedisJobStore(client), time.sleep)
        job = ended(bench)
        bench.pass_time(2.1)
        bench.store.upkeep.purge(bench.store.upkeep.take_expired(10, lease=60))
        # who asks for work finds that none is left
        assert not bench.store.chunks.take(Order(1, 60)).claims
        passing = {b"dm:turn", b"dm:called", *client.keys("dm:taken:*")}
        assert set(client.keys()) - passing == {f"dm:job:{job.id}".encode(), b"dm:queued"}


def test_what_a_tombstone_that_is_gone_left_among_the_expired_is_cleared_away(empty_redis_url: str) -> None:
    with redis.Redis.from_url(empty_redis_url) as client:
        bench = Bench(RedisJobStore(client), time.sleep)
        job = ended(bench)
        bench.pass_time(2.1)
        client.delete(f"dm:job:{job.id}")
        assert bench.store.upkeep.take_expired(10, lease=60) == [job.id]
        bench.store.upkeep.purge([job.id])
        assert not client.exists("dm:expiry")
