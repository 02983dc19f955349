"""A random sample of a job's rows: what a person looks at to say how many of all of them are wrong."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from digitmill.domain.jobs import Job
from digitmill.domain.rows import Row, RowStatus
from digitmill.jobs.jobs import Jobs
from digitmill.results.rows import Results

MOST_LOOKED_AT = 10_000
"""Rows that are looked at for one sample: where few have the status, the sample is smaller than was asked."""
MOST_AT_ONCE = 1000
HALF_DOUBT = 0.025


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
        job = self._jobs.get_read(owner, job_id)
        population = job.counts.statuses[status]
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


def interval(wrong: int, seen: int, population: int) -> tuple[int, int]:
    """Between which whole numbers, 95 times in 100, the wrong rows of a ``population`` lie, when ``wrong`` of ``seen``
    rows are that were drawn without being put back: the exact interval of Clopper and Pearson (Biometrika 26, 1934)
    with hypergeometric chances (Buonaccorsi, American Statistician 41, 1987)."""
    every = range(wrong, population - seen + wrong + 1)
    low = 0
    if wrong > 0:
        low = bisect_right(every, HALF_DOUBT, key=lambda all_: 1 - _at_most(wrong - 1, seen, all_, population))
    # the chance of so few falls as there are more
    high = bisect_left(every, -HALF_DOUBT, key=lambda all_: -_at_most(wrong, seen, all_ + 1, population))
    return every[low] if wrong > 0 else 0, every[min(high, len(every) - 1)]


def _at_most(wrong: int, seen: int, every: int, population: int) -> float:
    numbers = range(max(0, seen - (population - every)), wrong + 1)
    return sum(_chance(number, seen, every, population) for number in numbers)


def _chance(number: int, seen: int, every: int, population: int) -> float:
    """That ``number`` of the rows that were seen are among the ``every`` wrong ones."""
    if number > every or seen - number > population - every:
        return 0.0
    ways = _log_ways(every, number) + _log_ways(population - every, seen - number) - _log_ways(population, seen)
    return math.exp(ways)


def _log_ways(of: int, taken: int) -> float:
    """As many terms as rows were seen: differences of log factorials would lose their last digits."""
    few = min(taken, of - taken)
    return math.fsum(math.log((of - few + step) / step) for step in range(1, few + 1))


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
