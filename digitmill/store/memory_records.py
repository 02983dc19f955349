"""What the job store in memory keeps of a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from digitmill.domain import Job
from digitmill.store.base import STRIKES, Done


@dataclass
class Record:
    job: Job
    sent: int
    progress_at: float
    rows: dict[int, bytes] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    leases: dict[int, float] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    strikes: dict[tuple[int, int], int] = field(default_factory=dict)
    changes: int = 0
    taken_until: float = 0.0

    @property
    def queued_images(self) -> int:
        """Images without a row, while the job is open."""
        return 0 if self.job.state.final else self.job.counts.total - self.job.counts.done

    def poison(self, chunk: int) -> frozenset[int]:
        """A strike for the place at which the last attempt ended, if one did; the places that have enough of them."""
        place = self.places.pop(chunk, None)
        if place is not None:
            self.strikes[chunk, place] = self.strikes.get((chunk, place), 0) + 1
        return frozenset(place for (of, place), strikes in self.strikes.items() if of == chunk and strikes >= STRIKES)


def answered(job: Job, done: Done) -> Job:
    """The job with what was made of a chunk of it."""
    counts, chunk, way = job.counts, done.counts, done.computed_by
    return replace(
        job,
        counts=replace(
            counts,
            recognized=counts.recognized + chunk.recognized,
            review=counts.review + chunk.review,
            blank=counts.blank + chunk.blank,
            failed=counts.failed + chunk.failed,
        ),
        computed_by=job.computed_by if way is None or way in job.computed_by else (*job.computed_by, way),
    )


class NothingBeside:
    """Here nothing is noted beside the jobs that could differ from them."""

    def __init__(self) -> None:
        self._mends: Counter[str] = Counter()

    def heed_clock(self) -> float:
        return 0.0

    def audit(self, *, mend: bool) -> Mapping[str, int]:  # noqa: ARG002 (there is nothing to mend)
        return {}

    def note_mends(self, mended: Mapping[str, int]) -> None:
        self._mends.update(mended)

    def mends(self) -> Mapping[str, int]:
        return self._mends
