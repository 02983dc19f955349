"""Pages of a PDF as grey pictures, by PDFium. Only for processes that are walled in (``drawers.py``).

A page that is one scan is drawn pixel for pixel as the scan is stored; any other at 300 dots per inch. A scan under or
over which something else shows is one of the others, unless its own pixels are as fine. PDFium comes without scripts
and XFA. It is given the file alone, and no font of this machine: all machines draw the same.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pypdfium2 import PdfBitmap, PdfDocument, PdfImage, PdfiumError, PdfMatrix, PdfObject, PdfPage, raw

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files.grey import grey_of
from digitmill.imaging.files.shape import LEAST, MOST, with_square_pixels
from digitmill.imaging.pdf.content import is_portfolio, lacks_content
from digitmill.imaging.pdf.cover import is_all_that_is_seen
from digitmill.imaging.pdf.form import Widget, widgets_of
from digitmill.imaging.pdf.images import Decode, check_drawn, check_image
from digitmill.imaging.pdf.tree import has_more_pages

POINTS, MILLIMETRES, DRAWN_DPI = 72, 25.4, 300
"""Of an inch; the last are pixels."""
FINE_DPI = 0.95 * DRAWN_DPI
"""A scan of so many loses nothing of what is drawn with it."""
ENOUGH = 1 << 20
"""Pixels of a page of which 300 dots per inch would be too many."""
MOST_OBJECTS = 50_000
"""Of a page. Recognised text beneath a scan is an object a word."""
MOST_IMAGES = 200
"""Of a page are looked at for damage."""
EDGE = 0.01
"""A scan may leave so much of the page's side free, and still cover it."""
STRAIGHT = 0.001
"""Of an image's side, by which it may lean."""
GRAIN = 0.05
"""Of a pixel."""
UNSEEN_TEXT = (raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP)
XFA = (raw.FORMTYPE_XFA_FULL,)
FLAGS = raw.FPDF_ANNOT | raw.FPDF_NO_CATCH

DAMAGE = (PdfiumError, ValueError, ArithmeticError)
"""What the package raises on damaged pages, besides its own error: names that are no text, sides that are no number."""

LOCKED = "This PDF asks for a password. Save it without one, or print it into a new PDF."
BROKEN = "This PDF breaks off or is damaged. Scan or export it again."
NO_PAGES = "This PDF has no pages. Scan or export it again."
NO_SUCH_PAGE = "This page of the PDF is missing or damaged. Scan or export the PDF again."
CONTENT_MISSING = "What this page of the PDF shows is missing or damaged. Scan or export the PDF again."
OTHER_PAGES = "This file is a PDF of several pages. Name it .pdf, so that each page becomes an image of its own."
MORE_PAGES = (
    "This PDF holds more pages than the {said:,} that it says, and they would be lost. Print it into a new PDF."
)
DYNAMIC = "This PDF is an XFA form, which is not drawn. Print it into a new PDF, where it is shown."
PORTFOLIO = "This PDF is a portfolio, a cover of files that lie in it. Save these from it, and send them themselves."
TOO_LARGE = (
    "This page of {width:,.0f} x {height:,.0f} mm has {pixels:,} pixels, and {most:,} are allowed. Scan it at a lower "
    "resolution, or save it as a smaller page."
)


def count_pages(data: bytes) -> int:
    """How many pages the PDF says that it has, 1 or more. Raises ItemFailure where it cannot be opened."""
    return len(_opened(data))


def decode_page(data: bytes, page: int, pages: int, max_pixels: int, decode: Decode) -> NDArray[np.uint8]:
    """The grey picture of the page, from 0, as ``decode.decode`` gives it, of a PDF that was planned with ``pages``.
    ``decode`` is asked whether images in it are whole.

    Neighbouring calls with the same ``data`` open the document once.

    Raises:
        ItemFailure: encrypted_member, truncated_image, unsupported_format, image_too_large or not_an_image.
    """
    document = _opened(data)
    if len(document) != pages:
        raise ItemFailure(FailureCode.UNSUPPORTED_FORMAT, OTHER_PAGES)
    try:
        opened = document[page]
        try:
            picture = _drawn(opened, max_pixels, decode)
            if picture.min() == picture.max():
                _check_content(document, opened, page)
            return picture
        finally:
            opened.close()
    except DAMAGE as error:
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, NO_SUCH_PAGE) from error


