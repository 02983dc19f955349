"""The worker's side of jobs: claim chunks, answer them, store their rows, send the next messages."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import structlog

from digitmill.awaiting import Awaiting
from digitmill.domain import Computation, Entry, Failure, Job, JobState, ModelReference, Problem, QueueName
from digitmill.errors import FailureCode, ModelError, ModelNotFound, NotFound, StorageUnavailable
from digitmill.loading import Loading, NotYet, Turn
from digitmill.pipeline import Opened, Predictor, Read, all_failed, answer_opened, open_chunk
from digitmill.queue import Queue
from digitmill.settings import Settings
from digitmill.store.base import STRIKES, Claim, Completion, Done, JobStore
from digitmill.store.blobs import BlobStore, upload_of
from digitmill.store.rows import Answers
from digitmill.uploads.codec import unpack_plan

MODELS_IN_MEMORY = 2
GATHERED_CHUNKS = 32
"""Chunks of the line that are answered in one batch: each is small."""
STAY_SECONDS = 1.0
"""A worker takes work past the broker for no longer at a time: Celery knows nothing of it meanwhile."""
GATHER_SECONDS, MOST_GATHER_SECONDS = 0.001, 0.02
"""Where several came at once about as many will again: they are waited for, so long for each. In fewer, larger batches
they take a third less of a worker's time; to wait longer than a few callers need would hold those up."""
PATIENCE_SECONDS = 0.05
"""It waits so long for the next to join: to call it again through the broker costs more than a small image."""
MOST_SENT_ON = 1000
"""So many of the chunks that were sent on for lack of their model are remembered."""
STORAGE_SECONDS = 30.0
"""A storage of uploads that has said nothing for so long is taken to be away."""
STORE_PAUSE_SECONDS = 0.5
"""Before the store is asked again to take answers."""
POISON = Failure(FailureCode.POISON_IMAGE, "This image stopped the process that read it, more than once; scan it anew.")

_log = structlog.get_logger(__name__)


class Loaded(Predictor, Protocol):
    @property
    def computed_by(self) -> Computation: ...


LoadedType = TypeVar("LoadedType", bound=Loaded)


