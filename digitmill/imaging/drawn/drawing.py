"""Files of strangers, opened in a process of its own: ``python -m digitmill.imaging.drawn.drawing BYTES SECONDS``.

Such a process takes files from its standard input, one by one, and gives back a picture of each as browsers show it,
the grey picture that a worker reads, or the number of its pages. Its memory is walled in as a worker's is;
``drawers.py`` starts and ends it. Decoders may be made to do anything there, so nothing that it says is believed: an
answer is a line of JSON and as many bytes as that promises.
"""

from __future__ import annotations

import io
import json
import math
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

from digitmill.domain.form_page import Corners
from digitmill.domain.jobs import Polarity
from digitmill.errors import ItemFailure
from digitmill.imaging.drawn.memory import bounded_afterwards
from digitmill.imaging.files.decode import decode, out_of_memory
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.imaging.normaliser.normalisers import normaliser_of

LENGTH = struct.Struct(">I")
OUT_OF_MEMORY_SCORE = Path("/proc/self/oom_score_adj")
FIRST_TO_DIE = "1000"


class Ask(StrEnum):
    """What such a process is asked for: a picture for a browser, a page to draw a template on, the decoded one, the
    reference of a template, a page laid flat, one with what was read over it, pages of a PDF, or what a page of one has
    to fill in."""

    PICTURE = "picture"
    PAGE = "page"
    GREY = "grey"
    REFERENCE = "reference"
    FLAT = "flat"
    MARKED = "marked"
    PAGES = "pages"
    FIELDS = "fields"


class View(StrEnum):
    """How a picture is drawn: whole, small, as the model sees it, or of a form page a field, and the page laid over its
    template."""

    PNG = "png"
    THUMBNAIL = "thumbnail"
    NORMALISED = "normalised"
    FIELD = "field"
    REGISTERED = "registered"


LONGEST_PAGE = 3508
"""Pixels of the longer side of a page to draw on: A4 at 300 dots per inch."""
SIDES: Mapping[View, int] = {View.PNG: 1024, View.THUMBNAIL: 96}
"""The most pixels a side of a picture drawn again."""


AROUND_PAGE = 0.03
"""Of the longer side of a page, so much is drawn around where somebody says that it lies."""
PROPORTIONS = 0.01
"""By so much the sides of a reference may differ from those that its template says."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A part of a picture to draw straight: ``corners`` are its TL TR BR BL in pixels of the decoded picture, drawn as
    ``width`` x ``height`` pixels."""

    corners: Corners
    width: int
    height: int


