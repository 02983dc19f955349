"""The load of the service, and what the sweep and the workers' beats need, over Redis. The keys are told in
``redis.py``."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict

import redis

from digitmill.domain import Job
from digitmill.store.base import Load, LostChunk, WorkerInfo
from digitmill.store.connection import MemoryGauge, Script, storage_errors
from digitmill.store.keys import claim_of, content_keys, job_key, open_key, rows_key
from digitmill.store.redis_audit import RedisAudit
from digitmill.store.redis_base import RedisStore
from digitmill.store.redis_clock import RedisClock


class RedisUpkeep(RedisStore):
    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._memory = MemoryGauge(client)
        self._audit = RedisAudit(client)
        self._clock = RedisClock(client)
        self._touch = Script(client, "touch")
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

    def open_jobs(self, owner: str) -> int:
        with storage_errors():
            return int(self._redis.scard(open_key(owner)))

    def memory_share(self) -> float:
        return self._memory.share()

    def expired_leases(self, limit: int) -> Sequence[LostChunk]:
        with storage_errors():
            members = self._redis.zrange("dm:leases", "-inf", self._now(), byscore=True, offset=0, num=limit)
            taken = [member for member in members if self._redis.zrem("dm:leases", member)]
        lost = [claim for claim in map(claim_of, taken) if claim is not None]
        jobs = {job.id: job for job in self._jobs(sorted({job_id for job_id, _ in lost}))}
        return [
            LostChunk(job_id, chunk, jobs[job_id].queue)
            for job_id, chunk in lost
            if job_id in jobs and not jobs[job_id].state.final
        ]

    def stalled(self, idle: float, limit: int) -> Sequence[tuple[Job, float]]:
        """What is no open job makes way for those that come after it, or nothing behind it would ever be found."""
        while True:
            with storage_errors():
                now = self._now()
                found = self._redis.zrange(
                    "dm:active", "-inf", now - idle, byscore=True, offset=0, num=limit, withscores=True
                )
            since = {job_id.decode(errors="replace"): now - score for job_id, score in found}
            jobs = [job for job in self._jobs(list(since)) if not job.state.final]
            if len(jobs) == len(since) or not self._make_way(since.keys() - {job.id for job in jobs}):
                return [(job, since[job.id]) for job in jobs]

    def _make_way(self, job_ids: Set[str]) -> bool:
        """What is no job leaves the active ones; what is one, but cannot be read by this version, goes to the end of
        them. Whether anything was changed."""
        before = self._count_active()
        self._audit.mend_jobs(job_ids)
        for job_id in job_ids:
            self.touch(job_id)
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

    def unclaimed(self, job_id: str, limit: int) -> Sequence[int]:
        with storage_errors():
            sent = int(self._redis.hget(job_key(job_id), "sent") or 0)
            done = {int(chunk) for chunk in self._redis.hkeys(rows_key(job_id))}
            waiting = list(itertools.islice((n for n in range(sent) if n not in done), limit))
            if not waiting:
                return []
            leases = self._redis.zmscore("dm:leases", [f"{job_id} {chunk}" for chunk in waiting])
        return [chunk for chunk, lease in zip(waiting, leases, strict=True) if lease is None]

    def touch(self, job_id: str) -> None:
        with storage_errors():
            self._touch.run(["dm:active"], [job_id])

    def take_expired(self, limit: int, lease: float) -> Sequence[str]:
        with storage_errors():
            return [job_id.decode() for job_id in self._take_expired.run(["dm:expiry"], [limit, lease])]

    def bury(self, job_ids: Sequence[str]) -> None:
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
                    pipe.zrem(f"dm:jobs:{owner.decode()}", job_id)
            # last: until then whoever is cut off here leaves them to be taken again
            pipe.zrem("dm:expiry", *job_ids)
            pipe.execute()

    def known(self, job_ids: Sequence[str]) -> Iterator[bool]:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.exists(job_key(job_id))
            return iter([bool(found) for found in pipe.execute()])

    def lock(self, name: str, seconds: float) -> bool:
        word, known = secrets.token_hex(8), self._locks.get(name)
        # by a clock of this process, which nobody sets: the one of Redis may have been moved back by hours
        over = known[0] if known is not None and time.monotonic() - known[1] >= seconds else ""
        with storage_errors():
            holder = self._lock.run([f"dm:lock:{name}"], [word, int(seconds * 1000), over])
        if known is None or holder != known[0]:
            self._locks[name] = holder or word.encode(), time.monotonic()
        return holder is None

    def beat(self, workers: Sequence[WorkerInfo]) -> None:
        if not workers:
            return
        with storage_errors():
            self._beat.run(["dm:workers"], [json.dumps(asdict(worker)) for worker in workers])

    def workers(self, within: float) -> Sequence[WorkerInfo]:
        with storage_errors():
            found = self._redis.zrange("dm:workers", self._now() - within, "+inf", byscore=True)
        return [WorkerInfo(**json.loads(member)) for member in found]

    def ping(self) -> None:
        with storage_errors():
            self._redis.ping()
