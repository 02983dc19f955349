"""Reading a job's rows: pages, streams, one row, and the pictures behind it.

Rows come in upload order. While a job runs, a page ends before the first chunk that is not done and its cursor
stays there, so a reader who follows cursors sees every row once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from digitmill.domain.form_page import FormPage, turned_like
from digitmill.domain.jobs import Job, with_rows
from digitmill.domain.planned import Entry
from digitmill.domain.rows import Address, Row, RowStatus
from digitmill.domain.verdicts import Revision
from digitmill.errors import BadOptions, FieldError, NotFound
from digitmill.imaging.drawn.drawing import Picture, View, outline_of
from digitmill.jobs import noting
from digitmill.jobs.jobs import Jobs
from digitmill.keys import LOCAL
from digitmill.models.manifest import normaliser_for
from digitmill.models.registry import Registry
from digitmill.readers import reader_of
from digitmill.results.page_rows import told_of
from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.blobs import BlobStore, upload_of
from digitmill.store.news import FirstChunk
from digitmill.store.rows import Answers, Line
from digitmill.uploads.codec import unpack_names, unpack_plan
from digitmill.uploads.members import read_member

CHUNKS_A_READ = 8
FIELD_SIDE, PAGE_SIDE = 1024, 2048
"""The most pixels of a side of a field, and of a page, that are drawn straight."""
CHUNKS_A_PAGE = 64
"""A page with a filter that few rows pass looks at no more chunks than this; its cursor leads on."""


Some = TypeVar("Some")
Key = TypeVar("Key")
ReadChunks = Callable[[Job, Sequence[int], range], Iterator[list[Some] | None]]
"""What of these chunks of the job, given the number of each chunk's first row; None for one that is still to come."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Rows to show. Confidence bounds are inclusive and leave out rows that have none; ``corrected`` rows are those
    on which a person has the last word. Statuses and confidences are the model's own."""

    statuses: frozenset[RowStatus] = frozenset(RowStatus)
    min_confidence: float | None = None
    max_confidence: float | None = None
    corrected: bool | None = None

    def keeps(self, row: Row) -> bool:
        if row.status not in self.statuses or self.corrected not in (None, row.corrected):
            return False
        if self.min_confidence is None and self.max_confidence is None:
            return True
        if row.confidence is None:
            return False
        low = 0.0 if self.min_confidence is None else self.min_confidence
        high = 1.0 if self.max_confidence is None else self.max_confidence
        return low <= row.confidence <= high


EVERY_ROW = RowFilter()


@dataclass(frozen=True, slots=True)
class Page:
    """``next_cursor`` is None only when the job is final and no rows are left."""

    job: Job
    rows: Sequence[Row]
    next_cursor: str | None


