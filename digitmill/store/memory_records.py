"""What the job store in memory keeps of a job."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from digitmill.domain import Counts, Job


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


def added(counts: Counts, chunk: Counts) -> Counts:
    return replace(
        counts,
        recognized=counts.recognized + chunk.recognized,
        review=counts.review + chunk.review,
        blank=counts.blank + chunk.blank,
        failed=counts.failed + chunk.failed,
    )
