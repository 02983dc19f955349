"""The entries of one file of an upload: one for a plain image, one for each page or zip member.

What can be refused by its name, its place in the zip or its size is refused here, without being unpacked.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat

import numpy as np

from digitmill.domain.planned import Entry, Packing
from digitmill.domain.rows import Failure
from digitmill.errors import CorruptArchive, FailureCode, ItemFailure
from digitmill.imaging.files.counting import count_pictures
from digitmill.imaging.files.foreign import LOOKED_AT, document_in_zip
from digitmill.imaging.files.formats import PDF, Format, format_of
from digitmill.uploads.limits import Limits
from digitmill.uploads.members import ENCRYPTED, METHODS, TOO_LARGE, behind_local_header, read_member, unpack
from digitmill.uploads.names import Kind, kind_of, label, plainly_images
from digitmill.uploads.spool import Piece, Spool
from digitmill.uploads.tar import BLOCK, is_tar
from digitmill.uploads.tar import members as tar_members
from digitmill.uploads.unpacking import GZIP, GZIP_SIGNATURE, RAW_DEFLATE, unpacked
from digitmill.uploads.zip_directory import DEFLATE64, LOCAL_SLACK, Members, Names, ZipDirectory
from digitmill.uploads.zip_end import CUT_OFF, END_SIGNATURE, LOCAL_SIGNATURE, SPLIT, SPLIT_SIGNATURE

HEAD_BYTES = 1040
"""Enough of a file's beginning to know its format by: before a PDF there may be a kilobyte."""
HEAD_SPAN = 4096
"""Enough of a member's span to unpack its head from."""

NOT_A_ZIP = "The file is named .zip and is none. Make the zip again, or name the file as what it is."
EMPTY_FILE = "The file is empty. Scan or export it again."
NESTED = "The file is an archive of a kind that is not opened. Unpack it, and put the images themselves into the zip."
TOO_DEEP = "The file is an archive within an archive within an archive, which is not opened. Unpack it first."
NO_FILE = "The tar has a link, a device or a file with holes by this name. Put the file itself into it."
LINK = "The zip has a link by this name, and not the file. Make the zip of the files themselves."
METHOD = "The file is compressed by method {method}, which is not read. Make the zip with ordinary compression."
METHOD_64 = (
    "The file is compressed by Deflate64, as Windows Explorer does with large folders, which is not read. Make zips of "
    "less than 2 GB, or use another program with ordinary compression (Deflate)."
)
OVERLAPPING = (
    "The zip's directory gives this file bytes that belong to something else. "
    "Put the file into a new zip and upload that."
)
NOT_LOOKED_AT = "Other PDFs of this upload hang or crash what opens them. Send this one in another upload."
TOO_MANY_PAGES = "The file has more than {limit:,} pages. Split it into several files."


MOST_NAMED = 50
LONGEST_NAMED = 200
MOST_SENT = 4096

# 7-Zip cuts a.zip into a.zip.001, a.zip.002 ...; WinZip and zip into a.z01, a.z02 ... and a.zip
_VOLUME = re.compile(r"\.(z\d\d|(zip|7z|rar)\.\d{3})$", re.IGNORECASE)


MOST_LOST = 3
"""PDFs of an upload that end the process which counts their pages; after so many the others are not looked at."""

CountPages = Callable[[bytes], int]
"""Pages of a PDF. Raises ItemFailure where it cannot be opened."""


class SlowPages(list[Entry]):
    """Pages that take long to draw."""


class OrdinaryMembers(list[Entry]):
    """Members of a zip of which none is refused, and each has bytes of its own."""


