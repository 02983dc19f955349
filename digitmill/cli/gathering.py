"""From the paths on the command line to the files to send, under names that the user knows them by."""

from __future__ import annotations

import codecs
import glob
import itertools
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from digitmill.errors import BadOptions, FailureCode, ItemFailure
from digitmill.imaging.files.foreign import LOOKED_AT, READ_ARCHIVES, document_in_zip
from digitmill.imaging.files.formats import FORMATS, READ_ARCHIVE_SUFFIXES, format_of, recognise
from digitmill.uploads.names import is_litter

HEAD_BYTES = 4096
LIST_BYTES = 64 << 10
ENDINGS = (*READ_ARCHIVE_SUFFIXES, *(suffix for known in FORMATS for suffix in known.suffixes))

MOST_LOOSE_FILES = 1000
"""More loose images than this go in a zip: as parts of a request, each costs more than its image."""
NAMES_SHOWN = 10

Files = Sequence[tuple[str, Path]]
"""The name that its row shall carry, and where it is."""


@dataclass
class Passed:
    """Files that are not sent: how many, and the names of the first."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def note(self, path: Path) -> None:
        self.count += 1
        if len(self.names) < NAMES_SHOWN:
            self.names.append(path.name)


class Gathering:
    """Files, folders with everything below them, and patterns, in the order of the arguments and then by name.

    Of a folder those are sent that are an image or an archive by their content or their ending: what is damaged is to
    have its row. A file that is named itself is sent whatever it is. ``taken`` counts them. ``left_out`` are no images,
    ``unread`` images and archives of kinds that the service does not read, ``missing`` links that lead nowhere, and
    ``litter`` the service would skip too. All tell of the files so far. Memory: the names in one folder.
    """

    def __init__(self, arguments: Iterable[str]) -> None:
        self._arguments = arguments
        self.taken = 0
        self.left_out = Passed()
        self.unread = Passed()
        self.missing = Passed()
        self.litter = Passed()

    @property
    def any_left_out(self) -> bool:
        """Whether a file was not sent that a person may have meant to send."""
        return bool(self.left_out.count or self.unread.count or self.missing.count)

    def files(self) -> Iterator[tuple[str, Path]]:
        """To be called once.

        Raises:
            BadOptions: an argument names nothing, a pipe, or a folder without images.
        """
        for path in itertools.chain.from_iterable(map(_expand, self._arguments)):
            before = self.taken
            for found in self._below(path) if path.is_dir() else [(_name(path, path.parent), path)]:
                self.taken += 1
                yield found
            if self.taken == before:
                such = f", only such that are not read: {', '.join(self.unread.names)}" if self.unread.count else ""
                raise BadOptions(f"The folder {path} holds no images and no zips{such}.")

    def _below(self, folder: Path) -> Iterator[tuple[str, Path]]:
        for file in _walk(folder):
            if is_litter(file.relative_to(folder).as_posix()):
                self.litter.note(file)
            elif not file.exists():
                self.missing.note(file)
            elif file.is_file() and is_scan(file):
                yield _name(file, folder.parent), file
            else:
                (self.unread if _is_unread(file) else self.left_out).note(file)


def _is_unread(path: Path) -> bool:
    """Whether a file that is no scan is an image or archive all the same. Raises OSError."""
    try:
        recognise(_head(path))
    except ItemFailure as failure:
        return failure.failure is not FailureCode.NOT_AN_IMAGE
    return True


def is_scan(path: Path) -> bool:
    """Whether a file is an image or an archive that is read, by its ending or its first bytes. Raises OSError."""
    if path.name.lower().endswith(ENDINGS):
        return True
    head = _head(path)
    if format_of(head) is not None:
        return True
    return READ_ARCHIVES.match(head) is not None and document_in_zip(head, _tail(path)) is None


def _head(path: Path) -> bytes:
    # a pipe or a device may have no end, and no beginning either
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOOKED_AT))
        return file.read()


def batches(files: Iterator[tuple[str, Path]], most: int | None) -> Iterator[Files]:
    """The files in lists of at most so many, or in one; that is all of them which is held."""
    while batch := list(itertools.islice(files, most)):
        yield batch


def listed(source: BinaryIO) -> Iterator[str]:
    """The paths in a list: one a line, or each ended by a NUL byte as ``find -print0`` writes them."""
    rest = source.read(LIST_BYTES).removeprefix(codecs.BOM_UTF8)
    end = b"\0" if b"\0" in rest else b"\n"
    while rest:
        *whole, rest = rest.split(end)
        block = source.read(LIST_BYTES)
        rest += block
        if not block:
            whole, rest = [*whole, rest], b""
        for path in whole:
            if path := path if end == b"\0" else path.rstrip(b"\r"):
                yield os.fsdecode(path)


@contextmanager
def bundled(files: Files) -> Iterator[Files]:
    """The files as they go out: many loose images between two zips become one zip, in the same order."""
    if sum(not _is_archive(file) for file in files) <= MOST_LOOSE_FILES:
        yield files
        return
    with tempfile.TemporaryDirectory(prefix="digitmill-") as folder:
        sent: list[tuple[str, Path]] = []
        for zips, group in itertools.groupby(files, key=_is_archive):
            run = list(group)
            sent += run if zips else [_bundle(run, Path(folder) / f"images-{len(sent)}.zip")]
        yield sent


def _expand(argument: str) -> list[Path]:
    if not argument:
        # a path of no letters is the present folder
        raise BadOptions(
            "An empty name was given, such as of a variable that is not set: name images, zips or folders."
        )
    path = Path(argument)
    if path.exists():
        return [_readable(path)]
    # the pattern may be absolute, which Path.glob cannot take
    found = sorted(glob.glob(argument, recursive=True)) if glob.has_magic(argument) else []  # noqa: PTH207
    if not found:
        raise BadOptions(f"{argument} names no file and no folder.")
    return [_readable(Path(match)) for match in found]


def _readable(path: Path) -> Path:
    if path.is_dir() or path.is_file():
        return path
    raise BadOptions(f"{path} is a pipe or a device, which has no length: save what it gives in a file, and name that.")


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent) / name for name in sorted(names))


def _name(path: Path, parent: Path) -> str:
    """The path as the user wrote it; of one that leads through the whole machine, the part below ``parent``."""
    shown = path.relative_to(parent) if path.is_absolute() or ".." in path.parts else path
    return os.fsencode(shown.as_posix()).decode("utf-8", "replace")


def _is_archive(file: tuple[str, Path]) -> bool:
    return file[1].name.lower().endswith(READ_ARCHIVE_SUFFIXES)


def _bundle(files: Files, path: Path) -> tuple[str, Path]:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for name, file in files:
            archive.write(file, name)
    return path.name, path