class Models(Generic[LoadedType]):
    """The models that this process holds, loaded when first asked for; the least used one goes."""

    def __init__(self, load: Callable[[ModelReference], LoadedType]) -> None:
        self._load = load
        self._loaded: OrderedDict[ModelReference, LoadedType] = OrderedDict()

    def holds(self, reference: ModelReference) -> bool:
        return reference in self._loaded

    def get(self, reference: ModelReference) -> LoadedType:
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
        turn: Turn,
        stopping: Callable[[], bool],
    ) -> None:
        """``stopping`` tells whether this process is to end: it then takes no work past the broker any more."""
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._queue = queue
        self._models = models
        self._watchdog = watchdog
        self._stopping = stopping
        self._reading = Awaiting()
        self._loading = Loading(store, models, turn, settings.lease_seconds)
        self._sent_on: OrderedDict[tuple[str, int], None] = OrderedDict()

    def run_chunk(self, job_id: str, chunk: int) -> int:
        """Answer one chunk if it is still to do. A repeated or late message changes nothing.

        After one of a bulk job it takes others that wait, for a while, unless something more urgent does: to come by
        each through the broker costs as much as forty small images. Returns how many chunks' rows this call stored.

        When the storage fails or the process dies midway, the lease ends and the sweep gives the chunk out
        again; that the storage failed is not held against its images.
        """
        deadline = time.monotonic() + STAY_SECONDS
        at_hand: tuple[str, int] | None = job_id, chunk
        stored = 0
        while at_hand is not None:
            ended = self._run([at_hand])
            stored += sum(completion.stored for _, completion in ended)
            at_hand = None
            for job, completion in ended:
                at_hand = self._follow(job, completion, stays=self._stays_until(deadline))
        return stored

    def run_waiting(self) -> int:
        """Answer the chunks that stand in line, those that arrive together in one batch; the number of them.

        What is taken out of the line and lost with this process is found by the sweep.
        """
        deadline = time.monotonic() + STAY_SECONDS
        stored = 0
        waiting: Sequence[tuple[str, int]] = ()
        while self._stays_until(deadline):
            if len(waiting) > 1:
                time.sleep(min(GATHER_SECONDS * len(waiting), MOST_GATHER_SECONDS))
            waiting = self._queue.take_waiting(GATHERED_CHUNKS, patience=PATIENCE_SECONDS)
            if not waiting:
                return stored
            stored += self._run_small(waiting)
        stored += self._run_small(self._queue.take_waiting(GATHERED_CHUNKS))
        self._queue.ring()
        return stored

    def _stays_until(self, deadline: float) -> bool:
        return time.monotonic() < deadline and not self._stopping()

    def _run_small(self, chunks: Sequence[tuple[str, int]]) -> int:
        ended = self._run(chunks)
        for job, completion in ended:
            self._follow(job, completion)
        return sum(completion.stored for _, completion in ended)

    def _run(self, chunks: Sequence[tuple[str, int]]) -> list[tuple[Job, Completion]]:
        """What became of those of the chunks that were still to do."""
        left = self._store.claim_all(chunks, self._settings.lease_seconds)
        ended: list[tuple[Job, Completion]] = []
        at_fault = True
        try:
            while left:
                # those whose model is here wait for no other model
                ready = [claim for claim in left if self._models.holds(claim.job.model)] or left
                ready = [claim for claim in ready if claim.job.model == ready[0].job.model]
                ended += self._answered(ready, left)
                left = [claim for claim in left if claim not in ready]
            return ended
        except StorageUnavailable:
            at_fault = False
            raise
        finally:
            self._watchdog.rest()
            self._let_go(left, at_fault=at_fault)

    def _answered(self, claims: Sequence[Claim], held: Sequence[Claim]) -> list[tuple[Job, Completion]]:
        """What became of ``claims``, which are of one model; those ``held`` by this process are kept meanwhile."""
        done = list(self._done(claims, held))
        self._watchdog.rest()
        completions = self._stored(done)
        ended = [(each.claim.job, completion) for each, completion in zip(done, completions, strict=True)]
        for job, completion in ended:
            if completion.finished:
                self._queue.announce(job)
        return ended

    def _stored(self, done: Sequence[Done]) -> list[Completion]:
        """Store what was worked out, and where the store is away for a moment wait for it as long as a lease lasts.

        What was stored without a word back is not stored again; it is then left to the sweep to send what comes next.
        """
        deadline = time.monotonic() + self._settings.lease_seconds
        while True:
            try:
                return self._store.complete_all(done)
            except StorageUnavailable as error:
                if time.monotonic() >= deadline:
                    raise
                _log.warning("store_awaited", chunks=len(done), reason=error.detail)
                time.sleep(STORE_PAUSE_SECONDS)

    def _let_go(self, claims: Sequence[Claim], *, at_fault: bool) -> None:
        """For the sweep to give out again. Where the images are not at fault, the attempt does not count."""
        with suppress(StorageUnavailable):
            for claim in claims:
                let_go = self._store.release if at_fault else self._store.give_back
                let_go(claim.job.id, claim.chunk)
                _log.warning("chunk_given_back", job=claim.job.id, chunk=claim.chunk)

    def _follow(self, job: Job, completion: Completion, *, stays: bool = False) -> tuple[str, int] | None:
        """Send for the job's next chunk. What this worker is to do at once, where it ``stays`` at bulk work."""
        following = None if completion.next_chunk is None else (job.id, completion.next_chunk)
        if stays and job.queue is QueueName.BULK:
            return self._queue.exchange(following)
        if following is not None:
            self._queue.send(job.queue, *following)
        return None

    def _done(self, claims: Sequence[Claim], held: Sequence[Claim]) -> Iterator[Done]:
        """The answers to all these chunks but those whose job fails here."""
        group = []
        for claim in claims:
            if self._to_give_up(claim):
                yield _done(claim, self._given_up(claim))
            else:
                group.append(claim)
        if group:
            yield from self._read(group, held)

    def _read(self, group: Sequence[Claim], held: Sequence[Claim]) -> Iterator[Done]:
        try:
            model = self._loading.model(group[0].job.model, held)
            opened = list(self._opened(group, held, model))
            answers = answer_opened([chunk for _, chunk in opened], model)
        except NotYet:
            # meanwhile this process is free for what it has the model for; the sweep gives the chunks out again
            self._let_go(group, at_fault=False)
        except ModelNotFound as error:
            for claim in group:
                self._leave_to_others(claim, error)
        except ModelError as error:
            for claim in group:
                self._fail(claim, Problem(error.code, error.detail))
        else:
            for (claim, _), answer in zip(opened, answers, strict=True):
                yield _done(claim, answer, model.computed_by)

    def _opened(self, claims: Sequence[Claim], held: Sequence[Claim], model: Loaded) -> Iterator[tuple[Claim, Opened]]:
        watch = _Watch(self._store, held, self._settings.lease_seconds, self._watchdog.wind, self._reading)
        for claim in claims:
            try:
                yield (
                    claim,
                    open_chunk(
                        _entries(claim),
                        self._reader(claim, watch),
                        claim.job.options,
                        model.normaliser,
                        max_member_bytes=self._settings.max_member_bytes,
                        max_pixels=self._settings.max_image_pixels,
                        on_image=partial(watch, claim),
                    ),
                )
            except NotFound as error:
                self._fail(claim, Problem("upload_lost", error.detail))

    def _reader(self, claim: Claim, watch: _Watch) -> Read:
        if (upload := claim.upload) is not None:
            return lambda start, end: upload[start:end]
        read = upload_of(claim.job, self._store, self._blobs)
        # Redis is asked with a time limit of its own
        return read if claim.job.blob is None else watch.over(claim, read)

    def _to_give_up(self, claim: Claim) -> bool:
        return claim.attempt > self._settings.max_attempts + (STRIKES + 1) * len(claim.poison)

    def _given_up(self, claim: Claim) -> Answers:
        _log.error("chunk_given_up", job=claim.job.id, chunk=claim.chunk, attempts=claim.attempt - 1)
        return all_failed(
            _entries(claim),
            f"Gave up after {claim.attempt - 1} attempts without an answer; submit this image by itself.",
        )

    def _leave_to_others(self, claim: Claim, error: ModelNotFound) -> None:
        """Another worker may have the model: during an upgrade, say. The job fails when it was tried often enough.

        At first the chunk is sent on at once, and whoever waits for work now gets it, which this process does not. If
        it comes back here it is left to the sweep.
        """
        chunk = claim.job.id, claim.chunk
        if chunk not in self._sent_on:
            _log.warning("model_not_here", job=claim.job.id, chunk=claim.chunk, reason=error.detail)
            self._sent_on[chunk] = None
            if len(self._sent_on) > MOST_SENT_ON:
                self._sent_on.popitem(last=False)
            self._store.give_back(*chunk)
            self._queue.send(claim.job.queue, *chunk)
            return
        del self._sent_on[chunk]
        if claim.attempt >= self._settings.max_attempts:
            self._fail(claim, Problem(error.code, error.detail))
            return
        self._store.release(*chunk)

    def _fail(self, claim: Claim, problem: Problem) -> None:
        _log.error("job_failed", job=claim.job.id, code=problem.code, reason=problem.detail)
        self._queue.announce(self._store.finish(claim.job.id, JobState.FAILED, problem))


