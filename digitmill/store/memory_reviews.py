"""What people do with a job's rows, in memory, beside ``memory.py``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from digitmill.domain import Revision
from digitmill.store.reviews import MOST_REVIEWERS, Change, Doubt, Holding, Outcome, ReviewStore, Taken


@dataclass
class _Reviews:
    history: dict[int, list[Revision]] = field(default_factory=dict)
    waiting: dict[int, Doubt] = field(default_factory=dict)
    indexed: set[int] = field(default_factory=set)
    held: dict[str, tuple[float, list[int]]] = field(default_factory=dict)

    def last(self, index: int) -> Revision | None:
        return self.history[index][-1] if index in self.history else None


class MemoryReviewStore(ReviewStore):
    """Part of a MemoryJobStore, which tells the chunks that are done and counts the rows that are corrected."""

    def __init__(
        self,
        clock: Callable[[], float],
        lock: threading.Condition,
        done: Callable[[str], Collection[int]],
        count: Callable[[str, int], None],
    ) -> None:
        self._clock = clock
        self._lock = lock
        self._done = done
        self._count = count
        self._jobs: dict[str, _Reviews] = {}

    def forget(self, job_id: str) -> None:
        """The job's rows are gone."""
        self._jobs.pop(job_id, None)

    def correct(self, job_id: str, changes: Sequence[Change], by: str) -> list[Outcome]:
        with self._lock:
            return [self._change(job_id, change, by) for change in changes]

    def _change(self, job_id: str, change: Change, by: str) -> Outcome:
        if change.chunk not in self._done(job_id):
            return Outcome(Taken.NO_ROW, None)
        reviews = self._of(job_id)
        last = reviews.last(change.index)
        number, present = (last.number, last.verdict) if last is not None else (0, None)
        if change.verdict == present:
            return Outcome(Taken.DONE, last)
        if change.seen != number:
            return Outcome(Taken.CHANGED_MEANWHILE, last)
        revision = Revision(number + 1, change.verdict, by, round(self._clock(), 3))
        reviews.history.setdefault(change.index, []).append(revision)
        if change.verdict is None:
            reviews.indexed.discard(change.chunk)
        else:
            reviews.waiting.pop(change.index, None)
        self._count(job_id, (change.verdict is not None) - (present is not None))
        return Outcome(Taken.DONE, revision)

    def revisions(self, job_id: str, indices: Sequence[int]) -> list[Revision | None]:
        with self._lock:
            reviews = self._of(job_id)
            return [reviews.last(index) for index in indices]

    def revisions_between(self, job_id: str, start: int, stop: int) -> dict[int, Revision]:
        with self._lock:
            history = self._of(job_id).history
            return {index: history[index][-1] for index in range(start, stop) if index in history}

    def history(self, job_id: str, index: int) -> list[Revision]:
        with self._lock:
            return list(self._of(job_id).history.get(index, ()))

    def unindexed(self, job_id: str) -> Sequence[int]:
        with self._lock:
            return sorted(set(self._done(job_id)) - self._of(job_id).indexed)

    def index(self, job_id: str, doubts: Sequence[tuple[int, Sequence[Doubt]]]) -> None:
        with self._lock:
            reviews = self._of(job_id)
            for chunk, rows in doubts:
                if chunk in self._done(job_id):
                    answered = {row.index for row in rows if _answered(reviews.last(row.index))}
                    reviews.waiting |= {row.index: row for row in rows if row.index not in answered}
                    reviews.indexed.add(chunk)

    def hold(self, job_id: str, reviewer: str, *, digits: Sequence[int], limit: int, seconds: float) -> Holding | None:
        with self._lock:
            reviews, now = self._of(job_id), self._clock()
            _, mine = reviews.held.pop(reviewer, (now, []))
            reviews.held = {name: held for name, held in reviews.held.items() if held[0] > now}
            if len(reviews.held) >= MOST_REVIEWERS:
                return None
            taken = {index for _, rows in reviews.held.values() for index in rows}
            free = {
                index: doubt for index, doubt in reviews.waiting.items() if index not in taken and doubt.digit in digits
            }
            rows = [index for index in mine if index in free][:limit]
            least_sure = sorted(free, key=lambda index: (free[index].confidence, index))
            rows += [index for index in least_sure if index not in rows][: limit - len(rows)]
            if rows:
                reviews.held[reviewer] = now + seconds, rows
            waiting = [sum(doubt.digit == digit for doubt in reviews.waiting.values()) for digit in range(10)]
            return Holding(rows, now + seconds, waiting)

    def release(self, job_id: str, reviewer: str) -> None:
        with self._lock:
            self._of(job_id).held.pop(reviewer, None)

    def _of(self, job_id: str) -> _Reviews:
        """What is kept of a job; nothing is begun for one that has no rows."""
        return self._jobs.setdefault(job_id, _Reviews()) if self._done(job_id) else _Reviews()


def _answered(revision: Revision | None) -> bool:
    return revision is not None and revision.verdict is not None
