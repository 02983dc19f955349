"""Images that a person has answered, as a zip to train with: the files as uploaded and a ``labels.csv``.

The zip is written as it is sent: in memory lie READ_BYTES of the upload or one image, whichever is more, however many
there are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO, cast

from digitmill.domain import Entry, Job, Verdict, VerdictStatus
from digitmill.errors import ItemFailure
from digitmill.jobs import Jobs
from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.blobs import BlobStore, upload_of
from digitmill.uploads.codec import unpack_plan
from digitmill.uploads.members import read_member
from digitmill.uploads.ranges import ranges
from digitmill.uploads.zip_stream import ZipStream

LABELS_FILE = "labels.csv"
WORDS = {VerdictStatus.BLANK: "blank", VerdictStatus.NOT_A_DIGIT: "none"}
"""Labels of what is no digit."""
READ_BYTES = 4 << 20
CHUNKS_A_READ = 8
LONGEST_NAME = 60
LABELS_IN_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class _Answered:
    """A row of which a person has said something, and where its image lies. ``first`` is False for a page of the file
    that the answered row before it is of, too."""

    index: int
    entry: Entry
    verdict: Verdict
    first: bool

    @property
    def path(self) -> str:
        """The name of its file in the zip, which no other has: of letters, digits, ``.``, ``_`` and ``-``."""
        name = self.entry.name.rpartition("#")[0] if self.entry.pages > 1 else self.entry.name
        base = name.replace("\\", "/").rpartition("/")[2]
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in base)
        return f"images/{self.index:06d}-{safe[-LONGEST_NAME:].strip('.')}"

    @property
    def label(self) -> str:
        return self.verdict.prediction or WORDS[self.verdict.status]


class Labelled:
    def __init__(self, settings: Settings, store: JobStore, blobs: BlobStore, jobs: Jobs) -> None:
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._jobs = jobs

    def pack(self, owner: str, job_id: str) -> Iterator[bytes]:
        """The zip in pieces: each image once, in the order of the rows, then ``labels.csv`` (name, label).

        A label is "0" to "9", "blank", or "none" for what is no digit. A page of a TIFF is labelled as
        ``file#page`` beside the whole file. An image that cannot be taken out of the upload has a label and no file.

        Raises:
            NotFound: another owner's job, or its upload is no longer stored.
            Expired: the job is over and its rows are gone.
        """
        job = self._jobs.get(owner, job_id)
        with closing(ZipStream()) as archive, tempfile.SpooledTemporaryFile(LABELS_IN_MEMORY) as labels:
            labels.write(b"name,label\r\n")
            path = ""
            for answered, content in self._images(job):
                entry = answered.entry
                path = answered.path if answered.first else path
                name = f"{path}#{entry.page + 1}" if entry.pages > 1 else path
                labels.write(f"{name},{answered.label}\r\n".encode())
                if content is not None:
                    yield from archive.add(path, content)
            yield from archive.add(LABELS_FILE, cast(IO[bytes], labels))
            yield from archive.end()

    def _images(self, job: Job) -> Iterator[tuple[_Answered, bytes | None]]:
        """Every answered row with the bytes of its file; None where they came before, or cannot be had."""
        read = upload_of(job, self._store, self._blobs)
        for some in _parts(self._answered(job), READ_BYTES):
            files = [answered for answered in some if answered.first]
            found: dict[int, bytes | None] = {}
            for span in ranges([answered.entry for answered in files]):
                data = memoryview(read(span.start, span.end))
                for position in span.positions:
                    entry = files[position].entry
                    start = entry.offset - span.start
                    found[files[position].index] = self._member(data[start : start + entry.span], entry)
            for answered in some:
                yield answered, found.pop(answered.index, None)

    def _member(self, data: memoryview, entry: Entry) -> bytes | None:
        try:
            return read_member(data, entry, self._settings.max_member_bytes)
        except ItemFailure:
            # the row says why
            return None

    def _answered(self, job: Job) -> Iterator[_Answered]:
        starts = self._store.starts(job.id)
        before = -1
        for first in range(0, len(starts) if job.revised else 0, CHUNKS_A_READ):
            chunks = range(first, min(first + CHUNKS_A_READ, len(starts)))
            end = starts[chunks.stop] if chunks.stop < len(starts) else job.counts.total
            revisions = self._store.reviews.revisions_between(job.id, starts[first], end)
            verdicts = {index: last.verdict for index, last in revisions.items() if last.verdict is not None}
            for chunk in chunks if verdicts else ():
                ((entries, _),) = self._store.read(job.id, [chunk])
                for index, entry in enumerate(unpack_plan(entries), starts[chunk]):
                    if index in verdicts:
                        first_page = entry.pages == 1 or entry.offset != before
                        before = entry.offset
                        yield _Answered(index, entry, verdicts[index], first_page)


def _parts(rows: Iterator[_Answered], most_bytes: int) -> Iterator[list[_Answered]]:
    """The rows in runs whose files take together no more than so many bytes, packed or not, or of one row alone."""
    part: list[_Answered] = []
    size = 0
    for row in rows:
        more = max(row.entry.span, row.entry.size) if row.first else 0
        if part and size + more > most_bytes:
            yield part
            part, size = [], 0
        part.append(row)
        size += more
    if part:
        yield part
