"""The processes that open files of strangers, for web servers and workers: few, walled in, and replaced when they hang
or die."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import astuple
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
import structlog
from numpy.typing import NDArray

from digitmill.domain.form_page import Corners
from digitmill.errors import FailureCode, ItemFailure, Overloaded
from digitmill.imaging.drawn.drawing import LONGEST_PAGE, Ask, Picture, View, receive, send
from digitmill.settings import PREFIX, Settings

PATIENCE_SECONDS = 10.0
"""So long a request waits for its turn. Most pictures take thousandths of a second."""
MOST_ANSWER_BYTES = 8 << 20
"""A PNG of 1,024 x 1,024 in grey takes 1 MB at most."""
MOST_MARKED_BYTES = 16 << 20
"""A page of 2,048 x 2,048 in colour, of which nothing can be packed."""
TRIES = 2
"""A process may die of something else than the picture that it draws."""

LOST = "This image cannot be read: what opens it hangs, crashes or needs too much memory. Scan or export it again."

if TYPE_CHECKING:
    # the module itself loads PDFium
    from digitmill.imaging.drawn.marking import Marking
    from digitmill.imaging.pdf.form import Widget

_log = structlog.get_logger(__name__)


class Lost(Exception):
    """The process died, or was killed since it did not answer in time."""


class Drawer:
    """One process, started at once. Raises OSError where it cannot be."""

    def __init__(self, memory_bytes: int, seconds: float) -> None:
        self._seconds = seconds
        self._process = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-m", "digitmill.imaging.drawn.drawing", str(memory_bytes), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # libraries talk about damaged files, as much as a line a row
            stderr=subprocess.DEVNULL,
            # keys and passwords among the settings are nothing for who opens strangers' files
            env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
        )
        self.late = False
        self._sent = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, head: dict[str, Any], data: bytes, most: int) -> tuple[dict[str, Any], bytes]:
        """The answer, of at most so many bytes, to one message. Raises Lost; the process is then of no more use.

        The process keeps ``data`` for the next message about the same file.
        """
        same = data is self._sent
        self._sent = data
        timer = threading.Timer(self._seconds, self._end_late)
        timer.start()
        try:
            send(_piped(self._process.stdin), {**head, "same": same}, b"" if same else data)
            answer = receive(_piped(self._process.stdout), most)
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
        with self._turn():
            picture = read()
            head = {
                "ask": Ask.PICTURE,
                "view": view,
                "page": picture.page,
                "pages": picture.pages,
                "polarity": picture.polarity,
                "normaliser": picture.normaliser,
                "outline": None if picture.outline is None else astuple(picture.outline),
                "max_pixels": self._settings.max_image_pixels,
            }
            answer, drawn = self._asked(head, picture.data, MOST_ANSWER_BYTES)
        return None if answer["blank"] else drawn

    def page(self, data: bytes, page: int, pages: int) -> tuple[bytes, float]:
        """A page of the file as a PNG in grey of at most LONGEST_PAGE pixels a side, and its pixels for each pixel that
        is decoded. Raises as ``draw`` does."""
        head = {"ask": Ask.PAGE, "page": page, "pages": pages, "max_pixels": self._settings.max_image_pixels}
        with self._turn():
            answer, drawn = self._asked(head, data, 2 * LONGEST_PAGE**2)
        return drawn, float(answer["scale"])

    def grey(self, data: bytes, page: int, pages: int) -> NDArray[np.uint8]:
        """What ``decode.decode`` makes of the file. Raises as ``draw`` does."""
        most = self._settings.max_image_pixels
        head = {"ask": Ask.GREY, "page": page, "pages": pages, "max_pixels": most}
        with self._turn():
            answer, drawn = self._asked(head, data, most + MOST_ANSWER_BYTES)
        return np.frombuffer(drawn, np.uint8).reshape(answer["shape"])

    def reference(
        self, data: bytes, page: int, pages: int, *, width: int, height: int
    ) -> tuple[bytes, tuple[int, int]]:
        """A page of the file as a grey PNG of this size, and the height and width that it has. The PNG is empty where
        its proportions are others. Raises as ``draw`` does."""
        head = {
            "ask": Ask.REFERENCE,
            "page": page,
            "pages": pages,
            "max_pixels": self._settings.max_image_pixels,
            "width": width,
            "height": height,
        }
        with self._turn():
            answer, drawn = self._asked(head, data, 2 * width * height + MOST_ANSWER_BYTES)
        return drawn, (int(answer["shape"][0]), int(answer["shape"][1]))

    def flattened(
        self,
        read: Callable[[], Picture],
        corners: Corners,
        of: tuple[float, float] | None,
        size: tuple[int, int],
    ) -> tuple[bytes, NDArray[np.float64]]:
        """The page between these corners, and a little around it, as a grey PNG in the scale of this width and height,
        and the homography float64 [3, 3] that takes its pixels to those of the picture as it is decoded. ``corners``
        are pixels of the picture drawn in the size ``of``. Raises as ``draw`` does."""
        with self._turn():
            picture = read()
            head = {
                "ask": Ask.FLAT,
                "page": picture.page,
                "pages": picture.pages,
                "max_pixels": self._settings.max_image_pixels,
                "corners": corners,
                "of": of,
                "width": size[0],
                "height": size[1],
            }
            answer, drawn = self._asked(head, picture.data, 2 * size[0] * size[1] + MOST_ANSWER_BYTES)
        return drawn, np.array(answer["back"], np.float64).reshape(3, 3)

    def marked(self, read: Callable[[], Picture | None], what: Marking, kind: Literal["PNG", "JPEG"]) -> bytes:
        """A page with what was read drawn over it, in colour, at most marking.LONGEST pixels a side but for the strip
        above it. Where ``read`` gives None there is no picture of the page. Raises as ``draw`` does."""
        with self._turn():
            picture = read()
            head = {
                "ask": Ask.MARKED,
                "page": 0 if picture is None else picture.page,
                "pages": 1 if picture is None else picture.pages,
                "max_pixels": self._settings.max_image_pixels,
                "title": what.title,
                "corners": what.corners,
                "marks": [astuple(mark) for mark in what.marks],
                "sentence": what.sentence,
                "kind": kind,
            }
            return self._asked(head, b"" if picture is None else picture.data, MOST_MARKED_BYTES)[1]

    def count_pages(self, data: bytes) -> int:
        """Pages that a PDF says it has. Raises as ``draw`` does."""
        with self._turn():
            return int(self._asked({"ask": Ask.PAGES}, data, MOST_ANSWER_BYTES)[0]["pages"])

    def form_fields(self, data: bytes, page: int) -> list[Widget]:
        """What a page of a PDF, from 0, has to fill in. Raises as ``draw`` does."""
        with self._turn():
            _, found = self._asked({"ask": Ask.FIELDS, "page": page}, data, MOST_ANSWER_BYTES)
        fields: list[Widget] = json.loads(found)
        return fields

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._line.acquire(blocking=False):
            raise _overloaded()
        try:
            if not self._turns.acquire(timeout=PATIENCE_SECONDS):
                raise _overloaded()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._line.release()

    def _asked(self, head: dict[str, Any], data: bytes, most: int) -> tuple[dict[str, Any], bytes]:
        for _ in range(TRIES):
            drawer = self._take()
            try:
                answer, body = drawer.ask(head, data, most)
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
            return answer, body
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
    return Overloaded("Too many pictures and PDFs are being opened at this moment; try again.", retry_after=2)


def _piped(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the process was started without pipes")
    return stream
