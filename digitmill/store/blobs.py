"""Uploads as blobs under any fsspec URL: a folder, memory, S3 and the like.

A blob is written once, before any job names it, and never changed. A file takes its final name only when it is
complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path

from digitmill.domain.jobs import Job
from digitmill.domain.roles import Role
from digitmill.errors import NotFound, StorageUnavailable
from digitmill.store.base import JobStore
from digitmill.store.folders import CLOCK, PARTIAL, Folder, folder_of
from digitmill.store.refusals import NO_UPLOAD
from digitmill.system.files import check_kind, open_files

SETTING = "DIGITMILL_BLOBS_URL"

MARK = ".store"
"""What `redis_mark.py` lays beside the blobs. No blob has such a name."""
MOST_MARK = 4096


class BlobStore:
    """Blobs by name (letters, digits, ``_`` and ``-``). Raises StorageUnavailable when the storage fails."""

    def __init__(self, url: str) -> None:
        """Raises SettingsError for a URL of an unknown kind, or of one whose package is not installed."""
        self._url = url
        check_kind(url, SETTING)

    @cached_property
    def _folder(self) -> Folder:
        return folder_of(*open_files(self._url, SETTING))

    def put(self, name: str, source: bytes | Path) -> None:
        """Store these bytes, or the file that holds them, as ``name``; a file is moved where the storage allows it."""
        with self._storage_errors():
            if isinstance(source, bytes):
                self._folder.write(source, _checked(name))
            else:
                self._folder.put(source, _checked(name))

    def read(self, name: str, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (exclusive); fewer when the blob ends before.

        Raises:
            NotFound: there is no such blob.
        """
        with self._storage_errors():
            try:
                return self._folder.read(_checked(name), start, end)
            except FileNotFoundError as error:
                raise NotFound(NO_UPLOAD) from error

    def delete(self, name: str) -> None:
        """Remove the blob, half-written ones too; an unknown name is fine."""
        self.delete_all([name])

    def delete_all(self, names: Sequence[str]) -> None:
        """As ``delete``, in as few requests as the storage allows."""
        with self._storage_errors():
            self._folder.remove([_checked(name) for name in names])

    def mark(self) -> bytes | None:
        """What ``set_mark`` has laid beside the blobs, if it has."""
        with self._storage_errors():
            try:
                return self._folder.read(MARK, 0, MOST_MARK)
            except FileNotFoundError:
                return None

    def set_mark(self, content: bytes) -> None:
        """Put ``content``, at most ``MOST_MARK`` bytes, in the place of the mark before it, whole or not at all."""
        with self._storage_errors():
            self._folder.replace(content, MARK)

    def older_than(self, seconds: float) -> Iterator[str]:
        """Names of blobs written more than so many seconds ago, where the storage tells their age.

        They come as the storage lists them, in pages where it has such, so that millions take no memory. Ages are
        told by the storage's own clock, that of a file written just now: this machine's may be hours off.
        """
        with self._storage_errors():
            now = self._folder.now()
            if now is None:
                return
            for name, written in self._folder.written():
                if now - written > seconds and name != CLOCK and not name.startswith(MARK):
                    yield name.removesuffix(PARTIAL)

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        failures = self._folder.failures
        try:
            yield
        except failures as error:
            raise StorageUnavailable(
                f"The upload storage does not answer ({type(error).__name__}); try again in a moment."
            ) from error


def run_blob(job_id: str) -> str:
    """Of a training: all that it needs to go on from its last epoch."""
    return f"{job_id}-run"


def model_blob(job_id: str) -> str:
    """Of a training: its best network so far, as a .keras file."""
    return f"{job_id}-model"


def blobs_of(job_id: str, role: Role) -> list[str]:
    """The names that a job of this role may have given to blobs."""
    return [job_id] if role is Role.READER else [job_id, run_blob(job_id), model_blob(job_id)]


def stored_for(job: Job) -> list[str]:
    """The names of blobs that there may be of this job."""
    return [] if job.blob is None and job.role is Role.READER else blobs_of(job.id, job.role)


def job_of_blob(name: str) -> str:
    return name.partition("-")[0]


def upload_of(job: Job, store: JobStore, blobs: BlobStore) -> Callable[[int, int], bytes]:
    """Reads the bytes of the job's upload from start to end (exclusive), wherever they lie. It raises NotFound where
    they are gone."""
    if job.blob is not None:
        return partial(blobs.read, job.blob)
    return lambda start, end: store.chunks.upload(job.id)[start:end]


def _checked(name: str) -> str:
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"not the name of a blob: {name!r}")
    return name
