"""The processes that draw pictures for a web server: few, walled in, and replaced when they hang or die."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import IO, Any

import structlog

from digitmill.errors import FailureCode, ItemFailure, Overloaded
from digitmill.imaging.drawing import Picture, View, receive, send
from digitmill.settings import PREFIX, Settings

PATIENCE_SECONDS = 10.0
"""So long a request waits for its turn. Most pictures take thousandths of a second."""
MOST_ANSWER_BYTES = 8 << 20
"""A PNG of 1,024 x 1,024 in grey takes 1 MB at most."""
TRIES = 2
"""A process may die of something else than the picture that it draws."""

LOST = "This image cannot be shown: what reads it hangs or crashes. Scan or export it again."

_log = structlog.get_logger(__name__)


class Lost(Exception):
    """The process died, or was killed since it did not answer in time."""


class Drawer:
    """One process, started at once. Raises OSError where it cannot be."""

    def __init__(self, memory_bytes: int, seconds: float) -> None:
        self._seconds = seconds
        self._process = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-m", "digitmill.imaging.drawing", str(memory_bytes), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # libraries talk about damaged files, as much as a line a row
            stderr=subprocess.DEVNULL,
            # keys and passwords among the settings are nothing for who opens strangers' files
            env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
        )
        self.late = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """The answer to one message. Raises Lost; the process is then of no more use."""
        timer = threading.Timer(self._seconds, self._end_late)
        timer.start()
        try:
            send(_piped(self._process.stdin), head, data)
            answer = receive(_piped(self._process.stdout), MOST_ANSWER_BYTES)
        except (OSError, EOFError, ValueError) as error:
            raise Lost from error
        finally:
            timer.cancel()
            timer.join()
        if self.late:
            raise Lost
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            # what was not written is not wanted any more
            with contextlib.suppress(OSError):
                _piped(pipe).close()

    def _end_late(self) -> None:
        self.late = True
        self._process.kill()


class Drawers:
    """Up to ``web_drawers`` processes, each started when it is first needed; they end with this object.

    Making it starts nothing, so that it may be made before a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._line = threading.BoundedSemaphore(settings.web_drawers + settings.web_threads // 4)
        self._turns = threading.BoundedSemaphore(settings.web_drawers)
        self._idle: deque[Drawer] = deque()
        self._all: set[Drawer] = set()
        weakref.finalize(self, _end_all, self._all)

    @property
    def pids(self) -> list[int]:
        return [drawer.pid for drawer in list(self._all)]

    def draw(self, read: Callable[[], Picture], view: View) -> bytes | None:
        """What ``drawing.draw`` makes of the picture that ``read`` gives, which is called when its turn has come.

        Raises:
            Overloaded: too many pictures wait, or the turn does not come in a few seconds.
            ItemFailure: the image cannot be read, or ends whatever reads it.
        """
        if not self._line.acquire(blocking=False):
            raise _overloaded()
        try:
            if not self._turns.acquire(timeout=PATIENCE_SECONDS):
                raise _overloaded()
            try:
                return self._drawn(read(), view)
            finally:
                self._turns.release()
        finally:
            self._line.release()

    def _drawn(self, picture: Picture, view: View) -> bytes | None:
        head = {
            "view": view,
            "page": picture.page,
            "pages": picture.pages,
            "polarity": picture.polarity,
            "normaliser": picture.normaliser,
            "max_pixels": self._settings.max_image_pixels,
        }
        for _ in range(TRIES):
            drawer = self._take()
            try:
                answer, drawn = drawer.ask(head, picture.data)
            except Lost:
                self._end(drawer)
                _log.warning("drawing_process_lost", late=drawer.late)
                if drawer.late:
                    break
                continue
            except BaseException:
                self._end(drawer)
                raise
            self._idle.append(drawer)
            if "failure" in answer:
                raise ItemFailure(FailureCode(answer["failure"]), str(answer["detail"]))
            return None if answer["blank"] else drawn
        raise ItemFailure(FailureCode.POISON_IMAGE, LOST)

    def _take(self) -> Drawer:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            drawer = Drawer(self._settings.image_memory_bytes, self._settings.image_seconds)
        except OSError as error:
            raise _overloaded() from error
        self._all.add(drawer)
        return drawer

    def _end(self, drawer: Drawer) -> None:
        self._all.discard(drawer)
        drawer.end()


def _end_all(drawers: set[Drawer]) -> None:
    while drawers:
        drawers.pop().end()


def _overloaded() -> Overloaded:
    return Overloaded("Too many pictures are being drawn at this moment; try again.", retry_after=2)


def _piped(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the process was started without pipes")
    return stream
