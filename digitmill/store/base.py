"""What a job store must do. ``redis.py`` and ``memory.py`` do it; one suite in tests/store holds both to it.

Plans and rows are bytes here, packed per chunk by ``uploads/codec.py`` and ``rows.py``: a store never looks
inside. A chunk is done when its rows are stored, and a job is completed by the write that stores the last of
them, so a repeated or late message can change nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

from digitmill.domain import Computation, Counts, Job, JobState, Problem, QueueName
from digitmill.store.requests import Idempotency
from digitmill.store.reviews import ReviewStore
from digitmill.store.webhook_store import WebhookStore

TOMBSTONE_SECONDS = 7 * 86400
"""How long the record of an expired job answers "expired" before it becomes unknown."""

STRIKES = 2
"""Attempts that ended at the same image before it counts as poison: one may have been chance."""

UNRECORDED_SECONDS = 86400
"""How long a plan lives whose job was never recorded, because the web process died in between."""


LONGEST_LEASE_SECONDS = 3600
"""A lease that ends later than this was left behind by a clock that moved."""

TAKEN_SECONDS = 60
"""How long the id of a deleted job stays taken: the client of Redis repeats calls for less."""


@dataclass(frozen=True, slots=True)
class PackedChunk:
    """A chunk of the plan: the row index of its first image, and its packed entries.

    ``upload``: the bytes of the job's upload, where this is its only chunk and they lie with the plan.
    """

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
    """What storing a chunk's rows did. ``stored`` is False when they were there already or the job is over;
    ``next_chunk`` is the chunk whose message should be sent now, if any is left."""

    stored: bool
    finished: bool = False
    next_chunk: int | None = None


@dataclass(frozen=True, slots=True)
class LostChunk:
    job_id: str
    chunk: int
    queue: QueueName


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """One worker process that has its model in memory."""

    name: str
    engine: str
    device: str
    precision: str
    model: str


NO_UPLOAD = "The upload of this job is no longer stored; submit it again."


def too_many_jobs(most: int) -> str:
    return f"You have as many open jobs as you may, {most:,}; wait until one is done, or cancel one."


@dataclass(frozen=True, slots=True)
class Load:
    """Images of all open jobs that have no row yet, and one owner's open jobs."""

    queued_images: int
    open_jobs: int


@dataclass(frozen=True, slots=True)
class Opening:
    """A job, the row index of each chunk's first image, and the packed entries and rows (or None) of chunk 0."""

    job: Job
    starts: Sequence[int]
    entries: bytes
    rows: bytes | None


class Ending(ABC):
    """Wakes a caller when a job ends. It may come late, or not at all after a failure: look at the job as well."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Sleep until the job ends, or ``seconds`` have passed; True when it has probably ended."""

    @abstractmethod
    def opening(self) -> Opening | None:
        """The job as it ended, where the news of that brought it along; else open the job."""

    @abstractmethod
    def close(self) -> None:
        """Nobody waits any more."""


class Subscription(ABC):
    """Wakes a caller when a job changes."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Sleep until the job changes, or ``seconds`` have passed; True when it changed."""


