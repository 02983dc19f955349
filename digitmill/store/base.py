"""What a job store must do. ``redis.py`` does it; one suite in tests/store runs over fakeredis and a real server.

Plans and rows are bytes here, packed per chunk by ``uploads/codec.py`` and ``rows.py``: a store never looks
inside. A chunk is done when its rows are stored, and a job is completed by the write that stores the last of
them, so a repeated or late message can change nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from digitmill.domain.jobs import Computation, Counts, Job, JobState, Problem
from digitmill.domain.roles import Role
from digitmill.store.news import CompletionWaiter, FirstChunk, Subscription
from digitmill.store.orders import Order
from digitmill.store.requests import Idempotency
from digitmill.store.reviews import ReviewStore
from digitmill.store.tally_store import TallyStore
from digitmill.store.templates import TemplateStore
from digitmill.store.upkeep import UpkeepStore
from digitmill.store.webhook_store import WebhookStore

STRIKES = 3
"""Attempts that ended at the same image before it counts as poison. Two may have been chance: a page takes seconds."""

UNRECORDED_SECONDS = 86400
"""How long a plan lives whose job was never recorded, because the web process died in between."""

TAKEN_SECONDS = 60
"""How long the id of a deleted job stays taken: the client of Redis repeats calls for less."""


@dataclass(frozen=True, slots=True)
class PackedChunk:
    """A chunk of the plan: the row index of its first image, its packed entries, and the bytes of the job's ``upload``,
    where this is its only chunk and they lie with the plan."""

    first: int
    entries: bytes
    upload: bytes | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a chunk until the lease ends. ``attempt`` counts from 1.

    ``poison`` are the places within the chunk, from 0, at which earlier attempts ended STRIKES times. ``upload``: the
    bytes of the job's upload, where they lie with its plan.
    """

    job: Job
    chunk: int
    first: int
    entries: bytes
    attempt: int
    poison: frozenset[int] = frozenset()
    upload: bytes | None = None


class Done(NamedTuple):
    """What a worker made of a claimed chunk. ``counts`` are those of its packed ``rows`` (``total`` its images);
    ``computed_by`` is None where no model was asked."""

    claim: Claim
    rows: bytes
    counts: Counts
    computed_by: Computation | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """``stored`` is False when the rows were there already or the job is over. ``due``: an event for endpoints."""

    stored: bool
    finished: bool = False
    finished_at: float | None = None
    due: str = ""


class Recorded(NamedTuple):
    """``job`` as it is recorded, or the first one under the same idempotency key. ``call``: no worker is on its way to
    what waits, so the caller is to send a wakeup."""

    job: Job
    call: bool


class Taken(NamedTuple):
    """The claimed chunks: several where all of them are ``small`` jobs. ``more`` waits than the caller is to do
    alone. ``call``: no worker is on its way to that, so the caller is to send a wakeup."""

    claims: Sequence[Claim]
    small: bool
    more: bool
    call: bool


