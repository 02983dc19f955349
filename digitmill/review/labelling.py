"""Which rows are worth most to be answered next, where a model is to learn from the answers."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from itertools import islice

from digitmill.domain.rows import Row
from digitmill.jobs.jobs import Jobs
from digitmill.results.rows import Results
from digitmill.review.sampling import MOST_AT_ONCE, MOST_LOOKED_AT, Sample, shuffled

SEED = 0


class Labelling:
    def __init__(self, jobs: Jobs, results: Results) -> None:
        self._jobs = jobs
        self._results = results

    def next_rows(self, owner: str, job_id: str, size: int) -> Sample:
        """Up to ``size`` of the rows that nobody has answered, the most useful first; of a large job they are chosen
        among ``MOST_LOOKED_AT`` by chance, always the same. The population are those that were chosen among.

        Raises NotFound for another owner's job, and Expired.
        """
        job = self._jobs.get_read(owner, job_id)
        indices = sorted(islice(shuffled(job.counts.total, SEED), MOST_LOOKED_AT))
        rows: list[Row] = []
        for first in range(0, len(indices), MOST_AT_ONCE):
            some = self._results.rows_at(job, indices[first : first + MOST_AT_ONCE])
            rows += [row for row in some if row.prediction is not None and not row.corrected]
        return Sample(job, list(islice(most_useful_first(rows), size)), len(rows))


def most_useful_first(rows: Iterable[Row]) -> Iterable[Row]:
    """All the rows that have a prediction: in turns one of each pair of digits that the model wavers between, the pair
    with the most doubt first, and of a pair the most doubtful row first.

    The least sure alone would be many rows of the same kind, of which the tenth teaches little.
    """
    pairs: dict[tuple[str | None, str | None], list[tuple[float, Row]]] = defaultdict(list)
    for row in rows:
        second = row.alternatives[0] if row.alternatives else None
        pair = row.prediction, second.prediction if second is not None else None
        pairs[pair].append((doubt(row), row))
    by_doubt = sorted(pairs.values(), key=lambda each: -sum(found for found, _ in each))
    queues = deque(deque(sorted(each, key=lambda one: (-one[0], one[1].index))) for each in by_doubt)
    while queues:
        queue = queues.popleft()
        yield queue.popleft()[1]
        if queue:
            queues.append(queue)


def doubt(row: Row) -> float:
    """0 where the model is certain, up to 1 where two answers are as likely. Where the job gives no alternatives, all
    that is not the answer counts as one other."""
    best = row.confidence or 0.0
    second = row.alternatives[0].confidence if row.alternatives else 1 - best
    return max(0.0, 1 - abs(best - second))
