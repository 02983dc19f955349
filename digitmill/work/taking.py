"""The worker's side of jobs: take work from the store, let the handler of its kind do it, hand in what that made."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import structlog

from digitmill.domain.jobs import READ, JobState, Problem
from digitmill.domain.roles import Role
from digitmill.errors import StorageUnavailable
from digitmill.jobs import noting
from digitmill.jobs.endings import Endings
from digitmill.measures import QUEUE_WAIT, ROWS, STAGE
from digitmill.queue import Queue
from digitmill.store.base import STRIKES, Claim, Completion, Done, Taken
from digitmill.store.orders import Order
from digitmill.system import tracing
from digitmill.system.timed_calls import TimedCalls
from digitmill.system.tracing import Span, SpanKind
from digitmill.work import drift
from digitmill.work.kinds import KINDS
from digitmill.work.kinds.base import Elsewhere, Failed, Held, Interrupted, Kind, Later, Outcome, Tools, UnknownKind

GATHERED_CHUNKS = 32
"""Small jobs that are answered in one batch."""
STAY_SECONDS = 1.0
"""A worker that was woken takes work for no longer: Celery knows nothing of it meanwhile."""
GATHER_SECONDS, MOST_GATHER_SECONDS = 0.001, 0.02
"""Where several came at once about as many will again: they are waited for, so long for each. In fewer, larger batches
they take a third less of a worker's time; to wait longer than a few callers need would hold those up."""
PATIENCE_SECONDS = 0.05
"""It waits so long for the next small job: to wake it again through the broker costs more than a small image."""
MOST_SENT_ON = 1000
"""So many of the chunks that were sent on for lack of what they need are remembered."""
STORE_PAUSE_SECONDS = 0.5
"""Before the store is asked again to take answers."""

_log = structlog.get_logger(__name__)


class Watchdog:
    """Ends a process that is stuck in one image. This one does nothing; the worker brings one that does."""

    def kick(self) -> None:
        """Work is at hand and goes on; end the process unless kicked again, or stopped, in time."""

    def stop(self) -> None:
        """No work at hand."""


