"""Whether Redis is still the store that the uploads beside it belong to. One that came up empty must not be taken for
a new one: every upload would be removed as nobody's, and a service that asks for keys would ask for none.

    dm:store            string  id of the store, made at first use. For ever.
    dm:restored         string  name of the backup that the store was filled from, once it was filled. For ever.
    .store              beside the uploads: JSON of the same id, and whether the store ever had a key. For ever.

Where neither is there, the service is new. A store without an id is accepted only by a person's word (``accept``), or
filled from a backup.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

import redis

from digitmill.errors import StorageUnavailable, StoreReplaced
from digitmill.store.blobs import BlobStore
from digitmill.store.connection import storage_errors
from digitmill.store.key_store import KEYS

STORE = "dm:store"
RESTORED = "dm:restored"
RESTORING = "restoring"
"""Stands in the place of the id while a backup is restored."""
GOOD_SECONDS = 1.0
"""How long a process goes by its last look."""

REFUSED = (
    "The job store is not the one that the uploads belong to: it came up empty, or is another service's. Nothing is "
    "removed and no call is answered until the administrator restores a backup or accepts the store; `digitmill "
    "doctor` says how."
)


@dataclass(frozen=True, slots=True)
class Mark:
    """``keys``: whether the store ever had a key."""

    store: str
    keys: bool


class StoreMark:
    """``client`` must return bytes. Methods raise StorageUnavailable."""

    def __init__(self, client: redis.Redis, blobs: BlobStore) -> None:
        self._redis: Any = client
        self._blobs = blobs
        self._lock = threading.Lock()
        self._good_until = float("-inf")
        self._known: Mark | None = None

    def check(self, *, now: bool = False) -> None:
        """Make sure of the store; mark a new service. With ``now`` no earlier look counts.

        Raises:
            StoreReplaced: the store has not the id that stands beside the uploads.
            StorageUnavailable: nothing can be said, since Redis does not answer, or has no id while the storage of
                uploads does not answer.
        """
        if not now and time.monotonic() < self._good_until:
            return
        # who has been sure before does not wait for the look of another thread
        if not self._lock.acquire(blocking=now or self._known is None):
            return
        try:
            if now or time.monotonic() >= self._good_until:
                self._look()
        finally:
            self._lock.release()

    def check_again(self) -> None:
        """As ``check``, and no earlier look counts; where nothing has changed, no call waits for another's look."""
        known = self._known
        if known is None or self._store()[0] != known.store:
            self.check(now=True)

    def store_id(self) -> str:
        """The id of the store, by the last look. Raises as ``check``."""
        while (known := self._known) is None:
            self.check(now=True)
        return known.store

    def replaced(self) -> bool:
        """Whether ``check`` would refuse the store. Changes nothing."""
        store, _ = self._store()
        mark = self.beside_uploads()
        return store == RESTORING or (mark is not None and mark.store != store)

    def beside_uploads(self) -> Mark | None:
        content = self._blobs.mark()
        return None if content is None else Mark(**json.loads(content))

    def accept(self) -> None:
        """Take Redis, as it is, for the store from now on."""
        before = self.beside_uploads()
        store, keys = self._store()
        if store in (None, RESTORING):
            store = secrets.token_hex(8)
            with storage_errors():
                self._redis.set(STORE, store)
        assert store is not None
        self.note(Mark(store, keys or (before is not None and before.keys)))

    def _look(self) -> None:
        store, keys = self._store()
        if self._known is None or store != self._known.store:
            self._known = None
            try:
                self._known = self._compared(store, keys)
            except StorageUnavailable:
                if store is None:
                    raise
                # it is not empty; to ask a storage that hangs again and again would hold up every call
                self._known = Mark(store, keys=True)
        if keys and not self._known.keys:
            self.note(Mark(self._known.store, True))
        self._good_until = time.monotonic() + GOOD_SECONDS

    def _compared(self, store: str | None, keys: bool) -> Mark:
        if store == RESTORING:
            raise StoreReplaced(REFUSED)
        mark = self.beside_uploads()
        if mark is None:
            with storage_errors():
                self._redis.set(STORE, secrets.token_hex(8), nx=True)
                store = self._redis.get(STORE).decode()
            mark = Mark(store, keys)
            self.note(mark)
        if mark.store != store:
            # another process may have marked a new service meanwhile, Redis first
            store, _ = self._store()
        if mark.store != store:
            raise StoreReplaced(REFUSED)
        return mark

    def _store(self) -> tuple[str | None, bool]:
        """The id of the store, and whether it has had a key."""
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.get(STORE)
            pipe.exists(KEYS)
            store, keys = pipe.execute()
        return None if store is None else store.decode(), bool(keys)

    def note(self, mark: Mark) -> None:
        """Lay it beside the uploads."""
        self._blobs.set_mark(json.dumps(asdict(mark)).encode())
        self._known = mark
