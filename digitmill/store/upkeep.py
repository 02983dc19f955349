"""What a job store does for the sweep, the purge, the beats of workers and whoever asks how the service does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from digitmill.domain.jobs import Job
from digitmill.domain.roles import Role
from digitmill.store.orders import Load

LONGEST_LEASE_SECONDS = 3600
"""A lease that ends later than this was left behind by a clock that moved."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """One worker process: a reader has its model in memory, a trainer names none."""

    name: str
    engine: str
    device: str
    precision: str
    model: str


class UpkeepStore(ABC):
    """Methods raise StorageUnavailable as those of ``JobStore``."""

    @abstractmethod
    def load(self, owner: str) -> Load:
        """What a new job of ``owner`` would be added to."""

    @abstractmethod
    def queued_images(self) -> int:
        """Images of all open jobs that have no row yet."""

    @abstractmethod
    def memory_share(self) -> float:
        """Share of the memory that the store may take, 0.0 to 1.0, as of the last second; 0.0 where none is set."""

    @abstractmethod
    def memory_bytes(self) -> int:
        """Memory that the store takes, as of the last second."""

    @abstractmethod
    def requeue_expired(self, limit: int) -> Sequence[tuple[str, int]]:
        """Let chunks wait again whose worker went silent, or gave them back: (job, chunk) of each."""

    @abstractmethod
    def requeue_lost(self, jobs: Sequence[Job]) -> int:
        """Let what is neither done nor held of these jobs, and does not wait, wait again; the number of that."""

    @abstractmethod
    def stalled(self, idle: float, limit: int, *, skip: int = 0) -> Sequence[tuple[Job, float]]:
        """Open jobs without progress for ``idle`` seconds, with their idle time, longest first, behind the first
        ``skip``."""

    @abstractmethod
    def take_expired(self, limit: int, lease: float) -> Sequence[str]:
        """Ids of finished jobs past their time, for the caller to remove their blobs, which bear these names, and then
        to purge them. Those that are not purged when the lease ends, in seconds, are to be taken again."""

    @abstractmethod
    def purge(self, job_ids: Sequence[str]) -> None:
        """Remove what is left of expired jobs but a tombstone. Unknown ids, and repeated ones, are fine."""

    @abstractmethod
    def known(self, job_ids: Sequence[str]) -> Iterator[bool]:
        """For each id, whether a record (or a tombstone) exists."""

    @abstractmethod
    def roles(self, job_ids: Sequence[str]) -> Mapping[str, Role]:
        """The role of the workers of each job; of one without a record that of readers."""

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

    @abstractmethod
    def beat(self, workers: Sequence[WorkerInfo], role: Role = Role.READER) -> None:
        """Say that these worker processes, all of this role, are alive."""

    @abstractmethod
    def workers(self, within: float, role: Role = Role.READER) -> Sequence[WorkerInfo]:
        """Worker processes of this role heard of within so many seconds."""

    @abstractmethod
    def ping(self) -> None:
        """Raise StorageUnavailable unless the store answers."""
