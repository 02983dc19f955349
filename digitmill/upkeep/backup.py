"""Back up and restore: what Redis holds for the service, the uploads of its jobs and templates, in one zip.

redis.ndjson        a key a line, see store/redis_copy.py
uploads/<name>      the bytes of each upload that is stored outside Redis, and of each template's picture
about.json          format, version, time, numbers; written last: a backup without it was cut off
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import digitmill
from digitmill.errors import BackupError, NotFound
from digitmill.store.blobs import BlobStore
from digitmill.store.key_store import KEYS
from digitmill.store.redis_copy import Line, RedisCopy, blobs_of, dumped
from digitmill.store.redis_mark import Mark, StoreMark

FORMAT = 1
REDIS, UPLOADS, ABOUT = "redis.ndjson", "uploads/", "about.json"
BLOCK_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class About:
    """``taken_at``: when Redis was read, in seconds of Unix time."""

    format: int
    version: str
    taken_at: float
    keys: int
    uploads: int


class Backup:
    """Methods raise StorageUnavailable and OSError besides what they say."""

    def __init__(self, copy: RedisCopy, blobs: BlobStore, mark: StoreMark) -> None:
        self._copy = copy
        self._blobs = blobs
        self._mark = mark

    def take(self, target: Path, *, stopped: bool = False) -> tuple[Path, About]:
        """Write a backup to the file ``target``, or to a new one in the folder ``target``.

        Nobody can write to Redis meanwhile, unless ``stopped`` says that nobody runs who would. Uploads are copied
        after that: they never change.

        Raises:
            BackupError: the file exists, or Redis cannot be made to stand still.
            StoreReplaced: the store is not the one that the uploads belong to.
        """
        self._mark.check(now=True)
        file = target / datetime.now(UTC).strftime("digitmill-%Y%m%d-%H%M%S.zip") if target.is_dir() else target
        if file.exists():
            raise BackupError(f"There is a file {file} already; name another.")
        partial = file.with_name(f"{file.name}.partial")
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                about = self._fill(archive, stopped=stopped)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
        return file, about

    def restore(self, file: Path) -> tuple[About, bool]:
        """Fill an empty Redis and the storage of uploads from ``file``. To be called again where it was cut off, also
        where only the answer to its last step was lost.

        Returns:
            What the backup says of itself, and False where this store was filled from it before: then nothing is done.

        Raises:
            BackupError: it is no whole backup, or Redis is not empty.
        """
        with _opened(file) as (archive, about):
            backup = _name_of(archive)
            if self._copy.was_filled_from(backup):
                return about, False
            self._copy.require_empty()
            with tempfile.TemporaryDirectory() as folder:
                for name in archive.namelist():
                    if name.startswith(UPLOADS):
                        place = Path(folder) / "upload"
                        with archive.open(name) as source, place.open("wb") as out:
                            shutil.copyfileobj(source, out, BLOCK_BYTES)
                        self._blobs.put(name.removeprefix(UPLOADS), place)
            with archive.open(REDIS) as lines:
                keys = False

                def read() -> Iterator[Line]:
                    nonlocal keys
                    for text in lines:
                        line = json.loads(text)
                        keys = keys or line["key"] == KEYS
                        yield line

                self._copy.write(backup, read(), lambda store: self._mark.note(Mark(store, keys)))
        return about, True

    def _fill(self, archive: zipfile.ZipFile, *, stopped: bool) -> About:
        taken_at = time.time()
        blobs: set[str] = set()
        with archive.open(REDIS, "w", force_zip64=True) as out:
            if stopped:
                keys = self._write_keys(out, blobs, lambda: None)
            else:
                with self._copy.standing_still() as go_on:
                    keys = self._write_keys(out, blobs, go_on)
        uploads = sum(self._write_upload(archive, name) for name in sorted(blobs))
        about = About(FORMAT, digitmill.__version__, taken_at, keys, uploads)
        archive.writestr(ABOUT, json.dumps(asdict(about)))
        return about

    def _write_keys(self, out: IO[bytes], blobs: set[str], go_on: Callable[[], None]) -> int:
        count = 0
        for line in self._copy.lines():
            go_on()
            out.write(dumped(line))
            count += 1
            blobs |= blobs_of(line)
        return count

    def _write_upload(self, archive: zipfile.ZipFile, name: str) -> bool:
        """False where it is gone: of a job that has expired, or was deleted meanwhile."""
        try:
            block = self._blobs.read(name, 0, BLOCK_BYTES)
        except NotFound:
            return False
        info = zipfile.ZipInfo(UPLOADS + name, time.gmtime()[:6])
        start = 0
        with archive.open(info, "w", force_zip64=True) as out:
            while block:
                out.write(block)
                start += len(block)
                block = self._blobs.read(name, start, start + BLOCK_BYTES) if len(block) == BLOCK_BYTES else b""
        return True


def _name_of(archive: zipfile.ZipFile) -> str:
    """The same for each copy of a backup, and another for each other backup: by the checksums of all that it holds."""
    held = sorted((info.filename, info.file_size, info.CRC) for info in archive.infolist())
    return hashlib.sha256(repr(held).encode()).hexdigest()


@contextmanager
def _opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, About]]:
    """The backup, once every byte of it was held against its checksum. Raises BackupError."""
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise BackupError(f"The backup {file} is damaged, in {damaged}; take another.")
            about = json.loads(archive.read(ABOUT))
            if about["format"] != FORMAT:
                raise BackupError(f"The backup {file} is of a later version of Digitmill; upgrade first.")
            yield archive, About(**about)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise BackupError(f"The file {file} is no whole backup of Digitmill; take another.") from error
