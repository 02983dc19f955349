"""What the handler of a kind of work must do, and what it is given.

Leases, the sweep, cancelling, expiry, events and webhooks are the same for all kinds. The store keeps a chunk's plan
and its rows as bytes, which only its handler understands.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from digitmill.domain.jobs import Problem
from digitmill.domain.roles import Role
from digitmill.errors import FailureCode
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.measures import Measures
from digitmill.models.registry import Registry
from digitmill.settings import Settings
from digitmill.store.base import Claim, Done, JobStore
from digitmill.store.blobs import BlobStore
from digitmill.system.timed_calls import TimedCalls
from digitmill.templates import References
from digitmill.work.loading import Models, Turn

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Failed:
    """The job of this chunk fails as a whole."""

    claim: Claim
    problem: Problem


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """This process lacks what the chunk needs, and another may have it. ``problem`` is the job's where none has."""

    claim: Claim
    problem: Problem


@dataclass(frozen=True, slots=True)
class Later:
    """The chunk is given back, and the attempt does not count."""

    claim: Claim


Outcome = Done | Failed | Elsewhere | Later


class Interrupted(Exception):
    """Work on a chunk is to end: its job is over, another process has the chunk, or this one is to stop."""


class Held:
    """The chunks that this process holds: keeps their leases while a handler works.

    From ``begin`` on, a process that says nothing for DIGITMILL_IMAGE_SECONDS is ended: it is stuck.
    """

    def __init__(
        self,
        store: JobStore,
        claims: Sequence[Claim],
        lease: float,
        kick: Callable[[], None],
        stopping: Callable[[], bool],
        timed_calls: TimedCalls,
    ) -> None:
        self.claims = claims
        self._store = store
        self._lease = lease
        self._kick = kick
        self._stopping = stopping
        self._timed_calls = timed_calls
        self._due = inf

    def begin(self) -> None:
        self._due = time.monotonic() + self._lease / 3
        self._kick()

    def at(self, claim: Claim, place: int | None) -> None:
        """Say that the place of the chunk is worked on from now on; None: no single one is.

        After a first attempt that did not end well each place is noted, so that the one at fault is found.
        """
        self.alive()
        if claim.attempt > 1:
            self._store.chunks.note_place(claim.job.id, claim.chunk, place)

    def alive(self) -> None:
        """Say that the work goes on."""
        if time.monotonic() >= self._due:
            self.keep()

    def keep(self) -> None:
        """Renew all leases, and say that the work goes on."""
        self.renew()
        self.begin()

    def renew(self) -> None:
        """Renew all leases, whether the work goes on or not. Any thread may."""
        for each in tuple(self.claims):
            self._store.chunks.renew(each.job.id, each.chunk, self._lease)

    def progress(self, claim: Claim, done: int, notes: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """Renew the lease of a long chunk, the only one of its job, of which ``done`` units are done: callers see it.
        ``notes`` stay with the job, by names, for whoever tells of it.

        Raises:
            Interrupted: the work is to end now.
        """
        if self._stopping() or not self._store.chunks.note_progress(claim, done, self._lease, notes):
            raise Interrupted
        self.begin()

    def not_in_vain(self, claim: Claim) -> None:
        """This attempt is none that failed, nor are those before it, whatever becomes of the process: the chunk goes on
        from where it is now."""
        self._store.chunks.count_attempt(replace(claim, attempt=1), counts=True)

    def during(self, call: Callable[[], Result], *, seconds: float = inf) -> Result:
        """What ``call`` returns or raises, while the leases are kept.

        Raises:
            StorageUnavailable: it took longer than ``seconds``.
        """
        return self._timed_calls.result(call, seconds=seconds, meanwhile=self.keep, every=self._lease / 3)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker process has, for its handlers."""

    settings: Settings
    store: JobStore
    blobs: BlobStore
    models: Models[Any]
    drawers: Drawers
    references: References
    turn: Turn
    registry: Registry
    measures: Measures


class Kind(ABC):
    """The handler of one kind, one in each worker process.

    ``name`` stands in the jobs' records, and so does ``role``, that of the workers which take them. How a job is
    planned is the business of who submits it: see ``Beginning.begin``.
    """

    name: ClassVar[str]
    role: ClassVar[Role] = Role.READER

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def together(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Which of these claimed chunks are to be run next, in one call; at least one."""
        return claims[:1]

    @abstractmethod
    def run(self, claims: Sequence[Claim], held: Held) -> Iterator[Outcome]:
        """What became of each of the ``claims``, in any order. An exception lets all of them be tried again.

        ``held`` are these and what the process does afterwards.
        """

    def given_up(self, claim: Claim) -> Outcome:
        """Of a chunk that was tried too often without an outcome."""
        detail = f"Gave up after {claim.attempt - 1} attempts without an outcome; workers' logs tell of them."
        return Failed(claim, Problem(FailureCode.PROCESSING_FAILED, detail))


class UnknownKind(Kind):
    """What this release does not know, and a later one does: during an upgrade, say."""

    def run(self, claims: Sequence[Claim], held: Held) -> Iterator[Outcome]:  # noqa: ARG002
        for claim in claims:
            detail = f"No worker knows work of the kind {claim.job.kind}; update the workers."
            yield Elsewhere(claim, Problem("unknown_kind", detail))
