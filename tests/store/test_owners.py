"""All that one owner has becomes another's, wherever the move is cut off, and while workers hold the jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
import redis

from digitmill.domain.access import ApiKey, Scope
from digitmill.domain.jobs import Counts, Job, JobState, new_job_id
from digitmill.errors import StorageUnavailable
from digitmill.store.base import Claim, PackedChunk
from digitmill.store.endpoint_store import PROGRESS, Endpoint, SigningSecret
from digitmill.store.key_store import KeyStore
from digitmill.store.redis import RedisJobStore
from digitmill.store.requests import Idempotency
from tests.store.conftest import IMAGES, Bench, take_chunk
from tests.store.contents import contents

ENDPOINT = Endpoint(
    id="wh_0123456789abcdef",
    url="https://hooks.example/all",
    events=("job.completed", PROGRESS),
    description="",
    enabled=True,
    created_at=1.5,
    secrets=(SigningSecret("whsec_YWxs", None),),
)
OLD, NEW, OTHER = "0123456789abcdef", "admin", "bob"
REQUEST = Idempotency(f"a key that names {OLD}", "digest")
SECRETS = [SigningSecret("whsec_new", None), SigningSecret("whsec_old", 1_764_400_000.5)]
STATES = ("queued", "running", "completed", "cancelled")


class Cut(redis.Redis):
    """Fails at a command, as if its process ended there; by ``left``, how many it still lets pass."""

    left = 10**9

    def execute_command(self, *words: Any, **more: Any) -> Any:
        self._count()
        return super().execute_command(*words, **more)  # type: ignore[no-untyped-call]

    def pipeline(self, *values: Any, **more: Any) -> Any:
        self._count()
        return super().pipeline(*values, **more)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise redis.ConnectionError("cut off")


@dataclass
class Held:
    """A store in which OLD has jobs in every state, one of them held by a worker."""

    client: Cut
    store: RedisJobStore
    jobs: dict[str, Job]
    others: Job
    claim: Claim

    def carry_over(self) -> None:
        KeyStore(self.client).carry_over(OLD, NEW)

    def listed(self, owner: str) -> set[str]:
        return {job.id for job in self.store.jobs_of(owner, before=None, limit=99)}


@pytest.fixture
def held(empty_redis_url: str) -> Iterator[Held]:
    client: Any = Cut.from_url(empty_redis_url)
    yield filled(client)
    client.close()


def filled(client: Cut) -> Held:
    client.flushall()
    store = RedisJobStore(client)
    bench = Bench(store, lambda _: None)
    jobs = {state: bench.submit(owner=OLD, chunks=1, webhook_url="https://hooks.example/") for state in STATES}
    claim = take_chunk(store, jobs["running"].id, 0, 60)
    assert claim is not None
    bench.run(jobs["completed"].id, 0)
    store.finish(jobs["cancelled"].id, JobState.CANCELLED)
    repeated = replace(jobs["queued"], id=new_job_id())
    store.create(repeated, most_open=99, plan=[PackedChunk(0, b"entries")], idempotency=(REQUEST, 600.0))
    store.webhooks.change_secrets(OLD, lambda _: SECRETS)
    store.webhooks.endpoints.change(OLD, lambda _: [ENDPOINT])
    key = ApiKey(id="a", name="a", owner=OLD, scopes=frozenset(Scope), created_at=1.0, lifetime=None, secrets=())
    KeyStore(client).add(key)
    return Held(client, store, {**jobs, "repeated": repeated}, bench.submit(owner=OTHER), claim)


def remains(client: Any) -> list[bytes]:
    """Keys that name OLD."""
    return [name for name in client.scan_iter() if OLD.encode() in name]


def test_jobs_keys_secrets_and_idempotency_keys_become_the_others(held: Held) -> None:
    held.carry_over()
    ids = {job.id for job in held.jobs.values()}
    assert held.listed(NEW) == ids
    assert {held.store.get(job_id).owner for job_id in ids} == {NEW}
    assert held.store.get(held.jobs["completed"].id).state == JobState.COMPLETED
    assert held.store.upkeep.load(NEW).open_jobs == 3
    first = held.store.recall(NEW, REQUEST)
    assert first is not None
    assert first.id == held.jobs["repeated"].id
    assert 0 < held.client.ttl(f"dm:idempotency:{NEW}:{hashlib.sha256(REQUEST.key.encode()).hexdigest()}") <= 600
    assert held.store.webhooks.secrets(NEW) == SECRETS
    assert held.store.webhooks.secrets(OLD) == []
    endpoints = held.store.webhooks.endpoints
    assert (endpoints.of(NEW), endpoints.of(OLD)) == ([ENDPOINT], [])
    assert held.client.smembers("dm:webhooks:progress") == {NEW.encode()}
    assert [key.owner for key in KeyStore(held.client).list()] == [NEW]
    assert remains(held.client) == []
    assert held.store.upkeep.audit(mend=False) == {}
    assert (held.listed(OTHER), held.store.upkeep.load(OTHER).open_jobs) == ({held.others.id}, 1)


def test_endpoints_come_behind_those_that_the_other_has(held: Held) -> None:
    own = replace(ENDPOINT, id="wh_fedcba9876543210", events=("job.failed",))
    held.store.webhooks.endpoints.change(NEW, lambda _: [own])
    held.carry_over()
    assert held.store.webhooks.endpoints.of(NEW) == [own, ENDPOINT]


def test_a_job_that_a_worker_held_meanwhile_ends_and_no_longer_counts_as_open(held: Held) -> None:
    held.carry_over()
    assert held.claim.job.owner == OLD
    assert held.store.chunks.complete(held.claim, b"rows", Counts(total=IMAGES)).finished
    assert held.store.get(held.claim.job.id).state == JobState.COMPLETED
    held.store.upkeep.audit(mend=True)
    assert held.store.upkeep.load(NEW).open_jobs == 2
    assert remains(held.client) == []


def test_the_event_of_a_job_that_has_expired_is_signed_too(held: Held) -> None:
    job_id = held.jobs["completed"].id
    held.store.upkeep.purge([job_id])
    held.carry_over()
    claimed = held.store.webhooks.claim(job_id, 60)
    assert claimed is not None
    assert claimed[0].owner == NEW


def test_secrets_that_the_new_owner_has_stay_the_first(held: Held) -> None:
    renewed = [SigningSecret("whsec_admin", None), replace(SECRETS[0], expires_at=1.0)]
    held.store.webhooks.change_secrets(NEW, lambda _: renewed)
    held.carry_over()
    assert held.store.webhooks.secrets(NEW) == [*renewed, SECRETS[1]]


def test_who_has_nothing_costs_one_round_trip(held: Held) -> None:
    held.carry_over()
    carried = contents(held.client)
    held.client.left = 1
    held.carry_over()
    held.client.left = 10**9
    assert contents(held.client) == carried


def test_wherever_it_is_cut_off_the_next_does_the_rest(empty_redis_url: str) -> None:
    with Cut.from_url(empty_redis_url) as client:
        for commands in range(99):
            held = filled(client)
            client.left = commands
            try:
                held.carry_over()
            except (StorageUnavailable, redis.ConnectionError):
                client.left = 10**9
                held.carry_over()
                assert held.listed(NEW) == {job.id for job in held.jobs.values()}
                assert held.store.recall(NEW, REQUEST)
                assert held.store.webhooks.secrets(NEW) == SECRETS
                assert held.store.webhooks.endpoints.of(NEW) == [ENDPOINT]
                assert [key.owner for key in KeyStore(client).list()] == [NEW]
                assert remains(client) == []
            else:
                client.left = 10**9
                assert commands > 5, "each command was the last one once"
                return
    pytest.fail("it never came to an end")


def test_several_at_once_leave_what_one_leaves(held: Held, empty_redis_url: str) -> None:
    clients = [redis.Redis.from_url(empty_redis_url) for _ in range(4)]
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda client: KeyStore(client).carry_over(OLD, NEW), clients))
    assert held.listed(NEW) == {job.id for job in held.jobs.values()}
    assert held.store.upkeep.load(NEW).open_jobs == 3
    assert held.store.webhooks.secrets(NEW) == SECRETS
    assert remains(held.client) == []
    for client in clients:
        client.close()


def test_a_full_redis_carries_over_too(held: Held) -> None:
    # a key that names OLD is rare: the digest was meant for no key
    held.client.delete("dm:keys")
    held.client.config_set("maxmemory", 1)
    try:
        held.carry_over()
    finally:
        held.client.config_set("maxmemory", 0)
    assert held.listed(NEW) == {job.id for job in held.jobs.values()}
    assert remains(held.client) == []
