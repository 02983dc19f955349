"""Webhook endpoints in the service's Redis: receivers that an owner has registered once, for all jobs of theirs.

dm:webhooks:endpoints   hash    owner -> JSON of the owner's endpoints, oldest first, with their secrets: readable,
                                since they sign. Until the last is removed. Scripts look whether an owner is in it.
dm:webhooks:progress    set     owners of whom an endpoint is told of progress
dm:webhooks:test:<id>   hash    of an endpoint: owner; last: the name of the last test event. As long as its log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import redis

from digitmill.store.connection import Script, storage_errors
from digitmill.store.keys import TOMBSTONE_SECONDS, WEBHOOKS_DUE, webhook_test_key

ENDPOINTS = "dm:webhooks:endpoints"
TOLD_OF_PROGRESS = "dm:webhooks:progress"
PROGRESS = "job.progress"


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """``text`` is ``whsec_`` and base64. ``expires_at`` None: it does not end by itself."""

    text: str = field(repr=False)
    expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A receiver: it is told of ``events`` while it is ``enabled``. ``secrets``, newest first, sign what it is sent."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str
    enabled: bool
    created_at: float
    secrets: tuple[SigningSecret, ...]


class EndpointStore:
    """``client`` must return bytes. All methods raise StorageUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._move = Script(client, "move_endpoints")

    def of(self, owner: str) -> Sequence[Endpoint]:
        """The owner's endpoints, oldest first."""
        with storage_errors():
            return _unpacked(self._redis.hget(ENDPOINTS, owner))

    def any(self, owner: str) -> bool:
        with storage_errors():
            return bool(self._redis.hexists(ENDPOINTS, owner))

    def change(self, owner: str, change: Callable[[Sequence[Endpoint]], Sequence[Endpoint]]) -> None:
        """Put ``change(endpoints)`` in their place; nothing can come in between. ``change`` may be called again."""

        def changed(pipe: Any) -> None:
            endpoints = change(_unpacked(pipe.hget(ENDPOINTS, owner)))
            pipe.multi()
            _put(pipe, owner, endpoints)

        with storage_errors():
            self._redis.transaction(changed, ENDPOINTS)

    def give(self, old: str, new: str) -> None:
        """Let ``new`` have the endpoints of ``old``, behind those of their own."""
        with storage_errors():
            self._move.run([ENDPOINTS, TOLD_OF_PROGRESS], [old, new])

    def begin_test(self, owner: str, endpoint_id: str, event: str, now: float) -> None:
        """Let a test event of this name be due."""
        key = webhook_test_key(endpoint_id)
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hset(key, mapping={"record": "test", "owner": owner, "last": event})
            pipe.expire(key, TOMBSTONE_SECONDS)
            pipe.zadd(WEBHOOKS_DUE, {event: now})
            pipe.execute()

    def last_test(self, endpoint_id: str) -> str | None:
        """The name of the last test event, as long as that is known."""
        with storage_errors():
            found = self._redis.hget(webhook_test_key(endpoint_id), "last")
        return None if found is None else found.decode()


def _put(pipe: Any, owner: str, endpoints: Sequence[Endpoint]) -> None:
    if endpoints:
        pipe.hset(ENDPOINTS, owner, json.dumps([asdict(endpoint) for endpoint in endpoints]))
    else:
        pipe.hdel(ENDPOINTS, owner)
    progress = any(endpoint.enabled and PROGRESS in endpoint.events for endpoint in endpoints)
    (pipe.sadd if progress else pipe.srem)(TOLD_OF_PROGRESS, owner)


def _unpacked(packed: bytes | None) -> list[Endpoint]:
    return [
        Endpoint(
            **{
                **fields,
                "events": tuple(fields["events"]),
                "secrets": tuple(SigningSecret(**secret) for secret in fields["secrets"]),
            }
        )
        for fields in json.loads(packed or b"[]")
    ]
