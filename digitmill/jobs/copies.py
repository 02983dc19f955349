"""Pages that were sent twice in one job: the same picture, or another picture of the same sheet.

Nothing is changed by it: it is told of the job and of the later one of the two rows. What is compared lies in the rows,
so that it can be found again whenever these change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from zlib import crc32

import numpy as np
import structlog
from numpy.typing import NDArray

from digitmill.domain.jobs import READ, Copies, Copy, Job, JobState
from digitmill.domain.rows import Row, RowStatus
from digitmill.errors import NotFound, StorageUnavailable
from digitmill.forms.sketch import SAME_FROM, likeness
from digitmill.readers import reader_of
from digitmill.store.base import JobStore
from digitmill.store.rows import Answers
from digitmill.uploads.codec import unpack_names

PICTURE, WRITING = "picture", "writing"
"""What is the same of two pages."""
MOST_COMPARED = 10_000
"""A page's writing is compared with that of so many pages of its template before it, so that a page of a large job
costs no more; its picture with those of all."""
MOST_RUNS = 1_000
"""Runs of copies that are kept in the record of a job, and told of; ``pages`` counts all."""
CHUNKS_A_READ = 64
UNSURE = 0

_log = structlog.get_logger(__name__)

Codes = NDArray[np.uint32]


def note_job(store: JobStore, job: Job) -> None:
    """Look for the copies of a job that has just been completed, before its end is told of. No job fails for it: who
    looks at the job has them looked for, too."""
    if not _has_pages(job):
        return
    try:
        noted(store, store.get(job.id))
    except (StorageUnavailable, NotFound) as error:
        _log.warning("copies_not_noted", job=job.id, reason=str(error))


def noted(store: JobStore, job: Job) -> Job:
    """The job with its copies, which are looked for if nobody has done so since its rows last changed.

    Raises:
        StorageUnavailable, NotFound
    """
    if job.copies is not None or job.state is not JobState.COMPLETED or not _has_pages(job):
        return job
    found = copies_in(_rows_of(store, job))
    store.tallies.note_copies(job, found)
    return replace(job, copies=found)


def _has_pages(job: Job) -> bool:
    return job.kind == READ and reader_of(job.options.read).by_template


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


def _rows_of(store: JobStore, job: Job) -> Iterator[Row]:
    starts = store.chunks.starts(job.id)
    for first in range(0, len(starts), CHUNKS_A_READ):
        chunks = range(first, min(first + CHUNKS_A_READ, len(starts)))
        for chunk, (entries, rows) in zip(chunks, store.chunks.read(job.id, chunks), strict=True):
            if rows is not None:
                yield from Answers.unpacked(rows).rows(starts[chunk], unpack_names(entries), alternatives=False)
