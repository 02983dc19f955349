"""Files of a source into the spool of an upload: several at a time, in their order, within limits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Protocol, cast

from digitmill.errors import (
    DigitmillError,
    FieldError,
    SourceFailed,
    SourceUnavailable,
    TooManyImages,
    UploadTooLarge,
)
from digitmill.uploads.spool import HELD_BYTES, SUFFIX, Spool, as_storage_errors

AT_ONCE = 16
"""Files that one process fetches at a time, for all requests: each takes a block of memory or two."""
AHEAD = 8
"""Of one request, files that are fetched before their turn."""
PAUSES = (0.5, 2.0)
"""Before a file that could not be had is asked for again, in seconds."""
MOST_SECONDS = 900.0
TOO_LONG = "The source took longer than {minutes:g} minutes; split it into several, or send the files themselves."
TOO_MANY = "The source holds more than {limit:,} files; put them into zips, or split the source."
TOO_LARGE = "The source holds more than {limit:,} bytes; split it into several."


class File(Protocol):
    """A file elsewhere. ``told`` is its address without secrets; ``size`` is None where it is not known before."""

    name: str
    told: str
    field: str
    size: int | None

    def fetch(self, write: Callable[[bytes], None], seconds: float, /) -> None:
        """``write`` it, block by block, within so many seconds. Raises SourceFailed and SourceUnavailable."""


class _Run:
    """The copying for one request: what all its threads have fetched, and whether they are to go on."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._end = time.monotonic() + MOST_SECONDS
        self._lock = threading.Lock()
        self._bytes = 0
        self.over = threading.Event()

    def took(self, count: int) -> None:
        """Raises UploadTooLarge, SourceFailed where time is up, CancelledError where the run is over."""
        if self.over.is_set():
            raise CancelledError
        with self._lock:
            self._bytes += count
            if self._bytes > self._max_bytes:
                raise UploadTooLarge(TOO_LARGE.format(limit=self._max_bytes))
        self.left()

    def left(self) -> float:
        """Seconds; raises SourceFailed where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise SourceFailed(TOO_LONG.format(minutes=MOST_SECONDS / 60))
        return left


class Copier:
    """Its threads start with the first source."""

    def __init__(self, folder: Path, *, max_bytes: int, max_files: int) -> None:
        """Files wait for their turn in ``folder``."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="source")

    def copy(self, files: Iterable[File], spool: Spool) -> None:
        """
        Raises:
            SourceFailed, SourceUnavailable: a file cannot be had, or there is none. ``errors`` name it.
            TooManyImages, UploadTooLarge: there are too many files, or bytes.
            StorageUnavailable: the disk is full or fails.
        """
        run, waiting, count = _Run(self._max_bytes), deque[tuple[File, Future[IO[bytes]]]](), 0
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            for count, file in enumerate(files, 1):
                if count > self._max_files:
                    raise TooManyImages(TOO_MANY.format(limit=self._max_files))
                if len(waiting) == AHEAD:
                    _append(spool, *waiting.popleft())
                waiting.append((file, self._threads.submit(self._fetched, file, run)))
            while waiting:
                _append(spool, *waiting.popleft())
        finally:
            run.over.set()
            for _, outcome in waiting:
                outcome.add_done_callback(_close)

    def _fetched(self, file: File, run: _Run) -> IO[bytes]:
        for pause in (*PAUSES, None):
            out = self._temporary()
            try:
                file.fetch(partial(_write, run, out), run.left())
                return out
            except SourceUnavailable:
                if pause is None or run.over.wait(pause):
                    out.close()
                    raise
                taken = out.tell()
                out.close()
                run.took(-taken)
            except BaseException:
                out.close()
                raise
        raise AssertionError("after the last pause comes no other try")

    def _temporary(self) -> IO[bytes]:
        return cast(IO[bytes], SpooledTemporaryFile(HELD_BYTES, suffix=SUFFIX, dir=str(self._folder)))


def _write(run: _Run, out: IO[bytes], block: bytes) -> None:
    run.took(len(block))
    with as_storage_errors():
        out.write(block)


def _append(spool: Spool, file: File, outcome: Future[IO[bytes]]) -> None:
    with naming(file.field):
        content = outcome.result()
    with content:
        content.seek(0)
        spool.add(file.name, content)


@contextmanager
def naming(field: str) -> Iterator[None]:
    """Errors name the source as the caller wrote it."""
    try:
        yield
    except DigitmillError as error:
        error.errors = error.errors or (FieldError(field, error.detail),)
        raise


def _close(outcome: Future[IO[bytes]]) -> None:
    with suppress(CancelledError):
        if outcome.exception() is None:
            outcome.result().close()