class EntryReader:
    """Finds the entries in the files of one spool. ``skipped`` counts folders and litter so far, ``litter`` are the
    names of the first MOST_NAMED files of it, and ``code_pages`` those of names in zips that do not say it.
    ``in_archive`` says that what comes now is in an archive.

    ``on_zip`` is told how many members a zip has before the first of them is given. ``code_page`` is that of names of
    which a zip does not say it; None is told by the names.
    """

    def __init__(
        self,
        spool: Spool,
        limits: Limits,
        on_zip: Callable[[int], None],
        count_pages: CountPages,
        *,
        code_page: str | None = None,
    ) -> None:
        self._spool = spool
        self._file = spool.reader()
        self._limits = limits
        self._on_zip = on_zip
        self._count_pages = count_pages
        self._lost = 0
        self._within = False
        self._code_page = code_page
        self.in_archive = False
        self.skipped = 0
        self.litter: list[str] = []
        self.code_pages: list[str] = []

    def runs(self, piece: Piece) -> Iterator[Sequence[Entry]]:
        """The entries of one file, in order, some at a time.

        Raises:
            CorruptArchive: the directory of the zip is damaged, the file is named .zip and is none or is a part of a
                split archive, most of the zip is compressed by Deflate64, or a tar breaks off.
            TooManyImages: an archive lists more than ``max_members`` members.
            UploadTooLarge, StorageUnavailable: as the spool does, where an archive is unpacked.
        """
        if kind_of(piece.name) is Kind.SKIPPED:
            self._skip(piece.name)
            return
        head = self._read(piece.start, min(piece.length, HEAD_BYTES))
        # a document of Word, say, is a zip of its parts
        inner = None if self._is_document(piece, head) else self._archive_runs(piece, head)
        self.in_archive = inner is not None
        if inner is not None:
            yield from inner
        elif format_of(head) is None and _VOLUME.search(piece.name):
            raise CorruptArchive(SPLIT)
        else:
            raw = piece.sent or piece.name.encode("utf-8", "replace")
            yield self._file_entries(raw, *piece.place, head, name=piece.name)

    def _archive_runs(self, piece: Piece, head: bytes) -> Iterator[Sequence[Entry]] | None:
        """The entries of an archive that is read, and None for any other file."""
        if head.startswith((LOCAL_SIGNATURE, END_SIGNATURE, SPLIT_SIGNATURE)):
            return self._zip_runs(piece, head)
        if is_tar(head):
            return self._tar_runs(piece)
        if head.startswith(GZIP_SIGNATURE) and is_tar(self._gunzipped(piece, BLOCK)):
            return self._tar_runs(self._spool.unpack(piece.name, unpacked(self._file, *piece.place, GZIP, piece.name)))
        # before a zip there may be the program that unpacks it
        return self._zip_runs(piece, head) if piece.name.lower().endswith(".zip") else None

    def _is_document(self, piece: Piece, head: bytes) -> bool:
        if not head.startswith(LOCAL_SIGNATURE):
            return False
        length = min(piece.length, LOOKED_AT)
        return document_in_zip(head, self._read(piece.start + piece.length - length, length)) is not None

    def _gunzipped(self, piece: Piece, most: int) -> bytes:
        """The first bytes of what it unpacks to; none where it is damaged."""
        head = self._read(piece.start, min(piece.length, HEAD_SPAN))
        try:
            return zlib.decompressobj(GZIP).decompress(head, most)
        except zlib.error:
            return b""

    def _zip_runs(self, piece: Piece, head: bytes) -> Iterator[Sequence[Entry]]:
        directory = self._directory(piece, head)
        self._on_zip(len(directory))
        for members in directory.members():
            yield from self._member_entries(members)
        page = directory.code_page
        if page is not None and page not in self.code_pages:
            self.code_pages.append(page)

    def _tar_runs(self, piece: Piece) -> Iterator[Sequence[Entry]]:
        for member in tar_members(self._file, *piece.place, self._limits.max_members):
            name = member.name.decode(self._code_page or "utf-8", "replace")
            kind = Kind.SKIPPED if member.folder else kind_of(name)
            if kind is Kind.SKIPPED:
                self._skip(name + "/" * member.folder)
                continue
            self._on_zip(2)
            if not member.plain:
                failure = Failure(FailureCode.UNSUPPORTED_FORMAT, NO_FILE)
                yield [Entry(label(name), member.start, 0, 0, refused=failure)]
                continue
            head = self._read(member.start, min(member.size, HEAD_BYTES))
            entries = self._file_entries(member.name, member.start, member.size, head, name=name)
            if kind is Kind.ARCHIVE:
                yield from self._inner_runs(entries[0])
            else:
                yield entries

    def _file_entries(self, raw: bytes, start: int, length: int, head: bytes, *, name: str = "") -> Sequence[Entry]:
        """Those of a file that lies in the upload as it is."""
        shown = label(name or raw.decode("utf-8", "replace"))
        entry = Entry(shown, start, length, length, sent=_sent(shown, raw))
        entry = entry._replace(refused=self._refusal_by_size(length))
        known = _paged(head) if entry.refused is None else None
        return [entry] if known is None else self._page_entries(entry, known)

    def _inner_runs(self, outer: Entry) -> Iterator[Sequence[Entry]]:
        """The entries of an archive within an archive, under both names, or the reason why there are none."""
        if self._within:
            yield [outer._replace(refused=Failure(FailureCode.NESTED_ARCHIVE, TOO_DEEP))]
            return
        self._within = True
        try:
            piece = self._plain(outer)
            runs = self._archive_runs(piece, self._read(piece.start, min(piece.length, HEAD_BYTES)))
            if runs is None:
                yield [outer._replace(refused=Failure(FailureCode.NESTED_ARCHIVE, NESTED))]
                return
            for run in runs:
                yield type(run)(_under(outer, entry) for entry in run)  # type: ignore[call-arg]
        except CorruptArchive as error:
            yield [outer._replace(refused=Failure(FailureCode.CORRUPT_MEMBER, error.detail))]
        except ItemFailure as error:
            yield [outer._replace(refused=Failure(error.failure, error.detail))]
        finally:
            self._within = False

    def _plain(self, outer: Entry) -> Piece:
        """Where the bytes of an archive lie that is a member, unpacked if need be.

        Raises:
            CorruptArchive, ItemFailure: they are damaged, encrypted, or unpack to too much.
        """
        if outer.packing is Packing.RAW:
            return Piece(outer.name, outer.offset, outer.size)
        head = memoryview(self._read(outer.offset, min(outer.span, LOCAL_SLACK)))
        start = outer.offset + len(head) - len(behind_local_header(head, outer.packing))
        if outer.packing is Packing.STORED:
            return Piece(outer.name, start, outer.size)
        length = outer.offset + outer.span - start
        return self._spool.unpack(outer.name, unpacked(self._file, start, length, RAW_DEFLATE, outer.name))

    def _directory(self, piece: Piece, head: bytes) -> ZipDirectory:
        try:
            directory = ZipDirectory(
                self._file, piece.start, piece.length, self._limits.max_members, code_page=self._code_page
            )
        except CorruptArchive as error:
            if error.detail == CUT_OFF and (head.startswith(SPLIT_SIGNATURE) or _VOLUME.search(piece.name)):
                raise CorruptArchive(SPLIT) from error
            if error.detail == SPLIT or head.startswith((LOCAL_SIGNATURE, END_SIGNATURE)):
                raise
            raise CorruptArchive(NOT_A_ZIP) from error
        if directory.mostly_deflate64:
            raise CorruptArchive(METHOD_64.replace("The file", "The zip", 1))
        return directory

    def _skip(self, name: str) -> None:
        self.skipped += 1
        if len(self.litter) < MOST_NAMED and not name.endswith(("/", "\\")):
            self.litter.append(label(name)[:LONGEST_NAMED])

    def _member_entries(self, members: Members) -> Iterator[Sequence[Entry]]:
        refusals = self._refusals(members)
        entries = _unrefused(members)
        if members.names.raw:
            entries = _with_names_as_sent(entries, members.names)
        if not refusals and plainly_images(members.names):
            yield OrdinaryMembers(entries)
            return
        found: list[Entry] = []
        for position, (entry, kind) in enumerate(zip(entries, map(kind_of, members.names), strict=True)):
            refusal = refusals.get(position)
            if kind is Kind.IMAGE and refusal is None:
                found.append(entry)
            elif kind is Kind.SKIPPED:
                self._skip(members.names[position])
            elif kind is Kind.ARCHIVE and (refusal is None or refusal.code is FailureCode.MEMBER_TOO_LARGE):
                yield from (found, *self._inner_runs(entry))
                found = []
            elif refusal is None and (known := _paged(self._head(entry))) is not None:
                # a thousand files of many pages are not to be held at once
                yield from (found, self._page_entries(entry, known))
                found = []
            else:
                found.append(entry._replace(refused=refusal))
        yield found

    def _refusals(self, members: Members) -> dict[int, Failure]:
        """Those of a thousand members that their records give cause for, by position; mostly none."""
        limit = self._limits.max_member_bytes
        # a span is read whole, so what lies packed in the zip is bounded like what comes out
        bytes_taken = np.maximum(members.sizes, members.compressed)
        methods = members.methods
        found: dict[int, Failure] = {}
        # of several causes the last one stands
        for position in np.flatnonzero(members.links).tolist():
            found[position] = Failure(FailureCode.UNSUPPORTED_FORMAT, LINK)
        for position in np.flatnonzero(members.sizes == 0).tolist():
            found[position] = Failure(FailureCode.NOT_AN_IMAGE, EMPTY_FILE)
        for position in np.flatnonzero(bytes_taken > limit).tolist():
            found[position] = _too_large(int(bytes_taken[position]), limit)
        for position in np.flatnonzero(members.overlap).tolist():
            found[position] = Failure(FailureCode.CORRUPT_MEMBER, OVERLAPPING)
        for position in np.flatnonzero(~np.isin(methods, list(METHODS))).tolist():
            found[position] = Failure(FailureCode.UNSUPPORTED_FORMAT, _method(int(methods[position])))
        for position in np.flatnonzero(members.encrypted).tolist():
            found[position] = Failure(FailureCode.ENCRYPTED_MEMBER, ENCRYPTED)
        return found

    def _refusal_by_size(self, size: int) -> Failure | None:
        limit = self._limits.max_member_bytes
        if size > limit:
            return _too_large(size, limit)
        return None if size else Failure(FailureCode.NOT_AN_IMAGE, EMPTY_FILE)

    def _head(self, entry: Entry) -> bytes:
        """The first bytes of the member's file; none where it is damaged, which the worker will find."""
        data = self._read(entry.offset, min(entry.span, HEAD_SPAN))
        try:
            return unpack(memoryview(data), entry, HEAD_BYTES)
        except ItemFailure:
            return b""

    def _page_entries(self, entry: Entry, known: Format) -> list[Entry]:
        """One entry for each page or picture of the file; a single one where it is damaged."""
        data = self._read(entry.offset, entry.span)
        limit = self._limits.max_pages
        try:
            content = read_member(memoryview(data), entry, self._limits.max_member_bytes)
            pages = self._pages_of_pdf(content) if known is PDF else count_pictures(content, limit)
        except ItemFailure as failure:
            if failure.failure is FailureCode.POISON_IMAGE:
                return [entry._replace(refused=Failure(failure.failure, failure.detail))]
            pages = 1
        if pages > limit:
            refused = Failure(FailureCode.IMAGE_TOO_LARGE, TOO_MANY_PAGES.format(limit=limit))
            return [entry._replace(refused=refused)]
        if pages > 1:
            entries = [entry._replace(name=f"{entry.name}#{page + 1}", page=page, pages=pages) for page in range(pages)]
        else:
            entries = [entry]
        return SlowPages(entries) if known.slow else entries

    def _pages_of_pdf(self, content: bytes) -> int:
        if self._lost >= MOST_LOST:
            raise ItemFailure(FailureCode.POISON_IMAGE, NOT_LOOKED_AT)
        try:
            return self._count_pages(content)
        except ItemFailure as failure:
            self._lost += failure.failure is FailureCode.POISON_IMAGE
            raise

    def _read(self, position: int, length: int) -> bytes:
        self._file.seek(position)
        return self._file.read(length)


