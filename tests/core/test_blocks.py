"""Images of a chunk are decoded a few at a time before they are opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Options
from digitmill.imaging.files.decode import decode
from digitmill.readers.base import Outputs
from digitmill.readers.digit import DigitReader, OpenedDigit
from digitmill.work.pipeline import open_chunk
from tests.archives import zip_of
from tests.core.conftest import DarkMeansSeven
from tests.pictures import drawn_digit, png
from tests.uploads.planning import plan_of

IMAGES = 40


class Watched(DigitReader):
    """Notes how many decoded images wait, and of which image was told last, when one is opened."""

    def __init__(self) -> None:
        self.decoded = 0
        self.waiting: list[int] = []
        self.told: list[int | None] = []
        self.opened: list[int | None] = []

    def decode(self, data: bytes, **arguments: Any) -> NDArray[np.uint8]:
        self.decoded += 1
        return decode(data, **arguments)

    def open(self, grey: NDArray[np.uint8], options: Options, model: Outputs) -> OpenedDigit:
        self.waiting.append(self.decoded - len(self.opened))
        self.opened.append(self.told[-1])
        return super().open(grey, options, model)


def opened(folder: Path, side: int) -> Watched:
    images = {f"{number:02}.png": png(drawn_digit(number % 10, side)) for number in range(IMAGES)}
    planned, watched = plan_of(folder, ("pile.zip", zip_of(images))), Watched()
    (chunk,) = planned.chunks
    open_chunk(
        chunk.entries,
        lambda start, end: planned.blob[start:end],
        Options(review_below=0.0),
        DarkMeansSeven(),
        max_member_bytes=1 << 20,
        max_pixels=1 << 20,
        on_image=watched.told.append,
        decode=watched.decode,
        reader=watched,
    )
    return watched


def test_it_is_told_of_each_image_before_it_is_opened(tmp_path: Path) -> None:
    watched = opened(tmp_path, 28)
    assert watched.opened == list(range(IMAGES))
    assert watched.told[-1] is None
    assert 1 < max(watched.waiting) < IMAGES


def test_few_large_images_wait_decoded(tmp_path: Path) -> None:
    watched = opened(tmp_path, 800)
    assert watched.opened == list(range(IMAGES))
    assert max(watched.waiting) == 2
