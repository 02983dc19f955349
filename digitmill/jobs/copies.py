"""Pages that were sent twice in one job: the same picture, or another picture of the same sheet.

Nothing is changed by it: it is told of the job and of the later one of the two rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Copies, Copy
from digitmill.domain.rows import Row, RowStatus
from digitmill.forms.sketch import SAME_FROM, likeness

PICTURE, WRITING = "picture", "writing"
"""What is the same of two pages."""
MOST_COMPARED = 10_000
"""A page's writing is compared with that of so many pages of its template before it, so that a page of a large job
costs no more; its picture with those of all."""
MOST_RUNS = 1_000
"""Runs of copies that are kept in the record of a job, and told of; ``pages`` counts all."""
UNSURE = 0

Codes = NDArray[np.uint32]


def copies_in(rows: Iterable[Row]) -> Copies:
    """The copies among pages of one job, given in their order."""
    pictures: dict[str, int] = {}
    written = dict[tuple[str, int], _Written]()
    pages, runs = 0, list[Copy]()
    for row in rows:
        if row.page is None or not row.page.digest:
            continue
        first = pictures.setdefault(row.page.digest, row.index)
        # sketches of another release may have another size
        size = len(row.page.sketch)
        before = written.setdefault((row.page.template, size), _Written(size))
        if first != row.index:
            of, same = first, PICTURE
        elif (like := before.like(row)) is not None:
            of, same = like, WRITING
        else:
            before.add(row)
            continue
        pages += 1
        last = runs[-1] if runs else None
        if last is not None and (row.index - last.index, of - last.of, same) == (last.pages, last.pages, last.same):
            runs[-1] = last._replace(pages=last.pages + 1)
        elif len(runs) < MOST_RUNS:
            runs.append(Copy(row.index, of, 1, same))
    return Copies(pages, tuple(runs))


class _Written:
    """What was written on pages of one template that are no copies; ``size`` are the bytes of each sketch."""

    def __init__(self, size: int) -> None:
        self._indices: list[int] = []
        self._values: list[Codes] = []
        self._sketches = np.empty((0, size), np.uint8)

    def like(self, row: Row) -> int | None:
        """The first row that shows the same writing."""
        if not self._indices:
            return None
        sketch = _sketch_of(row)
        start = max(0, len(self._indices) - MOST_COMPARED)
        shares = likeness(sketch, self._sketches[start : len(self._indices)])
        for place in np.flatnonzero(shares >= SAME_FROM).tolist():
            if _agree(self._values[start + place], _codes_of(row)):
                return self._indices[start + place]
        return None

    def add(self, row: Row) -> None:
        sketch, many = _sketch_of(row), len(self._indices)
        if many == len(self._sketches):
            more = np.zeros((max(64, 2 * many), sketch.size), np.uint8)
            more[:many] = self._sketches[:many]
            self._sketches = more
        self._sketches[many] = sketch
        self._indices.append(row.index)
        self._values.append(_codes_of(row))


def _codes_of(row: Row) -> Codes:
    """uint32 [fields]: one for each text that is sure, and for sure emptiness; UNSURE for all else."""
    values = (row.fields or {}).values()
    sure = (RowStatus.RECOGNIZED, RowStatus.BLANK)
    return np.array(
        [crc32((each.text or "").encode()) | 1 if each.status in sure else UNSURE for each in values], np.uint32
    )


def _agree(one: Codes, other: Codes) -> bool:
    """Whether no field has one sure value on one page, and another sure value on the other."""
    return len(one) == len(other) and bool(((one == other) | (one == UNSURE) | (other == UNSURE)).all())


def _sketch_of(row: Row) -> NDArray[np.uint8]:
    return np.frombuffer(b"" if row.page is None else row.page.sketch, np.uint8)
