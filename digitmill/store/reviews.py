"""What a store keeps of people's work on a job's rows. ``redis_reviews.py`` does it.

It belongs to the job store, lives and dies with the job's rows, and never looks inside them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from digitmill.domain.rows import PLAIN, Address, RowStatus
from digitmill.domain.verdicts import Revision, Verdict

MOST_REVIEWERS = 100
"""Reviewers that may hold rows of one job at a time: each call looks at what all of them hold."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a person says of a value; ``verdict`` None takes back what was said. ``seen`` is the number of the revision
    that the person looked at, 0 for a value as the model left it. ``doubted`` are the fields of its row that are to
    review: the row counts as answered once a person has answered each."""

    index: int
    chunk: int
    seen: int
    verdict: Verdict | None
    field: str = PLAIN
    doubted: Sequence[str] = ()
    by_two: bool = False
    """Two people enter this value. What the first says is an entry, and the value stays to review; a second who says
    the same settles it, and where the second says another thing a third person does. Another thing said of a settled
    value is a first entry again, and taking it back lets everybody begin again."""


class Taken(Enum):
    """What became of a change."""

    NO_ROW = 0
    DONE = 1
    """The row says so now. If it said so before, nothing was changed."""
    CHANGED_MEANWHILE = 2
    FOR_ANOTHER = 3
    """Two people enter the value, and this one has said what there was to say: another must go on."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``revision`` is the row's last, after the change; None for a row that nobody ever changed."""

    taken: Taken
    revision: Revision | None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A value with the status ``review``: the group in which it is looked at, and its confidence, 0.0 to 1.0."""

    address: Address
    group: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Holding:
    """Values that a reviewer holds ``until`` then; ``waiting`` are the values still to be answered, held or not, by
    their group."""

    values: Sequence[Address]
    until: float
    waiting: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Holder:
    """A reviewer that holds so many ``values`` of a job ``until`` then."""

    reviewer: str
    values: int
    until: float


class ReviewStore(ABC):
    """All methods raise StorageUnavailable when the store cannot be reached or is full."""

    @abstractmethod
    def correct(self, job_id: str, changes: Sequence[Change], by: str) -> list[Outcome]:
        """Make each change whose row is done and still as it was seen; all that happens, happens at once.

        A change to what the row says already is done whatever was seen, so that it can be sent twice.
        """

    @abstractmethod
    def revisions(self, job_id: str, indices: Sequence[int], field: str = PLAIN) -> list[Revision | None]:
        """The last revision of this field of each row; None for one that nobody ever changed."""

    @abstractmethod
    def revisions_of(self, job_id: str, values: Sequence[Address]) -> dict[Address, Revision]:
        """The last revision of each of these values that was ever changed."""

    @abstractmethod
    def revisions_between(self, job_id: str, start: int, stop: int, field: str = PLAIN) -> dict[int, Revision]:
        """The last revision of this field of every row from ``start`` to ``stop`` (exclusive), where it was ever
        changed."""

    @abstractmethod
    def history(self, job_id: str, index: int, field: str = PLAIN) -> list[Revision]:
        """All revisions of this field of the row, oldest first."""

    @abstractmethod
    def changes(self, job_id: str) -> int:
        """How many changes people have made to the job's values so far."""

    @abstractmethod
    def raise_threshold(self, job_id: str, below: float, by: str, *, changes: int, raised: int, answered: int) -> bool:
        """Note a raised threshold with the number of accepted rows below it, and how many of all rows that are to
        review then are answered. What waits is to be indexed again. False, and nothing is noted, where there are more
        ``changes`` by now."""

    @abstractmethod
    def replace(self, job_id: str, chunk: int, before: bytes, after: bytes, *, left: RowStatus, now: RowStatus) -> bool:
        """Put other rows in the place of those of a chunk that is done, as they were ``before``. One of its images had
        the status ``left`` and has another ``now``. False where the chunk has other rows by now."""

    @abstractmethod
    def note_check(self, job_id: str, *, seen: int, wrong: int, population: int, by: str) -> None:
        """Note what somebody has found in a sample, in the place of what was noted before. Unknown ids are fine."""

    @abstractmethod
    def answered_by(self, job_id: str) -> Mapping[str, int]:
        """On how many values each person has the last word, by the id of their key."""

    @abstractmethod
    def unindexed(self, job_id: str) -> Sequence[int]:
        """Chunks that are done and whose doubts are not known here, ascending."""

    @abstractmethod
    def index(self, job_id: str, doubts: Sequence[tuple[int, Sequence[Doubt]]], groups: Sequence[str]) -> None:
        """Take note of all doubtful values of these chunks. Those that a person has answered do not wait.

        ``groups`` are those that are told of even where no value waits in them, always the same for a job.
        """

    @abstractmethod
    def hold(
        self, job_id: str, reviewer: str, *, groups: Sequence[str], group: str | None, limit: int, seconds: float
    ) -> Holding | None:
        """Give ``reviewer`` up to ``limit`` waiting values, of this ``group`` or of any, for so many seconds.

        Those that it holds come first, their time beginning again; then the least sure that nobody else holds. What it
        held and is not in the answer, it holds no longer. Nobody is given a value of which there is an entry of their
        own: ``reviewer`` begins with the id of their key, up to a "/". ``groups`` are as for ``index``. None where
        MOST_REVIEWERS others hold values.
        """

    @abstractmethod
    def holders(self, job_ids: Sequence[str]) -> list[Sequence[Holder]]:
        """For each job who holds values of it now."""

    @abstractmethod
    def release(self, job_id: str, reviewer: str) -> None:
        """Let the reviewer hold nothing more."""
