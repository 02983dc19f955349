"""What is noted beside the jobs may come to differ from them; it heals, and holds nothing up meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from digitmill.domain.jobs import Job, JobState
from digitmill.store.redis import RedisJobStore
from tests.store.conftest import IMAGES, Bench, take_chunk
from tests.store.contents import contents


@pytest.fixture
def client(empty_redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(empty_redis_url) as client:
        yield client


@pytest.fixture
def jobs(client: Any) -> tuple[Bench, Job, Job]:
    """A store with a running job and a completed one."""
    bench = Bench(RedisJobStore(client), time.sleep)
    running, completed = bench.submit(), bench.submit(chunks=1)
    bench.run(running.id, 0)
    assert take_chunk(bench.store, running.id, 1, 60)
    bench.run(completed.id, 0)
    bench.submit()
    return bench, running, completed


Fault = Callable[[Any, str, str], object]
FAULTS: dict[str, tuple[str, Fault]] = {
    "the counter is too high": ("queued", lambda client, *_: client.incrby("dm:queued", 20_000)),
    "the counter is too low": ("queued", lambda client, *_: client.decrby("dm:queued", 20_000)),
    "a job that is not is active": ("active", lambda client, *_: client.zadd("dm:active", {"ghost": 1})),
    "a job that is over is active": ("active", lambda client, _, over: client.zadd("dm:active", {over: 1})),
    "an open job is not active": ("active", lambda client, job, _: client.zrem("dm:active", job)),
    "a job that is not is open": ("open", lambda client, *_: client.sadd("dm:open:ann", "ghost")),
    "a job of another is open": ("open", lambda client, *_: client.sadd("dm:open:bob", "ghost")),
    "an open job does not count": ("open", lambda client, job, _: client.srem("dm:open:ann", job)),
    "a claim on no job": ("leases", lambda client, *_: client.zadd("dm:leases", {"ghost 0": 2e9})),
    "a claim on a job that is over": ("leases", lambda client, _, over: client.zadd("dm:leases", {f"{over} 0": 2e9})),
    "a claim on a chunk that is done": ("leases", lambda client, job, _: client.zadd("dm:leases", {f"{job} 0": 2e9})),
    "no claim at all": ("leases", lambda client, *_: client.zadd("dm:leases", {"what is this": 2e9})),
    "the plan of an open job is to go": ("plans", lambda client, job, _: client.expire(f"dm:job:{job}:plan", 60)),
    "attempts of no job": ("plans", lambda client, *_: client.hset("dm:job:ghost:attempts", "0:place", 1)),
    "rows of a job that is over stay": ("plans", lambda client, _, over: client.persist(f"dm:job:{over}:rows")),
    "a job that is over never expires": ("expiry", lambda client, _, over: client.zrem("dm:expiry", over)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_differs_from_the_jobs_is_told_mended_and_counted(
    client: Any, jobs: tuple[Bench, Job, Job], fault: str
) -> None:
    bench, running, completed = jobs
    what, do = FAULTS[fault]
    assert bench.store.upkeep.audit(mend=True) == {}
    sound = contents(client)
    do(client, running.id, completed.id)
    assert contents(client) != sound
    assert bench.store.upkeep.audit(mend=False).get(what, 0) >= 1
    assert bench.store.upkeep.mends() == {}
    mended = bench.store.upkeep.audit(mend=True)
    assert mended.get(what, 0) >= 1
    assert bench.store.upkeep.mends() == mended
    client.delete("dm:mends")
    assert contents(client) == sound
    assert bench.store.upkeep.audit(mend=False) == {}


def test_a_claim_that_a_clock_left_behind_ends(client: Any, jobs: tuple[Bench, Job, Job]) -> None:
    bench, running, _ = jobs
    client.zadd("dm:leases", {f"{running.id} 1": time.time() + 7200})
    assert bench.store.upkeep.audit(mend=True) == {"leases": 1}
    assert [chunk for _, chunk in bench.store.upkeep.requeue_expired(10)] == [1]


def test_a_store_with_nothing_wrong_is_left_alone_whatever_its_jobs_do(client: Any) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    moves: list[Callable[[Job], object]] = [
        lambda job: take_chunk(bench.store, job.id, 0, 60),
        lambda job: bench.run(job.id, 1),
        lambda job: bench.store.chunks.note_place(job.id, 0, 1),
        lambda job: bench.store.chunks.give_back(job.id, 0),
        lambda job: bench.run(job.id, 0),
        lambda job: bench.store.upkeep.purge([job.id]),
        lambda job: bench.store.delete(job.id),
    ]
    cancelled = bench.submit()
    bench.store.finish(cancelled.id, JobState.CANCELLED)
    job = bench.submit()
    for move in moves:
        move(job)
        assert bench.store.upkeep.audit(mend=True) == {}


def test_the_sweep_finds_lost_messages_behind_any_number_of_ghosts(client: Any) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    client.zadd("dm:active", {f"ghost{n}": n for n in range(505)} | {job.id: 505})
    assert [found.id for found, _ in bench.store.upkeep.stalled(10, limit=100)] == [job.id]
    assert client.zcard("dm:active") == 1
    assert bench.store.upkeep.mends() == {"active": 505}


def test_a_record_that_this_version_cannot_read_holds_up_no_other(client: Any) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    strange, job = bench.submit(), bench.submit()
    client.hset(f"dm:job:{strange.id}", "record", '{"of": "a later version"}')
    client.zadd("dm:active", {strange.id: 1, job.id: 2})
    bench.store.upkeep.stalled(10, limit=1)
    assert [found.id for found, _ in bench.store.upkeep.stalled(10, limit=1)] == [job.id]
    assert client.hget(f"dm:job:{strange.id}", "state") == b"queued"


def test_what_is_no_claim_keeps_no_lost_chunk_from_the_sweep(client: Any) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    assert take_chunk(bench.store, job.id, 0, 0)
    client.zadd("dm:leases", {"nonsense": 1, "more non sense": 2})
    assert [chunk for _, chunk in bench.store.upkeep.requeue_expired(10)] == [0]


def test_queued_images_are_counted_anew_after_redis_lost_its_counter(client: Any) -> None:
    bench = Bench(RedisJobStore(client), time.sleep)
    bench.submit(chunks=3)
    client.delete("dm:queued")
    bench.store.upkeep.audit(mend=True)
    assert bench.store.upkeep.queued_images() == 3 * IMAGES
