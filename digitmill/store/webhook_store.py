"""Webhooks in the service's Redis.

dm:webhooks:due         zset    events that are not delivered yet, by the time of the next attempt. While a worker is at
                                one, that is the end of its lease. "<job>:results": rows are to be written; "<job>": a
                                webhook is to be sent; "<job>:drifted": another is, that it is
                                unlike those before. The first is written with the job's final state. Others are for
                                endpoints: see webhooks/names.py.
dm:webhooks:log:<event> list    JSON of each attempt: at, seconds, status, error. As long as the job's tombstone.
dm:webhooks:resting:<receiver>
                        string  held while a receiver that did not answer in time is let be
dm:webhooks:asked:<event>:<when it was due>
                        string  held while a worker was asked to deliver the event that was due then
dm:webhooks:secrets     hash    owner -> JSON [{text, expires_at}], newest first. Readable, since they sign; for ever.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import redis

from digitmill.domain.jobs import Job
from digitmill.store.connection import Script, storage_errors
from digitmill.store.endpoint_store import EndpointStore, SigningSecret
from digitmill.store.keys import (
    TOMBSTONE_SECONDS,
    WEBHOOKS_DUE,
    deliveries_key,
    job_key,
    webhook_log_key,
    webhook_test_key,
)
from digitmill.store.records import job_from_hash

SECRETS = "dm:webhooks:secrets"

DRIFTED_EVENT = ":drifted"
"""Behind a job's id: the event that it is unlike those before."""
RESULTS_EVENT = ":results"
"""Behind a job's id: the event that its rows are to be written."""

