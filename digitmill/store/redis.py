"""The job store over Redis 6.2 or later (or Valkey). Its moves are Lua scripts: each happens whole or not at all.

Every key, its type, its content, its life:

    dm:job:<id>             hash    record: JSON of what never changes (queue, created_at, chunks, model, options,
                                    blob, skipped, sent_by) · owner · state · total · recognized, review, blank,
                                    failed ·
                                    follower: channel of the web process that waits for the job, if one does ·
                                    corrected: once a person has changed a row ·
                                    computed_by: engine/precision/device of those that answered ·
                                    sent: chunks whose messages have been due · started_at, finished_at,
                                    expires_at · error: JSON ·
                                    told: a word of the call that noted the last attempt to send its event.
                                    Lives until the job expires, then 7 days as a tombstone.
    dm:job:<id>:plan        hash    chunk number -> its packed entries; "starts": u32 of each chunk's first row;
                                    "upload": the bytes of one that is hardly larger than its own record.
                                    A day until the job is recorded, then until it expires.
    dm:job:<id>:rows        hash    chunk number -> its packed rows. Membership means done. Until the job expires.
    dm:job:<id>:attempts    hash    of chunks not done: <chunk> -> times claimed · <chunk>:by -> the process that
                                    did so last, as in dm:workers · <chunk>:claim -> a word of the call that
                                    claimed it, so that a repeated one is known · <chunk>:place -> the image worked
                                    on · <chunk>:strikes:<place> -> attempts that ended there · <chunk>:poison ->
                                    places with too many. Until the job is final.
    dm:job:<id>:corrections, history, revised, review, indexed, held
                                    what people make of the rows: see redis_reviews.py. Until the job expires.
    dm:job:<id>:events      channel a word at every change of the job
    dm:followers:<process>  channel jobs that ended, for a web process: see redis_followers.py
    dm:jobs:<owner>         zset    ids of the owner's jobs, score 0: ids sort by time. Until deleted or expired.
    dm:idempotency:<owner>:<sha256 of key>
                            hash    digest of the request, job: the id it made. ``idempotency_seconds``.
    dm:open:<owner>         set     ids of the owner's open jobs
    dm:active               zset    open jobs by the time of their last progress
    dm:leases               zset    "<id> <chunk>" of claimed chunks by the end of their lease
    dm:expiry               zset    final jobs by the time they expire; those that are being cleared away, by the end of
                                    the lease on that
    dm:deleted              zset    jobs deleted in the last TAKEN_SECONDS, by when: their ids are not recorded anew
    dm:queued               string  images of open jobs without a row
    dm:mends                hash    what the audit mended: see redis_audit.py
    dm:clock                string  how often Redis' clock was moved: see redis_clock.py
    dm:workers              zset    JSON of each worker process by the time it was last heard of
    dm:lock:<name>          string  a word of who holds it, while it lives
    dm:store                        the id of the store: see redis_mark.py
    dm:line, dm:bell                small interactive chunks that wait: see redis_line.py
    dm:keys                         API keys: see redis_key_store.py
    dm:session:{sha256}             browsers that are signed in: see there
    dm:webhooks:*                   webhooks: see redis_webhook_store.py
    dm:limits:*                     requests counted by the web server's rate limiter
    bulk, interactive, webhooks, unacked*, _kombu.*
                                    the broker's: see queue.py

All times in scripts come from Redis itself, so that clocks of machines may differ.

The client repeats a call whose answer was lost, so every script and every pipeline may be run twice and leaves what it
left the first time. A full Redis refuses a script at its first command that takes memory, unless the script has written
before: so those that take memory begin with it and are refused whole, and those that free memory, or keep the service
going, begin with a write that takes none and run to their end. Redis 6.2 and 7.0 refuse whatever stands between MULTI
and EXEC then, so nothing of this kind is a transaction.
"""

from __future__ import annotations

import array
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import redis

