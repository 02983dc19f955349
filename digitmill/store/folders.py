"""What kinds of storage do each in their own way: storing a file, removing many, telling of all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from digitmill.system.files import failures_of, is_s3, within

PARTIAL = ".partial"
CLOCK = ".clock"
"""An empty file that tells what time it is for the storage. No blob has such a name."""

MOST_KEYS = 1000
"""S3 removes so many objects by one request."""


class Folder:
    """``root`` on any file system of fsspec: files are removed one by one, and listed all at once."""

    def __init__(self, files: Any, root: str) -> None:
        self._files = files
        self._root = root
        self.failures = failures_of(files)
        """What the methods raise where the storage fails; FileNotFoundError for a file that is not there."""

    def put(self, source: Path, name: str) -> None:
        """Store the file ``source``, which goes."""
        self._make()
        self._put(source, name)
        source.unlink()

    def write(self, content: bytes, name: str) -> None:
        """Store ``content``, which is small."""
        self._make()
        self._files.pipe_file(self._path(name), content, **self._within())

    def replace(self, content: bytes, name: str) -> None:
        """Store ``content``, which is small, in the place of what has this name."""
        self.write(content, name)

    def read(self, name: str, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive); fewer when the file ends before."""
        data: bytes = self._files.cat_file(self._path(name), start=start, end=end, **self._within(end - start))
        return data

    def remove(self, names: Sequence[str]) -> None:
        """Names of no file are fine."""
        for name in names:
            with suppress(FileNotFoundError):
                self._files.rm_file(self._path(name), **self._within())

    def now(self) -> float | None:
        """What time it is by the clock that ``written`` goes by; None where the folder is missing or tells no times."""
        if not self._files.exists(self._root, **self._within()):
            return None
        self._files.pipe_file(self._path(CLOCK), b"", **self._within())
        return _written(self._files.info(self._path(CLOCK), **self._within()))

    def written(self) -> Iterator[tuple[str, float]]:
        """Each file's name and when it was written, in seconds of Unix time; none where the storage does not tell."""
        for info in self._files.ls(self._root, detail=True, **self._within()):
            written = _written(info)
            if info.get("type") == "file" and written is not None:
                yield str(info["name"]).rpartition("/")[2], written

    def _make(self) -> None:
        self._files.makedirs(self._root, exist_ok=True, **self._within())

    def _put(self, source: Path, name: str) -> None:
        self._files.put_file(str(source), self._path(name), **self._within(source.stat().st_size))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _within(self, size: int = 0) -> dict[str, float]:
        return within(self._files, size)


class LocalFolder(Folder):
    """Of this machine, or mounted there. What is made here is for this user alone to read, names too."""

    def _make(self) -> None:
        Path(self._root).mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, source: Path, name: str) -> None:
        target = Path(self._path(name))
        with suppress(OSError):
            source.replace(target)
            return
        # the folder is missing, or on another file system than the source
        self._make()
        partial = target.with_name(target.name + PARTIAL)
        shutil.move(source, partial)
        partial.replace(target)

    def write(self, content: bytes, name: str) -> None:
        path = self._path(name)
        with suppress(FileNotFoundError):
            return _write_new(path, content)
        self._make()
        return _write_new(path, content)

    def replace(self, content: bytes, name: str) -> None:
        # several processes may do so at once
        fresh = f"{name}.{secrets.token_hex(4)}"
        self.write(content, fresh)
        Path(self._path(fresh)).replace(self._path(name))

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            for path in (self._path(name), self._path(name) + PARTIAL):
                Path(path).unlink(missing_ok=True)

    def written(self) -> Iterator[tuple[str, float]]:
        with os.scandir(self._root) as entries:
            for entry in entries:
                if (when := _when_written(entry)) is not None:
                    yield entry.name, when


class Bucket(Folder):
    """On S3, by the file system of s3fs, whose own listing is whole, and whose removal of many hides what failed."""

    def __init__(self, files: Any, root: str) -> None:
        super().__init__(files, root)
        self._bucket, key, _ = files.split_path(root)
        self._prefix = f"{key}/" if key else ""

    def put(self, source: Path, name: str) -> None:
        self._into_bucket(lambda: self._put(source, name))
        source.unlink()

    def write(self, content: bytes, name: str) -> None:
        self._into_bucket(lambda: self._files.pipe_file(self._path(name), content, **self._within()))

    def _into_bucket(self, store: Callable[[], None]) -> None:
        """A folder needs no making here, and to look whether its bucket is there takes as long as to store a file."""
        try:
            store()
        except FileNotFoundError:
            self._make()
            store()

    def remove(self, names: Sequence[str]) -> None:
        for first in range(0, len(names), MOST_KEYS):
            objects = [{"Key": self._prefix + name} for name in names[first : first + MOST_KEYS]]
            answer = self._files.call_s3(
                "delete_objects",
                Bucket=self._bucket,
                Delete={"Objects": objects, "Quiet": True},
                **self._within(),
            )
            if refused := answer.get("Errors"):
                raise OSError(f"{len(refused)} of {len(objects)} objects were not removed: {refused[0]}")

    def written(self) -> Iterator[tuple[str, float]]:
        place: dict[str, str] = {"Bucket": self._bucket, "Prefix": self._prefix, "Delimiter": "/"}
        while True:
            page = self._files.call_s3("list_objects_v2", **place, **self._within())
            for each in page.get("Contents", ()):
                yield each["Key"].removeprefix(self._prefix), each["LastModified"].timestamp()
            if not page.get("IsTruncated"):
                return
            place["ContinuationToken"] = page["NextContinuationToken"]


def folder_of(files: Any, root: str) -> Folder:
    """``root`` on the file system ``files`` of fsspec."""
    if isinstance(files, LocalFileSystem):
        return LocalFolder(files, root)
    return Bucket(files, root) if is_s3(files) else Folder(files, root)


def _write_new(path: str, content: bytes) -> None:
    """As few calls of the system as can be: they are a good part of what a small image costs."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def _when_written(entry: os.DirEntry[str]) -> float | None:
    """None for what is no file, or not there any more."""
    try:
        return entry.stat().st_mtime if entry.is_file() else None
    except FileNotFoundError:
        return None


def _written(info: Mapping[str, Any]) -> float | None:
    """When a file of a listing was written, in seconds of Unix time; file systems name and type this differently."""
    written = info.get("mtime") or info.get("LastModified") or info.get("created")
    return written if written is None or isinstance(written, float | int) else float(written.timestamp())