def form_fields(data: bytes, page: int) -> list[Widget]:
    """What the page, from 0, has to fill in, where the PDF says so itself. Raises ItemFailure where it is none."""
    document = _opened(data)
    if page >= len(document):
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, NO_SUCH_PAGE)
    try:
        opened = document[page]
        try:
            return widgets_of(opened)
        finally:
            opened.close()
    except DAMAGE as error:
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, NO_SUCH_PAGE) from error


@lru_cache(maxsize=1)
def _opened(data: bytes) -> PdfDocument:
    _without_fonts_of_this_machine()
    try:
        document = PdfDocument(data)
    except PdfiumError as error:
        raise _not_opened(data) from error
    if document.get_formtype() in XFA:
        raise ItemFailure(FailureCode.UNSUPPORTED_FORMAT, DYNAMIC)
    if is_portfolio(document):
        raise ItemFailure(FailureCode.UNSUPPORTED_FORMAT, PORTFOLIO)
    if has_more_pages(document, data):
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, MORE_PAGES.format(said=len(document)))
    document.init_forms()
    return document


def _not_opened(data: bytes) -> ItemFailure:
    # the code that comes with the error is an earlier one, where the file was opened and has no pages
    handle = raw.FPDF_LoadMemDocument64(data, len(data), None)
    code = raw.FPDF_GetLastError()
    if handle:
        raw.FPDF_CloseDocument(handle)
        return ItemFailure(FailureCode.NOT_AN_IMAGE, NO_PAGES)
    if code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
        return ItemFailure(FailureCode.ENCRYPTED_MEMBER, LOCKED)
    return ItemFailure(FailureCode.TRUNCATED_IMAGE, BROKEN)


@lru_cache(maxsize=1)
def _without_fonts_of_this_machine() -> None:
    """Begin the library again with no folder of fonts; it has its own for those that every PDF may use."""
    raw.FPDF_DestroyLibrary()
    none = (ctypes.POINTER(ctypes.c_char) * 1)()
    raw.FPDF_InitLibraryWithConfig(raw.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=none))


@dataclass(frozen=True, slots=True)
class _Grid:
    """How a page is drawn: ``across`` and ``down`` pixels a point, ``width`` x ``height`` pixels, with the page's left
    top corner at ``left``, ``top``."""

    across: float
    down: float
    left: float
    top: float
    width: int
    height: int


def _drawn(page: PdfPage, max_pixels: int, decode: Decode) -> NDArray[np.uint8]:
    _check_images(page, max_pixels, decode)
    grid = _grid_of_scan(page) or _grid_of(page, DRAWN_DPI)
    if grid.width * grid.height > max_pixels:
        grid = _grid_of_largest(page, max_pixels) or grid
    if grid.width * grid.height > max_pixels:
        width, height = (side / POINTS * MILLIMETRES for side in page.get_size())
        detail = TOO_LARGE.format(width=width, height=height, pixels=grid.width * grid.height, most=max_pixels)
        raise ItemFailure(FailureCode.IMAGE_TOO_LARGE, detail)
    return with_square_pixels(_pixels(page, grid), _height_of_pixels(grid), max_pixels)


def _check_images(page: PdfPage, max_pixels: int, decode: Decode) -> None:
    """A damaged image would be drawn as far as it goes, and the rest of the page be taken for blank."""
    for image in _images(page):
        check_image(image, page, max_pixels, decode)


def _images(page: PdfPage) -> Iterator[PdfImage]:
    yield from islice(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]), MOST_IMAGES)


def _check_content(document: PdfDocument, page: PdfPage, place: int) -> None:
    """Of a page of one shade. Raises ItemFailure where it is not blank but something of it could not be drawn."""
    images = list(_images(page))
    for image in images:
        check_drawn(image)
    if not images and lacks_content(document, page, place):
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, CONTENT_MISSING)


def _grid_of_scan(page: PdfPage) -> _Grid | None:
    """The pixels of the image that covers the page and is seen last; None where there is none, or where they are coarse
    and it is not all that is seen."""
    objects = _seen(page)
    image = objects[-1] if objects else None
    if not isinstance(image, PdfImage):
        return None
    a, b, c, d, left, top = _placed(image, page)
    lying = abs(a) + abs(d) < STRAIGHT * (abs(b) + abs(c))
    if not lying and abs(b) + abs(c) > STRAIGHT * (abs(a) + abs(d)):
        return None
    pixels = image.get_px_size()
    sides = [
        _side(left + min(a, 0) + min(c, 0), abs(a) + abs(c), pixels[lying], page.get_width()),
        _side(top + min(b, 0) + min(d, 0), abs(b) + abs(d), pixels[not lying], page.get_height()),
    ]
    if None in sides:
        return None
    (across, first, width), (down, second, height) = sides  # type: ignore[misc]
    if min(across, down) * POINTS < FINE_DPI and not is_all_that_is_seen(image, page, objects):
        return None
    return _Grid(across, down, first, second, width, height)