from digitmill.domain import Job, JobState, Problem, QueueName
from digitmill.errors import Expired, NotFound, TooManyJobs
from digitmill.store.base import (
    TAKEN_SECONDS,
    TOMBSTONE_SECONDS,
    UNRECORDED_SECONDS,
    Ending,
    Opening,
    PackedChunk,
    Subscription,
    too_many_jobs,
)
from digitmill.store.connection import Channel, Gathered, Script, storage_errors
from digitmill.store.keys import (
    content_keys,
    ending_keys,
    events_channel,
    idempotency_key,
    job_key,
    open_key,
    plan_key,
    rows_key,
    webhook_log_key,
)
from digitmill.store.records import record_of
from digitmill.store.redis_base import job_or_none
from digitmill.store.redis_chunks import RedisChunks
from digitmill.store.redis_followers import Followers
from digitmill.store.redis_line import BELL, BELL_MILLISECONDS, LINE
from digitmill.store.redis_reviews import RedisReviewStore
from digitmill.store.redis_upkeep import RedisUpkeep
from digitmill.store.redis_webhook_store import RedisWebhookStore
from digitmill.store.requests import Idempotency

PLAN_BATCH = 64
"""Chunks written in one round trip while a job is planned."""


class RedisJobStore(RedisChunks, RedisUpkeep):
    """``client`` must return bytes (``decode_responses`` off)."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._followers = Followers(client)
        self.reviews = RedisReviewStore(client)
        self.webhooks: RedisWebhookStore = RedisWebhookStore(client)
        self._create = Gathered(Script(client, "create"))
        self._finish = Script(client, "finish")
        self._delete = Script(client, "delete")

    def close(self) -> None:
        """End what runs in the background; to be called before the client is closed."""
        self._followers.close()

    def save_plan(self, job_id: str, chunks: Iterable[PackedChunk]) -> int:
        key = plan_key(job_id)
        starts = array.array("I")
        with storage_errors():
            for batch in _batches(chunks, PLAN_BATCH):
                fields: dict[str | bytes, Any] = {}
                for chunk in batch:
                    fields[str(len(starts))] = chunk.entries
                    starts.append(chunk.first)
                fields["starts"] = starts.tobytes()
                # both or neither: what a process that dies here has written must not stay for ever
                pipe = self._redis.pipeline(transaction=True)
                pipe.hset(key, mapping=fields)
                pipe.expire(key, UNRECORDED_SECONDS)
                pipe.execute()
        return len(starts)

    def discard_plan(self, job_id: str) -> None:
        with storage_errors():
            self._redis.unlink(plan_key(job_id))

    def create(
        self,
        job: Job,
        *,
        window: int,
        most_open: int,
        idempotency: tuple[Idempotency, float] | None = None,
        plan: Sequence[PackedChunk] = (),
        followed: bool = False,
        bell: str = "",
    ) -> Job:
        keys = [
            job_key(job.id), plan_key(job.id), f"dm:jobs:{job.owner}", "dm:active", "dm:queued", open_key(job.owner),
            LINE, BELL, QueueName.INTERACTIVE.value, "dm:deleted",
        ]  # fmt: skip
        digest, seconds = "", 0
        if idempotency is not None:
            keys.append(idempotency_key(job.owner, idempotency[0].key))
            digest, seconds = idempotency[0].digest, int(idempotency[1])
        values: list[Any] = [
            job.id, job.owner, job.created_at, job.counts.total, min(window, job.chunks), record_of(job), most_open,
            digest, seconds, self._followers.channel if followed else "", bell, BELL_MILLISECONDS,
        ]  # fmt: skip
        if plan:
            values += ["starts", array.array("I", (chunk.first for chunk in plan)).tobytes()]
        for number, chunk in enumerate(plan):
            values += [number, chunk.entries]
            if chunk.upload is not None:
                values += ["upload", chunk.upload]
        with storage_errors():
            known = self._create.run(keys, values)
        if known == b"full":
            raise TooManyJobs(too_many_jobs(most_open))
        if known and idempotency is not None:
            return self._first_job(idempotency[0], known)
        return job

    def remembers(self, owner: str, key: str) -> bool:
        with storage_errors():
            return bool(self._redis.exists(idempotency_key(owner, key)))

    def recall(self, owner: str, idempotency: Idempotency) -> Job | None:
        with storage_errors():
            known = self._redis.hmget(idempotency_key(owner, idempotency.key), ["digest", "job"])
        return self._first_job(idempotency, known) if known[0] is not None else None

    def _first_job(self, idempotency: Idempotency, known: Sequence[bytes]) -> Job:
        return idempotency.first_job(known[0].decode(), lambda: self.get(known[1].decode()))

    def get(self, job_id: str) -> Job:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(job_key(job_id))
            pipe.time()
            fields, (now, _) = pipe.execute()
        return _living(job_or_none(job_id, fields), now)

    def open(self, job_id: str) -> Opening:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(job_key(job_id))
            pipe.time()
            pipe.hmget(plan_key(job_id), ["starts", "0"])
            pipe.hget(rows_key(job_id), "0")
            fields, (now, _), (starts, entries), rows = pipe.execute()
        job = _living(job_or_none(job_id, fields), now)
        if starts is None or entries is None:
            raise NotFound("There is no such job.")
        return Opening(job, array.array("I", starts), entries, rows)

    def jobs_of(self, owner: str, *, before: str | None, limit: int) -> Sequence[Job]:
        found: list[Job] = []
        end = f"({before}" if before else "+"
        with storage_errors():
            now = self._now()
        while len(found) < limit:
            with storage_errors():
                ids = self._redis.zrange(f"dm:jobs:{owner}", end, "-", desc=True, bylex=True, offset=0, num=limit)
                jobs = self._jobs([job_id.decode() for job_id in ids])
            found += [job for job in jobs if job.expires_at is None or job.expires_at > now]
            if len(ids) < limit:
                break
            end = f"({ids[-1].decode()}"
        return found[:limit]

    def finish(self, job_id: str, state: JobState, error: Problem | None = None) -> Job:
        job = self.get(job_id)
        text = json.dumps(asdict(error)) if error else ""
        with storage_errors():
            self._finish.run(
                ending_keys(job_id, job.owner),
                [job_id, state.value, text, job.options.expires_in or 0, TOMBSTONE_SECONDS, job.options.announced],
            )
        return self.get(job_id)

    def delete(self, job_id: str) -> None:
        with storage_errors():
            found = self._redis.hget(job_key(job_id), "owner")
            if found is None:
                return
            owner = found.decode()
            keys = [
                *ending_keys(job_id, owner), f"dm:jobs:{owner}", "dm:deleted",
                webhook_log_key(job_id), *content_keys(job_id)[2:],
            ]  # fmt: skip
            self._delete.run(keys, [job_id, TAKEN_SECONDS])

    def follow(self, job: Job, plan: Sequence[PackedChunk] = ()) -> Ending:
        return self._followers.follow(job, plan)

    @contextmanager
    def subscribe(self, job_id: str) -> Iterator[Subscription]:
        with storage_errors(), self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.subscribe(events_channel(job_id))
            # the first message confirms the subscription: only from then on nothing is missed
            pubsub.get_message(timeout=5)
            yield Channel(pubsub)


def _living(job: Job | None, now: float) -> Job:
    if job is None:
        raise NotFound("There is no such job.")
    if job.expires_at is not None and job.expires_at <= now:
        raise Expired("This job has expired: its rows and its upload are gone.")
    return job


def _batches(chunks: Iterable[PackedChunk], size: int) -> Iterator[list[PackedChunk]]:
    source = iter(chunks)
    while batch := list(itertools.islice(source, size)):
        yield batch
