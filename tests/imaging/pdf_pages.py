"""A sheet of paper with a digit, and what becomes of PDFs that show it."""

from __future__ import annotations

import numpy as np
import pytest

from digitmill.errors import ItemFailure
from digitmill.imaging.files.decode import decode
from digitmill.imaging.pdf.pages import count_pages
from tests.pdfs import Grey
from tests.pictures import drawn_digit

MAX_PIXELS = 20_000_000


def sheet(width: int = 300, height: int = 400) -> Grey:
    """Paper with a digit, and ink in two corners that tell which side is up."""
    paper = np.full((height, width), 235, np.uint8)
    paper[60:260, 40:240] = np.minimum(drawn_digit(side=200), 235)
    paper[:20, :30] = 40
    paper[-5:, -8:] = 0
    return paper


PAPER = sheet()
BLACK_AND_WHITE = np.where(PAPER >= 128, 255, 0).astype(np.uint8)


def read(data: bytes, page: int = 0, max_pixels: int = MAX_PIXELS) -> Grey:
    return decode(data, page=page, pages=count_pages(data), max_pixels=max_pixels)


def failure_of(data: bytes, page: int = 0, pages: int = 1, max_pixels: int = MAX_PIXELS) -> ItemFailure:
    with pytest.raises(ItemFailure) as caught:
        decode(data, page=page, pages=pages, max_pixels=max_pixels)
    return caught.value
