"""Web server or worker in odd surroundings: ``python -m tests.end_to_end.odd_process web|worker SURROUNDING…``.

``ahead``           the machine's clock is two hours ahead.
``deaf``            Celery's consumer gives no message to a child.
``impatient``       a worker takes its consumer, and its parent, for stuck within seconds.
``small-disk``      no file of this process may grow past 4 MiB, as on a disk that is full.
``faulty-storage``  ``DIGITMILL_BLOBS_URL`` is ``faulty://<folder>``; the file ``<folder>.fault`` says what is wrong
                    with the storage: ``down``, ``full``, ``stuck`` where a file is to be removed, or ``slow`` and so
                    many seconds. Without it, nothing is.
``release=<version>``  no built-in model is newer than this one, as in an earlier release.
``slow-model``      each load of a model takes longer by the seconds in the file ``slow-model`` of the working folder,
                    if it is there. The file ``loads`` then gets two lines each: process, begin; process, begin, end.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

AHEAD_SECONDS = 7200.0
DISK_BYTES = 4 << 20
STUCK_SECONDS = 3600.0
SLOW_FILE, LOADS_FILE = "slow-model", "loads"
SCHEME = "faulty://"


class FaultyStorage(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A folder that behaves as its fault says."""

    protocol = "faulty"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._files = LocalFileSystem()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix(SCHEME)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self._files.makedirs(path, exist_ok=exist_ok)

    def put_file(self, source: str, path: str, **options: Any) -> None:
        self._meet_fault(path, "full")
        self._files.put_file(source, path)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        self._meet_fault(path)
        return bytes(self._files.cat_file(path, start=start, end=end))

    def pipe_file(self, path: str, value: bytes, **options: Any) -> None:
        self._meet_fault(path, "full")
        self._files.pipe_file(path, value)

    def rm_file(self, path: str) -> None:
        self._meet_fault(path, "stuck")
        self._files.rm_file(path)

    def exists(self, path: str, **options: Any) -> bool:
        return bool(self._files.exists(path))

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        return self._files.ls(path, detail=detail)

    @staticmethod
    def _meet_fault(path: str, further: str = "") -> None:
        told = Path(f"{Path(path).parent}.fault")
        fault, _, seconds = told.read_text().partition(" ") if told.exists() else ("", "", "")
        if fault == "down":
            raise OSError(errno.EIO, "the storage is down")
        if fault == further == "full":
            raise OSError(errno.ENOSPC, "the storage is full")
        if fault == further == "stuck":
            time.sleep(STUCK_SECONDS)
        if fault == "slow":
            time.sleep(float(seconds))


def set_clock_ahead() -> None:
    true_time = time.time
    setattr(time, "time", lambda: true_time() + AHEAD_SECONDS)  # noqa: B010 (mypy holds the name for final)


def go_deaf() -> None:
    from kombu.messaging import Consumer

    setattr(Consumer, "_receive_callback", lambda *_: None)  # noqa: B010 (mypy holds a method for final)


def grow_impatient() -> None:
    from worker import consumer_watchdog

    consumer_watchdog.CHECK_SECONDS, consumer_watchdog.STOP_SECONDS = 0.2, 5.0


def go_back_to(version: str) -> None:
    """Hide the newer built-in models, those that a release of that time did not have."""
    from digitmill.models import registry
    from digitmill.models.repository import version_order

    repository = Path(f"release-{os.getpid()}").resolve()
    for folder in registry.BUILT_IN.glob("*/*"):
        if version_order(folder.name) <= version_order(version):
            shutil.copytree(folder, repository / folder.parent.name / folder.name)
    setattr(registry, "BUILT_IN", repository)  # noqa: B010 (mypy holds the name for final)


def load_slowly() -> None:
    from digitmill.models import runtime

    load = runtime.load_model

    def load_slowly(*arguments: Any, **options: Any) -> Any:
        slow = Path(SLOW_FILE)
        if not slow.exists():
            return load(*arguments, **options)
        began = time.monotonic()
        note(f"{os.getpid()} {began}")
        time.sleep(float(slow.read_text() or 0))
        model = load(*arguments, **options)
        note(f"{os.getpid()} {began} {time.monotonic()}")
        return model

    def note(line: str) -> None:
        with Path(LOADS_FILE).open("a") as file:
            file.write(line + "\n")

    setattr(runtime, "load_model", load_slowly)  # noqa: B010 (mypy holds the name for final)


def shrink_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (DISK_BYTES, DISK_BYTES))


def bring_faulty_storage() -> None:
    fsspec.register_implementation("faulty", FaultyStorage)


SURROUNDINGS: dict[str, Callable[[], None]] = {
    "ahead": set_clock_ahead,
    "small-disk": shrink_disk,
    "faulty-storage": bring_faulty_storage,
    "deaf": go_deaf,
    "impatient": grow_impatient,
    "slow-model": load_slowly,
}


def main() -> int:
    program, *surroundings = sys.argv[1:]
    for surrounding in surroundings:
        name, _, version = surrounding.partition("=")
        if name == "release":
            go_back_to(version)
        else:
            SURROUNDINGS[name]()
    # only now: what is set up above must be there before the programs are read
    if program == "web":
        from web.__main__ import main as run
    else:
        from worker.__main__ import main as run
    return run() or 0


if __name__ == "__main__":
    sys.exit(main())
