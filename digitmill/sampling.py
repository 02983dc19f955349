"""A random sample of a job's rows: what a person looks at to say how many of all of them are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from digitmill.domain import Job, Row, RowStatus
from digitmill.jobs import Jobs
from digitmill.results import Results

MOST_LOOKED_AT = 10_000
"""Rows that are looked at for one sample: where few have the status, the sample is smaller than was asked."""
MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """``rows`` in the order in which they were drawn; ``population`` rows of the job have the status."""

    job: Job
    rows: list[Row]
    population: int


class Sampling:
    def __init__(self, jobs: Jobs, results: Results) -> None:
        self._jobs = jobs
        self._results = results

    def draw(self, owner: str, job_id: str, *, status: RowStatus, size: int, seed: int) -> Sample:
        """Up to ``size`` rows with this status, each as likely as any other, none twice.

        The same seed gives the same rows of a job that is final. The first rows of a sample are a sample themselves.
        Raises NotFound for another owner's job, and Expired.
        """
        job = self._jobs.get(owner, job_id)
        population: int = getattr(job.counts, status.value)
        wanted = min(size, population)
        indices = islice(shuffled(job.counts.total, seed), MOST_LOOKED_AT)
        found: list[Row] = []
        while len(found) < wanted:
            likely = (wanted - len(found)) * job.counts.total // population
            some = list(islice(indices, min(MOST_AT_ONCE, likely * 9 // 8 + 8)))
            if not some:
                break
            found += [row for row in self._results.rows_at(job, some) if row.status is status]
        return Sample(job, found[:wanted], population)


def shuffled(count: int, seed: int) -> Iterator[int]:
    """The whole numbers from 0 to ``count`` (exclusive), in an order by chance that ``seed`` decides.

    Durstenfeld's shuffle (1964), which notes only what it has moved: taking a few of a million costs a few steps.
    """
    random = Random(seed)  # noqa: S311  # chance is all that is asked of it, not secrecy
    moved: dict[int, int] = {}
    for place in range(count):
        other = random.randrange(place, count)
        yield moved.get(other, other)
        moved[other] = moved.pop(place, place)