def outline_of(corners: Corners, most: int) -> Outline:
    """The part of a picture between these corners in its own scale, or smaller: at most so many pixels a side."""
    sides = [math.dist(one, other) for one, other in zip(corners, (*corners[1:], corners[0]), strict=True)]
    width, height = (max(sides[side], sides[side + 2], 1.0) for side in (0, 1))
    scale = min(1.0, most / max(width, height))
    return Outline(corners, max(1, round(width * scale)), max(1, round(height * scale)))


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of an upload: its file, the page of it, and the job's option of polarity.

    ``normaliser`` is the version that the job's model was trained with. ``outline`` belongs to the views of form pages.
    """

    data: bytes
    page: int
    pages: int
    polarity: Polarity
    normaliser: int = NORMALISER_VERSION
    outline: Outline | None = None


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
        if picture.outline is not None:
            return _png(_straight(grey, picture.outline))
        return _png(_within(grey, SIDES[view]))
    except MemoryError as error:
        raise out_of_memory() from error
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem:
            raise
        raise out_of_memory() from error


def _straight(grey: NDArray[np.uint8], outline: Outline) -> NDArray[np.uint8]:
    """The part within the outline; what lies outside of the picture is white."""
    corners = np.array(outline.corners, np.float32)
    across, down = np.ptp(corners, axis=0).tolist()
    # a finer picture is shrunk first, or thin strokes would fall between the pixels that are looked at
    factor = min(1.0, 2 * max(outline.width, outline.height) / max(across, down, 1.0))
    if factor < 1:
        grey = np.asarray(cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    flat = np.array(
        [[0, 0], [outline.width, 0], [outline.width, outline.height], [0, outline.height]], np.float32
    ) - np.float32(0.5)
    way = cv2.getPerspectiveTransform(flat, (corners + np.float32(0.5)) * np.float32(factor) - np.float32(0.5))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (outline.width, outline.height)
    return np.asarray(cv2.warpPerspective(grey, way, size, flags=flags, borderValue=255), np.uint8)


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
    try:
        return _ANSWERS[Ask(head["ask"])](head, data)
    except ItemFailure as failure:
        return {"failure": failure.failure, "detail": failure.detail}, b""


def _picture(head: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    outline = None if head["outline"] is None else Outline(*head["outline"])
    picture = Picture(data, head["page"], head["pages"], Polarity(head["polarity"]), head["normaliser"], outline)
    drawn = draw(picture, View(head["view"]), max_pixels=head["max_pixels"])
    return {"blank": drawn is None}, drawn or b""


def _page(head: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        grey = decode(data, page=head["page"], pages=head["pages"], max_pixels=head["max_pixels"])
        drawn = _within(grey, LONGEST_PAGE)
        return {"scale": drawn.shape[1] / grey.shape[1]}, _png(drawn)
    except MemoryError as error:
        raise out_of_memory() from error


def _grey(head: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        grey = decode(data, page=head["page"], pages=head["pages"], max_pixels=head["max_pixels"])
    except MemoryError as error:
        raise out_of_memory() from error
    return {"shape": grey.shape}, grey.tobytes()


def _reference(head: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """The picture in the size that its template says, where its proportions are those."""
    try:
        grey = decode(data, page=head["page"], pages=head["pages"], max_pixels=head["max_pixels"])
        height, width = grey.shape
        if abs(head["width"] * height / (head["height"] * width) - 1) > PROPORTIONS:
            return {"shape": grey.shape}, b""
        if grey.shape != (head["height"], head["width"]):
            way = cv2.INTER_AREA if head["width"] < width else cv2.INTER_LINEAR
            grey = np.asarray(cv2.resize(grey, (head["width"], head["height"]), interpolation=way), np.uint8)
        return {"shape": grey.shape}, _png(grey)
    except MemoryError as error:
        raise out_of_memory() from error


def _flat(head: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """The page between its corners in the size that its template says, and a little around it, with the way back: the
    homography that takes pixels of this picture to those of the scan."""
    try:
        grey = decode(data, page=head["page"], pages=head["pages"], max_pixels=head["max_pixels"])
        height, width = grey.shape
        drawn = head["of"] or (width, height)
        corners = np.array(head["corners"], np.float32) * np.array([width / drawn[0], height / drawn[1]], np.float32)
        across, down = head["width"], head["height"]
        whole = np.array([[0, 0], [across, 0], [across, down], [0, down]], np.float32)
        room = np.float32(AROUND_PAGE * max(across, down))
        more = whole + np.array([[-room, -room], [room, -room], [room, room], [-room, room]], np.float32)
        outer = cv2.perspectiveTransform(more[None], cv2.getPerspectiveTransform(whole, corners))[0]
        size = math.ceil(across + 2 * room), math.ceil(down + 2 * room)
        flat = _straight(grey, Outline(tuple(map(tuple, outer.tolist())), *size))
        sides = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32) - np.float32(0.5)
        return {"back": cv2.getPerspectiveTransform(sides, outer.astype(np.float32)).tolist()}, _png(flat)
    except MemoryError as error:
        raise out_of_memory() from error


def _marked(head: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """The page with its marks over it; of a page without a picture what there is to say of it."""
    from digitmill.imaging.drawn import marking  # noqa: PLC0415 (most drawers draw no such pages)

    what = marking.Marking(
        head["title"],
        head["corners"],
        tuple(marking.Mark(corners, marking.Look(look), text) for corners, look, text in head["marks"]),
        head["sentence"],
    )
    try:
        page = None
        if data:
            grey = decode(data, page=head["page"], pages=head["pages"], max_pixels=head["max_pixels"])
            if what.corners is None:
                page = marking.scaled(grey)
            else:
                page = _straight(grey, Outline(what.corners, *marking.size_of(what.corners)))
        return {}, marking.marked(page, what, head["kind"])
    except MemoryError as error:
        raise out_of_memory() from error


def _pages(_: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    # 8 MB of library that few uploads need
    from digitmill.imaging.pdf.pages import count_pages  # noqa: PLC0415

    return {"pages": count_pages(data)}, b""


def _fields(head: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    from digitmill.imaging.pdf.pages import form_fields  # noqa: PLC0415

    return {}, json.dumps(form_fields(data, head["page"])).encode()


_ANSWERS = {
    Ask.PICTURE: _picture,
    Ask.PAGE: _page,
    Ask.GREY: _grey,
    Ask.REFERENCE: _reference,
    Ask.FLAT: _flat,
    Ask.MARKED: _marked,
    Ask.PAGES: _pages,
    Ask.FIELDS: _fields,
}


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
    data = b""
    while True:
        try:
            head, sent = receive(sys.stdin.buffer, sys.maxsize)
        except EOFError:
            return
        data = data if head["same"] else sent
        _limit_time(seconds)
        send(answers, *answer(head, data))


def _limit_time(seconds: float) -> None:
    """The kernel ends this process after so much more work, though its parent were gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, most))


if __name__ == "__main__":
    main()
