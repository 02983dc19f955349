"""Webhooks in the service's Redis.

dm:webhooks:due         zset    jobs whose event is not delivered yet, by the time of the next attempt. While a worker
                                is at it, that is the end of its lease. Written with the job's final state.
dm:webhooks:log:<job>   list    JSON of each attempt: at, seconds, status, error. As long as the job's tombstone.
dm:webhooks:resting:<receiver>
                        string  held while a receiver that did not answer in time is let be
dm:webhooks:secrets     hash    owner -> JSON [{text, expires_at}], newest first. Readable, since they sign; for ever.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import redis

from digitmill.domain import Job
from digitmill.store.base import TOMBSTONE_SECONDS
from digitmill.store.connection import Script, source, storage_errors
from digitmill.store.keys import WEBHOOKS_DUE, job_key, webhook_log_key
from digitmill.store.records import job_from_hash
from digitmill.store.webhook_store import (
    MOST_ATTEMPTS_KEPT,
    Attempt,
    DeliveryLog,
    SigningSecret,
    WebhookStore,
)

SECRETS = "dm:webhooks:secrets"


class RedisWebhookStore(WebhookStore):
    """``client`` must return bytes (``decode_responses`` off)."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._claim = client.register_script(source("claim_event"))
        self._record = Script(client, "record_attempt")

    def due(self, limit: int) -> Sequence[str]:
        with storage_errors():
            found = self._redis.zrange(WEBHOOKS_DUE, "-inf", self._now(), byscore=True, offset=0, num=limit)
        return [job_id.decode() for job_id in found]

    def waiting(self, limit: int) -> Sequence[str]:
        with storage_errors():
            found = self._redis.zrange(WEBHOOKS_DUE, 0, limit - 1)
        return [job_id.decode() for job_id in found]

    def claim(self, job_id: str, lease: float) -> tuple[Job, int] | None:
        keys = [WEBHOOKS_DUE, job_key(job_id), webhook_log_key(job_id)]
        with storage_errors():
            pipe = self._redis.pipeline(transaction=True)
            self._claim(keys=keys, args=[job_id, lease], client=pipe)
            pipe.hgetall(job_key(job_id))
            before, fields = pipe.execute()
        return None if before < 0 else (job_from_hash(job_id, fields), before)

    def record(self, job: Job, attempt: Attempt, retry_in: float | None) -> None:
        keys = [WEBHOOKS_DUE, job_key(job.id), webhook_log_key(job.id)]
        values = [
            job.id, json.dumps(asdict(attempt)), MOST_ATTEMPTS_KEPT, TOMBSTONE_SECONDS,
            "" if retry_in is None else retry_in, secrets.token_hex(8),
        ]  # fmt: skip
        with storage_errors():
            self._record.run(keys, values)

    def send_again(self, job_id: str) -> None:
        with storage_errors():
            self._redis.zadd(WEBHOOKS_DUE, {job_id: self._now()})

    def log(self, job_id: str) -> DeliveryLog:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.lrange(webhook_log_key(job_id), 0, -1)
            pipe.zscore(WEBHOOKS_DUE, job_id)
            attempts, due = pipe.execute()
        return DeliveryLog([Attempt(**json.loads(attempt)) for attempt in attempts], due)

    def rest(self, receiver: str, seconds: float) -> None:
        with storage_errors():
            self._redis.set(f"dm:webhooks:resting:{receiver}", "1", px=int(seconds * 1000))

    def resting(self, receiver: str) -> bool:
        with storage_errors():
            return bool(self._redis.exists(f"dm:webhooks:resting:{receiver}"))

    def secrets(self, owner: str) -> Sequence[SigningSecret]:
        with storage_errors():
            return _unpacked(self._redis.hget(SECRETS, owner))

    def change_secrets(self, owner: str, change: Callable[[Sequence[SigningSecret]], Sequence[SigningSecret]]) -> None:
        def changed(pipe: Any) -> None:
            secrets = change(_unpacked(pipe.hget(SECRETS, owner)))
            pipe.multi()
            pipe.hset(SECRETS, owner, json.dumps([asdict(secret) for secret in secrets]))

        with storage_errors():
            self._redis.transaction(changed, SECRETS)

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return float(seconds) + float(microseconds) / 1e6


def _unpacked(packed: bytes | None) -> list[SigningSecret]:
    return [SigningSecret(**secret) for secret in json.loads(packed or b"[]")]
