"""What a store keeps of people's work on a job's rows. ``redis_reviews.py`` and ``memory_reviews.py`` do it.

It belongs to the job store, lives and dies with the job's rows, and never looks inside them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from digitmill.domain import Revision, Verdict

MOST_REVIEWERS = 100
"""Reviewers that may hold rows of one job at a time: each call looks at what all of them hold."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a person says of a row; ``verdict`` None takes back what was said. ``seen`` is the number of the revision
    that the person looked at, 0 for a row as the model left it."""

    index: int
    chunk: int
    seen: int
    verdict: Verdict | None


class Taken(Enum):
    """What became of a change."""

    NO_ROW = 0
    DONE = 1
    """The row says so now. If it said so before, nothing was changed."""
    CHANGED_MEANWHILE = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """``revision`` is the row's last, after the change; None for a row that nobody ever changed."""

    taken: Taken
    revision: Revision | None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row with the status ``review``: its digit, 0 to 9, and how sure the model is of it, 0.0 to 1.0."""

    index: int
    digit: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Holding:
    """Rows that a reviewer holds ``until`` then, by index; ``waiting`` are the rows still to be answered, held or
    not, for each digit 0 to 9."""

    rows: Sequence[int]
    until: float
    waiting: Sequence[int]


class ReviewStore(ABC):
    """All methods raise StorageUnavailable when the store cannot be reached or is full."""

    @abstractmethod
    def correct(self, job_id: str, changes: Sequence[Change], by: str) -> list[Outcome]:
        """Make each change whose row is done and still as it was seen; all that happens, happens at once.

        A change to what the row says already is done whatever was seen, so that it can be sent twice.
        """

    @abstractmethod
    def revisions(self, job_id: str, indices: Sequence[int]) -> list[Revision | None]:
        """The last revision of each row; None for a row that nobody ever changed."""

    @abstractmethod
    def revisions_between(self, job_id: str, start: int, stop: int) -> dict[int, Revision]:
        """The last revision of every row from ``start`` to ``stop`` (exclusive) that was ever changed."""

    @abstractmethod
    def history(self, job_id: str, index: int) -> list[Revision]:
        """All revisions of the row, oldest first."""

    @abstractmethod
    def unindexed(self, job_id: str) -> Sequence[int]:
        """Chunks that are done and whose doubts are not known here, ascending."""

    @abstractmethod
    def index(self, job_id: str, doubts: Sequence[tuple[int, Sequence[Doubt]]]) -> None:
        """Take note of all doubtful rows of these chunks. Rows that a person has answered do not wait."""

    @abstractmethod
    def hold(self, job_id: str, reviewer: str, *, digits: Sequence[int], limit: int, seconds: float) -> Holding | None:
        """Give ``reviewer`` up to ``limit`` waiting rows of these digits for so many seconds.

        Rows that it holds come first, their time beginning anew; then the least sure that nobody else holds. What
        it held and is not in the answer, it holds no longer. None where MOST_REVIEWERS others hold rows.
        """

    @abstractmethod
    def release(self, job_id: str, reviewer: str) -> None:
        """Let the reviewer hold nothing more."""