class JobStore(ABC):
    """All methods raise StorageUnavailable when the store cannot be reached or is full.

    ``reviews`` is what people make of the rows of its jobs.
    ``webhooks`` are the events of its jobs, which become due in the move that makes a job final.
    """

    reviews: ReviewStore
    webhooks: WebhookStore

    # a job's life

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
        window: int,
        most_open: int,
        idempotency: tuple[Idempotency, float] | None = None,
        plan: Sequence[PackedChunk] = (),
        followed: bool = False,
        bell: str = "",
    ) -> Job:
        """Record ``job``, whose plan and upload are stored, as queued, unless its owner has ``most_open`` open jobs.

        The first ``window`` chunks count as sent: the caller sends their messages next. With an idempotency
        key (and the seconds to remember it) that is known already, nothing is recorded and the first job is
        returned; its id tells. A small ``plan`` that was not saved before is saved with the job. ``followed``:
        this process called ``follow`` before. ``bell``, which ``Queue.bell`` gave: the job's only chunk joins the line
        at once.

        Raises:
            IdempotencyConflict: the key is known with another digest.
            Expired: it is known with this one, and the job was deleted or has expired.
            TooManyJobs: the owner has so many open jobs, and the idempotency key is not known.
        """

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
    def open(self, job_id: str) -> Opening:
        """The job and its first chunk in one round trip. Raises as ``get``."""

    @abstractmethod
    def jobs_of(self, owner: str, *, before: str | None, limit: int) -> Sequence[Job]:
        """Up to ``limit`` jobs of ``owner``, newest first, older than job ``before``. Expired ones are left out."""

    @abstractmethod
    def finish(self, job_id: str, state: JobState, error: Problem | None = None) -> Job:
        """Move an open job to ``cancelled`` or ``failed``; a final one stays as it is. Return it as it then is."""

    @abstractmethod
    def delete(self, job_id: str) -> None:
        """Remove the record, the plan and the rows. Unknown ids are fine."""

    # chunks

    @abstractmethod
    def starts(self, job_id: str) -> Sequence[int]:
        """The row index of each chunk's first image, ascending from 0."""

    @abstractmethod
    def claim(self, job_id: str, chunk: int, lease: float) -> Claim | None:
        """Take the chunk for ``lease`` seconds; None when it is done, held by another, or the job is over.

        The first claim moves the job from queued to running.
        """

    @abstractmethod
    def claim_all(self, chunks: Sequence[tuple[str, int]], lease: float) -> list[Claim]:
        """Claim each (job, chunk), as ``claim`` does, in one round trip; those that were to be had."""

    @abstractmethod
    def note_place(self, job_id: str, chunk: int, place: int | None) -> None:
        """Leave word that the image at this place of a claimed chunk is worked on now; None: no single one is.

        When the chunk is claimed again before it is done, that place gets a strike.
        """

    @abstractmethod
    def renew(self, job_id: str, chunk: int, lease: float) -> None:
        """Hold the chunk for ``lease`` seconds from now."""

    @abstractmethod
    def release(self, job_id: str, chunk: int) -> None:
        """Let the lease end now, so that the sweep gives the chunk out again."""

    @abstractmethod
    def give_back(self, job_id: str, chunk: int) -> None:
        """Release the chunk and count the attempt as none: its images are not to blame for how it ended."""

    @abstractmethod
    def count_attempt(self, claim: Claim, *, counts: bool) -> None:
        """Whether this attempt counts, should the process die from here on. The lease stays as it is."""

    @abstractmethod
    def complete_all(self, answers: Sequence[Done]) -> list[Completion]:
        """Store the rows of each claimed chunk, once, whether its lease still holds or not; all in one round trip."""

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

    # news

    @abstractmethod
    def subscribe(self, job_id: str) -> AbstractContextManager[Subscription]:
        """Changes from the entering of the context on are noticed."""

    @abstractmethod
    def follow(self, job: Job, plan: Sequence[PackedChunk] = ()) -> Ending:
        """Notice the end of a job that this process creates next, at a fraction of the cost of ``subscribe``. ``plan``
        is what it is created with."""

    # load and recovery

    @abstractmethod
    def load(self, owner: str) -> Load:
        """What a new job of ``owner`` would be added to."""

    @abstractmethod
    def queued_images(self) -> int:
        """Images of all open jobs that have no row yet."""

    @abstractmethod
    def open_jobs(self, owner: str) -> int:
        """Jobs of ``owner`` that are not final."""

    @abstractmethod
    def memory_share(self) -> float:
        """Share of the memory that the store may take, 0.0 to 1.0, as of the last second; 0.0 where none is set."""

    @abstractmethod
    def expired_leases(self, limit: int) -> Sequence[LostChunk]:
        """Chunks whose worker went silent. Each is returned once: the caller sends its message again."""

    @abstractmethod
    def stalled(self, idle: float, limit: int) -> Sequence[tuple[Job, float]]:
        """Open jobs without progress for ``idle`` seconds, with their idle time, longest first."""

    @abstractmethod
    def unclaimed(self, job_id: str, limit: int) -> Sequence[int]:
        """Chunks that count as sent, are not done, and are held by nobody."""

    @abstractmethod
    def touch(self, job_id: str) -> None:
        """Note progress on an open job, so that it is not stalled for a while."""

    @abstractmethod
    def take_expired(self, limit: int, lease: float) -> Sequence[str]:
        """Ids of finished jobs past their time, for the caller to remove their blobs, which bear these names, and then
        to bury them. Those that are not buried when the lease ends, in seconds, are to be taken again."""

    @abstractmethod
    def bury(self, job_ids: Sequence[str]) -> None:
        """Remove what is left of expired jobs but a tombstone. Unknown ids, and repeated ones, are fine."""

    @abstractmethod
    def known(self, job_ids: Sequence[str]) -> Iterator[bool]:
        """For each id, whether a record (or a tombstone) exists."""

    @abstractmethod
    def lock(self, name: str, seconds: float) -> bool:
        """Take a lock that ends by itself; False when somebody holds it."""

    @abstractmethod
    def heed_clock(self) -> float:
        """To be called before leases are looked at: where the store's clock was moved by somebody since this process
        looked last, its leases are moved along. Returns by how many seconds; 0.0 where it was not."""

    @abstractmethod
    def audit(self, *, mend: bool) -> Mapping[str, int]:
        """Hold what is noted beside the jobs against the jobs themselves: queued images, open and active jobs, leases,
        plans, expiry. What differs, and how often; with ``mend`` it is mended and counted."""

    @abstractmethod
    def note_mends(self, mended: Mapping[str, int]) -> None:
        """Count what was mended elsewhere."""

    @abstractmethod
    def mends(self) -> Mapping[str, int]:
        """What was ever mended, and how often."""

    # workers

    @abstractmethod
    def beat(self, workers: Sequence[WorkerInfo]) -> None:
        """Say that these worker processes are alive."""

    @abstractmethod
    def workers(self, within: float) -> Sequence[WorkerInfo]:
        """Worker processes heard of within so many seconds."""

    @abstractmethod
    def ping(self) -> None:
        """Raise StorageUnavailable unless the store answers."""
