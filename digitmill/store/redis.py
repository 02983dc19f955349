"""The job store over Redis 6.2 or later (or Valkey). Its moves are Lua scripts: each happens whole or not at all.

Every key, its type, its content, its life:

    dm:job:<id>             hash    record: JSON of what never changes (queue, created_at, chunks, model, options,
                                    blob, skipped, sent_by, kind) · owner · state · total · what is done, by the names
                                    in ``domain.rows.COUNTED`` · under_way: units done of the only chunk ·
                                    follower: channel of the web process that waits for the job, if one does ·
                                    corrected: once a person has changed a row; answered: of these, those to review ·
                                    computed_by: engine/precision/device of those that answered ·
                                    sent: chunks from 0 that were given out or wait by themselves ·
                                    role: of the workers that take it, where these are no readers ·
                                    started_at, finished_at, expires_at · error: JSON ·
                                    check: JSON of a sample that somebody has looked at · check_at ·
                                    raised_below, raised_by, raised_at, raised: a threshold raised by somebody, and
                                    how many accepted rows lie below it ·
                                    expires_in: once somebody has changed it · resumed: how often it went on after a
                                    cancel · copies: JSON of the pages that were sent twice, once they were looked for ·
                                    sets: JSON of the pages that belong together, likewise ·
                                    told: a word of the call that noted the last attempt at an event of it.
                                    Lives until the job expires, then 7 days as a tombstone. Of a deleted job nothing
                                    but ``deleted``, for TAKEN_SECONDS: its id is not recorded again.
    dm:job:<id>:plan        hash    chunk number -> its packed entries; "starts": u32 of each chunk's first row;
                                    "upload": the bytes of one that is hardly larger than its own record.
                                    A day until the job is recorded, then until it expires.
    dm:job:<id>:rows        hash    chunk number -> its packed rows. Membership means done. Until the job expires.
    dm:job:<id>:attempts    hash    of chunks not done: <chunk> -> times claimed · <chunk>:by -> the process that
                                    did so last, as in dm:workers · <chunk>:claim -> a word of the call that
                                    claimed it, so that a repeated one is known · <chunk>:place -> the image worked
                                    on · <chunk>:strikes:<place> -> attempts that ended there · <chunk>:poison ->
                                    places with too many. Until the job is final.
    dm:job:<id>:notes       hash    what the handler of its kind noted while it worked. Until the job expires.
    dm:job:<id>:corrections, entries, history, revised, review, indexed, held
                                    what people make of the rows: see redis_reviews.py. Until the job expires.
    dm:job:<id>:deliveries  set     names of the events of it that endpoints are told of. Until the job expires.
    dm:job:<id>:events      channel a word at every change of the job
    dm:followers:<process>  channel jobs that ended, for a web process: see redis_followers.py
    dm:jobs:<owner>         zset    ids of the owner's jobs, score 0: ids sort by time. Until deleted or expired.
    dm:idempotency:<owner>:<sha256 of key>
                            hash    digest of the request, job: the id it made. ``idempotency_seconds``.
    dm:open:<owner>         set     ids of the owner's open jobs
    dm:used:<key>           string  images of the jobs that a key submitted today, where it may submit so many in a day.
                                    Until midnight (UTC).
    dm:active               zset    open jobs by the time of their last progress
    dm:leases               zset    "<id> <chunk>" of claimed chunks by the end of their lease
    dm:expiry               zset    final jobs by the time they expire; those that are being cleared away, by the end of
                                    the lease on that
    dm:queued               string  images of open jobs without a row
    dm:mends                hash    what the audit mended: see redis_audit.py
    dm:clock                string  how often Redis' clock was moved: see redis_clock.py
    dm:workers              zset    JSON of each worker process by the time it was last heard of
    dm:workers:trainer, dm:waiting:trainer, dm:called:trainer
                                    what has no such ending, of workers of this role and the jobs for them
    dm:lock:<name>          string  a word of who holds it, while it lives
    dm:store, dm:restored           the id of the store, and which backup it came from: see redis_mark.py
    dm:waiting              zset    what waits for a worker, the most urgent first: "<id> <chunk>", a chunk by itself,
                                    the only one of a small job or one to be done again, or ":<owner>", who has jobs
                                    with chunks that were not given out yet. Score: urgency (see orders.py) * 2^40 +
                                    the turn of a chunk, or the images that an owner was given; 0 while he is new.
    dm:waiting:of:<owner>   zset    these jobs. Score: rank (see orders.py) * 2^40 + turn
    dm:waiting:given        hash    owner -> images that he was given, or counts as given, while others wait; "" -> the
                                    most at which any was served. Until no owner waits.
    dm:turn                 string  the last turn given; each is the next number
    dm:called               string  a worker is on its way to what waits (10 s at most), or waits for it itself (1 s):
                                    no wakeup is sent meanwhile
    dm:taken:<process>      string  what a worker process took last: the word of its call, then "<id> <chunk>" of each.
                                    A minute.
    dm:keys                         API keys: see key_store.py
    dm:session:{sha256}             browsers that are signed in: see there
    dm:webhooks:*                   webhooks: see webhook_store.py and endpoint_store.py
    dm:templates:*                  templates of form pages: see redis_templates.py
    dm:tally:*                      counts by which models are compared: see tally_store.py
    dm:limits:*                     requests counted by the web server's rate limiter

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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

import redis

from digitmill.domain.jobs import Job, JobState, Problem
from digitmill.domain.roles import Role
from digitmill.domain.rows import COUNTED
from digitmill.errors import Expired, NotFound, StoreReplaced, TooManyJobs
from digitmill.store.base import TAKEN_SECONDS, UNRECORDED_SECONDS, JobStore, PackedChunk, Recorded
from digitmill.store.connection import Gathered, Primary, Script, storage_errors
from digitmill.store.keys import (
    CALLED,
    TOMBSTONE_SECONDS,
    TURN,
    WAITING,
    WEBHOOKS_DUE,
    content_keys,
    deliveries_key,
    ending_keys,
    events_channel,
    idempotency_key,
    job_key,
    jobs_key,
    of_role,
    open_key,
    plan_key,
    rows_key,
    used_key,
    webhook_log_key,
)
from digitmill.store.news import CompletionWaiter, FirstChunk, Subscription
from digitmill.store.orders import Urgency
from digitmill.store.records import record_of
from digitmill.store.redis_base import job_or_none, jobs_by_id, time_of
from digitmill.store.redis_chunks import RedisChunks, score_of, scores_of
from digitmill.store.redis_clock import StoreClock
from digitmill.store.redis_followers import Followers
from digitmill.store.redis_mark import REFUSED, STORE
from digitmill.store.redis_reviews import RedisReviewStore
from digitmill.store.redis_templates import RedisTemplateStore
from digitmill.store.redis_upkeep import RedisUpkeep
from digitmill.store.refusals import past_the_day, quota_used, too_many_jobs
from digitmill.store.requests import Idempotency
from digitmill.store.tally_store import TallyStore
from digitmill.store.webhook_store import DRIFTED_EVENT, RESULTS_EVENT, WebhookStore, first_event

PLAN_BATCH = 64
"""Chunks written in one round trip while a job is planned."""


class RedisJobStore(JobStore):
    """``client`` must return bytes (``decode_responses`` off).

    ``store_id`` tells the id of the only store that is to take jobs; without it any may.
    """

    def __init__(self, client: redis.Redis, store_id: Callable[[], str] | None = None) -> None:
        # redis-py types every answer as text, bytes or more, whatever decode_responses says
        self._redis: Any = client
        self._clock = StoreClock(client)
        self._store_id = store_id
        self._followers = Followers(client)
        self.chunks = RedisChunks(client)
        self.upkeep = RedisUpkeep(client)
        self.reviews = RedisReviewStore(client)
        self.webhooks: WebhookStore = WebhookStore(client)
        self.templates = RedisTemplateStore(client)
        self.tallies = TallyStore(client)
        self._create = Gathered(Script(client, "create", confirmed=True))
        self._finish = Script(client, "finish")
        self._delete = Script(client, "delete", confirmed=True)
        self._resume = Script(client, "resume", confirmed=True)
        self._keep = Script(client, "keep", confirmed=True)

    def close(self) -> None:
        """End what runs in the background; to be called before the client is closed."""
        self._followers.close()

    def now(self) -> float:
        return self._clock.now()

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
        most_open: int,
        images_a_day: int | None = None,
        idempotency: tuple[Idempotency, float] | None = None,
        plan: Sequence[PackedChunk] = (),
        followed: bool = False,
        small: bool = False,
    ) -> Recorded:
        keys = [
            job_key(job.id), plan_key(job.id), jobs_key(job.owner), "dm:active", "dm:queued", open_key(job.owner),
            of_role(WAITING, job.role), of_role(CALLED, job.role), TURN, STORE, used_key(job.sent_by or ""),
        ]  # fmt: skip
        digest, seconds = "", 0
        if idempotency is not None:
            keys.append(idempotency_key(job.owner, idempotency[0].key))
            digest, seconds = idempotency[0].digest, int(idempotency[1])
        store_id = "" if self._store_id is None else self._store_id()
        of_job, of_owner = scores_of(job)
        values: list[Any] = [
            job.id, job.owner, job.created_at, job.counts.total, int(small), record_of(job), most_open,
            digest, seconds, self._followers.channel if followed else "", f"{job.id} 0" if small else job.id,
            score_of(Urgency.SMALL) if small else of_job, store_id,
            "" if job.role is Role.READER else job.role, of_owner, "" if images_a_day is None else images_a_day,
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
        if known == b"used" and images_a_day is not None:
            if job.counts.total > images_a_day:
                raise past_the_day(images_a_day, job.counts.total)
            raise quota_used(images_a_day, self.now())
        if known == b"replaced":
            raise StoreReplaced(REFUSED)
        if isinstance(known, list) and idempotency is not None:
            return Recorded(self._first_job(idempotency[0], known), call=False)
        return Recorded(job, call=known == b"call")

    def images_today(self, key_ids: Sequence[str]) -> Sequence[int]:
        if not key_ids:
            return []
        with storage_errors():
            return [int(used or 0) for used in self._redis.mget([used_key(key_id) for key_id in key_ids])]

    def remembers(self, owner: str, key: str) -> bool:
        with storage_errors():
            return bool(self._redis.exists(idempotency_key(owner, key)))

    def recall(self, owner: str, idempotency: Idempotency) -> Job | None:
        with storage_errors():
            known = self._redis.hmget(idempotency_key(owner, idempotency.key), ["digest", "job"])
            if known[0] is not None and isinstance(self._redis, Primary):
                # it may have been answered 503 because no replica had it
                self._redis.confirm()
        return self._first_job(idempotency, known) if known[0] is not None else None

    def _first_job(self, idempotency: Idempotency, known: Sequence[bytes]) -> Job:
        return idempotency.first_job(known[0].decode(), lambda: self.get(known[1].decode()))

    def get(self, job_id: str) -> Job:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(job_key(job_id))
            pipe.time()
            pipe.get(STORE)
            fields, (now, _), store = pipe.execute()
        return self._living(job_or_none(job_id, fields), now, store)

    def _living(self, job: Job | None, now: float, store: bytes | None) -> Job:
        """``store`` is the id that was read with it. Raises NotFound because of StoreReplaced where that is another's:
        a later look would find the right one again, if its volume is back by then."""
        if job is None:
            raise NotFound("There is no such job.") from self._replaced(store)
        if job.expires_at is not None and job.expires_at <= now:
            raise Expired("This job has expired: its rows and its upload are gone.")
        return job

    def _replaced(self, store: bytes | None) -> StoreReplaced | None:
        if self._store_id is None:
            return None
        try:
            own = self._store_id().encode()
        except StoreReplaced as error:
            return error
        return None if store == own else StoreReplaced(REFUSED)

    def find(self, job_ids: Sequence[str]) -> Mapping[str, Job]:
        with storage_errors():
            now = time_of(self._redis)
            jobs = jobs_by_id(self._redis, job_ids)
        return {job.id: job for job in jobs if job.expires_at is None or job.expires_at > now}

    def open(self, job_id: str) -> FirstChunk:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(job_key(job_id))
            pipe.time()
            pipe.hmget(plan_key(job_id), ["starts", "0"])
            pipe.hget(rows_key(job_id), "0")
            pipe.get(STORE)
            fields, (now, _), (starts, entries), rows, store = pipe.execute()
        job = self._living(job_or_none(job_id, fields), now, store)
        if starts is None or entries is None:
            raise NotFound("There is no such job.")
        return FirstChunk(job, array.array("I", starts), entries, rows)

    def jobs_of(self, owner: str, *, before: str | None, limit: int) -> Sequence[Job]:
        found: list[Job] = []
        end = f"({before}" if before else "+"
        with storage_errors():
            now = time_of(self._redis)
        while len(found) < limit:
            with storage_errors():
                ids = self._redis.zrange(jobs_key(owner), end, "-", desc=True, bylex=True, offset=0, num=limit)
                jobs = jobs_by_id(self._redis, [job_id.decode() for job_id in ids])
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
                [
                    job_id,
                    state.value,
                    text,
                    job.options.expires_in or 0,
                    TOMBSTONE_SECONDS,
                    first_event(job),
                    " ".join(COUNTED),
                ],
            )
        return self.get(job_id)

    def resume(self, job_id: str, *, most_open: int) -> bool:
        job = self.get(job_id)
        keys = [
            job_key(job_id), plan_key(job_id), rows_key(job_id), open_key(job.owner), "dm:active", "dm:expiry",
            "dm:queued", of_role(WAITING, job.role), of_role(CALLED, job.role), TURN, WEBHOOKS_DUE,
            webhook_log_key(job_id), events_channel(job_id),
            *content_keys(job_id)[2:],
        ]  # fmt: skip
        of_job, of_owner = scores_of(job)
        values = [job_id, most_open, score_of(Urgency.AGAIN), of_job, " ".join(COUNTED), of_owner]
        with storage_errors():
            answer = self._resume.run(keys, values)
        if answer == b"full":
            raise TooManyJobs(too_many_jobs(most_open))
        return bool(answer == b"call")

    def keep(self, job_id: str, seconds: int, *, at_least: bool = False) -> None:
        keys = [job_key(job_id), "dm:expiry", *content_keys(job_id)]
        with storage_errors():
            self._keep.run(keys, [job_id, seconds, TOMBSTONE_SECONDS, int(at_least)])

    def delete(self, job_id: str) -> bool:
        with storage_errors():
            found, deleted = self._redis.hmget(job_key(job_id), ["owner", "deleted"])
            if found is None:
                return deleted is not None
            owner = found.decode()
            to_endpoints = self._redis.smembers(deliveries_key(job_id))
            keys = [
                *ending_keys(job_id, owner), jobs_key(owner),
                webhook_log_key(job_id), webhook_log_key(f"{job_id}{RESULTS_EVENT}"),
                webhook_log_key(f"{job_id}{DRIFTED_EVENT}"),
                *(webhook_log_key(event.decode()) for event in to_endpoints), *content_keys(job_id)[2:],
            ]  # fmt: skip
            return bool(self._delete.run(keys, [job_id, TAKEN_SECONDS, " ".join(COUNTED)]))

    def follow(self, job: Job, plan: Sequence[PackedChunk] = ()) -> CompletionWaiter:
        return self._followers.follow(job, plan)

    @contextmanager
    def subscribe(self, job_id: str, told: Callable[[], None] = lambda: None) -> Iterator[Subscription]:
        with storage_errors():
            changes = self._followers.subscribe(job_id, told)
        with closing(changes):
            yield changes


def _batches(chunks: Iterable[PackedChunk], size: int) -> Iterator[list[PackedChunk]]:
    source = iter(chunks)
    while batch := list(itertools.islice(source, size)):
        yield batch