MOST_ATTEMPTS_KEPT = 100
ASKED_SECONDS = 600
MOST_LOOKED_AT = 10_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver an event: it began ``at``, took ``seconds``, and got a ``status`` or met an ``error``; neither
    where rows were written."""

    at: float
    seconds: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class DeliveryLog:
    """Attempts, oldest first, and when the next is due; None: there is none."""

    attempts: Sequence[Attempt]
    next_attempt_at: float | None


def first_event(job: Job) -> str:
    """What is due when the job is final; empty where nothing is. A webhook comes after the rows were written, or after
    that was tried."""
    if job.options.results_url is not None:
        return f"{job.id}{RESULTS_EVENT}"
    return job.id if job.options.webhook_url is not None else ""


def drifted_event(job: Job) -> str:
    """What is due when the job is found to be unlike those before; empty where nothing is."""
    options = job.options
    return f"{job.id}{DRIFTED_EVENT}" if options.webhook_drift and options.webhook_url is not None else ""


ENDPOINT = "wh_"
"""The ids of endpoints begin with it, and those of jobs do not."""


def job_of(event: str) -> str:
    """The id of the job whose event it is, or of the endpoint that is tried."""
    return event.partition(":")[0]


def _subject(event: str) -> str:
    """The key of what an event is about: of a job, or of the test of an endpoint."""
    return webhook_test_key(job_of(event)) if event.startswith(ENDPOINT) else job_key(job_of(event))


class WebhookStore:
    """``client`` must return bytes (``decode_responses`` off). All methods raise StorageUnavailable when the store
    cannot be reached or is full."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._claim = Script(client, "claim_event")
        self._record = Script(client, "record_attempt")
        self._spread = Script(client, "spread_event")
        self.endpoints = EndpointStore(client)

    def ask(self, limit: int) -> Sequence[str]:
        """``limit`` or a few more events that should be delivered now, longest due first: the caller asks a worker to
        do so. None is returned again for ``ASKED_SECONDS``, unless it was tried meanwhile and is due again. Those that
        workers were asked for hide no others, up to ``MOST_LOOKED_AT`` of them."""
        found: list[str] = []
        with storage_errors():
            now = self.now()
            for offset in range(0, MOST_LOOKED_AT, limit):
                due = self._redis.zrange(
                    WEBHOOKS_DUE, "-inf", now, byscore=True, offset=offset, num=limit, withscores=True
                )
                pipe = self._redis.pipeline(transaction=False)
                for event, since in due:
                    pipe.set(f"dm:webhooks:asked:{event.decode()}:{since}", "1", nx=True, ex=ASKED_SECONDS)
                found += [event.decode() for (event, _), first in zip(due, pipe.execute(), strict=True) if first]
                if len(due) < limit or len(found) >= limit:
                    break
        return found

    def owner_of(self, event: str) -> str:
        """Whose event it is; empty where the job was deleted."""
        with storage_errors():
            return (self._redis.hget(_subject(event), "owner") or b"").decode()

    def waiting(self, limit: int) -> Sequence[str]:
        """Events that are not delivered yet, next ones first."""
        with storage_errors():
            found = self._redis.zrange(WEBHOOKS_DUE, 0, limit - 1)
        return [event.decode() for event in found]

    def backlog(self) -> int:
        """How many events are not delivered yet."""
        with storage_errors():
            return int(self._redis.zcard(WEBHOOKS_DUE))

    def claim(self, event: str, lease: float) -> tuple[Job, int] | None:
        """Take a due event for ``lease`` seconds: its job, expired or not, and the attempts before.

        None where it is not due, which is so while another holds it, or where the job was deleted.
        """
        found = self._claimed(event, lease)
        return None if found is None else (job_from_hash(job_of(event), found[0]), found[1])

    def claim_test(self, event: str, lease: float) -> str | None:
        """Take a due test event for ``lease`` seconds: the owner of its endpoint; None where it is not due."""
        found = self._claimed(event, lease)
        return None if found is None else found[0][b"owner"].decode()

    def _claimed(self, event: str, lease: float) -> tuple[dict[bytes, bytes], int] | None:
        """What is recorded of the event's subject, and the attempts before."""
        with storage_errors():
            found = self._claim.run([WEBHOOKS_DUE, _subject(event), webhook_log_key(event)], [event, lease])
        if found is None:
            return None
        before, pairs = found
        return dict(zip(pairs[::2], pairs[1::2], strict=True)), before

    def spread(self, event: str, instead: Sequence[str]) -> None:
        """Let these be due in the place of a due event, and be known as the job's deliveries to endpoints."""
        keys = [WEBHOOKS_DUE, job_key(job_of(event)), deliveries_key(job_of(event))]
        with storage_errors():
            self._spread.run(keys, [event, *instead])

    def to_endpoints(self, job_ids: Sequence[str]) -> list[list[str]]:
        """Of each job the events that endpoints are told of."""
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.smembers(deliveries_key(job_id))
            return [sorted(event.decode() for event in events) for events in pipe.execute()]

    def hold(self, event: str, lease: float) -> None:
        """Keep a claimed event for ``lease`` seconds from now."""
        with storage_errors():
            self._redis.zadd(WEBHOOKS_DUE, {event: self.now() + lease}, xx=True)

    def record(self, event: str, attempt: Attempt, retry_in: float | None) -> None:
        """Note an attempt; the event is due again in so many seconds, or never."""
        keys = [WEBHOOKS_DUE, _subject(event), webhook_log_key(event)]
        values = [
            event, json.dumps(asdict(attempt)), MOST_ATTEMPTS_KEPT, TOMBSTONE_SECONDS,
            "" if retry_in is None else retry_in, secrets.token_hex(8),
        ]  # fmt: skip
        with storage_errors():
            self._record.run(keys, values)

    def send_again(self, event: str) -> None:
        """Let the event be due now."""
        with storage_errors():
            self._redis.zadd(WEBHOOKS_DUE, {event: self.now()})

    def log(self, event: str) -> DeliveryLog:
        """What became of the event so far."""
        return self.logs([event])[0]

    def logs(self, events: Sequence[str]) -> list[DeliveryLog]:
        """What became of each event so far."""
        with storage_errors():
            pipe = self._redis.pipeline(transaction=True)
            for event in events:
                pipe.lrange(webhook_log_key(event), 0, -1)
                pipe.zscore(WEBHOOKS_DUE, event)
            found = pipe.execute() if events else []
        return [
            DeliveryLog([Attempt(**json.loads(attempt)) for attempt in attempts], due)
            for attempts, due in zip(found[::2], found[1::2], strict=True)
        ]

    def rest(self, receiver: str, seconds: float) -> None:
        """Let a receiver be for so many seconds."""
        with storage_errors():
            self._redis.set(f"dm:webhooks:resting:{receiver}", "1", px=int(seconds * 1000))

    def resting(self, receiver: str) -> bool:
        """Whether it is to be let be now."""
        with storage_errors():
            return bool(self._redis.exists(f"dm:webhooks:resting:{receiver}"))

    def secrets(self, owner: str) -> Sequence[SigningSecret]:
        """What webhooks of this owner's jobs are signed with, newest first, those that have ended too."""
        with storage_errors():
            return _unpacked(self._redis.hget(SECRETS, owner))

    def change_secrets(self, owner: str, change: Callable[[Sequence[SigningSecret]], Sequence[SigningSecret]]) -> None:
        """Put ``change(secrets)`` in their place; nothing can come in between. ``change`` may be called again."""

        def changed(pipe: Any) -> None:
            secrets = change(_unpacked(pipe.hget(SECRETS, owner)))
            pipe.multi()
            pipe.hset(SECRETS, owner, json.dumps([asdict(secret) for secret in secrets]))

        with storage_errors():
            self._redis.transaction(changed, SECRETS)

    def now(self) -> float:
        """Seconds since 1970 by Redis' clock: receivers refuse what a worker with another clock has signed."""
        with storage_errors():
            seconds, microseconds = self._redis.time()
        return float(seconds) + float(microseconds) / 1e6


def _unpacked(packed: bytes | None) -> list[SigningSecret]:
    return [SigningSecret(**secret) for secret in json.loads(packed or b"[]")]
