"""Labelled image files: a folder for each digit, or a folder with a labels.csv; in a zip as well."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources.abc import Traversable

from digitmill.errors import ItemFailure, TrainingError
from digitmill.imaging.files.counting import count_pictures
from digitmill.imaging.files.decode import decode
from digitmill.uploads.names import Kind, kind_of
from training.pictures.data import CLASSES
from training.pictures.labelled import Item, Picture

LABELS_FILE = "labels.csv"
COLUMNS = ("name", "label")
UPLOADED = "uploaded"
"""A third column, which may be there."""
PARTS = {"train": False, "training": False, "test": True, "testing": True}
"""Names of folders that part a set, and whether it is the test part."""
MOST_PAGES = 1000
NOT_LISTED = "not in labels.csv"
MISSING = "in labels.csv, but there is no such file"


def class_items(folder: Traversable, max_pixels: int) -> Iterator[Item]:
    """The images below the folders ``0`` to ``9`` in ``folder``, or in its parts ``train`` and ``test``."""
    parts = [(child, PARTS[child.name.lower()]) for child in _sorted(folder) if child.name.lower() in PARTS]
    for part, test in parts or [(folder, False)]:
        for child in _sorted(part):
            if child.is_dir():
                for path, file in _files(child, f"{child.name}/"):
                    yield from _pages(path, child.name, file, max_pixels, test=test)


def has_class_folders(folder: Traversable) -> bool:
    parts = [child for child in _sorted(folder) if child.name.lower() in PARTS and child.is_dir()]
    return any(child.name in CLASSES and child.is_dir() for part in parts or [folder] for child in _sorted(part))


def listed_items(folder: Traversable, max_pixels: int) -> Iterator[Item]:
    """The images that the ``labels.csv`` in ``folder`` names, in its order, then the files that it does not name.

    Raises:
        TrainingError: it is no CSV file with the columns ``name`` and ``label``.
    """
    files = dict(_files(folder, ""))
    unnamed = {path for path in files if path != LABELS_FILE}
    for name, label, uploaded in _rows(folder / LABELS_FILE):
        # a page of a TIFF is called by the file and its number, as in the service's rows
        path = name if name in files else name.rpartition("#")[0]
        if path not in files:
            yield Item(name, label, MISSING)
            continue
        unnamed.discard(path)
        for item in _pages(path, label, files[path], max_pixels):
            if name in (path, item.name):
                yield replace(item, uploaded=uploaded)
    for path in sorted(unnamed):
        yield Item(path, "", NOT_LISTED)


def _rows(file: Traversable) -> Iterator[tuple[str, str, str]]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise TrainingError(f"{file} has no column {missing[0]}. Its first line must name name and label.")
        for row in reader:
            yield (row["name"] or "").replace("\\", "/"), (row["label"] or "").strip(), row.get(UPLOADED) or ""
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{file} is no CSV file in UTF-8: {error}. Save it as CSV, UTF-8.") from error


def _pages(path: str, label: str, file: Traversable, max_pixels: int, *, test: bool = False) -> Iterator[Item]:
    """One item for each page of a TIFF or picture of a PGM or HEIC, and one for any other file."""
    try:
        data = file.read_bytes()
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        yield Item(path, label, f"cannot be read: {error}")
        return
    pages = count_pictures(data, MOST_PAGES)
    for page in range(pages):
        name = f"{path}#{page + 1}" if pages > 1 else path
        yield Item(name, label, _decoded(data, page, pages, max_pixels), test=test)


def _decoded(data: bytes, page: int, pages: int, max_pixels: int) -> Picture | str:
    try:
        return decode(data, page=page, pages=pages, max_pixels=max_pixels)
    except ItemFailure as failure:
        return failure.failure.value


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    """(path from where the search began, file), without the litter of operating systems."""
    for child in _sorted(folder):
        path = f"{prefix}{child.name}"
        if child.is_dir():
            yield from _files(child, f"{path}/")
        elif kind_of(path) is not Kind.SKIPPED:
            yield path, child


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda child: child.name)
