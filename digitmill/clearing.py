"""Clearing away: jobs past their time, and what processes that died left behind.

Of a job the upload goes first, and its place among those that expire last: what is cut off midway is done again. It
waits for the storage of uploads, which may be slow, so nothing that is urgent waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.blobs import BlobStore
from digitmill.uploads.spool import clear_old_spools

BATCH = 1000
"""As many as S3 removes by one request."""
LEASE_SECONDS = 600.0
"""After this, jobs whose clearing away was cut off are cleared away by somebody else."""
ORPHAN_SECONDS = 3600
"""Age at which a blob without a record was left by a web process that died."""


class Clearing:
    """Any number of processes may call it; a lock in the store lets one at a time begin."""

    def __init__(
        self, settings: Settings, store: JobStore, blobs: BlobStore, verify: Callable[[], None] = lambda: None
    ) -> None:
        """``verify`` raises where the store is not the one that the blobs belong to."""
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._verify = verify

    def clear(self) -> int:
        """Do one round if nobody else does; return the number of jobs cleared away.

        A round takes no new batch once the next sweep is due; in a backlog, rounds follow each other.

        Raises:
            StorageUnavailable: the store or the storage of uploads does not answer. What was begun is left for later.
            StoreReplaced: the store is not the one that the uploads belong to. Nothing is removed.
        """
        self._verify()
        seconds = self._settings.sweep_seconds * 0.9
        if not self._store.lock("clearing", seconds):
            return 0
        cleared = self._clear_expired(time.monotonic() + seconds)
        if self._store.lock("orphans", ORPHAN_SECONDS):
            self._clear_orphans()
        return cleared

    def _clear_expired(self, deadline: float) -> int:
        cleared = 0
        while expired := self._store.take_expired(BATCH, LEASE_SECONDS):
            self._blobs.delete_all(expired)
            self._store.bury(expired)
            cleared += len(expired)
            if len(expired) < BATCH or time.monotonic() >= deadline:
                break
        return cleared

    def _clear_orphans(self) -> None:
        """Blobs without a record, and half-received uploads."""
        clear_old_spools(self._settings.spool, ORPHAN_SECONDS)
        names = self._blobs.older_than(ORPHAN_SECONDS)
        while batch := list(islice(names, BATCH)):
            known = self._store.known(batch)
            # a store that was emptied meanwhile knows none
            self._verify()
            self._blobs.delete_all([name for name, is_known in zip(batch, known, strict=True) if not is_known])
