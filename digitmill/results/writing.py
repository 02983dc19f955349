"""The rows of a final job as a file elsewhere: written by a worker, again until it works, safe to be written twice.

An object on S3 takes its place whole or not at all, so a worker that dies midway leaves what was there before, and
another that writes the same again changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from digitmill.domain.jobs import Job
from digitmill.errors import BadOptions, DigitmillError, Expired, NotFound
from digitmill.measures import DELIVERIES, Measures
from digitmill.outside.destinations import Destinations, Form, put
from digitmill.results.parquet import write_parquet
from digitmill.results.rows import EVERY_ROW, Results, Some
from digitmill.results.tables import by_the_model, csv_pieces, ndjson_pieces
from digitmill.settings import Settings
from digitmill.store.webhook_store import RESULTS_EVENT, Attempt, WebhookStore
from digitmill.system.timed_calls import TimedCalls
from digitmill.uploads.spool import SPREADSHEET_SUFFIX, as_storage_errors
from digitmill.webhooks.deliveries import Webhooks, jitter, outcome_of, pause_after

LEASE_SECONDS, RENEWED_SECONDS = 60.0, 20.0
"""Of a worker that writes: so long after it died another may."""

_log = structlog.get_logger(__name__)


class Writing:
    def __init__(
        self, settings: Settings, store: WebhookStore, results: Results, webhooks: Webhooks, measures: Measures
    ) -> None:
        self._settings = settings
        self._store = store
        self._results = results
        self._webhooks = webhooks
        self._measures = measures
        self._destinations = Destinations(settings.result_prefixes)

    def deliver(self, event: str) -> Attempt | None:
        """Make one attempt at this event of a final job, if it is due and nobody else is at it: to write its rows, or
        to tell of its end. Raises StorageUnavailable where the store does not answer."""
        if not event.endswith(RESULTS_EVENT):
            return self._webhooks.deliver(event)
        claimed = self._store.claim(event, LEASE_SECONDS)
        if claimed is None:
            return None
        job, before = claimed
        attempt, again = self._attempt(job, event)
        told = before == 0 and job.options.webhook_url is not None
        if told:
            self._store.send_again(job.id)
        pause = pause_after(before + 1, jitter()) if again else None
        self._store.record(event, attempt, pause)
        self._measures.count(DELIVERIES, "results", outcome_of(attempt, pause))
        said = _log.info if attempt.error is None else _log.warning
        said("results_attempt", job=job.id, number=before + 1, reason=attempt.error)
        if told:
            self._webhooks.deliver(job.id)
        return attempt

    def _attempt(self, job: Job, event: str) -> tuple[Attempt, bool]:
        """What came of it, and whether it is to be made again."""
        at, began = self._store.now(), time.monotonic()
        reason, again = None, False
        try:
            self._write(job, event)
        except (Expired, NotFound, BadOptions) as error:
            reason = error.detail
        except DigitmillError as error:
            reason, again = error.detail, True
        return Attempt(at=at, seconds=round(time.monotonic() - began, 3), status=None, error=reason), again

    def _write(self, job: Job, event: str) -> None:
        """Raises BadOptions where the settings allow it no more, and what the store and the storages raise."""
        assert job.options.results_url is not None, "only jobs with an address have this event"
        place, form = self._destinations.check(job.options.results_url)
        folder = self._settings.spool
        with as_storage_errors():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with TemporaryDirectory(suffix=SPREADSHEET_SUFFIX, dir=folder) as made:
                file = Path(made) / "rows"
                self._write_file(job, form, file, event)
                # the storage has time limits of its own
                hold = partial(self._store.hold, event, LEASE_SECONDS)
                TimedCalls().result(partial(put, file, place), seconds=inf, meanwhile=hold, every=RENEWED_SECONDS)

    def _write_file(self, job: Job, form: Form, file: Path, event: str) -> None:
        if form is Form.NDJSON:
            pieces = ndjson_pieces(self._holding(self._results.stream(job.owner, job.id, rows=EVERY_ROW), event))
        else:
            table = map(by_the_model, self._holding(self._results.table(job.owner, job.id), event))
            if form is Form.PARQUET:
                write_parquet(file, table)
                return
            pieces = csv_pieces(table)
        with file.open("wb") as out:
            out.writelines(pieces)

    def _holding(self, chunks: Iterable[list[Some]], event: str) -> Iterator[list[Some]]:
        """Chunks that have rows, while the event is kept from others."""
        due = time.monotonic() + RENEWED_SECONDS
        for chunk in chunks:
            if time.monotonic() >= due:
                self._store.hold(event, LEASE_SECONDS)
                due = time.monotonic() + RENEWED_SECONDS
            if chunk:
                yield chunk
