"""Whether one more job may come in: by what waits, what its owner has open, and the quotas of the key that sends it."""

from __future__ import annotations

import time
from collections.abc import Callable

from digitmill.domain.access import Quotas
from digitmill.errors import Overloaded, TooManyJobs
from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.orders import Load
from digitmill.store.refusals import quota_used, too_many_jobs

FRESH_SECONDS = 0.1
MUCH_ROOM = 1000
"""Room for so many jobs, and images, is not used up within FRESH_SECONDS, and no harm is done if it is."""


class Admission:
    """``quotas`` tells those of a key by its id. Methods raise StorageUnavailable too."""

    def __init__(self, settings: Settings, store: JobStore, quotas: Callable[[str | None], Quotas]) -> None:
        self._settings = settings
        self._store = store
        self._loads: dict[str, tuple[Load, float]] = {}
        self.quotas = quotas

    def admit(self, owner: str, *, idempotency_key: str | None = None, sent_by: str | None = None) -> None:
        """Refuse a submission by what is there already. Call it before reading an upload's body.

        Raises:
            Overloaded: too many images wait, or Redis is nearly full.
            TooManyJobs: the owner has too many open jobs, and none was made with this idempotency key.
            QuotaUsed: the key ``sent_by`` has no images left for today, and none was made with the idempotency key.
        """
        settings, quotas = self._settings, self.quotas(sent_by)
        load = self._load(owner)
        if load.queued_images >= settings.max_queued_images:
            raise Overloaded("Too many images are waiting; try again when some are done.", retry_after=30)
        if self._store.upkeep.memory_share() > settings.max_redis_memory_share:
            raise Overloaded("The service has hardly any memory left for jobs; try again later.", retry_after=60)
        most_open = self.most_open(sent_by)
        full = load.open_jobs >= most_open
        if not full and quotas.images_a_day is None:
            return
        if idempotency_key is not None and self._store.remembers(owner, idempotency_key):
            return
        if full:
            raise TooManyJobs(too_many_jobs(most_open))
        if quotas.images_a_day is not None and sent_by is not None:
            (used,) = self._store.images_today([sent_by])
            if used >= quotas.images_a_day:
                raise quota_used(quotas.images_a_day, self._store.now())

    def most_open(self, key_id: str | None) -> int:
        """Open jobs that the owner of this key may have before it submits another."""
        most = self._settings.max_open_jobs
        return min(most, self.quotas(key_id).open_jobs or most)

    def _load(self, owner: str) -> Load:
        """As of now, or of an instant ago if there was so much room that it cannot be full by now.

        What counts exactly, the store looks at itself when the job is recorded.
        """
        known = self._loads.get(owner)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        if known is not None:
            # one caller asks; the others go by what was known until it has the answer
            self._loads[owner] = known[0], time.monotonic() + FRESH_SECONDS
        load = self._store.upkeep.load(owner)
        if load.open_jobs + MUCH_ROOM < self._settings.max_open_jobs and load.queued_images + MUCH_ROOM < (
            self._settings.max_queued_images
        ):
            self._loads[owner] = load, time.monotonic() + FRESH_SECONDS
        else:
            self._loads.pop(owner, None)
        return load
