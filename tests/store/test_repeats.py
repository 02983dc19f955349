"""A call whose answer was lost is made again by the client of Redis: twice changes no more than once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import fakeredis
import pytest
import redis

from digitmill.domain.access import ApiKey, Scope
from digitmill.domain.jobs import Counts, Job, JobState, Problem, new_job_id
from digitmill.domain.roles import Role
from digitmill.domain.rows import DIGITS, PLAIN, Address, RowStatus
from digitmill.domain.verdicts import Verdict, VerdictStatus
from digitmill.errors import Conflict
from digitmill.store.base import Claim, Done, PackedChunk
from digitmill.store.key_store import KeyStore
from digitmill.store.orders import Order
from digitmill.store.redis import RedisJobStore
from digitmill.store.requests import Idempotency
from digitmill.store.reviews import Change, Doubt
from digitmill.store.upkeep import WorkerInfo
from digitmill.store.webhook_store import Attempt
from tests.store.conftest import IMAGES, Bench, take_chunk
from tests.store.contents import contents

KEY = Idempotency("k", "digest")
PLAN = (PackedChunk(0, b"entries 0"), PackedChunk(IMAGES, b"entries 1"))
COUNTS = Counts(total=IMAGES, statuses=Counter(recognized=2, blank=1))
SEVEN = Verdict(VerdictStatus.RECOGNIZED, "7")
SHORTEST_LIFE_SECONDS = 1.0
"""Of what Redis holds: that a worker stays for more work."""


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
    twin.claim = take_chunk(twin.store, twin.job.id, 0, 60)


def half_done(twin: Twin) -> None:
    claimed(twin)
    twin.store.chunks.complete(twin.held, b"rows", COUNTS)


def completed(twin: Twin) -> None:
    half_done(twin)
    claim = take_chunk(twin.store, twin.job.id, 1, 60)
    assert claim is not None
    twin.store.chunks.complete(claim, b"rows", COUNTS)


def cancelled(twin: Twin) -> None:
    claimed(twin)
    twin.store.finish(twin.job.id, JobState.CANCELLED)


def failed(twin: Twin) -> None:
    claimed(twin)
    twin.store.finish(twin.job.id, JobState.FAILED, Problem("upload_lost", "gone"))


def deleted(twin: Twin) -> None:
    claimed(twin)
    twin.store.delete(twin.job.id)


def purged(twin: Twin) -> None:
    completed(twin)
    twin.store.upkeep.purge([twin.job.id])


STATES = (queued, claimed, half_done, completed, cancelled, failed, deleted, purged)


def create(twin: Twin) -> None:
    twin.store.create(twin.job, most_open=1, images_a_day=1000, plan=PLAN, small=True)


def create_with_key(twin: Twin) -> None:
    twin.store.create(twin.job, most_open=9, plan=PLAN, idempotency=(KEY, 60), small=True)


def create_another(twin: Twin) -> None:
    twin.store.create(ANOTHER[0], most_open=2, plan=PLAN, idempotency=(Idempotency("l", "d"), 60))


def claim_other_chunk(twin: Twin) -> None:
    take_chunk(twin.store, twin.job.id, 1, 60)


def complete(twin: Twin) -> None:
    claim = twin.claim
    if claim is not None:
        twin.store.chunks.complete_all([Done(claim, b"rows", COUNTS), Done(replace(claim, chunk=1), b"rows", COUNTS)])


def complete_and_take(twin: Twin) -> None:
    if twin.claim is not None:
        twin.store.chunks.complete_and_take([Done(twin.claim, b"rows", COUNTS)], Order(5, 60, stays=True))


def attempt(twin: Twin) -> None:
    twin.store.webhooks.record(twin.job.id, Attempt(at=1.0, seconds=0.1, status=503, error=None), retry_in=60)


def correct(twin: Twin) -> None:
    twin.store.reviews.correct(twin.job.id, [Change(0, 0, 0, SEVEN, doubted=[PLAIN])], "ann")


def index(twin: Twin) -> None:
    twin.store.reviews.index(twin.job.id, [(0, [Doubt(Address(1), "3", 0.5)])], DIGITS)


def raise_threshold(twin: Twin) -> None:
    twin.store.reviews.raise_threshold(twin.job.id, 0.99, "ann", changes=0, raised=1, answered=0)


def note_check(twin: Twin) -> None:
    twin.store.reviews.note_check(twin.job.id, seen=2, wrong=1, population=3, by="ann")


def replace_rows(twin: Twin) -> None:
    twin.store.reviews.replace(twin.job.id, 0, b"rows", b"other rows", left=RowStatus.BLANK, now=RowStatus.REVIEW)


def hold(twin: Twin) -> None:
    twin.store.reviews.hold(twin.job.id, "ann", groups=DIGITS, group=None, limit=1, seconds=60)


def purge(twin: Twin) -> None:
    if twin.client.hget(job_key(twin), "expires_at"):
        twin.store.upkeep.purge([twin.job.id])


def carry_over(twin: Twin) -> None:
    twin.client.hset("dm:webhooks:secrets", twin.job.owner, '[{"text": "whsec", "expires_at": null}]')
    KeyStore(twin.client).carry_over(twin.job.owner, "admin")


def with_endpoints(twin: Twin) -> None:
    twin.client.hset("dm:webhooks:endpoints", twin.job.owner, "[]")
    twin.client.sadd("dm:webhooks:progress", twin.job.owner)


def complete_for_endpoints(twin: Twin) -> None:
    with_endpoints(twin)
    if twin.claim is not None:
        twin.store.chunks.complete_all([Done(twin.claim, b"rows", COUNTS)])


def cancel_for_endpoints(twin: Twin) -> None:
    with_endpoints(twin)
    if known(twin):
        twin.store.finish(twin.job.id, JobState.CANCELLED)


def drift_for_endpoints(twin: Twin) -> None:
    with_endpoints(twin)
    twin.store.tallies.note_drift(twin.job.id, "{}", "", f"{twin.job.id}:hooks:drifted")


def spread(twin: Twin) -> None:
    event = f"{twin.job.id}:hooks:end"
    twin.client.zadd("dm:webhooks:due", {event: 1.0}, nx=True)
    twin.store.webhooks.spread(event, [f"{twin.job.id}:to:wh_1:completed:0"])


CALLS: Mapping[str, Callable[[Twin], object]] = {
    "create": create,
    "create with a key": create_with_key,
    "create another": create_another,
    "save plan": lambda twin: twin.store.save_plan("another", PLAN),
    "claim": lambda twin: take_chunk(twin.store, twin.job.id, 0, 60),
    "claim another": claim_other_chunk,
    "note place": lambda twin: twin.store.chunks.note_place(twin.job.id, 0, 2),
    "unnote place": lambda twin: twin.store.chunks.note_place(twin.job.id, 0, None),
    "renew": lambda twin: twin.store.chunks.renew(twin.job.id, 0, 60),
    "release": lambda twin: twin.store.chunks.release(twin.job.id, 0),
    "give back": lambda twin: twin.store.chunks.give_back(twin.job.id, 0),
    "complete": complete,
    "cancel": lambda twin: twin.store.finish(twin.job.id, JobState.CANCELLED) if known(twin) else None,
    "resume": lambda twin: twin.store.resume(twin.job.id, most_open=9) if living(twin) else None,
    "keep": lambda twin: twin.store.keep(twin.job.id, 99),
    "keep at least": lambda twin: twin.store.keep(twin.job.id, 99 * 86400, at_least=True),
    "delete": lambda twin: twin.store.delete(twin.job.id),
    "take": lambda twin: twin.store.chunks.take(Order(5, 60, called=True, stays=True)),
    "take one of two": lambda twin: twin.store.chunks.take(Order(1, 60)),
    "leave": lambda twin: twin.store.chunks.take(Order(0, 60)),
    "call a worker": lambda twin: twin.store.chunks.call_worker(),
    "give back at once": lambda twin: twin.store.chunks.give_back(twin.job.id, 0, at_once=True),
    "complete and take": complete_and_take,
    "requeue lost": lambda twin: twin.store.upkeep.requeue_lost([twin.job]),
    "expired leases": lambda twin: twin.store.upkeep.requeue_expired(10),
    "take expired": lambda twin: twin.store.upkeep.take_expired(10, 60),
    "purge": purge,
    "beat": lambda twin: twin.store.upkeep.beat([WorkerInfo("a:1/2", "openvino", "cpu", "f32", "digits@1")]),
    "record attempt": attempt,
    "claim event": lambda twin: twin.store.webhooks.claim(twin.job.id, 60),
    "complete for endpoints": complete_for_endpoints,
    "cancel for endpoints": cancel_for_endpoints,
    "drift for endpoints": drift_for_endpoints,
    "spread": spread,
    "correct": correct,
    "index": index,
    "hold": hold,
    "raise threshold": raise_threshold,
    "note check": note_check,
    "replace rows": replace_rows,
    "carry over": carry_over,
}  # fmt: skip
ANOTHER: list[Job] = []


def job_key(twin: Twin) -> str:
    return f"dm:job:{twin.job.id}"


def known(twin: Twin) -> bool:
    return bool(twin.client.hexists(job_key(twin), "record"))


def living(twin: Twin) -> bool:
    """Whether the store gives the job out: known, and not expired."""
    return known(twin) and bool(twin.client.exists(f"{job_key(twin)}:plan"))


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
    """What is in Redis then, seen before the first of it ends: a machine that was held up begins again."""
    while True:
        client.flushall()
        store = RedisJobStore(client)
        twin = Twin(client, store, job)
        began = time.monotonic()
        store.create(job, most_open=9, plan=PLAN, idempotency=(KEY, 60))
        reach(twin)
        client.repeats = twice
        call(twin)
        client.repeats = False
        store.close()
        found = contents(client)
        if time.monotonic() - began < SHORTEST_LIFE_SECONDS:
            return found


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_a_call_that_is_made_twice_leaves_what_one_leaves(
    client: Repeating, reach: Callable[[Twin], None], call: str
) -> None:
    job = a_job()
    ANOTHER[:] = [replace(job, id=new_job_id())]
    once, twice = (outcome(client, job, reach, CALLS[call], twice=twice) for twice in (False, True))
    assert twice == once


@pytest.mark.parametrize("call", ["create another", "cancel", "delete", "give back at once", "requeue lost", "resume"])
@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_nor_does_one_about_a_job_for_trainers(client: Repeating, reach: Callable[[Twin], None], call: str) -> None:
    job = replace(a_job(), role=Role.TRAINER)
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
        told = twin.store.create(twin.job, most_open=most_open, plan=PLAN, idempotency=idempotency)
        assert told.job == twin.job, "answered as the first time, whatever happened meanwhile"

    job = a_job()
    untouched = outcome(client, job, reach, queued, twice=False)
    assert outcome(client, job, reach, again, twice=False) == untouched


@pytest.mark.parametrize("reach", [queued, half_done], ids=lambda reach: reach.__name__)
def test_a_repeated_claim_is_answered_as_the_first_was(client: Repeating, reach: Callable[[Twin], None]) -> None:
    claims: list[Claim | None] = []
    outcome(client, a_job(), reach, lambda twin: claims.append(take_chunk(twin.store, twin.job.id, 1, 60)), twice=True)
    assert claims[0] is not None
    assert (claims[0].attempt, claims[0].entries, claims[0].first) == (1, b"entries 1", IMAGES)


def test_a_repeated_lock_and_a_repeated_key_are_had(client: Repeating) -> None:
    client.flushall()
    client.repeats = True
    store, keys = RedisJobStore(client), KeyStore(client)
    assert store.upkeep.lock("sweep", 60)
    assert not store.upkeep.lock("sweep", 60)
    key = ApiKey(id="a", name="a", owner="ann", scopes=frozenset(Scope), created_at=1.0, lifetime=None, secrets=())
    keys.add(key)
    keys.add(key)
    with pytest.raises(Conflict):
        keys.add(replace(key, owner="bob"))


@pytest.mark.parametrize(("small", "pops"), [(False, False), (True, False), (True, True)])
def test_a_repeated_order_is_answered_as_the_first_was(client: Repeating, small: bool, pops: bool) -> None:
    client.flushall()
    store, jobs = RedisJobStore(client), [replace(a_job(), id=new_job_id(), chunks=1) for _ in range(3)]
    for job in jobs:
        store.create(job, most_open=9, plan=PLAN[:1], small=small)
    order = Order(2, 60, popped=store.chunks.wait_for_work(1) if pops else None)
    client.repeats = True
    taken = store.chunks.take(order)
    client.repeats = False
    first = 1 + small
    assert [claim.job.id for claim in taken.claims] == [job.id for job in jobs[:first]]
    assert ({claim.attempt for claim in taken.claims}, taken.small, taken.more) == ({1}, small, True)
    assert store.chunks.take(Order(1, 60)).claims[0].job.id == jobs[first].id
    store.close()


def a_job() -> Job:
    store = RedisJobStore(fakeredis.FakeRedis())
    job = Bench(store, time.sleep).submit(webhook_url="https://hooks.example/")
    store.close()
    return replace(job, id=new_job_id(), blob=None)