class ChunkStore(ABC):
    """Who works on which chunk, and the rows. Methods raise StorageUnavailable as those of ``JobStore``."""

    @abstractmethod
    def starts(self, job_id: str) -> Sequence[int]:
        """The row index of each chunk's first image, ascending from 0."""

    @abstractmethod
    def take(self, order: Order) -> Taken:
        """Claim the most urgent work that waits, in one round trip: by ``Urgency``, then small jobs and chunks to be
        done again in the order in which they came, and of owners of other jobs the one who was given the fewest
        images. Of his jobs those of the highest priority give one chunk in turns. The first claim moves a job from
        queued to running."""

    @abstractmethod
    def wait_for_work(self, seconds: float, role: Role = Role.READER) -> tuple[bytes, float] | None:
        """Sleep until something waits for workers of this role, take it out and return it for ``Order.popped``; None
        after so many seconds."""

    @abstractmethod
    def call_worker(self, role: Role = Role.READER) -> bool:
        """Whether something waits and no worker of its role is on its way to it: the caller is to send a wakeup."""

    @abstractmethod
    def waiting(self, role: Role = Role.READER) -> Mapping[str, int]:
        """What waits for a worker of this role by its urgency, in lower case: small jobs, chunks to be done again,
        jobs."""

    @abstractmethod
    def note_place(self, job_id: str, chunk: int, place: int | None) -> None:
        """Leave word that the image at this place of a claimed chunk is worked on now; None: no single one is.

        When the chunk is claimed again before it is done, that place gets a strike.
        """

    @abstractmethod
    def renew(self, job_id: str, chunk: int, lease: float) -> None:
        """Hold the chunk for ``lease`` seconds from now."""

    @abstractmethod
    def note_progress(
        self, claim: Claim, done: int, lease: float, notes: Mapping[str, bytes] = MappingProxyType({})
    ) -> bool:
        """Note how many units of the chunk are done, and ``notes`` of the job, by names; hold it for ``lease`` seconds
        from now. False, and nothing is changed, where its job is over or another process has it by now."""

    @abstractmethod
    def notes(self, job_id: str) -> Mapping[str, bytes]:
        """What was noted of the job, by names. They go with its rows."""

    @abstractmethod
    def release(self, job_id: str, chunk: int) -> None:
        """Let the lease end now, so that the sweep gives the chunk out again."""

    @abstractmethod
    def give_back(self, job_id: str, chunk: int, *, at_once: bool = False) -> None:
        """Release the chunk and count the attempt as none: its images are not to blame for how it ended. ``at_once``:
        it waits for another worker from now on, not from the next sweep on."""

    @abstractmethod
    def count_attempt(self, claim: Claim, *, counts: bool) -> None:
        """Whether this attempt counts, should the process die from here on. The lease stays as it is."""

    @abstractmethod
    def complete_all(self, answers: Sequence[Done]) -> list[Completion]:
        """Store the rows of each claimed chunk, once, whether its lease still holds or not; all in one round trip."""

    @abstractmethod
    def complete_and_take(self, answers: Sequence[Done], order: Order) -> tuple[list[Completion], Taken]:
        """Both; for one chunk in the same round trip."""

    def complete(self, claim: Claim, rows: bytes, counts: Counts, computed_by: Computation | None = None) -> Completion:
        """The same for one."""
        return self.complete_all([Done(claim, rows, counts, computed_by)])[0]

    @abstractmethod
    def read(self, job_id: str, chunks: Sequence[int]) -> list[tuple[bytes, bytes | None]]:
        """For each chunk its packed entries and its packed rows (None while it is not done).

        Raises NotFound when the job's plan is gone.
        """

    @abstractmethod
    def upload(self, job_id: str) -> bytes:
        """The bytes of an upload that lies with its job's plan. Raises NotFound where there is none."""


