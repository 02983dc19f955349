"""The worker's side of a job: claim a chunk, answer it, store its rows, send the next message."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Generic, TypeVar

import structlog

from digitmill.domain import Failure, JobState, ModelReference, Problem
from digitmill.errors import FailureCode, ModelError, NotFound, StorageUnavailable
from digitmill.pipeline import Predictor, answer_chunk, failed_rows
from digitmill.queue import Queue
from digitmill.settings import Settings
from digitmill.store.base import STRIKES, Claim, JobStore
from digitmill.store.blobs import BlobStore
from digitmill.store.rows import count_rows, pack_rows
from digitmill.uploads.codec import unpack_plan

MODELS_IN_MEMORY = 2
POISON = Failure(FailureCode.POISON_IMAGE, "This image stopped the process that read it, more than once; scan it anew.")

_log = structlog.get_logger(__name__)


PredictorType = TypeVar("PredictorType", bound=Predictor)


class Models(Generic[PredictorType]):
    """The models that this process holds, loaded when first asked for; the least used one goes."""

    def __init__(self, load: Callable[[ModelReference], PredictorType]) -> None:
        self._load = load
        self._loaded: OrderedDict[ModelReference, PredictorType] = OrderedDict()

    def get(self, reference: ModelReference) -> PredictorType:
        """Raises ModelError when it cannot be had."""
        if reference not in self._loaded:
            while len(self._loaded) >= MODELS_IN_MEMORY:
                self._loaded.popitem(last=False)
            self._loaded[reference] = self._load(reference)
        self._loaded.move_to_end(reference)
        return self._loaded[reference]


class Watchdog:
    """Ends a process that is stuck in one image. This one only sleeps; the worker brings one that bites."""

    def wind(self) -> None:
        """All is well for now; bite unless wound or told to rest in time."""

    def rest(self) -> None:
        """No work at hand."""


class Work:
    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        blobs: BlobStore,
        queue: Queue,
        models: Models[Any],
        watchdog: Watchdog,
    ) -> None:
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._queue = queue
        self._models = models
        self._watchdog = watchdog

    def run_chunk(self, job_id: str, chunk: int) -> bool:
        """Answer one chunk if it is still to do. A repeated or late message changes nothing.

        When the storage fails or the process dies midway, the lease ends and the sweep gives the chunk out
        again. Returns whether this call stored the rows.
        """
        claim = self._store.claim(job_id, chunk, self._settings.lease_seconds)
        if claim is None:
            return False
        settled = False
        try:
            stored = self._answer(claim)
            settled = True
            return stored
        except NotFound as error:
            self._fail(claim, Problem("upload_lost", error.detail))
            settled = True
            return False
        except ModelError as error:
            self._fail(claim, Problem(error.code, error.detail))
            settled = True
            return False
        finally:
            self._watchdog.rest()
            if not settled:
                with suppress(StorageUnavailable):
                    self._store.release(job_id, chunk)

    def _answer(self, claim: Claim) -> bool:
        entries = unpack_plan(claim.entries)
        job = claim.job
        entries = tuple(
            replace(entry, refused=POISON) if place in claim.poison else entry for place, entry in enumerate(entries)
        )
        if claim.attempt > self._settings.max_attempts + (STRIKES + 1) * len(claim.poison):
            _log.error("chunk_given_up", job=job.id, chunk=claim.chunk, attempts=claim.attempt - 1)
            rows = failed_rows(
                entries,
                claim.first,
                f"Gave up after {claim.attempt - 1} attempts without an answer; submit this image by itself.",
            )
        else:
            rows = answer_chunk(
                entries,
                claim.first,
                lambda start, end: self._blobs.read(job.blob, start, end),
                self._models.get(job.model),
                job.options,
                max_member_bytes=self._settings.max_member_bytes,
                max_pixels=self._settings.max_image_pixels,
                on_image=_Watch(self._store, claim, self._settings.lease_seconds, self._watchdog.wind),
            )
        completion = self._store.complete(claim, pack_rows(rows), count_rows(rows))
        if completion.finished:
            self._queue.announce(job)
        if completion.next_chunk is not None:
            self._queue.send(job.queue, job.id, completion.next_chunk)
        return completion.stored

    def _fail(self, claim: Claim, problem: Problem) -> None:
        _log.error("job_failed", job=claim.job.id, code=problem.code, reason=problem.detail)
        self._queue.announce(self._store.finish(claim.job.id, JobState.FAILED, problem))


class _Watch:
    """Called before each image: renews the lease when a third of it has passed, and winds the watchdog as often.

    After a first attempt that did not end well it also notes each place, so that the image at fault is found.
    """

    def __init__(self, store: JobStore, claim: Claim, lease: float, wind: Callable[[], None]) -> None:
        self._store = store
        self._claim = claim
        self._lease = lease
        self._wind = wind
        self._due = time.monotonic() + lease / 3
        wind()

    def __call__(self, place: int | None) -> None:
        job_id, chunk = self._claim.job.id, self._claim.chunk
        now = time.monotonic()
        if now >= self._due:
            self._store.renew(job_id, chunk, self._lease)
            self._due = now + self._lease / 3
            self._wind()
        if self._claim.attempt > 1:
            self._store.note_place(job_id, chunk, place)
