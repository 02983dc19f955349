"""Pictures as a PDF, a page each."""

from __future__ import annotations

import io

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from digitmill.imaging.pdf.writing import pdf_of, size_of


def jpeg(width: int, height: int, level: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize("sizes", [[(300, 400)], [(300, 400), (500, 200), (64, 64)]])
def test_a_page_for_each_picture_in_its_proportions(sizes: list[tuple[int, int]]) -> None:
    pictures = [jpeg(*size, 40 * number + 20) for number, size in enumerate(sizes)]
    assert [size_of(each) for each in pictures] == sizes
    content = b"".join(pdf_of(iter(pictures)))
    document = pypdfium2.PdfDocument(content)
    assert len(document) == len(sizes)
    for number, (width, height) in enumerate(sizes):
        page = document[number]
        assert page.get_width() / page.get_height() == pytest.approx(width / height, rel=0.01)
        shown = np.asarray(page.render(scale=0.5).to_pil().convert("L"))
        assert np.median(shown) == pytest.approx(40 * number + 20, abs=3)


def test_pages_come_as_they_are_made() -> None:
    made = []

    def pictures() -> object:
        for number in range(3):
            made.append(number)
            yield jpeg(30, 40, 200)

    pieces = pdf_of(pictures())  # type: ignore[arg-type]
    next(pieces)
    assert made == []
    while len(made) < 2:
        next(pieces)
    assert made == [0, 1]
    rest = b"".join(pieces)
    assert rest.endswith(b"%%EOF\n")


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="no JPEG"):
        list(pdf_of([b"\xff\xd8nothing"]))
