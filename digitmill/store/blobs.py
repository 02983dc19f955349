"""Uploads as blobs under any fsspec URL: a folder, memory, S3 and the like.

A blob is written once, under its final name only when it is complete, and never changed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from digitmill.errors import NotFound, SettingsError, StorageUnavailable

PARTIAL = ".partial"


class BlobStore:
    """Blobs by name (letters, digits, ``_`` and ``-``). Raises StorageUnavailable when the storage fails."""

    def __init__(self, url: str) -> None:
        """Raises SettingsError for a URL of an unknown kind, or of one whose package is not installed."""
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise SettingsError(f"DIGITMILL_BLOBS_URL cannot be used: {error}") from error
        self._local = isinstance(self._fs, LocalFileSystem)

    def put(self, name: str, source: Path) -> None:
        """Store the file ``source`` as ``name``; the file is moved where the storage allows it."""
        with _as_storage_errors():
            if self._local:
                self._move(source, Path(self._path(name)))
            else:
                self._fs.makedirs(self._root, exist_ok=True)
                self._fs.put_file(str(source), self._path(name))
                source.unlink()

    def _move(self, source: Path, target: Path) -> None:
        with suppress(OSError):
            source.replace(target)
            return
        # the folder is missing, or on another file system than the source
        self._fs.makedirs(self._root, exist_ok=True)
        partial = target.with_name(target.name + PARTIAL)
        shutil.move(source, partial)
        partial.replace(target)

    def read(self, name: str, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive); fewer when the blob ends before.

        Raises:
            NotFound: there is no such blob.
        """
        with _as_storage_errors():
            try:
                data: bytes = self._fs.cat_file(self._path(name), start=start, end=end)
            except FileNotFoundError as error:
                raise NotFound("The upload of this job is no longer stored; submit it again.") from error
            return data

    def delete(self, name: str) -> None:
        """Remove the blob, half-written ones too; an unknown name is fine."""
        for path in (self._path(name), self._path(name) + PARTIAL):
            with _as_storage_errors(), suppress(FileNotFoundError):
                self._fs.rm_file(path)

    def older_than(self, seconds: float) -> Iterator[str]:
        """Names of blobs written more than so many seconds ago, where the storage tells their age."""
        with _as_storage_errors():
            if not self._fs.exists(self._root):
                return
            listing = self._fs.ls(self._root, detail=True)
        for info in listing:
            written = info.get("mtime") or info.get("LastModified") or info.get("created")
            if written is None or info.get("type") != "file":
                continue
            age = time.time() - (written if isinstance(written, float | int) else written.timestamp())
            if age > seconds:
                yield str(info["name"]).rsplit("/", 1)[-1].removesuffix(PARTIAL)

    def _path(self, name: str) -> str:
        if not name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"not the name of a blob: {name!r}")
        return f"{self._root}/{name}"


@contextmanager
def _as_storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(
            f"The upload storage does not answer ({type(error).__name__}); try again in a moment."
        ) from error
