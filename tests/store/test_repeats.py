"""A call whose answer was lost is made again by the client of Redis: twice changes no more than once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import fakeredis
import pytest
import redis

from digitmill.domain import ApiKey, Counts, Job, JobState, Problem, Scope, Verdict, VerdictStatus
from digitmill.errors import Conflict
from digitmill.jobs import new_job_id
from digitmill.store.base import Claim, Done, PackedChunk, WorkerInfo
from digitmill.store.redis import RedisJobStore
from digitmill.store.redis_key_store import RedisKeyStore
from digitmill.store.redis_line import Line
from digitmill.store.requests import Idempotency
from digitmill.store.reviews import Change, Doubt
from digitmill.store.webhook_store import Attempt
from tests.store.conftest import IMAGES, Bench

KEY = Idempotency("k", "digest")
PLAN = (PackedChunk(0, b"entries 0"), PackedChunk(IMAGES, b"entries 1"))
COUNTS = Counts(total=IMAGES, recognized=2, blank=1)
SEVEN = Verdict(VerdictStatus.RECOGNIZED, "7")


class Repeating(redis.Redis):
    """Runs every script and every pipeline twice, at once, while ``repeats``; the caller hears the second answer."""

    repeats = False

    def evalsha(self, *values: Any) -> Any:
        answer = super().evalsha(*values)
        return super().evalsha(*values) if self.repeats else answer

    def pipeline(self, *values: Any, **more: Any) -> Any:
        pipe: Any = super().pipeline(*values, **more)
        if self.repeats:
            execute = pipe.execute

            def twice(raise_on_error: bool = True) -> Any:
                commands, scripts = list(pipe.command_stack), set(pipe.scripts)
                execute(raise_on_error)
                pipe.command_stack, pipe.scripts = commands, scripts
                return execute(raise_on_error)

            pipe.execute = twice
        return pipe


@dataclass
class Twin:
    """One service of two that are led through the same; only one of them hears its answers late."""

    client: Repeating
    store: RedisJobStore
    job: Job
    claim: Claim | None = None

    @property
    def held(self) -> Claim:
        assert self.claim is not None
        return self.claim


def queued(twin: Twin) -> None:
    """As it was submitted."""


def claimed(twin: Twin) -> None:
    twin.claim = twin.store.claim(twin.job.id, 0, 60)


def half_done(twin: Twin) -> None:
    claimed(twin)
    twin.store.complete(twin.held, b"rows", COUNTS)


def completed(twin: Twin) -> None:
    half_done(twin)
    claim = twin.store.claim(twin.job.id, 1, 60)
    assert claim is not None
    twin.store.complete(claim, b"rows", COUNTS)


def cancelled(twin: Twin) -> None:
    claimed(twin)
    twin.store.finish(twin.job.id, JobState.CANCELLED)


def failed(twin: Twin) -> None:
    claimed(twin)
    twin.store.finish(twin.job.id, JobState.FAILED, Problem("upload_lost", "gone"))


def deleted(twin: Twin) -> None:
    claimed(twin)
    twin.store.delete(twin.job.id)


def buried(twin: Twin) -> None:
    completed(twin)
    twin.store.bury([twin.job.id])


STATES = (queued, claimed, half_done, completed, cancelled, failed, deleted, buried)


def create(twin: Twin) -> None:
    twin.store.create(twin.job, window=1, most_open=1, plan=PLAN, bell="message")


def create_with_key(twin: Twin) -> None:
    twin.store.create(twin.job, window=1, most_open=9, plan=PLAN, idempotency=(KEY, 60), bell="message")


def create_another(twin: Twin) -> None:
    twin.store.create(ANOTHER[0], window=1, most_open=2, plan=PLAN, idempotency=(Idempotency("l", "d"), 60))


def claim_other_chunk(twin: Twin) -> None:
    twin.store.claim(twin.job.id, 1, 60)


def complete(twin: Twin) -> None:
    claim = twin.claim
    if claim is not None:
        twin.store.complete_all([Done(claim, b"rows", COUNTS), Done(replace(claim, chunk=1), b"rows", COUNTS)])


def attempt(twin: Twin) -> None:
    twin.store.webhooks.record(twin.job, Attempt(at=1.0, seconds=0.1, status=503, error=None), retry_in=60)


def correct(twin: Twin) -> None:
    twin.store.reviews.correct(twin.job.id, [Change(0, 0, 0, SEVEN)], "ann")


def index(twin: Twin) -> None:
    twin.store.reviews.index(twin.job.id, [(0, [Doubt(1, 3, 0.5)])])


def hold(twin: Twin) -> None:
    twin.store.reviews.hold(twin.job.id, "ann", digits=range(10), limit=1, seconds=60)


CALLS: Mapping[str, Callable[[Twin], object]] = {
    "create": create,
    "create with a key": create_with_key,
    "create another": create_another,
    "save plan": lambda twin: twin.store.save_plan("another", PLAN),
    "claim": lambda twin: twin.store.claim(twin.job.id, 0, 60),
    "claim another": claim_other_chunk,
    "note place": lambda twin: twin.store.note_place(twin.job.id, 0, 2),
    "unnote place": lambda twin: twin.store.note_place(twin.job.id, 0, None),
    "renew": lambda twin: twin.store.renew(twin.job.id, 0, 60),
    "release": lambda twin: twin.store.release(twin.job.id, 0),
    "give back": lambda twin: twin.store.give_back(twin.job.id, 0),
    "complete": complete,
    "cancel": lambda twin: twin.store.finish(twin.job.id, JobState.CANCELLED) if known(twin) else None,
    "delete": lambda twin: twin.store.delete(twin.job.id),
    "touch": lambda twin: twin.store.touch(twin.job.id),
    "expired leases": lambda twin: twin.store.expired_leases(10),
    "take expired": lambda twin: twin.store.take_expired(10, 60),
    "bury": lambda twin: twin.store.bury([twin.job.id]) if twin.client.hget(job_key(twin), "expires_at") else None,
    "beat": lambda twin: twin.store.beat([WorkerInfo("a:1/2", "openvino", "cpu", "f32", "digits@1")]),
    "record attempt": attempt,
    "claim event": lambda twin: twin.store.webhooks.claim(twin.job.id, 60),
    "correct": correct,
    "index": index,
    "hold": hold,
}  # fmt: skip
ANOTHER: list[Job] = []


def job_key(twin: Twin) -> str:
    return f"dm:job:{twin.job.id}"


def known(twin: Twin) -> bool:
    return bool(twin.client.hexists(job_key(twin), "record"))


def contents(client: Any) -> dict[bytes, Any]:
    """All that is in Redis, but for times and words of calls, which differ in any two runs."""
    found: dict[bytes, Any] = {}
    for key in client.scan_iter():
        kind = client.type(key)
        if kind == b"hash":
            found[key] = {name: timeless(name, value) for name, value in client.hgetall(key).items()}
        elif kind == b"zset":
            found[key] = set(client.zrange(key, 0, -1))
        elif kind == b"list":
            found[key] = client.lrange(key, 0, -1)
        elif kind == b"set":
            found[key] = client.smembers(key)
        else:
            found[key] = client.get(key)
        found[key] = found[key], client.ttl(key) > 0
    return found


def timeless(name: bytes, value: bytes) -> bytes:
    """Reviews hold their times within the value."""
    if name.endswith((b"_at", b":claim")) or name == b"told":
        return b""
    return value.partition(b" ")[2] if name == b"ann" else re.sub(rb" ann [0-9.]+$", b"", value)


@pytest.fixture
def client(redis_url: str) -> Iterator[Repeating]:
    pool = redis.ConnectionPool.from_url(redis_url)
    client = Repeating(connection_pool=pool)
    yield client
    client.close()
    pool.disconnect()


def outcome(
    client: Repeating, job: Job, reach: Callable[[Twin], None], call: Callable[[Twin], object], *, twice: bool
) -> Any:
    client.flushall()
    store = RedisJobStore(client)
    twin = Twin(client, store, job)
    store.create(job, window=2, most_open=9, plan=PLAN, idempotency=(KEY, 60))
    reach(twin)
    client.repeats = twice
    call(twin)
    client.repeats = False
    store.close()
    return contents(client)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_a_call_that_is_made_twice_leaves_what_one_leaves(
    client: Repeating, reach: Callable[[Twin], None], call: str
) -> None:
    job = a_job()
    ANOTHER[:] = [replace(job, id=new_job_id())]
    once, twice = (outcome(client, job, reach, CALLS[call], twice=twice) for twice in (False, True))
    assert twice == once


@pytest.mark.parametrize("most_open", [1, 9])
@pytest.mark.parametrize("with_key", [False, True])
@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_a_job_that_was_recorded_once_is_never_recorded_again(
    client: Repeating, reach: Callable[[Twin], None], with_key: bool, most_open: int
) -> None:
    def again(twin: Twin) -> None:
        idempotency = (KEY, 60.0) if with_key else None
        told = twin.store.create(twin.job, window=2, most_open=most_open, plan=PLAN, idempotency=idempotency)
        assert told == twin.job, "answered as the first time, whatever happened meanwhile"

    job = a_job()
    untouched = outcome(client, job, reach, queued, twice=False)
    assert outcome(client, job, reach, again, twice=False) == untouched


@pytest.mark.parametrize("reach", [queued, half_done], ids=lambda reach: reach.__name__)
def test_a_repeated_claim_is_answered_as_the_first_was(client: Repeating, reach: Callable[[Twin], None]) -> None:
    claims: list[Claim | None] = []
    outcome(client, a_job(), reach, lambda twin: claims.append(twin.store.claim(twin.job.id, 1, 60)), twice=True)
    assert claims[0] is not None
    assert (claims[0].attempt, claims[0].entries, claims[0].first) == (1, b"entries 1", IMAGES)


def test_a_repeated_lock_and_a_repeated_key_are_had(client: Repeating) -> None:
    client.flushall()
    client.repeats = True
    store, keys = RedisJobStore(client), RedisKeyStore(client)
    assert store.lock("sweep", 60)
    assert not store.lock("sweep", 60)
    key = ApiKey(id="a", name="a", owner="ann", scopes=frozenset(Scope), created_at=1.0, lifetime=None, secrets=())
    keys.add(key)
    keys.add(key)
    with pytest.raises(Conflict):
        keys.add(replace(key, owner="bob"))


def test_repeated_calls_at_the_line_leave_chunks_that_the_sweep_can_find(client: Repeating) -> None:
    """A message may be lost or doubled; what counts is that the job's chunks stay known as not done."""
    client.flushall()
    store, line, job = RedisJobStore(client), Line(client), a_job()
    store.create(job, window=2, most_open=9, plan=PLAN)
    client.repeats = True
    line.join(job.id, 0, queue="interactive", message="message")
    line.take(10, bulk="bulk")
    line.exchange(["webhooks", "interactive"], "bulk", "message")
    client.repeats = False
    assert store.unclaimed(job.id, 10) == [0, 1]
    store.close()


def a_job() -> Job:
    store = RedisJobStore(fakeredis.FakeRedis())
    job = Bench(store, time.sleep).submit(webhook_url="https://hooks.example/")
    store.close()
    return replace(job, id=new_job_id(), blob=None)
