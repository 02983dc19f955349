"""From the files of an upload to the chunks of entries that workers will read.

Every image of the upload becomes exactly one entry, in upload order, a zip's members in the order of its
directory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import ceil

from digitmill.domain.jobs import Findings
from digitmill.domain.planned import Chunk, Entry
from digitmill.errors import EmptyUpload, FieldError, NoImages, TooManyImages, UploadRefused
from digitmill.uploads.entries import CountPages, EntryReader, OrdinaryMembers, SlowPages
from digitmill.uploads.limits import Limits
from digitmill.uploads.names import label
from digitmill.uploads.namesakes import Namesakes
from digitmill.uploads.piece_names import read_names
from digitmill.uploads.spool import Spool

NOTHING_SENT = "The upload is empty. Send at least one image or zip."
NOTHING_WITHIN = "There is nothing in the zip (or other archive). Send one that holds at least one image."
NO_IMAGES = "The upload holds no image ({skipped:,} folders and system files were skipped{such})."
TOO_MANY = "The upload holds more than {limit:,} images; split it into several uploads."
SHARED_BY = 4
"""A chunk has at most one in so many of the images still to come: workers share a small job, and end together."""
FEWEST = 256
"""Images that a chunk may have all the same: smaller last ones brought nothing, for what a chunk costs by itself."""
SLOW_PAGES, FIRST_PAGES = 16, 4
"""Pages of a PDF in a chunk, and in the first of a job of more: rows come soon, and each chunk reads the whole file."""


class Plan:
    """The plan of the upload in ``spool``, behind which archives within it are unpacked.

    ``total`` counts the images, and ``skipped`` the folders and litter, that ``chunks`` came by so far; ``findings``
    tell of them. ``count_pages`` opens PDFs; of strangers' files that is for a process that is walled in. ``code_page``
    is that of names that do not say theirs; None is told by the names.
    """

    def __init__(
        self,
        spool: Spool,
        limits: Limits,
        count_pages: CountPages,
        *,
        code_page: str | None = None,
    ) -> None:
        self._spool = spool
        self._pieces = spool.pieces
        self._limits = limits
        self._count_pages = count_pages
        self._code_page = code_page
        self.total = 0
        self.skipped = 0
        self.findings = Findings()

    def chunks(self) -> Iterator[Chunk]:
        """The chunks, in order; to be called once. Memory: one chunk, 8 bytes for each member of a zip, and
        its directory where that is small.

        Only when the last chunk was given is the upload known to be good: until then any of these may be
        raised, and what was given must be thrown away.

        Raises:
            EmptyUpload: there is not a single byte.
            CorruptArchive: a zip's directory is damaged, or a file is named .zip and is none.
            TooManyImages: there are more than ``max_images``.
            NoImages: there are only folders and litter, or archives with nothing in them.
            UploadTooLarge, StorageUnavailable: as the spool does, where an archive is unpacked.
        """
        if not any(piece.length for piece in self._pieces):
            raise EmptyUpload(NOTHING_SENT)
        cutter, most = Cutter(self._limits, expected=len(self._pieces)), self._limits.max_images
        for run in self._runs(cutter):
            self.total += len(run)
            if self.total > most:
                raise TooManyImages(TOO_MANY.format(limit=most))
            if isinstance(run, OrdinaryMembers):
                yield from cutter.add_members(run)
            else:
                yield from cutter.add_all(run, slow=isinstance(run, SlowPages))
        if not self.total and not self.skipped:
            raise NoImages(NOTHING_WITHIN)
        if not self.total:
            litter = self.findings.skipped
            such = f", such as {litter[0]}" if litter else ""
            raise NoImages(NO_IMAGES.format(skipped=self.skipped, such=such))
        yield cutter.close()

    def _runs(self, cutter: Cutter) -> Iterator[Sequence[Entry]]:
        reader = EntryReader(
            self._spool,
            self._limits,
            on_zip=lambda more: cutter.expect(more - 1),
            count_pages=self._count_pages,
            code_page=self._code_page,
        )
        pieces, page = read_names(self._pieces, self._code_page)
        reader.code_pages += [page] if page else []
        namesakes, several = Namesakes(), len(pieces) > 1
        for position, piece in enumerate(pieces):
            namesakes.begin(label(piece.name))
            try:
                for run in reader.runs(piece):
                    yield namesakes.told_apart(run) if reader.in_archive and several else run
            except UploadRefused as refusal:
                if len(self._pieces) == 1:
                    raise
                where = FieldError(f"files[{position}]", refusal.detail)
                raise type(refusal)(f"{piece.name}: {refusal.detail}", errors=(where,)) from refusal
            finally:
                self.skipped = reader.skipped
                self.findings = Findings(tuple(reader.code_pages), tuple(reader.litter))


class Cutter:
    """Cuts a run of entries into chunks of at most ``chunk_images``, ``chunk_bytes`` of spans and of sizes.

    Towards the end, where ``expected`` puts it, they become smaller (guided self-scheduling, Polychronopoulos and Kuck,
    1987). An entry that is larger by itself gets a chunk of its own. Pages of one file count its bytes once.
    """

    def __init__(self, limits: Limits, *, expected: int) -> None:
        self._limits = limits
        self._expected = expected
        self._number = 0
        self._first = 0
        self._begin()

    def _begin(self) -> None:
        self.expect(0)
        self._entries: list[Entry] = []
        self._span = 0
        self._size = 0

    def expect(self, more: int) -> None:
        """There will be so many more entries than was thought."""
        self._expected += more
        self._images = images_a_chunk(self._expected - self._first, self._limits.chunk_images)

    def add_all(self, entries: Sequence[Entry], *, slow: bool = False) -> Iterator[Chunk]:
        """Take the entries; the chunks that had no room for more of them. A few ``slow`` ones fill a chunk, with what
        else is in it."""
        many = len(entries) > SLOW_PAGES
        for entry in entries:
            if slow:
                self._images = min(self._images, FIRST_PAGES if many and not self._number else SLOW_PAGES)
            full = self._add(entry)
            if full is not None:
                yield full

    def add_members(self, members: OrdinaryMembers) -> Iterator[Chunk]:
        """As ``add_all``, in a fraction of the time, for there may be a million of them."""
        spans = list(accumulate((member.span for member in members), initial=0))
        sizes = list(accumulate((member.size for member in members), initial=0))
        most, taken = self._limits.chunk_bytes, 0
        while taken < len(members):
            fit = min(
                taken + self._images - len(self._entries),
                bisect_right(spans, spans[taken] + most - self._span) - 1,
                bisect_right(sizes, sizes[taken] + most - self._size) - 1,
            )
            if fit > taken:
                self._entries += members[taken:fit]
                self._span += spans[fit] - spans[taken]
                self._size += sizes[fit] - sizes[taken]
                taken = fit
            else:
                yield from self.add_all(members[taken : taken + 1])
                taken += 1

    def _add(self, entry: Entry) -> Chunk | None:
        """Take the entry; return the chunk before it when that had no room for it."""
        entries, most = self._entries, self._limits.chunk_bytes
        # one that is refused adds no bytes to read, nor does one more page of a file
        costs = entry.refused is None and not (entries and entries[-1].offset == entry.offset)
        full = None
        if entries and (
            len(entries) >= self._images
            or (costs and (self._span + entry.span > most or self._size + entry.size > most))
        ):
            full = self.close()
            costs = entry.refused is None
        if costs:
            self._span += entry.span
            self._size += entry.size
        self._entries.append(entry)
        return full

    def close(self) -> Chunk:
        """End the chunk and begin the next."""
        chunk = Chunk(self._number, self._first, tuple(self._entries))
        self._number += 1
        self._first += len(self._entries)
        self._begin()
        return chunk


def images_a_chunk(coming: int, most: int) -> int:
    """The most images of the next chunk, with so many still ``coming`` and ``most`` allowed."""
    return min(max(ceil(coming / SHARED_BY), FEWEST), most)