class Results:
    """All methods raise NotFound for another owner's job, and Expired.

    ``names`` gives the names of an owner's keys by their ids.
    """

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        blobs: BlobStore,
        registry: Registry,
        jobs: Jobs,
        names: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._registry = registry
        self._jobs = jobs
        self._names = names
        self._last_paged: tuple[tuple[str, int], bytes] | None = None

    def page(
        self,
        owner: str,
        job_id: str,
        *,
        rows: RowFilter,
        limit: int,
        cursor: str | None,
        first_chunk: FirstChunk | None = None,
    ) -> Page:
        """Up to ``limit`` rows from ``cursor`` on; possibly fewer although more follow: go by the cursor.
        ``first_chunk`` is that of the job, where the caller has it already.

        Raises:
            BadOptions: the cursor was not made by this method.
        """
        first_chunk = first_chunk or self._store.open(job_id)
        job, starts = first_chunk.job, first_chunk.starts
        if job.owner != owner:
            raise NotFound("There is no such job.")
        job = noting.noted(self._store, job)
        start = _start(cursor, with_rows(job))
        found: list[Row] = []
        chunk = first = bisect_right(starts, start) - 1
        while chunk < len(starts) and chunk - first < CHUNKS_A_PAGE:
            if chunk == 0:
                batch = self._unpacked(job, starts, range(1), [(first_chunk.entries, first_chunk.rows)])
            else:
                batch = self._read(
                    job, starts, range(chunk, min(chunk + CHUNKS_A_READ, first + CHUNKS_A_PAGE, len(starts)))
                )
            for chunk_rows in batch:
                if chunk_rows is None:
                    return Page(job, found, str(max(start, starts[chunk])))
                for row in chunk_rows:
                    if row.index >= start and rows.keeps(row):
                        if len(found) == limit:
                            return Page(job, found, str(row.index))
                        found.append(row)
                chunk += 1
        done = chunk >= len(starts)
        return Page(job, found, None if done and job.state.final else str(job.counts.total if done else starts[chunk]))

    def stream(self, owner: str, job_id: str, *, rows: RowFilter, alternatives: bool = True) -> Iterator[list[Row]]:
        """All rows, chunk by chunk; while the job runs it waits for the next, until the job is final.

        Rows without ``alternatives`` take half the time.

        While it waits, an empty list comes about every second, so that the caller can look whether anybody
        still listens.
        """

        def read(job: Job, starts: Sequence[int], chunks: range) -> Iterator[list[Row] | None]:
            for found in self._read(job, starts, chunks, alternatives=alternatives):
                yield found if found is None or rows == EVERY_ROW else [row for row in found if rows.keeps(row)]

        return self._followed(owner, job_id, read)

    def table(self, owner: str, job_id: str) -> Iterator[list[Line]]:
        """As ``stream`` of every row, for CSV in half the time: what the model said, without what people changed."""

        def read(job: Job, starts: Sequence[int], chunks: range) -> Iterator[list[Line] | None]:
            for chunk, (entries, rows) in zip(chunks, self._store.chunks.read(job.id, chunks), strict=True):
                if rows is not None:
                    yield Answers.unpacked(rows).lines(starts[chunk], unpack_names(entries))
                else:
                    yield [] if job.state.final else None

        return self._followed(owner, job_id, read)

    def unread(self, owner: str, job_id: str) -> Iterator[list[tuple[int, str]]]:
        """Index and name of each image of a job that ended before it was read, chunk by chunk."""
        job = self._jobs.get(owner, job_id)
        starts = self._store.chunks.starts(job_id) if job.counts.done < job.counts.total else ()
        for first in range(0, len(starts), CHUNKS_A_READ):
            some = range(first, min(first + CHUNKS_A_READ, len(starts)))
            for chunk, (entries, rows) in zip(some, self._store.chunks.read(job.id, some), strict=True):
                if rows is None:
                    yield list(enumerate(unpack_names(entries), starts[chunk]))

    def row(self, owner: str, job_id: str, index: int) -> Row:
        """Raises NotFound when there is no such row, or not yet."""
        job = self._jobs.get_read(owner, job_id)
        _in_range(job, index)
        rows = self.rows_at(job, [index])
        if not rows:
            raise NotFound("This image has no row yet; ask again when the job has gone on.")
        return rows[0]

    def rows_at(self, job: Job, indices: Sequence[int]) -> list[Row]:
        """The rows with these indices, in this order, without those that are not there yet."""
        starts = self._store.chunks.starts(job.id)
        places: dict[int, list[int]] = {}
        for index in indices:
            chunk = bisect_right(starts, index) - 1
            places.setdefault(chunk, []).append(index - starts[chunk])
        found: dict[int, Row] = {}
        for chunk, (entries, rows) in zip(places, self._store.chunks.read(job.id, list(places)), strict=True):
            if rows is not None:
                some = Answers.unpacked(rows).rows(starts[chunk], unpack_names(entries), places[chunk])
                found |= {row.index: row for row in some}
        some_rows = [found[index] for index in indices if index in found]
        if reader_of(job.options.read).by_template:
            return self._of_pages(job, some_rows)
        revisions = self._last_revisions(job, list(found))
        return [_revised(row, revisions) for row in some_rows]

    def named(self, job: Job, revisions: Mapping[Key, Revision]) -> dict[Key, Revision]:
        """The same revisions with the names of those who made them. Of a key that is unknown it is the id."""
        names = self._names(job.owner) if revisions else {}

        def name_of(by: str) -> str | None:
            return None if by == LOCAL.key_id else names.get(by) or by

        return {
            key: replace(
                last,
                name=name_of(last.by),
                entries=tuple(replace(entry, name=name_of(entry.by)) for entry in last.entries),
            )
            for key, last in revisions.items()
        }

    def image(self, owner: str, job_id: str, index: int) -> tuple[str, bytes]:
        """Name and bytes of one image as uploaded (of a TIFF page: the whole file).

        Raises:
            ItemFailure: its bytes cannot be taken out of the upload.
        """
        job = self._jobs.get(owner, job_id)
        entry = self._planned(job, index)
        return entry.name, read_member(self._span(job, entry), entry, self._settings.max_member_bytes)

    def name_as_sent(self, owner: str, job_id: str, index: int) -> bytes:
        """The bytes of the name under which the image came, at most 4,096 where they are not its row's name in UTF-8;
        of a page the name of its file."""
        entry = self._planned(self._jobs.get_read(owner, job_id), index)
        if entry.sent is not None:
            return entry.sent
        return (entry.name.removesuffix(f"#{entry.page + 1}") if entry.pages > 1 else entry.name).encode()

    def picture(self, owner: str, job_id: str, index: int, view: View) -> Picture:
        """What is needed to draw one image.

        Raises:
            ItemFailure: the image cannot be read.
            ModelNotFound, ModelRejected: the view is of a model that is gone, or of a normaliser that is.
        """
        job = self._jobs.get_read(owner, job_id)
        entry = self._planned(job, index)
        picture = Picture(self._member(job, entry), entry.page, entry.pages, job.options.polarity)
        if view is View.REGISTERED:
            return replace(picture, outline=outline_of(self._page(owner, job_id, index).corners, PAGE_SIDE))
        if view is not View.NORMALISED:
            return picture
        manifest = self._registry.exact(job.model)
        normaliser_for(manifest)
        return replace(picture, normaliser=manifest.normaliser)

    def field_picture(self, owner: str, job_id: str, index: int, field: str, character: int | None = None) -> Picture:
        """What is needed to draw a field of a form page, or one of its characters, counted from 0. Raises as
        ``picture``, and NotFound for another field or character."""
        row = self.row(owner, job_id, index)
        places = {} if row.page is None else row.page.places
        if field not in places:
            raise NotFound(f"This page has no field {field!r}.")
        corners = places[field]
        if character is not None:
            parts = (row.fields or {})[field].parts
            if character >= len(parts):
                raise NotFound(f"This field has {len(parts)} characters.")
            corners = turned_like(corners, parts[character].box)
        outline = outline_of(corners, FIELD_SIDE)
        return replace(self.picture(owner, job_id, index, View.FIELD), outline=outline)

    def _page(self, owner: str, job_id: str, index: int) -> FormPage:
        page = self.row(owner, job_id, index).page
        if page is None:
            raise NotFound("This row is no form page that was found on its scan.")
        return page

    def _member(self, job: Job, entry: Entry) -> bytes:
        """The bytes of the entry's file. Of several pages they are kept for the next: who looks at one looks at others,
        and what draws them keeps the same bytes open."""
        if entry.pages == 1:
            return read_member(self._span(job, entry), entry, self._settings.max_member_bytes)
        file, last = (job.id, entry.offset), self._last_paged
        if last is None or last[0] != file:
            self._last_paged = last = file, read_member(self._span(job, entry), entry, self._settings.max_member_bytes)
        return last[1]

    def _span(self, job: Job, entry: Entry) -> memoryview:
        # what was refused by the plan has no bytes that anybody would read
        end = entry.offset + (entry.span if entry.refused is None else 0)
        read = upload_of(job, self._store, self._blobs)
        return memoryview(read(entry.offset, end) if end > entry.offset else b"")

    def _planned(self, job: Job, index: int) -> Entry:
        starts, chunk = self._chunk_of(job, index)
        ((entries, _),) = self._store.chunks.read(job.id, [chunk])
        return unpack_plan(entries)[index - starts[chunk]]

    def _followed(self, owner: str, job_id: str, read: ReadChunks[Some]) -> Iterator[list[Some]]:
        """What ``read`` has of chunk after chunk; an empty list about every second while there is nothing to read."""
        job = self._jobs.get_read(owner, job_id)
        starts = self._store.chunks.starts(job_id)
        chunk = 0
        for state in self._states(owner, job):
            waiting = False
            while chunk < len(starts) and not waiting:
                for found in read(state, starts, range(chunk, min(chunk + CHUNKS_A_READ, len(starts)))):
                    waiting = found is None
                    if found is None:
                        break
                    yield found
                    chunk += 1
            if waiting:
                yield []

    def _chunk_of(self, job: Job, index: int) -> tuple[Sequence[int], int]:
        _in_range(job, index)
        starts = self._store.chunks.starts(job.id)
        return starts, bisect_right(starts, index) - 1

    def _read(
        self, job: Job, starts: Sequence[int], chunks: range, *, alternatives: bool = True
    ) -> Iterator[list[Row] | None]:
        """Rows of each chunk; None for one that is still to come, none at all for one that never will."""
        return self._unpacked(job, starts, chunks, self._store.chunks.read(job.id, chunks), alternatives=alternatives)

    def _unpacked(
        self,
        job: Job,
        starts: Sequence[int],
        chunks: range,
        packed: Sequence[tuple[bytes, bytes | None]],
        *,
        alternatives: bool = True,
    ) -> Iterator[list[Row] | None]:
        revisions: Mapping[int, Revision] = {}
        of_pages = reader_of(job.options.read).by_template
        if job.revised and chunks and not of_pages:
            end = starts[chunks.stop] if chunks.stop < len(starts) else job.counts.total
            revisions = self.named(job, self._store.reviews.revisions_between(job.id, starts[chunks.start], end))
        for chunk, (entries, rows) in zip(chunks, packed, strict=True):
            if rows is not None:
                found = Answers.unpacked(rows).rows(starts[chunk], unpack_names(entries), alternatives=alternatives)
                if of_pages:
                    yield self._of_pages(job, found)
                else:
                    yield [_revised(row, revisions) for row in found] if revisions else found
            else:
                yield [] if job.state.final else None

    def _of_pages(self, job: Job, rows: Sequence[Row]) -> list[Row]:
        """Rows of form pages with what people said of their fields, and all that ``told_of`` tells."""
        pages = told_of(job, rows)
        if not job.revised:
            return pages
        values = [Address(page.index, field) for page in pages for field in page.fields or ()]
        found = self.named(job, self._store.reviews.revisions_of(job.id, values))
        revised: dict[int, dict[str, Revision]] = {}
        for (index, field), revision in found.items():
            revised.setdefault(index, {})[field] = revision
        return [page._replace(revisions=revised.get(page.index, {})) for page in pages]

    def _last_revisions(self, job: Job, indices: Sequence[int]) -> dict[int, Revision]:
        if not job.revised:
            return {}
        found = zip(indices, self._store.reviews.revisions(job.id, indices), strict=True)
        return self.named(job, {index: revision for index, revision in found if revision is not None})

    def _states(self, owner: str, job: Job) -> Iterator[Job]:
        if job.state.final:
            yield job
        else:
            yield from self._jobs.watch(owner, job.id, seconds=float("inf"), quiet=1.0)


def _in_range(job: Job, index: int) -> None:
    if not 0 <= index < job.counts.total:
        raise NotFound(f"This job has rows 0 to {job.counts.total - 1}.")


def _revised(row: Row, revisions: Mapping[int, Revision]) -> Row:
    return row._replace(revision=revisions[row.index]) if row.index in revisions else row


def _start(cursor: str | None, job: Job) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 12 or int(cursor) > job.counts.total:
        message = "must be the next_cursor of a page of this job"
        raise BadOptions(f"cursor {message}.", errors=(FieldError("cursor", message),))
    return int(cursor)
