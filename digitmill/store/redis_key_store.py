"""API keys in the service's Redis.

dm:keys     hash    id -> JSON: name, owner, scopes, created_at, lifetime, revoked_at and
                    secrets: [{sha256, expires_at}], the one in force first.
                    For ever, revoked keys too: a service that has had a key never goes back to asking for none.
dm:session:{sha256 of its token}
            string  JSON: key_id, secret_sha256. A browser that is signed in; until it signs out, or its time is up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import redis

from digitmill.domain import ApiKey, Scope, Secret
from digitmill.errors import Conflict, NotFound
from digitmill.store.connection import storage_errors
from digitmill.store.key_store import KeyStore, Session, in_order

KEYS = "dm:keys"


class RedisKeyStore(KeyStore):
    """``client`` must return bytes (``decode_responses`` off)."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client

    def add(self, key: ApiKey) -> None:
        with storage_errors():
            packed = _packed(key)
            # the same key again: the call was repeated, for its answer was lost
            added = self._redis.hsetnx(KEYS, key.id, packed) or self._redis.hget(KEYS, key.id) == packed.encode()
        if not added:
            raise Conflict(f"There is a key {key.id} already; try again.")

    def find(self, key_id: str) -> ApiKey | None:
        with storage_errors():
            packed = self._redis.hget(KEYS, key_id)
        return None if packed is None else _unpacked(key_id, packed)

    def update(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        with storage_errors(), self._redis.pipeline() as pipe:
            while True:
                pipe.watch(KEYS)
                packed = pipe.hget(KEYS, key_id)
                if packed is None:
                    raise NotFound(f"There is no key {key_id}.")
                changed = change(_unpacked(key_id, packed))
                pipe.multi()
                pipe.hset(KEYS, key_id, _packed(changed))
                try:
                    pipe.execute()
                except redis.WatchError:
                    continue
                return changed

    def list(self) -> Sequence[ApiKey]:
        with storage_errors():
            found = self._redis.hgetall(KEYS)
        return in_order([_unpacked(key_id.decode(), packed) for key_id, packed in found.items()])

    def any(self) -> bool:
        with storage_errors():
            return bool(self._redis.exists(KEYS))

    def open_session(self, token_sha256: str, session: Session, *, seconds: int) -> None:
        with storage_errors():
            self._redis.set(_session_key(token_sha256), json.dumps(asdict(session)), ex=seconds)

    def session(self, token_sha256: str) -> Session | None:
        with storage_errors():
            packed = self._redis.get(_session_key(token_sha256))
        return None if packed is None else Session(**json.loads(packed))

    def close_session(self, token_sha256: str) -> None:
        with storage_errors():
            self._redis.delete(_session_key(token_sha256))


def _session_key(token_sha256: str) -> str:
    return f"dm:session:{token_sha256}"


def _packed(key: ApiKey) -> str:
    fields = asdict(key)
    del fields["id"]
    return json.dumps({**fields, "scopes": sorted(key.scopes)}, separators=(",", ":"))


def _unpacked(key_id: str, packed: bytes) -> ApiKey:
    fields = json.loads(packed)
    fields["scopes"] = frozenset(Scope(scope) for scope in fields["scopes"])
    fields["secrets"] = tuple(Secret(**secret) for secret in fields["secrets"])
    return ApiKey(id=key_id, **fields)
