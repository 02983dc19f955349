"""From the paths on the command line to the files to send, under names that the user knows them by."""

from __future__ import annotations

import glob
import itertools
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from digitmill.errors import BadOptions
from digitmill.imaging.formats import FORMATS
from digitmill.uploads.names import is_litter

ENDINGS = frozenset({".zip", *(suffix for known in FORMATS for suffix in known.suffixes)})
"""Files of a folder that are sent. A file that is named itself is sent whatever its ending."""

MOST_LOOSE_FILES = 1000
"""More loose images than this go in a zip: as parts of a request, each costs more than its image."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """``files`` are (name, path); ``left_out`` are files of folders that are no images by their ending, ``litter``
    those that the service would skip, whatever their ending."""

    files: Sequence[tuple[str, Path]]
    left_out: Sequence[Path]
    litter: Sequence[Path]


def gather(arguments: Sequence[str]) -> Gathered:
    """Files, folders with everything below them, and patterns, in the order of the arguments and then by name.

    Raises:
        BadOptions: an argument names nothing, or a folder without images.
    """
    files: list[tuple[str, Path]] = []
    left_out: list[Path] = []
    litter: list[Path] = []
    for path in itertools.chain.from_iterable(map(_expand, arguments)):
        if not path.is_dir():
            files.append((_name(path, path.parent), path))
            continue
        below: list[Path] = []
        for file in _walk(path):
            (litter if is_litter(file.relative_to(path).as_posix()) else below).append(file)
        taken = [file for file in below if file.suffix.lower() in ENDINGS]
        if not taken:
            raise BadOptions(f"The folder {path} holds no images and no zips.")
        files += [(_name(file, path.parent), file) for file in taken]
        left_out += [file for file in below if file.suffix.lower() not in ENDINGS]
    return Gathered(files, left_out, litter)


@contextmanager
def bundled(files: Sequence[tuple[str, Path]]) -> Iterator[Sequence[tuple[str, Path]]]:
    """The files as they go out: many loose images between two zips become one zip, in the same order."""
    if sum(not _is_zip(file) for file in files) <= MOST_LOOSE_FILES:
        yield files
        return
    with tempfile.TemporaryDirectory(prefix="digitmill-") as folder:
        sent: list[tuple[str, Path]] = []
        for zips, group in itertools.groupby(files, key=_is_zip):
            run = list(group)
            sent += run if zips else [_bundle(run, Path(folder) / f"images-{len(sent)}.zip")]
        yield sent


def _expand(argument: str) -> list[Path]:
    path = Path(argument)
    if path.exists():
        return [path]
    # the pattern may be absolute, which Path.glob cannot take
    found = sorted(glob.glob(argument, recursive=True)) if glob.has_magic(argument) else []  # noqa: PTH207
    if not found:
        raise BadOptions(f"{argument} names no file and no folder.")
    return [Path(match) for match in found]


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent) / name for name in sorted(names))


def _name(path: Path, parent: Path) -> str:
    """The path as the user wrote it; of one that leads through the whole machine, the part below ``parent``."""
    shown = path.relative_to(parent) if path.is_absolute() or ".." in path.parts else path
    return os.fsencode(shown.as_posix()).decode("utf-8", "replace")


def _is_zip(file: tuple[str, Path]) -> bool:
    return file[1].suffix.lower() == ".zip"


def _bundle(files: Sequence[tuple[str, Path]], path: Path) -> tuple[str, Path]:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for name, file in files:
            archive.write(file, name)
    return path.name, path
