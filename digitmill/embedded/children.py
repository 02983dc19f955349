"""Child processes with a log file each, under a guard that outlives this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from digitmill.embedded import guard as guard_script
from digitmill.embedded.leftovers import held

MOST_LOG_BYTES = 20 << 20
"""A log that has grown longer is begun again; one of its kind is kept beside it."""

ANNOUNCE = 'echo $$ >"$1"; shift; echo "+ $0 $$" >&0 && exec "$@" </dev/null'
"""A child tells the guard of itself before it becomes its program, so there is no instant at which it would be
left behind. Its standard input is the guard's pipe until then; ``$0`` is its rank, ``$1`` the file of its lock (see
``leftovers.py``)."""


class Guard:
    """This process's end of the guard's pipe; see ``guard.py``."""

    def __init__(self) -> None:
        self._process = self._start()

    @property
    def pipe(self) -> int:
        return self._stdin.fileno()

    def forget(self, child: Child) -> None:
        """Must follow the end of every child: its process number will be another's one day."""
        self._write("-", child)

    def renew(self, children: Iterable[Child]) -> None:
        """Start the guard again where it was killed."""
        if self._process.poll() is not None:
            self.close()
            self._process = self._start(children)

    def close(self) -> None:
        """Let the guard go: it stops what it still knows of, and ends."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        self._process.wait()

    @property
    def _stdin(self) -> IO[bytes]:
        if self._process.stdin is None:
            raise RuntimeError("the guard was started without a pipe")
        return self._process.stdin

    def _write(self, sign: str, child: Child) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(f"{sign} {child.rank} {child.pid}\n".encode())

    @staticmethod
    def _start(children: Iterable[Child] = ()) -> subprocess.Popen[bytes]:
        # it knows them from its first moment on: this process may be killed in the next one
        known = [f"{child.rank}:{child.pid}" for child in children]
        return subprocess.Popen(  # noqa: S603 (our own script)
            [sys.executable, "-I", "-S", guard_script.__file__, *known],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )


class Child:
    """One program, started any number of times. It leads a session of its own, so that a Ctrl-C at the terminal
    reaches ``up`` alone, and so that what it leaves behind can be found and ended with it.

    ``name`` is what users read. Children of a higher ``rank`` are stopped earlier.
    """

    def __init__(
        self, name: str, rank: int, command: Sequence[str], environment: Mapping[str, str], log: Path, lock: Path
    ) -> None:
        self.name = name
        self.rank = rank
        self.log = log
        self._lock = lock
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, guard: Guard) -> None:
        """Raises OSError where the log or the lock cannot be written."""
        with self.log.open("ab") as log, held(self._lock) as lock:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 (the command is the caller's own)
                ["/bin/sh", "-c", ANNOUNCE, str(self.rank), str(self._lock), *self._command],
                env=self._environment,
                stdin=guard.pipe,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,
            )

    def rotate_log(self) -> None:
        """Keep the end of a log that has grown too long as ``….log.1``, and begin again.

        The child goes on writing at the new end of the same file. A line that it writes in between is lost, and so is
        all of it where the disk has no room for a copy.
        """
        try:
            size = self.log.stat().st_size
            if size <= MOST_LOG_BYTES:
                return
            with self.log.open("r+b") as log, contextlib.suppress(OSError):
                log.seek(max(0, size - MOST_LOG_BYTES))
                with self.log.with_name(f"{self.log.name}.1").open("wb") as kept:
                    kept.write(log.read(MOST_LOG_BYTES))
            os.truncate(self.log, 0)
            self._log_start = 0
        except FileNotFoundError:
            return

    def stop(self, guard: Guard, hurry: Callable[[], bool], seconds: float) -> bool:
        """Ask it to stop, wait until ``seconds`` are over or ``hurry()`` is true, and kill what is left of it.

        Returns:
            False where it had to be killed.
        """
        if self._process is None:
            return True
        self._process.terminate()
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline and not hurry():
            time.sleep(0.05)
        obeyed = not self.running
        self.kill_group(guard)
        return obeyed

    def kill_group(self, guard: Guard) -> None:
        """End every process that it left behind, and itself if it still runs."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        guard.forget(self)
        self._process = None

    def how_it_ended(self) -> str:
        code = self._process.poll() if self._process is not None else None
        if code is None:
            return "still runs"
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"

    def last_lines(self, count: int = 8) -> str:
        """What it wrote last, since its latest start."""
        with self.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - 8192))
            lines = log.read().decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-count:])
