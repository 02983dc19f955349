"""The entries of one file of an upload: one for a plain image, one for each page or zip member.

What can be refused by its name, its place in the zip or its size is refused here, without being unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import IO

import numpy as np

from digitmill.domain import Entry, Failure, Packing
from digitmill.errors import CorruptArchive, FailureCode, ItemFailure
from digitmill.imaging.formats import format_of
from digitmill.imaging.pages import count_tiff_pages, looks_like_tiff
from digitmill.uploads.limits import Limits
from digitmill.uploads.members import ENCRYPTED, METHODS, TOO_LARGE, read_member, unpack
from digitmill.uploads.names import Kind, kind_of, label, plainly_images
from digitmill.uploads.spool import Piece
from digitmill.uploads.zip_directory import DEFLATE64, Members, Names, ZipDirectory
from digitmill.uploads.zip_end import CUT_OFF, END_SIGNATURE, LOCAL_SIGNATURE, SPLIT, SPLIT_SIGNATURE

HEAD_BYTES = 16
"""Enough of a file's beginning to know its format by."""
HEAD_SPAN = 4096
"""Enough of a member's span to unpack its head from."""

NOT_A_ZIP = "The file is named .zip and is none. Make the zip again, or name the file as what it is."
EMPTY_FILE = "The file is empty. Scan or export it again."
NESTED = "The file is an archive within the zip. Unpack it, and put the images themselves into the zip."
METHOD = "The file is compressed by method {method}, which is not read. Make the zip with ordinary compression."
METHOD_64 = (
    "The file is compressed by Deflate64, as Windows Explorer does with large folders, which is not read. Make zips of "
    "less than 2 GB, or use another program with ordinary compression (Deflate)."
)
OVERLAPPING = (
    "The zip's directory gives this file bytes that belong to something else. "
    "Put the file into a new zip and upload that."
)
TOO_MANY_PAGES = "The file has more than {limit:,} pages. Split it into several files."


MOST_NAMED = 50
LONGEST_NAMED = 200
MOST_SENT = 4096

# 7-Zip cuts a.zip into a.zip.001, a.zip.002 ...; WinZip and zip into a.z01, a.z02 ... and a.zip
_VOLUME = re.compile(r"\.(z\d\d|(zip|7z|rar)\.\d{3})$", re.IGNORECASE)


class OrdinaryMembers(list[Entry]):
    """Members of a zip of which none is refused, and each has bytes of its own."""


class EntryReader:
    """Finds the entries in the files of one spool. ``skipped`` counts folders and litter so far, ``litter`` are the
    names of the first MOST_NAMED files of it, and ``code_pages`` those of names in zips that do not say it.

    ``on_zip`` is told how many members a zip has before the first of them is given. ``code_page`` is that of names of
    which a zip does not say it; None is told by the names.
    """

    def __init__(
        self, file: IO[bytes], limits: Limits, on_zip: Callable[[int], None], *, code_page: str | None = None
    ) -> None:
        self._file = file
        self._limits = limits
        self._on_zip = on_zip
        self._code_page = code_page
        self.skipped = 0
        self.litter: list[str] = []
        self.code_pages: list[str] = []

    def runs(self, piece: Piece) -> Iterator[Sequence[Entry]]:
        """The entries of one file, in order, some at a time.

        Raises:
            CorruptArchive: the directory of the zip is damaged, the file is named .zip and is none or is a part of a
                split archive, or most of the zip is compressed by Deflate64.
            TooManyImages: the zip lists more than ``max_members`` members.
        """
        kind = kind_of(piece.name)
        if kind is Kind.SKIPPED:
            self._skip(piece.name)
            return
        head = self._read(piece.start, min(piece.length, HEAD_BYTES))
        signed = head.startswith((LOCAL_SIGNATURE, END_SIGNATURE))
        if signed or head.startswith(SPLIT_SIGNATURE) or piece.name.lower().endswith(".zip"):
            directory = self._directory(piece, head)
            self._on_zip(len(directory))
            for members in directory.members():
                yield from self._member_entries(members)
            page = directory.code_page
            if page is not None and page not in self.code_pages:
                self.code_pages.append(page)
        elif format_of(head) is None and _VOLUME.search(piece.name):
            raise CorruptArchive(SPLIT)
        else:
            name = label(piece.name)
            sent = _sent(name, piece.name.encode("utf-8", "replace"))
            entry = Entry(name, piece.start, piece.length, piece.length, sent=sent)
            entry = entry._replace(refused=self._refusal_by_size(piece.length))
            if entry.refused is None and looks_like_tiff(head):
                yield self._page_entries(entry)
            else:
                yield [entry]

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
            elif kind is Kind.ARCHIVE and not members.encrypted[position]:
                found.append(entry._replace(refused=Failure(FailureCode.NESTED_ARCHIVE, NESTED)))
            elif refusal is None and looks_like_tiff(self._head(entry)):
                # a thousand files of many pages are not to be held at once
                yield from (found, self._page_entries(entry))
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

    def _page_entries(self, entry: Entry) -> list[Entry]:
        """One entry for each page of a TIFF; a single one where the file is damaged."""
        data = self._read(entry.offset, entry.span)
        limit = self._limits.max_pages
        try:
            content = read_member(memoryview(data), entry, self._limits.max_member_bytes)
            pages = count_tiff_pages(content, limit)
        except ItemFailure:
            pages = 1
        if pages > limit:
            failure = Failure(FailureCode.IMAGE_TOO_LARGE, TOO_MANY_PAGES.format(limit=limit))
            return [entry._replace(refused=failure)]
        if pages > 1:
            return [entry._replace(name=f"{entry.name}#{page + 1}", page=page, pages=pages) for page in range(pages)]
        return [entry]

    def _read(self, position: int, length: int) -> bytes:
        self._file.seek(position)
        return self._file.read(length)


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
