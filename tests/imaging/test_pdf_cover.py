"""Coarse pictures over a page of a PDF do not make it coarse: what shows through, beside or over them is drawn."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from digitmill.errors import FailureCode
from tests.imaging.pdf_pages import BLACK_AND_WHITE, MAX_PIXELS, PAPER, failure_of, read
from tests.pdfs import Grey, Page, Stored, flate, pdf, scan, stream

WIDTH, HEIGHT = 300, 400
"""Points of the page."""
STROKES = b"0 g 90 120 40 160 re f 170 120 12 160 re f 90 190 92 12 re f "
OVER_ALL = b"q 300 0 0 400 0 0 cm /Im0 Do Q "
WHITE = flate(np.full((4, 3), 255, np.uint8))
GRAPHICS = "/ExtGState << /Clear << /ca 0.1 >> /Mixed << /BM /Multiply >> >>"
HIDDEN_LAYER = "/OCProperties << /OCGs [9000 0 R] /D << /OFF [9000 0 R] /Order [] >> >>"
LAYER = {9000: b"<< /Type /OCG /Name (layer) >>"}


def page_of(content: bytes, image: Stored, resources: str = "") -> bytes:
    """The image is object 9010; layers may be named."""
    head = f"<< /Type /XObject /Subtype /Image /Width {image.size[0]} /Height {image.size[1]} {image.entries}"
    page = Page(content, WIDTH, HEIGHT)
    page.more = f"/Resources << /XObject << /Im0 9010 0 R >> /Properties << /L 9000 0 R >> {resources} >>"
    return pdf([page], catalog=HIDDEN_LAYER, objects={**LAYER, 9010: stream(head, image.data)})


def with_mask(mask: Grey, kind: str) -> bytes:
    """A picture of one black pixel. ``mask`` is ink where it is bright, as a soft mask or as a stencil of one bit."""
    stored = flate(mask)
    if kind == "Mask":
        bits = np.packbits(mask < 128, axis=1).tobytes()
        entries = "/ImageMask true /BitsPerComponent 1 /Filter /FlateDecode"
        stored = Stored(entries, zlib.compress(bits), mask.shape[::-1])
    head = f"<< /Type /XObject /Subtype /Image /Width {stored.size[0]} /Height {stored.size[1]} {stored.entries}"
    dot = flate(np.zeros((1, 1), np.uint8))
    image = Stored(f"{dot.entries} /{kind} 9001 0 R", dot.data, dot.size)
    return pdf([Page(OVER_ALL, WIDTH, HEIGHT, {"Im0": image})], objects={9001: stream(head, stored.data)})


def drawn(data: bytes) -> Grey:
    found = read(data)
    assert found.shape == (round(HEIGHT * 300 / 72), round(WIDTH * 300 / 72))
    return found


PLAIN = pdf([Page(STROKES, WIDTH, HEIGHT)])
COVERS = {
    "clear by its opacity": (STROKES + b"/Clear gs " + OVER_ALL, WHITE),
    "mixed with what lies beneath": (STROKES + b"/Mixed gs " + OVER_ALL, WHITE),
    "in a layer that is off": (STROKES + b"/OC /L BDC " + OVER_ALL + b"EMC", WHITE),
    "off itself": (STROKES + OVER_ALL, Stored(WHITE.entries + " /OC 9000 0 R", WHITE.data, WHITE.size)),
    "cut to a corner": (STROKES + b"q 0 0 9 9 re W n " + OVER_ALL + b"Q", WHITE),
}


@pytest.mark.parametrize("how", COVERS)
def test_what_shows_through_a_coarse_picture_over_the_page_is_drawn(how: str) -> None:
    content, image = COVERS[how]
    found, plain = drawn(page_of(content, image, GRAPHICS)), drawn(PLAIN)
    assert np.abs(found.astype(int) - plain).max() <= 30


@pytest.mark.parametrize("kind", ["SMask", "Mask"])
def test_ink_in_the_mask_of_a_picture_of_one_pixel_is_drawn(kind: str) -> None:
    found = drawn(with_mask(255 - BLACK_AND_WHITE, kind))
    assert abs(float(found.mean()) - float(BLACK_AND_WHITE.mean())) < 3
    assert found[:60, :100].max() < 60


def test_a_note_over_a_coarse_scan_is_drawn() -> None:
    look = stream("<< /Type /XObject /Subtype /Form /BBox [0 0 300 400]", STROKES)
    note = b"<< /Type /Annot /Subtype /Ink /Rect [0 0 300 400] /F 4 /AP << /N 9001 0 R >> >>"
    page = Page(OVER_ALL, WIDTH, HEIGHT, {"Im0": WHITE}, "/Annots [9000 0 R]")
    found = drawn(pdf([page], objects={9000: note, 9001: look}))
    assert np.array_equal(found, drawn(PLAIN))


def test_a_coarse_scan_alone_keeps_its_pixels_whatever_lies_hidden_beneath() -> None:
    page = scan(flate(PAPER), 100)
    page.content = b"0 g 0 0 50 50 re f BT /F1 9 Tf 9 9 Td (7) Tj ET " + page.content
    assert np.array_equal(read(pdf([page])), PAPER)


def test_a_stencil_that_is_the_whole_page_keeps_its_pixels() -> None:
    bits = np.packbits(BLACK_AND_WHITE >= 128, axis=1).tobytes()
    stencil = Stored("/ImageMask true /BitsPerComponent 1 /Filter /FlateDecode", zlib.compress(bits), (300, 400))
    assert np.array_equal(read(pdf([scan(stencil, 100)])), BLACK_AND_WHITE)


def large(content: bytes = b"") -> Page:
    """A scan of 2,000 x 2,500 pixels on a page of as many points, as programs of phones write it."""
    page = scan(flate(np.full((2500, 2000), 230, np.uint8)), 72)
    page.content += content
    return page


def test_a_page_of_a_point_a_pixel_with_a_stamp_is_drawn_in_the_resolution_of_its_scan() -> None:
    found = read(pdf([large(b" 0 g 10 10 200 50 re f")]))
    assert found.shape == (2500, 2000)
    assert found[-50:-20, 20:200].max() == 0


def test_a_page_too_large_for_its_strokes_is_not_drawn_by_a_coarse_logo() -> None:
    page = Page(b"0 g 10 10 20 20 re f q 9000 0 0 9000 0 0 cm /Im0 Do Q 0 g 1 1 9 9 re f", 9000, 9000, {"Im0": WHITE})
    assert failure_of(pdf([page]), max_pixels=MAX_PIXELS).failure is FailureCode.IMAGE_TOO_LARGE
