"""What is looked for among the pages of a job once all are read: copies, and sets that lack pages.

What is compared lies in the rows, so that it can be found again whenever these change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import structlog

from digitmill.domain.jobs import READ, RETRY_OF, Job, JobState
from digitmill.domain.rows import Row
from digitmill.domain.sets import Sets
from digitmill.errors import NotFound, StorageUnavailable
from digitmill.forms.template import Template
from digitmill.jobs.copies import copies_in
from digitmill.jobs.sets import PageOf, Piles
from digitmill.readers import reader_of
from digitmill.store.base import JobStore
from digitmill.store.rows import Answers
from digitmill.uploads.codec import unpack_names

CHUNKS_A_READ = 64

_log = structlog.get_logger(__name__)


def note_job(store: JobStore, job: Job) -> None:
    """Look through the pages of a job that has just been completed, before its end is told of. No job fails for it: who
    looks at the job has them looked through, too."""
    if not _has_pages(job):
        return
    try:
        noted(store, store.get(job.id))
    except (StorageUnavailable, NotFound) as error:
        _log.warning("pages_not_noted", job=job.id, reason=str(error))


def noted(store: JobStore, job: Job) -> Job:
    """The job with its copies and sets, which are looked for if nobody has done so since its rows last changed.

    Raises:
        StorageUnavailable, NotFound
    """
    known = job.copies is not None and job.sets is not None
    if known or job.state is not JobState.COMPLETED or not _has_pages(job):
        return job
    # of one page, and of pages that failed elsewhere, others are nowhere near
    alone = job.counts.total == 1 or RETRY_OF in job.options.metadata
    piles = Piles({} if alone else _pages_of(store, job))
    rows = _rows_of(store, job)
    copies = copies_in(piles.watched(rows) if piles else rows)
    piles.mark_copies(lambda row: copies.of(row) is not None)
    sets = piles.sets(lambda wanted: _names_of(store, job, wanted)) if piles else Sets()
    store.tallies.note_pages(job, copies, sets)
    return replace(job, copies=copies, sets=sets)


def _has_pages(job: Job) -> bool:
    return job.kind == READ and reader_of(job.options.read).by_template


def _pages_of(store: JobStore, job: Job) -> dict[str, PageOf]:
    """What the templates of the job read that are of forms of several pages, by their labels."""
    found = {}
    for label in job.options.template:
        record = store.templates.find(label)
        text = store.templates.text(label) if record is not None and record.of > 1 else None
        if text is not None:
            template = Template.parsed(text)
            found[label] = PageOf(_form_of(template), template.page.of, template.page.number)
    return found


def _form_of(template: Template) -> str:
    """What its form is called; templates from before there was such a word are called by it and their number."""
    return template.page.form or template.name.removesuffix(f"-{template.page.number}")


def _rows_of(store: JobStore, job: Job) -> Iterator[Row]:
    starts = store.chunks.starts(job.id)
    for first in range(0, len(starts), CHUNKS_A_READ):
        chunks = range(first, min(first + CHUNKS_A_READ, len(starts)))
        for chunk, (entries, rows) in zip(chunks, store.chunks.read(job.id, chunks), strict=True):
            if rows is not None:
                yield from Answers.unpacked(rows).rows(starts[chunk], unpack_names(entries), alternatives=False)


def _names_of(store: JobStore, job: Job, rows: Sequence[int]) -> Mapping[int, str]:
    """The names of these rows, which ascend."""
    if not rows:
        return {}
    starts = store.chunks.starts(job.id)
    chunks = list(dict.fromkeys(bisect_right(starts, row) - 1 for row in rows))
    names = {
        starts[chunk] + place: name
        for chunk, (entries, _) in zip(chunks, store.chunks.read(job.id, chunks), strict=True)
        for place, name in enumerate(unpack_names(entries))
    }
    return {row: names[row] for row in rows}