def _side(start: float, length: float, pixels: int, side: float) -> tuple[float, float, int] | None:
    """Pixels a point, the place of the page's beginning and the pixels that are seen, of an image from ``start`` on one
    side of the page; None where it does not cover that."""
    free = EDGE * side
    if not length or start > free or start + length < side - free:
        return None
    # a grain of less than the pixels, or rounding errors would make PDFium spread them over one more
    density = (pixels - 2 * GRAIN) / length
    hidden = round(-start * density) if start < -free else 0
    seen = (round((side - start) * density) if start + length > side + free else pixels) - hidden
    return density, GRAIN - start * density - hidden, max(seen, 1)


def _seen(page: PdfPage) -> list[PdfObject]:
    """In the order in which they are drawn, without text that is not shown. Of a form it is what it holds."""
    return [
        each
        for each in islice(page.get_objects(), MOST_OBJECTS)
        if each.type != raw.FPDF_PAGEOBJ_FORM
        and not (each.type == raw.FPDF_PAGEOBJ_TEXT and raw.FPDFTextObj_GetTextRenderMode(each) in UNSEEN_TEXT)
    ]


def _placed(image: PdfImage, page: PdfPage) -> tuple[float, ...]:
    """The matrix that puts the image's unit square on the upright page, in points from its left top corner."""
    matrix, form = image.get_matrix(), image.container
    while form is not None:
        matrix, form = matrix.multiply(form.get_matrix()), form.container
    left, bottom, right, top = page.get_bbox()
    upright = {
        0: PdfMatrix(1, 0, 0, -1, -left, top),
        90: PdfMatrix(0, 1, 1, 0, -bottom, -left),
        180: PdfMatrix(-1, 0, 0, 1, right, -bottom),
        270: PdfMatrix(0, -1, -1, 0, top, right),
    }[page.get_rotation()]
    placed: tuple[float, ...] = matrix.multiply(upright).get()
    return placed


def _grid_of_largest(page: PdfPage, max_pixels: int) -> _Grid | None:
    """In the resolution of the image of the most pixels: many programs write a scan as a page of a point a pixel, which
    is a metre high. None where that is coarse, or more than ``max_pixels``."""
    images = [(math.prod(image.get_px_size()), image) for image in _images(page)]
    pixels, image = max(images, key=lambda each: each[0], default=(0, None))
    if image is None:
        return None
    a, b, c, d, *_ = _placed(image, page)
    points = abs(a * d - b * c)
    grid = _grid_of(page, POINTS * math.sqrt(pixels / points)) if points else None
    return grid if grid is not None and ENOUGH <= grid.width * grid.height <= max_pixels else None


def _grid_of(page: PdfPage, dpi: float) -> _Grid:
    scale = dpi / POINTS
    width, height = (max(1, round(side * scale)) for side in page.get_size())
    return _Grid(scale, scale, 0, 0, width, height)


def _height_of_pixels(grid: _Grid) -> float:
    """As ``shape.height_of_pixels`` tells it: 1.0 where the difference is none that is meant."""
    height = grid.across / grid.down
    return height if 1 / MOST <= height <= 1 / LEAST or LEAST <= height <= MOST else 1.0


def _pixels(page: PdfPage, grid: _Grid) -> NDArray[np.uint8]:
    try:
        bitmap = PdfBitmap.new_native(grid.width, grid.height, raw.FPDFBitmap_BGR)
    except PdfiumError as error:
        raise MemoryError from error
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, grid.width, grid.height)
    across, down = page.get_size()
    matrix = PdfMatrix().scale(grid.across, grid.down)
    matrix = matrix.translate(grid.left, grid.top)
    raw.FPDF_RenderPageBitmapWithMatrix(bitmap, page, matrix, raw.FS_RECTF(0, 0, grid.width, grid.height), FLAGS)
    if page.formenv:
        place = round(grid.left), round(grid.top), round(across * grid.across), round(down * grid.down)
        raw.FPDF_FFLDraw(page.formenv, bitmap, page, *place, 0, FLAGS)
    size = grid.width, grid.height
    return grey_of(Image.frombuffer("RGB", size, bitmap.buffer, "raw", "BGR", bitmap.stride, 1))