def _paged(head: bytes) -> Format | None:
    """The format of a file that begins so, if each of its pages is an image of its own."""
    known = format_of(head)
    return known if known is not None and known.paged else None


def _under(outer: Entry, entry: Entry) -> Entry:
    """The entry of an archive within ``outer``, by both names."""
    name = label(f"{outer.name}/{entry.name}")
    if outer.sent is None and entry.sent is None:
        return entry._replace(name=name)
    raw = (outer.sent or outer.name.encode()) + b"/" + (entry.sent or entry.name.encode())
    return entry._replace(name=name, sent=raw[:MOST_SENT])


def _unrefused(members: Members) -> Iterator[Entry]:
    columns = (
        map(label, members.names),
        members.offsets.tolist(),
        members.spans.tolist(),
        members.sizes.tolist(),
        map(METHODS.get, members.methods.tolist(), repeat(Packing.STORED)),
        members.crcs.tolist(),
    )
    return map(Entry._make, zip(*columns, repeat(0), repeat(1), repeat(None), repeat(None), strict=False))


def _with_names_as_sent(entries: Iterator[Entry], names: Names) -> Iterator[Entry]:
    for position, entry in enumerate(entries):
        raw = names.raw.get(position)
        yield entry if raw is None else entry._replace(sent=_sent(entry.name, raw))


def _sent(name: str, raw: bytes) -> bytes | None:
    """The bytes of a name as they came, if they tell more than the name; of an endless one the beginning."""
    return None if name.encode() == raw else raw[:MOST_SENT]


def _method(method: int) -> str:
    return METHOD_64 if method == DEFLATE64 else METHOD.format(method=method)


def _too_large(size: int, limit: int) -> Failure:
    return Failure(FailureCode.MEMBER_TOO_LARGE, TOO_LARGE.format(size=size, limit=limit))
