"""Pictures as browsers show them, drawn in a process of its own: ``python -m digitmill.imaging.drawing BYTES SECONDS``.

Such a process takes pictures from its standard input, one by one, and gives each back as a PNG. Its memory is walled in
as a worker's is; ``drawers.py`` starts and ends it. Decoders read files of strangers there, so nothing that it says is
believed: an answer is a line of JSON and as many bytes as that promises.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitmill.domain import Polarity
from digitmill.errors import ItemFailure
from digitmill.imaging.decode import decode, out_of_memory
from digitmill.imaging.memory import bounded_afterwards
from digitmill.imaging.normalise import NORMALISER_VERSION
from digitmill.imaging.normalisers import normaliser_of

LENGTH = struct.Struct(">I")
OUT_OF_MEMORY_SCORE = Path("/proc/self/oom_score_adj")
FIRST_TO_DIE = "1000"


class View(StrEnum):
    """How a picture is drawn: whole, small, or as the model sees it."""

    PNG = "png"
    THUMBNAIL = "thumbnail"
    NORMALISED = "normalised"


SIDES: Mapping[View, int] = {View.PNG: 1024, View.THUMBNAIL: 96}
"""The most pixels a side of a picture drawn anew."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of an upload: its file, the page of it, and the job's option of polarity.

    ``normaliser`` is the version that the job's model was trained with.
    """

    data: bytes
    page: int
    pages: int
    polarity: Polarity
    normaliser: int = NORMALISER_VERSION


def draw(picture: Picture, view: View, *, max_pixels: int) -> bytes | None:
    """A PNG of 8 bits of grey; None where the model would see nothing, for the image is blank.

    Raises:
        ItemFailure: the image cannot be read.
    """
    try:
        grey = decode(picture.data, page=picture.page, pages=picture.pages, max_pixels=max_pixels)
        if view is View.NORMALISED:
            seen, _ = normaliser_of(picture.normaliser)(grey, picture.polarity)
            return None if seen is None else _png(seen)
        return _png(_within(grey, SIDES[view]))
    except MemoryError as error:
        raise out_of_memory() from error
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem:
            raise
        raise out_of_memory() from error


def _within(grey: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    drawn = Image.fromarray(grey)
    drawn.thumbnail((side, side), Image.Resampling.BOX)
    return np.asarray(drawn)


def _png(grey: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG")
    return out.getvalue()


def send(stream: IO[bytes], head: Mapping[str, Any], body: bytes = b"") -> None:
    """One message of either side: the length of its head, the head as JSON, and the body."""
    text = json.dumps({**head, "bytes": len(body)}).encode()
    stream.write(LENGTH.pack(len(text)) + text)
    stream.write(body)
    stream.flush()


def receive(stream: IO[bytes], most: int) -> tuple[dict[str, Any], bytes]:
    """Head and body of the next message.

    Raises:
        EOFError: the other side is gone.
        ValueError: it is no message, or larger than ``most`` bytes.
    """
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size, most))
    head = json.loads(_exactly(stream, length, most))
    if not isinstance(head, dict) or not isinstance(head.get("bytes"), int):
        raise ValueError("no message")
    return head, _exactly(stream, head["bytes"], most)


def _exactly(stream: IO[bytes], count: int, most: int) -> bytes:
    if not 0 <= count <= most:
        raise ValueError("the message is too large")
    found = stream.read(count)
    if len(found) < count:
        raise EOFError
    return found


def answer(head: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Head and body of the answer to one message."""
    picture = Picture(data, head["page"], head["pages"], Polarity(head["polarity"]), head["normaliser"])
    try:
        drawn = draw(picture, View(head["view"]), max_pixels=head["max_pixels"])
    except ItemFailure as failure:
        return {"failure": failure.failure, "detail": failure.detail}, b""
    return {"blank": drawn is None}, drawn or b""


def main() -> None:
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    # a Ctrl-C at the terminal is for the parent, whose end is this process's end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # what libraries print must not come between the answers
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if OUT_OF_MEMORY_SCORE.exists():
        # where a machine or a container runs out of memory, a picture is to be lost and not the web server
        OUT_OF_MEMORY_SCORE.write_text(FIRST_TO_DIE)
    cv2.setNumThreads(1)
    with bounded_afterwards(memory):
        pass
    while True:
        try:
            head, data = receive(sys.stdin.buffer, sys.maxsize)
        except EOFError:
            return
        _limit_time(seconds)
        send(answers, *answer(head, data))


def _limit_time(seconds: float) -> None:
    """The kernel ends this process after so much more work, though its parent were gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, most))


if __name__ == "__main__":
    main()
