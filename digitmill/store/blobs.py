"""Uploads as blobs under any fsspec URL: a folder, memory, S3 and the like.

A blob is written once, under its final name only when it is complete, and never changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from digitmill.errors import NotFound, SettingsError, StorageUnavailable

PARTIAL = ".partial"
CLOCK = ".clock"
"""An empty file that tells what time it is for the storage. No blob has such a name."""


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
        """Names of blobs written more than so many seconds ago, where the storage tells their age.

        Ages are told by the storage's own clock, that of a file written just now: this machine's may be hours off.
        """
        with _as_storage_errors():
            if not self._fs.exists(self._root):
                return
            self._fs.pipe_file(f"{self._root}/{CLOCK}", b"")
            listing = {str(info["name"]).rsplit("/", 1)[-1]: info for info in self._fs.ls(self._root, detail=True)}
        now = _written(listing.pop(CLOCK, {}))
        for name, info in listing.items():
            written = _written(info)
            if info.get("type") == "file" and now is not None and written is not None and now - written > seconds:
                yield name.removesuffix(PARTIAL)

    def _path(self, name: str) -> str:
        if not name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"not the name of a blob: {name!r}")
        return f"{self._root}/{name}"


def _written(info: Mapping[str, Any]) -> float | None:
    """When a file of a listing was written, in seconds of Unix time; file systems name and type this differently."""
    written = info.get("mtime") or info.get("LastModified") or info.get("created")
    return written if written is None or isinstance(written, float | int) else float(written.timestamp())


@contextmanager
def _as_storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(
            f"The upload storage does not answer ({type(error).__name__}); try again in a moment."
        ) from error
