"""The purge: jobs past their time go, and so does what processes that died left behind.

Of a job the upload goes first, and its place among those that expire last: what is cut off midway is done again. It
waits for the storage of uploads, which may be slow, so nothing that is urgent waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import islice

import structlog

from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.blobs import BlobStore, blobs_of, job_of_blob
from digitmill.uploads.spool import clear_old_spools

_log = structlog.get_logger(__name__)

BATCH = 1000
"""As many as S3 removes by one request."""
LEASE_SECONDS = 600.0
"""After this, jobs whose purge was cut off are purged by somebody else."""
AUDIT_SECONDS = 600.0
"""An audit looks at every job once."""
ORPHAN_SECONDS = 3600
"""Age at which a blob without a record was left by a web process that died."""


class Purge:
    """Any number of processes may call it; a lock in the store lets one at a time begin."""

    def __init__(
        self, settings: Settings, store: JobStore, blobs: BlobStore, verify: Callable[[], None] = lambda: None
    ) -> None:
        """``verify`` raises where the store is not the one that the blobs belong to."""
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._verify = verify

    def run(self) -> int:
        """Do one round if nobody else does; return the number of jobs purged.

        A round takes no new batch once the next sweep is due; in a backlog, rounds follow each other.

        Raises:
            StorageUnavailable: the store or the storage of uploads does not answer. What was begun is left for later.
            StoreReplaced: the store is not the one that the uploads belong to. Nothing is removed.
        """
        self._verify()
        seconds = self._settings.sweep_seconds * 0.9
        if not self._store.upkeep.lock("purge", seconds):
            return 0
        purged = self._purge_expired(time.monotonic() + seconds)
        if self._store.upkeep.lock("audit", AUDIT_SECONDS):
            self._audit()
        if self._store.upkeep.lock("orphans", ORPHAN_SECONDS):
            self._remove_orphans()
        return purged

    def repair(self) -> Mapping[str, int]:
        """Audit and remove orphans now, whoever else does; what was mended, and how often."""
        mended = dict(self._store.upkeep.audit(mend=True))
        if orphans := self._remove_orphans():
            mended["blobs"] = orphans
        return mended

    def _audit(self) -> None:
        """Counters and sets that faults left wrong, or a version of Digitmill that did, become right again."""
        if mended := self._store.upkeep.audit(mend=True):
            _log.warning("counters_mended", **mended)

    def _purge_expired(self, deadline: float) -> int:
        purged = 0
        while expired := self._store.upkeep.take_expired(BATCH, LEASE_SECONDS):
            roles = self._store.upkeep.roles(expired)
            self._blobs.delete_all([name for job_id, role in roles.items() for name in blobs_of(job_id, role)])
            self._store.upkeep.purge(expired)
            purged += len(expired)
            if len(expired) < BATCH or time.monotonic() >= deadline:
                break
        return purged

    def _remove_orphans(self) -> int:
        """Blobs without a record, and half-received uploads; the number of the former."""
        removed = 0
        clear_old_spools(self._settings.spool, ORPHAN_SECONDS)
        # a template is recorded moments after its picture is stored, and for good
        pictures = {template.blob for template in self._store.templates.list()}
        names = self._blobs.older_than(ORPHAN_SECONDS)
        while batch := list(islice(names, BATCH)):
            known = self._store.upkeep.known([job_of_blob(name) for name in batch])
            # a store that was emptied meanwhile knows none
            self._verify()
            orphans = [
                name for name, is_known in zip(batch, known, strict=True) if not is_known and name not in pictures
            ]
            self._blobs.delete_all(orphans)
            removed += len(orphans)
        if removed:
            self._store.upkeep.note_mends({"blobs": removed})
        return removed