class JobStore(ABC):
    """All methods raise StorageUnavailable when the store cannot be reached or is full.

    ``reviews`` is what people make of the rows of its jobs. ``webhooks`` are the events of its jobs, which become due
    in the move that makes a job final. ``templates`` are those of form pages, ``tallies`` counts by which models
    are compared. ``chunks`` gives work to workers and keeps rows; ``upkeep`` is for the sweep, the purge and whoever
    asks how the service does.
    """

    chunks: ChunkStore
    upkeep: UpkeepStore
    reviews: ReviewStore
    webhooks: WebhookStore
    templates: TemplateStore
    tallies: TallyStore

    @abstractmethod
    def save_plan(self, job_id: str, chunks: Iterable[PackedChunk]) -> int:
        """Write the plan of a job that is not recorded yet, as it is produced; return the number of chunks."""

    @abstractmethod
    def discard_plan(self, job_id: str) -> None:
        """Forget the plan of a job that will not be recorded."""

    @abstractmethod
    def create(
        self,
        job: Job,
        *,
        most_open: int,
        images_a_day: int | None = None,
        idempotency: tuple[Idempotency, float] | None = None,
        plan: Sequence[PackedChunk] = (),
        followed: bool = False,
        small: bool = False,
    ) -> Recorded:
        """Record ``job``, whose plan and upload are stored, as queued, unless its owner has ``most_open`` open jobs, or
        the key that submits it has come to ``images_a_day``.

        From then on it waits for a worker, among the ``small`` ones where it is one: its only chunk is read in a batch
        with those of others. With an idempotency key (and the seconds to remember it) that is known already, nothing
        is recorded and the first job is returned; its id tells. A small ``plan`` that was not saved before is saved
        with the job. ``followed``: this process called ``follow`` before.

        Raises:
            TooManyImages: the job has more images than the key may submit in a day.
            IdempotencyConflict: the key is known with another digest.
            Expired: it is known with this one, and the job was deleted or has expired.
            TooManyJobs: the owner has so many open jobs, and the idempotency key is not known.
            QuotaUsed: the key has not so many images left for today, and the idempotency key is not known.
            StoreReplaced: the store came up empty, or is another one, since this process last looked.
        """

    @abstractmethod
    def images_today(self, key_ids: Sequence[str]) -> Sequence[int]:
        """Images that each of these keys has submitted today, of those that have a quota of them."""

    @abstractmethod
    def remembers(self, owner: str, key: str) -> bool:
        """Whether a job was recorded under this Idempotency-Key, with whatever digest."""

    @abstractmethod
    def recall(self, owner: str, idempotency: Idempotency) -> Job | None:
        """The job that was first recorded under this key, if any. Raises as ``create`` does."""

    @abstractmethod
    def get(self, job_id: str) -> Job:
        """Raises NotFound, or Expired while the tombstone lasts."""

    @abstractmethod
    def find(self, job_ids: Sequence[str]) -> Mapping[str, Job]:
        """Of these jobs those that there are, and that have not expired, by id."""

    @abstractmethod
    def open(self, job_id: str) -> FirstChunk:
        """The job and its first chunk in one round trip. Raises as ``get``."""

    @abstractmethod
    def jobs_of(self, owner: str, *, before: str | None, limit: int) -> Sequence[Job]:
        """Up to ``limit`` jobs of ``owner``, newest first, older than job ``before``. Expired ones are left out."""

    @abstractmethod
    def finish(self, job_id: str, state: JobState, error: Problem | None = None) -> Job:
        """Move an open job to ``cancelled`` or ``failed``; a final one stays as it is. Return it as it then is."""

    @abstractmethod
    def resume(self, job_id: str, *, most_open: int) -> bool:
        """Let a cancelled job go on with the chunks that are not done; any other job stays as it is. Returns whether
        the caller is to send a wakeup. Raises TooManyJobs where its owner has ``most_open`` open jobs."""

    @abstractmethod
    def keep(self, job_id: str, seconds: int, *, at_least: bool = False) -> None:
        """Let the job expire so many seconds from now, or after its end while it is open; ``at_least``: never sooner
        than it would, and a job that is open as it would. One that has expired does not come back."""

    @abstractmethod
    def delete(self, job_id: str) -> bool:
        """Remove the record, the plan and the rows. False where the store knows no such job, nor that it had one."""

    @abstractmethod
    def now(self) -> float:
        """Seconds since 1970 by the store's clock, by which all machines go."""

    @abstractmethod
    def subscribe(self, job_id: str, told: Callable[[], None] = lambda: None) -> AbstractContextManager[Subscription]:
        """Changes from the entering of the context on are noticed; ``told`` is called at each too, by another thread.
        One connection serves all subscriptions of a process."""

    @abstractmethod
    def follow(self, job: Job, plan: Sequence[PackedChunk] = ()) -> CompletionWaiter:
        """Notice the end of a job that this process creates next, at a fraction of the cost of ``subscribe``. ``plan``
        is what it is created with."""
