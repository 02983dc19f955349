"""How long what a job leaves in Redis lives, and what is gone with its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from digitmill.domain.jobs import Counts, Job, JobState, Problem
from digitmill.store.base import UNRECORDED_SECONDS, Claim, PackedChunk
from digitmill.store.keys import TOMBSTONE_SECONDS
from digitmill.store.redis import RedisJobStore
from digitmill.store.requests import Idempotency
from tests.in_process import empty_redis, passing_time
from tests.store.conftest import IMAGES, Bench, take_chunk

EXPIRES_IN = 500
COUNTS = Counts(total=IMAGES, statuses=Counter(recognized=2, blank=1))


@dataclass
class Held:
    """A store, and the Redis in memory that it is over."""

    bench: Bench
    store: RedisJobStore
    redis: Any

    def claim(self, job: Job, chunk: int, lease: float = 30) -> Claim:
        claim = take_chunk(self.store, job.id, chunk, lease)
        assert claim is not None
        return claim

    def fields(self, job: Job) -> set[str]:
        return {name.decode() for name in self.redis.hkeys(f"dm:job:{job.id}:attempts")}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    client = empty_redis()
    store = RedisJobStore(client)
    yield Held(Bench(store, passing_time(monkeypatch)), store, client)
    store.close()


def test_a_plan_lives_a_day_until_its_job_is_recorded_and_then_as_long_as_the_job(held: Held) -> None:
    held.store.save_plan("unrecorded", iter([PackedChunk(0, b"entries")]))
    assert 0 < held.redis.ttl("dm:job:unrecorded:plan") <= UNRECORDED_SECONDS
    job = held.bench.submit()
    assert held.redis.ttl(f"dm:job:{job.id}:plan") == -1


def test_an_idempotency_key_is_remembered_for_as_long_as_was_said(held: Held) -> None:
    job = held.bench.submit()
    other = held.store.create(replace(job, id="other"), most_open=9, idempotency=(Idempotency("k", "d"), 100)).job
    assert held.store.remembers(other.owner, "k")
    held.bench.pass_time(101)
    assert not held.store.remembers(other.owner, "k")


@pytest.mark.parametrize("end", ["completed", "cancelled", "failed"])
@pytest.mark.parametrize("chunks", [1, 2])
def test_of_a_job_that_ended_nothing_is_open_and_all_of_it_expires(held: Held, chunks: int, end: str) -> None:
    job = held.bench.submit(chunks=chunks, expires_in=EXPIRES_IN)
    claims = [held.claim(job, chunk) for chunk in range(chunks)]
    held.store.chunks.complete(claims[0], b"rows", COUNTS)
    for claim in claims[1:]:
        held.store.chunks.note_place(job.id, claim.chunk, 1)
    if end == "completed":
        for claim in claims[1:]:
            held.store.chunks.complete(claim, b"rows", COUNTS)
    else:
        held.store.finish(job.id, JobState(end), Problem("upload_lost", "gone") if end == "failed" else None)
        if chunks == 1:
            # it was completed before
            end = "completed"
    assert held.store.get(job.id).state == end
    for key in ("plan", "rows"):
        assert EXPIRES_IN - 1 <= held.redis.ttl(f"dm:job:{job.id}:{key}") <= EXPIRES_IN + 1
    assert -1 <= held.redis.ttl(f"dm:job:{job.id}") - EXPIRES_IN - TOMBSTONE_SECONDS <= 1
    assert not held.redis.exists(f"dm:job:{job.id}:attempts")
    # what waits of a completed job the next worker takes out
    for noted in ("dm:active", "dm:leases", *(() if end == "completed" else ("dm:waiting",))):
        assert held.redis.zcard(noted) == 0, noted
    assert held.redis.scard(f"dm:open:{job.owner}") == 0
    assert held.redis.zcard("dm:expiry") == 1
    assert held.store.upkeep.queued_images() == 0


def test_of_a_chunk_that_is_done_no_attempt_is_kept_while_its_job_goes_on(held: Held) -> None:
    job = held.bench.submit()
    held.claim(job, 0, lease=5)
    held.store.chunks.note_place(job.id, 0, 2)
    held.bench.pass_time(6)
    again = held.claim(job, 0)
    held.store.chunks.note_place(job.id, 0, 2)
    held.store.chunks.complete(again, b"rows", COUNTS)
    assert {name for name in held.fields(job) if ":strikes:" not in name} == set()


def test_a_place_counts_as_a_strike_once(held: Held) -> None:
    job = held.bench.submit()
    held.claim(job, 0, lease=5)
    held.store.chunks.note_place(job.id, 0, 2)
    for _ in range(3):
        held.bench.pass_time(6)
        # these attempts end without having come to any image
        assert held.claim(job, 0, lease=5).poison == frozenset()
    for _ in range(2):
        held.store.chunks.note_place(job.id, 0, 2)
        held.bench.pass_time(6)
        last = held.claim(job, 0, lease=5)
    assert last.poison == {2}


@pytest.mark.parametrize(
    "go_on",
    [
        lambda held, claim: held.store.chunks.complete(claim, b"rows", COUNTS),
        lambda held, claim: held.claim(claim.job, 1),
    ],
    ids=["a chunk is done", "another is taken"],
)
def test_a_job_that_goes_on_is_not_stalled(held: Held, go_on: Callable[[Held, Claim], object]) -> None:
    job = held.bench.submit()
    claim = held.claim(job, 0, lease=600)
    held.bench.pass_time(30)
    assert [found.id for found, _ in held.store.upkeep.stalled(20, 10)] == [job.id]
    go_on(held, claim)
    assert held.store.upkeep.stalled(20, 10) == []
    held.bench.pass_time(30)
    assert [found.id for found, _ in held.store.upkeep.stalled(20, 10)] == [job.id]
