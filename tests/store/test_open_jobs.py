"""How many jobs an owner may have open, and how full the store is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis

from digitmill.domain.jobs import JobState, new_job_id
from digitmill.errors import NotFound, TooManyJobs
from digitmill.store.connection import MemoryGauge
from digitmill.store.requests import Idempotency
from tests.store.conftest import Bench

KEY = Idempotency("k", "digest")


def test_past_the_limit_a_job_is_refused_and_leaves_no_record(bench: Bench) -> None:
    job = bench.submit(most_open=1)
    assert bench.store.upkeep.load("ann").open_jobs == 1
    other = replace(job, id=new_job_id())
    with pytest.raises(TooManyJobs, match="as you may, 1;"):
        bench.store.create(other, most_open=1, idempotency=(KEY, 60))
    with pytest.raises(NotFound):
        bench.store.get(other.id)
    assert not bench.store.remembers("ann", "k")
    assert len(bench.store.jobs_of("ann", before=None, limit=10)) == 1
    assert bench.store.upkeep.queued_images() == job.counts.total
    bench.submit(owner="bob", most_open=1)


def test_a_job_that_ends_in_any_way_makes_room_for_another(bench: Bench) -> None:
    completed, cancelled, deleted = (bench.submit(chunks=1) for _ in range(3))
    assert bench.store.upkeep.load("ann").open_jobs == 3
    bench.run(completed.id, 0)
    assert bench.store.upkeep.load("ann").open_jobs == 2
    bench.store.finish(cancelled.id, JobState.CANCELLED)
    bench.store.finish(cancelled.id, JobState.CANCELLED)
    assert bench.store.upkeep.load("ann").open_jobs == 1
    bench.store.delete(deleted.id)
    bench.store.delete(completed.id)
    assert bench.store.upkeep.load("ann").open_jobs == 0


def test_a_repeated_submission_gives_its_job_also_when_there_is_no_room(bench: Bench) -> None:
    job = replace(bench.submit(), id=new_job_id())
    assert bench.store.create(job, most_open=2, idempotency=(KEY, 60)).job == job
    assert bench.store.remembers("ann", "k")
    assert not bench.store.remembers("bob", "k")
    again = replace(job, id=new_job_id())
    assert bench.store.create(again, most_open=2, idempotency=(KEY, 60)).job.id == job.id


def test_submissions_at_the_same_time_fill_the_room_exactly(bench: Bench) -> None:
    def submit(_: int) -> bool:
        try:
            bench.submit(most_open=7)
        except TooManyJobs:
            return False
        return True

    with ThreadPoolExecutor(16) as callers:
        accepted = list(callers.map(submit, range(48)))
    assert sum(accepted) == bench.store.upkeep.load("ann").open_jobs == 7


def test_memory_is_told_as_a_share_of_what_redis_may_take(empty_redis_url: str) -> None:
    with redis.Redis.from_url(empty_redis_url) as client:
        used = int(client.info("memory")["used_memory"])
        try:
            assert MemoryGauge(client).share() == 0.0
            client.config_set("maxmemory", 2 * used)
            gauge = MemoryGauge(client)
            assert gauge.share() == pytest.approx(0.5, abs=0.2)
            client.config_set("maxmemory", 200 * used)
            assert gauge.share() == pytest.approx(0.5, abs=0.2)
            assert MemoryGauge(client).share() < 0.1
        finally:
            client.config_set("maxmemory", 0)