def _done(claim: Claim, answers: Answers, computed_by: Computation | None = None) -> Done:
    return Done(claim, answers.packed(), answers.counts, computed_by)


def _entries(claim: Claim) -> tuple[Entry, ...]:
    entries = unpack_plan(claim.entries)
    if not claim.poison:
        return entries
    return tuple(
        entry._replace(refused=POISON) if place in claim.poison else entry for place, entry in enumerate(entries)
    )


class _Watch:
    """Called before each image: renews the leases when a third of them has passed, and winds the watchdog as often.

    So it does while the storage is awaited: that it is slow, or hangs, is not held against the images. After a first
    attempt that did not end well it also notes each place, so that the image at fault is found.
    """

    def __init__(
        self,
        store: JobStore,
        claims: Sequence[Claim],
        lease: float,
        wind: Callable[[], None],
        reading: Awaiting,
    ) -> None:
        self._store = store
        self._claims = claims
        self._lease = lease
        self._wind = wind
        self._reading = reading
        self._due = time.monotonic() + lease / 3
        wind()

    def __call__(self, claim: Claim, place: int | None) -> None:
        if time.monotonic() >= self._due:
            self._keep()
        if claim.attempt > 1:
            self._store.note_place(claim.job.id, claim.chunk, place)

    def over(self, claim: Claim, read: Read) -> Read:
        """``read``, for the upload of ``claim``. Raises also StorageUnavailable, where the storage does not answer."""

        def awaiting(start: int, end: int) -> bytes:
            self(claim, None)
            return self._reading.result(
                partial(read, start, end), seconds=STORAGE_SECONDS, meanwhile=self._keep, every=self._lease / 3
            )

        return awaiting

    def _keep(self) -> None:
        for each in self._claims:
            self._store.renew(each.job.id, each.chunk, self._lease)
        self._due = time.monotonic() + self._lease / 3
        self._wind()
