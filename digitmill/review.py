"""What people do with a job's rows: correct them, look at who said what, and share the doubtful ones.

A correction says what the image shows; saying what the model said confirms it. The model's own answer stays. Who
changes a row names the revision that was on the screen, and nobody overwrites what was never seen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from digitmill.domain import Job, Revision, Row, Verdict
from digitmill.errors import DigitmillError, NoRowYet, NotFound, RateLimited, RowChanged
from digitmill.jobs import Jobs
from digitmill.results import Results
from digitmill.store.base import JobStore
from digitmill.store.reviews import MOST_REVIEWERS, Change, Doubt, Outcome, Taken
from digitmill.store.rows import Answers

CHUNKS_AN_INDEXING = 64
"""Chunks whose doubts are read and noted in one go."""


@dataclass(frozen=True, slots=True)
class Correction:
    """``verdict`` None takes back what was said before. ``seen`` is the number of the row's revision that the
    person looked at, 0 for a row as the model left it."""

    index: int
    seen: int
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Corrected:
    """What became of one correction: the row's last revision, and why it is not the one that was sent."""

    index: int
    revision: Revision | None
    error: DigitmillError | None


@dataclass(frozen=True, slots=True)
class Hold:
    """``rows`` are one reviewer's ``until`` then (seconds since 1970). ``waiting`` are the doubtful rows that nobody
    has answered, held or not, for each digit 0 to 9 that the model took them for."""

    job: Job
    rows: Sequence[Row]
    until: float
    waiting: Sequence[int]


class Review:
    """All methods raise NotFound for another owner's job, and Expired."""

    def __init__(self, store: JobStore, jobs: Jobs, results: Results) -> None:
        self._store = store
        self._jobs = jobs
        self._results = results

    def correct(self, owner: str, job_id: str, correction: Correction, *, by: str) -> Row:
        """Let a person have the last word on a row, and return it. ``by`` is the id of the person's key.

        What the row says already may be sent again, whatever was seen: it changes nothing.

        Raises:
            RowChanged: the row has another revision than the one that was seen.
            NoRowYet: the image is still to be read.
            NotFound: there is no such row, or there never will be.
        """
        (corrected,) = self.correct_many(owner, job_id, [correction], by=by)
        if corrected.error is not None:
            raise corrected.error
        return self._results.row(owner, job_id, correction.index)

    def correct_many(self, owner: str, job_id: str, corrections: Sequence[Correction], *, by: str) -> list[Corrected]:
        """The same for many rows in three round trips. Each answers for itself; none stops the others."""
        job = self._jobs.get(owner, job_id)
        starts = self._store.starts(job_id)
        changes = [
            Change(correction.index, bisect_right(starts, correction.index) - 1, correction.seen, correction.verdict)
            for correction in corrections
            if _has(job, correction.index)
        ]
        outcomes = iter(self._store.reviews.correct(job_id, changes, by))
        return [
            _corrected(job, correction.index, next(outcomes))
            if _has(job, correction.index)
            else Corrected(correction.index, None, _no_such_row(job))
            for correction in corrections
        ]

    def history(self, owner: str, job_id: str, index: int) -> list[Revision]:
        """Every change of a row, oldest first. Raises NotFound when there is no such row, or not yet."""
        self._results.row(owner, job_id, index)
        return self._store.reviews.history(job_id, index)

    def hold(
        self, owner: str, job_id: str, reviewer: str, *, limit: int, prediction: str | None, seconds: float
    ) -> Hold:
        """Give a reviewer up to ``limit`` rows with the status ``review`` that nobody has answered.

        Rows that the reviewer holds already come first, for ``seconds`` from now; then the least sure that no other
        reviewer holds. With ``prediction``, a digit, only those that the model took for it. What the reviewer
        held and is not in the answer, others may get.

        Raises:
            RateLimited: too many reviewers hold rows of this job.
        """
        job = self._jobs.get(owner, job_id)
        self._index(job_id)
        digits = range(10) if prediction is None else [int(prediction)]
        holding = self._store.reviews.hold(job_id, reviewer, digits=digits, limit=limit, seconds=seconds)
        if holding is None:
            detail = f"{MOST_REVIEWERS} reviewers hold rows of this job; wait until one has given them back."
            raise RateLimited(detail, retry_after=10)
        rows = self._results.rows_at(job, holding.rows)
        return Hold(job, rows, holding.until, holding.waiting)

    def release(self, owner: str, job_id: str, reviewer: str) -> None:
        """Give back what the reviewer holds; who holds nothing is fine."""
        self._jobs.get(owner, job_id)
        self._store.reviews.release(job_id, reviewer)

    def _index(self, job_id: str) -> None:
        chunks = self._store.reviews.unindexed(job_id)
        starts = self._store.starts(job_id) if chunks else []
        for first in range(0, len(chunks), CHUNKS_AN_INDEXING):
            some = chunks[first : first + CHUNKS_AN_INDEXING]
            self._store.reviews.index(job_id, list(self._doubts(job_id, starts, some)))

    def _doubts(
        self, job_id: str, starts: Sequence[int], chunks: Sequence[int]
    ) -> Iterator[tuple[int, Sequence[Doubt]]]:
        for chunk, (_, rows) in zip(chunks, self._store.read(job_id, chunks), strict=True):
            if rows is not None:
                yield chunk, Answers.unpacked(rows).doubts(starts[chunk])


def _has(job: Job, index: int) -> bool:
    return 0 <= index < job.counts.total


def _no_such_row(job: Job) -> NotFound:
    return NotFound(f"This job has rows 0 to {job.counts.total - 1}.")


def _corrected(job: Job, index: int, outcome: Outcome) -> Corrected:
    error: DigitmillError | None = None
    if outcome.taken is Taken.NO_ROW:
        error = (
            NotFound("This image has no row: the job ended before it was read.")
            if job.state.final
            else NoRowYet("This image has no row yet; correct it when the job has gone on.")
        )
    elif outcome.taken is Taken.CHANGED_MEANWHILE:
        number = 0 if outcome.revision is None else outcome.revision.number
        error = RowChanged(
            f"This row has been changed meanwhile, and is now at revision {number}. Look at it again, and name that "
            "revision if you still want your change."
        )
    return Corrected(index, outcome.revision, error)
