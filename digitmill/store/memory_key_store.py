"""API keys in memory, for one process: unit tests and experiments. Nothing survives the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from digitmill.domain import ApiKey
from digitmill.errors import Conflict, NotFound
from digitmill.store.key_store import KeyStore, Session, in_order


class MemoryKeyStore(KeyStore):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, ApiKey] = {}
        self._sessions: dict[str, tuple[Session, float]] = {}

    def add(self, key: ApiKey) -> None:
        with self._lock:
            if self._keys.setdefault(key.id, key) is not key:
                raise Conflict(f"There is a key {key.id} already; try again.")

    def find(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    def update(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        with self._lock:
            key = self._keys.get(key_id)
            if key is None:
                raise NotFound(f"There is no key {key_id}.")
            self._keys[key_id] = changed = change(key)
            return changed

    def list(self) -> Sequence[ApiKey]:
        with self._lock:
            return in_order([*self._keys.values()])

    def any(self) -> bool:
        return bool(self._keys)

    def open_session(self, token_sha256: str, session: Session, *, seconds: int) -> None:
        self._sessions[token_sha256] = session, time.monotonic() + seconds

    def session(self, token_sha256: str) -> Session | None:
        session, ends_at = self._sessions.get(token_sha256, (None, 0.0))
        return session if time.monotonic() < ends_at else None

    def close_session(self, token_sha256: str) -> None:
        self._sessions.pop(token_sha256, None)
