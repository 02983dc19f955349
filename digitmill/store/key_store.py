"""API keys in the service's Redis.

dm:keys     hash    id -> JSON: name, owner, scopes, created_at, lifetime, revoked_at and
                    secrets: [{sha256, expires_at}], the one in force first; quotas, where it has any.
                    For ever, revoked keys too: a service that has had a key never goes back to asking for none.
dm:session:{sha256 of its token}
            string  JSON: key_id, secret_sha256. A browser that is signed in; until it signs out, or its time is up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import redis

from digitmill.domain.access import ApiKey, Quotas, Scope, Secret
from digitmill.errors import Conflict, NotFound
from digitmill.store.connection import storage_errors
from digitmill.store.redis_owners import RedisOwners

KEYS = "dm:keys"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in: with which key, and with which of its secrets (SHA-256 in hex)."""

    key_id: str
    secret_sha256: str


class KeyStore:
    """Keys by id; none is ever removed. Sessions by the SHA-256 of their token, until they end.

    ``client`` must return bytes (``decode_responses`` off). All methods raise StorageUnavailable when the store cannot
    be reached.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._owners = RedisOwners(client)

    def add(self, key: ApiKey) -> None:
        """Raises Conflict where the id is taken."""
        with storage_errors():
            packed = _packed(key)
            # the same key again: the call was repeated, for its answer was lost
            added = self._redis.hsetnx(KEYS, key.id, packed) or self._redis.hget(KEYS, key.id) == packed.encode()
        if not added:
            raise Conflict(f"There is a key {key.id} already; try again.")

    def find(self, key_id: str) -> ApiKey | None:
        """The key as it is now."""
        with storage_errors():
            packed = self._redis.hget(KEYS, key_id)
        return None if packed is None else _unpacked(key_id, packed)

    def update(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        """Put ``change(key)`` in the key's place and return it; nothing can come in between.

        ``change`` may be called several times. What it raises is raised, and leaves the key as it was.

        Raises:
            NotFound: there is no such key.
        """
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
        """All keys, oldest first."""
        with storage_errors():
            found = self._redis.hgetall(KEYS)
        keys = [_unpacked(key_id.decode(), packed) for key_id, packed in found.items()]
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    def any(self) -> bool:
        """Whether a key was ever added."""
        with storage_errors():
            return bool(self._redis.exists(KEYS))

    def carry_over(self, old: str, new: str) -> None:
        """Let ``new`` own all that ``old`` does: keys, jobs, idempotency keys, secrets that sign webhooks.

        Any number of processes may call it at once, and again where it was cut off; where nothing is left it costs one
        round trip.
        """
        if not self._owners.has_any(old):
            return
        for key in self.list():
            if key.owner == old:
                self.update(key.id, lambda key: replace(key, owner=new))
        self._owners.give_all(old, new)

    def open_session(self, token_sha256: str, session: Session, *, seconds: int) -> None:
        """Keep the session for so long."""
        with storage_errors():
            self._redis.set(_session_key(token_sha256), json.dumps(asdict(session)), ex=seconds)

    def session(self, token_sha256: str) -> Session | None:
        """The session, unless it has ended."""
        with storage_errors():
            packed = self._redis.get(_session_key(token_sha256))
        return None if packed is None else Session(**json.loads(packed))

    def close_session(self, token_sha256: str) -> None:
        """End the session, if there is one."""
        with storage_errors():
            self._redis.delete(_session_key(token_sha256))


def _session_key(token_sha256: str) -> str:
    return f"dm:session:{token_sha256}"


def _packed(key: ApiKey) -> str:
    fields = asdict(key)
    del fields["id"]
    # so that processes of a release without quotas, or without some of them, read it
    fields["quotas"] = {name: most for name, most in fields["quotas"].items() if most is not None}
    if not fields["quotas"]:
        del fields["quotas"]
    return json.dumps({**fields, "scopes": sorted(key.scopes)}, separators=(",", ":"))


def _unpacked(key_id: str, packed: bytes) -> ApiKey:
    fields = json.loads(packed)
    fields["scopes"] = frozenset(Scope(scope) for scope in fields["scopes"])
    fields["quotas"] = Quotas(**fields.get("quotas", {}))
    fields["secrets"] = tuple(Secret(**secret) for secret in fields["secrets"])
    return ApiKey(id=key_id, **fields)