class Work:
    def __init__(
        self, tools: Tools, queue: Queue, watchdog: Watchdog, stopping: Callable[[], bool], role: Role = Role.READER
    ) -> None:
        """``stopping`` tells whether this process is to end: it then takes no more work. It takes that of its ``role``
        alone."""
        self._settings = tools.settings
        self._store = tools.store
        self._registry = tools.registry
        self._queue = queue
        self._measures = tools.measures
        self._endings = Endings(tools.store, queue, tools.measures)
        self._watchdog = watchdog
        self._stopping = stopping
        self._kinds: dict[str, Kind] = {name: kind(tools) for name, kind in KINDS.items() if kind.role is role}
        self._role = role
        self._unknown = UnknownKind(tools)
        self._timed_calls = TimedCalls()
        self._sent_on: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._leaving = False
        self._owed: list[Claim] = []
        self._held: Held | None = None

    def run(self) -> int:
        """Do the most urgent work that waits, and stay for more, a second at most. Returns the chunks whose rows this
        call stored.

        When the storage fails or the process dies midway, the lease ends and the sweep gives the chunk out
        again; that the storage failed is not held against the chunks.
        """
        deadline = time.monotonic() + STAY_SECONDS
        stored = 0
        self._leaving = False
        self._settle()
        taken = self._store.chunks.take(self._order(called=True))
        while True:
            if taken.call:
                self._wake()
            if not taken.claims:
                return stored
            # small jobs that come one by one are waited for; other work is taken in the round trip that hands in
            order = self._order(called=not taken.more) if taken.more or not taken.small else None
            completions, following = self._run(taken.claims, order if self._stays_until(deadline) else None)
            stored += sum(completion.stored for completion in completions)
            taken = self._awaited(taken, stays=self._stays_until(deadline)) if following is None else following

    def keep_leases(self) -> None:
        """For another thread: keep the leases of what is at hand, while an image takes longer than a lease, say.

        Raises:
            StorageUnavailable
        """
        if (held := self._held) is not None:
            held.renew()

    def _order(self, *, called: bool, leaves: bool = False, popped: tuple[bytes, float] | None = None) -> Order:
        most = 0 if leaves else GATHERED_CHUNKS
        return Order(
            most, self._settings.lease_seconds, called=called, stays=not leaves, popped=popped, role=self._role
        )

    def _awaited(self, before: Taken, *, stays: bool) -> Taken:
        """What comes next, for which is waited a moment where this process ``stays``."""
        if stays and before.small and len(before.claims) > 1:
            time.sleep(min(GATHER_SECONDS * len(before.claims), MOST_GATHER_SECONDS))
        popped = self._store.chunks.wait_for_work(PATIENCE_SECONDS, self._role) if stays else None
        if popped is None:
            return self._store.chunks.take(self._order(called=not before.more, leaves=True))
        return self._store.chunks.take(self._order(called=True, popped=popped))

    def _stays_until(self, deadline: float) -> bool:
        return time.monotonic() < deadline and not self._stopping() and not self._leaving

    def _wake(self) -> None:
        # the sweep sends another where the broker does not answer
        with suppress(StorageUnavailable):
            self._queue.wake(self._role)

    def _run(self, claims: Sequence[Claim], following: Order | None) -> tuple[list[Completion], Taken | None]:
        """What became of the chunks, and what was taken by the order in the same round trip as the last was handed in;
        None where nothing was handed in with it."""
        left, completions, taken, took_at = list(claims), list[Completion](), None, time.time()
        at_fault = True
        try:
            while left:
                handler = self._kinds.get(left[0].job.kind, self._unknown)
                ready = handler.together([claim for claim in left if claim.job.kind == left[0].job.kind])
                done = list(self._done(handler, ready, left))
                self._watchdog.stop()
                rest = [claim for claim in left if claim not in ready]
                began, worked_until = time.perf_counter(), time.time()
                stored, taken = self._stored(done, None if rest or self._leaving else following)
                self._measures.observe(STAGE, time.perf_counter() - began, "store")
                left = rest
                _trace(done, stored, took_at, worked_until)
                self._announce(done, stored)
                completions += stored
            return completions, taken
        except StorageUnavailable:
            at_fault = False
            raise
        finally:
            self._watchdog.stop()
            self._let_go(left, at_fault=at_fault)

    def _announce(self, done: Sequence[Done], completions: Sequence[Completion]) -> None:
        for each, completion in zip(done, completions, strict=True):
            if completion.stored:
                self._measure(each)
            if completion.finished:
                noting.note_job(self._store, each.claim.job)
            self._queue.announce(completion.due)
            if completion.finished:
                drifted = drift.note_job(self._store, self._registry, each.claim.job)
                self._endings.completed(each, completion)
                self._queue.announce(drifted)

    def _measure(self, done: Done) -> None:
        job = done.claim.job
        if job.kind != READ:
            return
        for status, images in done.counts.statuses.items():
            if images:
                self._measures.count(ROWS, job.model.label, status, times=images)
        if done.claim.chunk == 0 and job.started_at is not None:
            self._measures.observe(QUEUE_WAIT, max(0.0, job.started_at - job.created_at))

    def _stored(self, done: Sequence[Done], order: Order | None) -> tuple[list[Completion], Taken | None]:
        """Store what was worked out, and where the store is away for a moment wait for it as long as a lease lasts."""
        deadline = time.monotonic() + self._settings.lease_seconds
        while True:
            try:
                if order is None:
                    return self._store.chunks.complete_all(done), None
                return self._store.chunks.complete_and_take(done, order)
            except StorageUnavailable as error:
                if time.monotonic() >= deadline:
                    raise
                _log.warning("store_awaited", chunks=len(done), reason=error.detail)
                time.sleep(STORE_PAUSE_SECONDS)

    def _let_go(self, claims: Sequence[Claim], *, at_fault: bool) -> None:
        """For the sweep to give out again. Where the chunks are not at fault, the attempt does not count; if the store
        is away, it is told so once it is back."""
        for at, claim in enumerate(claims):
            let_go = self._store.chunks.release if at_fault else self._store.chunks.give_back
            try:
                let_go(claim.job.id, claim.chunk)
            except StorageUnavailable:
                self._owed = [] if at_fault else list(claims[at:])
                return
            _log.warning("chunk_given_back", job=claim.job.id, chunk=claim.chunk)

    def _settle(self) -> None:
        """Give back what could not be given back when the store was away: this process lives, so no image ended it."""
        owed, self._owed = self._owed, []
        self._let_go(owed, at_fault=False)

    def _done(self, handler: Kind, claims: Sequence[Claim], left: Sequence[Claim]) -> Iterator[Done]:
        """What is to be handed in of these chunks; of all others it is settled here what becomes of them."""
        for outcome in self._outcomes(handler, claims, left):
            match outcome:
                case Done():
                    yield outcome
                case Failed(claim, problem):
                    self._fail(claim, problem)
                case Elsewhere(claim, problem):
                    self._leave_to_others(claim, problem)
                case Later(claim):
                    self._let_go([claim], at_fault=False)

    def _outcomes(self, handler: Kind, claims: Sequence[Claim], left: Sequence[Claim]) -> Iterator[Outcome]:
        group = []
        for claim in claims:
            if self._to_give_up(claim):
                _log.error("chunk_given_up", job=claim.job.id, chunk=claim.chunk, attempts=claim.attempt - 1)
                yield handler.given_up(claim)
            else:
                group.append(claim)
        if not group:
            return
        lease, kick = self._settings.lease_seconds, self._watchdog.kick
        self._held = held = Held(self._store, left, lease, kick, self._stopping, self._timed_calls)
        try:
            yield from handler.run(group, held)
        except Interrupted:
            # of a job that is over nothing is left to be given back
            yield from map(Later, group)
        finally:
            self._held = None

    def _to_give_up(self, claim: Claim) -> bool:
        return claim.attempt > self._settings.max_attempts + (STRIKES + 1) * len(claim.poison)

    def _leave_to_others(self, claim: Claim, problem: Problem) -> None:
        """Another worker may have what the chunk needs. The job fails when it was tried often enough.

        At first the chunk waits for another at once, and this process takes no more work for now. If it comes back
        here it is left to the sweep.
        """
        chunk = claim.job.id, claim.chunk
        if chunk not in self._sent_on:
            _log.warning("chunk_sent_on", job=claim.job.id, chunk=claim.chunk, code=problem.code, reason=problem.detail)
            self._sent_on[chunk] = None
            if len(self._sent_on) > MOST_SENT_ON:
                self._sent_on.popitem(last=False)
            self._store.chunks.give_back(*chunk, at_once=True)
            self._leaving = True
            return
        del self._sent_on[chunk]
        if claim.attempt >= self._settings.max_attempts:
            self._fail(claim, problem)
            return
        self._store.chunks.release(*chunk)

    def _fail(self, claim: Claim, problem: Problem) -> None:
        _log.error("job_failed", job=claim.job.id, code=problem.code, reason=problem.detail)
        self._endings.end(claim.job.id, JobState.FAILED, problem)


def _trace(done: Sequence[Done], completions: Sequence[Completion], took_at: float, worked_until: float) -> None:
    """A span for each chunk of a job whose request was traced, from when it was taken until its rows were stored, and
    one within it for the storing."""
    if not tracing.on():
        return
    now = time.time()
    for (claim, _, counts, _), completion in zip(done, completions, strict=True):
        if claim.job.trace is None or not completion.stored:
            continue
        span = Span.begin("read a chunk", SpanKind.CONSUMER, claim.job.trace, took_at)
        span.attributes = {
            "digitmill.job": claim.job.id,
            "digitmill.chunk": claim.chunk,
            "digitmill.attempt": claim.attempt,
            "digitmill.images": counts.total,
            "digitmill.model": claim.job.model.label,
            "digitmill.completed": completion.finished,
        }
        storing = Span.begin("store rows", SpanKind.CLIENT, span.traceparent, worked_until)
        tracing.end(storing, now)
        tracing.end(span, now)
