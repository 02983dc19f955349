"""The load of the service, and what the sweep and the workers' beats need, over Redis. The keys are told in
``redis.py``."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict
from typing import Any

import redis

from digitmill.domain.jobs import Job
from digitmill.domain.roles import Role
from digitmill.store.connection import MemoryGauge, Script, storage_errors
from digitmill.store.keys import (
    TURN,
    WAITING,
    WORKERS,
    claim_of,
    content_keys,
    job_key,
    jobs_key,
    of_role,
    open_key,
    plan_key,
    rows_key,
)
from digitmill.store.orders import Load, Urgency
from digitmill.store.redis_audit import RedisAudit
from digitmill.store.redis_base import jobs_by_id, time_of
from digitmill.store.redis_chunks import score_of, scores_of
from digitmill.store.redis_clock import RedisClock
from digitmill.store.upkeep import UpkeepStore, WorkerInfo


class RedisUpkeep(UpkeepStore):
    """``client`` must return bytes (``decode_responses`` off)."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._memory = MemoryGauge(client)
        self._audit = RedisAudit(client)
        self._clock = RedisClock(client)
        self._touch = Script(client, "touch")
        self._requeue_expired = Script(client, "requeue_expired")
        self._requeue_lost = Script(client, "requeue_lost")
        self._take_expired = Script(client, "take_expired")
        self._lock = Script(client, "lock")
        self._beat = Script(client, "beat")
        self._locks: dict[str, tuple[bytes, float]] = {}

    def load(self, owner: str) -> Load:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.get("dm:queued")
            pipe.scard(open_key(owner))
            queued, open_jobs = pipe.execute()
        return Load(max(0, int(queued or 0)), int(open_jobs))

    def queued_images(self) -> int:
        with storage_errors():
            return max(0, int(self._redis.get("dm:queued") or 0))

    def memory_share(self) -> float:
        return self._memory.share()

    def memory_bytes(self) -> int:
        return self._memory.used()

    def requeue_expired(self, limit: int) -> Sequence[tuple[str, int]]:
        with storage_errors():
            found = self._requeue_expired.run(["dm:leases", WAITING, TURN], [limit, score_of(Urgency.AGAIN)])
        return [claim for claim in map(claim_of, found) if claim is not None]

    def requeue_lost(self, jobs: Sequence[Job]) -> int:
        calls = [
            (
                [
                    job_key(job.id), plan_key(job.id), rows_key(job.id), "dm:leases", "dm:active",
                    of_role(WAITING, job.role), TURN,
                ],
                [job.id, score_of(Urgency.AGAIN), of_job, of_owner],
            )
            for job in jobs
            for of_job, of_owner in [scores_of(job)]
        ]  # fmt: skip
        with storage_errors():
            return sum(self._requeue_lost.run_all(calls))

    def stalled(self, idle: float, limit: int, *, skip: int = 0) -> Sequence[tuple[Job, float]]:
        """What is no open job makes way for those that come after it, or nothing behind it would ever be found."""
        while True:
            with storage_errors():
                now = time_of(self._redis)
                found = self._redis.zrange(
                    "dm:active", "-inf", now - idle, byscore=True, offset=skip, num=limit, withscores=True
                )
            since = {job_id.decode(errors="replace"): now - score for job_id, score in found}
            jobs = [job for job in jobs_by_id(self._redis, list(since)) if not job.state.final]
            if len(jobs) == len(since) or not self._make_way(since.keys() - {job.id for job in jobs}):
                return [(job, since[job.id]) for job in jobs]

    def _make_way(self, job_ids: Set[str]) -> bool:
        """What is no job leaves the active ones; what is one, but cannot be read by this version, goes to the end of
        them. Whether anything was changed."""
        before = self._count_active()
        self._audit.mend_jobs(job_ids)
        for job_id in job_ids:
            self._touch_job(job_id)
        return self._count_active() < before

    def _count_active(self) -> int:
        with storage_errors():
            return int(self._redis.zcard("dm:active"))

    def heed_clock(self) -> float:
        return self._clock.heed()

    def audit(self, *, mend: bool) -> Mapping[str, int]:
        return self._audit.run(mend=mend)

    def note_mends(self, mended: Mapping[str, int]) -> None:
        self._audit.note(mended)

    def mends(self) -> Mapping[str, int]:
        return self._audit.mends()

    def _touch_job(self, job_id: str) -> None:
        with storage_errors():
            self._touch.run(["dm:active"], [job_id])

    def take_expired(self, limit: int, lease: float) -> Sequence[str]:
        with storage_errors():
            return [job_id.decode() for job_id in self._take_expired.run(["dm:expiry"], [limit, lease])]

    def purge(self, job_ids: Sequence[str]) -> None:
        if not job_ids:
            return
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hget(job_key(job_id), "owner")
            owners = pipe.execute()
            for job_id, owner in zip(job_ids, owners, strict=True):
                pipe.unlink(*content_keys(job_id))
                if owner is not None:
                    pipe.zrem(jobs_key(owner.decode()), job_id)
            # last: until then whoever is cut off here leaves them to be taken again
            pipe.zrem("dm:expiry", *job_ids)
            pipe.execute()

    def known(self, job_ids: Sequence[str]) -> Iterator[bool]:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.exists(job_key(job_id))
            return iter([bool(found) for found in pipe.execute()])

    def roles(self, job_ids: Sequence[str]) -> Mapping[str, Role]:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hget(job_key(job_id), "role")
            found = pipe.execute()
        return {job_id: Role((role or b"reader").decode()) for job_id, role in zip(job_ids, found, strict=True)}

    def lock(self, name: str, seconds: float) -> bool:
        word, known = secrets.token_hex(8), self._locks.get(name)
        # by a clock of this process, which nobody sets: the one of Redis may have been moved back by hours
        over = known[0] if known is not None and time.monotonic() - known[1] >= seconds else ""
        with storage_errors():
            holder = self._lock.run([f"dm:lock:{name}"], [word, int(seconds * 1000), over])
        if known is None or holder != known[0]:
            self._locks[name] = holder or word.encode(), time.monotonic()
        return holder is None

    def beat(self, workers: Sequence[WorkerInfo], role: Role = Role.READER) -> None:
        if not workers:
            return
        with storage_errors():
            self._beat.run([of_role(WORKERS, role)], [json.dumps(asdict(worker)) for worker in workers])

    def workers(self, within: float, role: Role = Role.READER) -> Sequence[WorkerInfo]:
        with storage_errors():
            found = self._redis.zrange(of_role(WORKERS, role), time_of(self._redis) - within, "+inf", byscore=True)
        return [WorkerInfo(**json.loads(member)) for member in found]

    def ping(self) -> None:
        with storage_errors():
            self._redis.ping()
