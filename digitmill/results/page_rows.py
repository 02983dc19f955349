"""What is told of the row of a form page besides its fields: of which row it is a copy, and to which set it belongs."""

from __future__ import annotations

from collections.abc import Sequence

from digitmill.domain.jobs import Copies, Job
from digitmill.domain.rows import Row
from digitmill.domain.sets import Sets


def told_of(job: Job, rows: Sequence[Row]) -> list[Row]:
    """The same rows with it; one that failed has no fields."""
    copies, sets = job.copies or Copies(), job.sets or Sets()
    return [
        row._replace(
            fields=row.fields or {},
            copy_of=copies.of(row.index),
            place=None if row.page is None else sets.of(row.index, row.page.template),
        )
        for row in rows
    ]
