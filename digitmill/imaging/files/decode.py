"""Image bytes to a grey picture, under limits: whatever the bytes are, they cost one ItemFailure at the most."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files import bmp, fax_rows, heif_items, jpeg, jpeg2000, png_chunks, pnm, tiff
from digitmill.imaging.files.colour import COLOURED, hides_ink
from digitmill.imaging.files.formats import AVIF, BMP, HEIF, JPEG, JPEG2000, PDF, PNG, PNM, TIFF, Format, recognise
from digitmill.imaging.files.grey import grey_of, with_ink_of_colour
from digitmill.imaging.files.libtiff import heard
from digitmill.imaging.files.pnm_letters import in_bytes
from digitmill.imaging.files.shape import height_of_pixels, with_square_pixels
from digitmill.imaging.files.small_png import small_grey_png

REDUCED_SIDE = 2000
"""A JPEG is decoded at a half, a quarter or an eighth where its longest side keeps so many pixels."""
ORIENTATION = 274

_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow's readers raise on damaged files: found by feeding them such files, and by reading them."""
_PILLOWS_WARNINGS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def decode(data: bytes, *, page: int = 0, pages: int = 1, max_pixels: int) -> NDArray[np.uint8]:
    """The grey picture uint8 [height, width], 0 black to 255 white, upright, of square pixels, without transparency.

    Args:
        data: a file of one of the FORMATS; of a film of several frames the first is read.
        page: which page or picture of a ``paged`` format, from 0.
        pages: how many pages the file was planned with.
        max_pixels: a picture that declares more is not decoded.

    Raises:
        ItemFailure: not_an_image, truncated_image, unsupported_format, image_too_large, nested_archive or, of a PDF
            with a password, encrypted_member.
    """
    picture = small_grey_png(data)
    if picture is not None and picture.size <= max_pixels:
        return picture
    kind = recognise(data)
    _ignore_pillows_warnings()
    if kind is PDF:
        # 8 MB of library, for processes that are walled in
        from digitmill.imaging.pdf.pages import decode_page  # noqa: PLC0415

        return decode_page(data, page, pages, max_pixels, _image_in_pdf)
    if kind is TIFF:
        return _tiff(_with_rows_that_are_there(tiff.with_page_first(data, page, pages), max_pixels), max_pixels)
    if kind is JPEG:
        return _jpeg(data, max_pixels)
    if kind is PNG:
        return _png(data, max_pixels)
    if kind is PNM:
        return _picture(in_bytes(pnm.picture_of(data, page, pages), max_pixels), PNM, max_pixels)
    if kind is HEIF:
        heif_items.check_count(data, pages)
        return _picture(data, HEIF, max_pixels, page if pages > 1 else None)
    if kind is BMP and bmp.holds_another(data):
        raise bmp.unsupported()
    return _picture(data, kind, max_pixels)


def _image_in_pdf(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """Nothing else than what the filters of a PDF may leave: another PDF, say, is none."""
    return _tiff(data, max_pixels) if recognise(data) is TIFF else _jpeg(data, max_pixels)


def _ignore_pillows_warnings() -> None:
    """Pillow warns of odd files, which says nothing to a service.

    The filter stays: to set and restore it around each image is not safe in threads.
    """
    if _PILLOWS_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOWS_WARNINGS[3].pattern)


def _with_rows_that_are_there(data: bytes, max_pixels: int) -> bytes:
    """A TIFF with the rows that its fax has, where it declares more. What else is wrong with it, its reader finds."""
    try:
        rows = fax_rows.rows_there(data, max_pixels)
    except fax_rows.RowsMissing as error:
        raise damaged(TIFF) from error
    except MemoryError as error:
        raise out_of_memory() from error
    except _DAMAGE:
        return data
    return data if rows is None else fax_rows.with_length(data, rows)


def _tiff(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """Damage that libtiff complains about is a failure, also where a picture comes out of it."""
    inner = tiff.old_style_jpeg(data)
    if inner is not None:
        return _jpeg(inner, max_pixels)
    with heard() as complaints:
        try:
            picture = _picture(data, TIFF, max_pixels)
        except ItemFailure as failure:
            if complaints.unsupported and failure.failure is FailureCode.TRUNCATED_IMAGE:
                raise tiff.compression_not_read(data) from failure
            raise
    if complaints.damage:
        raise damaged(TIFF)
    return picture


def _jpeg(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    if jpeg.too_many_scans(data):
        raise damaged(JPEG)
    try:
        return _picture(data, JPEG, max_pixels)
    except ItemFailure as failure:
        if failure.failure is not FailureCode.TRUNCATED_IMAGE:
            raise
        reason = jpeg.why_not_read(data)
        if reason is not None:
            raise ItemFailure(
                FailureCode.UNSUPPORTED_FORMAT,
                f"This JPEG is one of {reason}, which is not read. Save it as PNG, or as JPEG of 8 bits.",
            ) from failure
        if not jpeg.may_lack_only_its_end(data):
            raise
        one, other = (_picture(ended, JPEG, max_pixels) for ended in jpeg.ended_anyhow(data))
        if not np.array_equal(one, other):
            raise
        return one


def _png(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """Damage to what is said beside the pixels is none."""
    try:
        return _picture(data, PNG, max_pixels)
    except ItemFailure as failure:
        alone = png_chunks.pixels_alone(data)
        if failure.failure is not FailureCode.TRUNCATED_IMAGE or alone == data:
            raise
        return _picture(alone, PNG, max_pixels)


def _picture(data: bytes, kind: Format, max_pixels: int, frame: int | None = None) -> NDArray[np.uint8]:
    """Of several frames the one, from 0, or that which the file says is its picture."""
    with _opened(data, kind) as image:
        try:
            if frame is not None:
                image.seek(frame)
            _check_size(image, kind, data, max_pixels)
            coloured = image.mode in COLOURED
            if kind is JPEG:
                _reduce(image, "L")
            height = height_of_pixels(image)
            image.load()
            grey = grey_of(image)
            if kind is JPEG and coloured and hides_ink(grey):
                grey = _jpeg_by_colour(grey, data)
            return _upright(with_square_pixels(grey, height, max_pixels), image)
        except MemoryError as error:
            raise out_of_memory() from error
        except jpeg2000.Incomplete as error:
            raise damaged(kind) from error
        except _DAMAGE as error:
            raise _damaged_or_too_large(image, kind) from error


def _jpeg_by_colour(grey: NDArray[np.uint8], data: bytes) -> NDArray[np.uint8]:
    """The same of a JPEG that was decoded to its brightness alone."""
    with _opened(data, JPEG) as image:
        _reduce(image, "RGB")
        image.load()
        return with_ink_of_colour(grey, image)


def _damaged_or_too_large(image: Image.Image, kind: Format) -> ItemFailure:
    """Libraries call a picture damaged for which they get no memory: whether there was enough is asked here."""
    try:
        np.empty(image.width * image.height * kind.pixel_bytes, np.uint8)
    except MemoryError:
        return out_of_memory()
    return damaged(kind)


def _opened(data: bytes, kind: Format) -> Image.Image:
    try:
        return _reader(data, kind)
    except Image.DecompressionBombError as error:
        raise ItemFailure(
            FailureCode.IMAGE_TOO_LARGE, "This image has too many pixels. Scan it at a lower resolution, or crop it."
        ) from error
    except UnidentifiedImageError as error:
        raise tiff.unsupported(data) if kind is TIFF else damaged(kind) from error
    except MemoryError as error:
        raise out_of_memory() from error
    except _DAMAGE as error:
        raise damaged(kind) from error


def _reader(data: bytes, kind: Format) -> Image.Image:
    """In one thread: the processes of a worker share the cores already."""
    if kind is HEIF:
        # 20 MB of libraries that few jobs need
        import pillow_heif  # noqa: PLC0415

        pillow_heif.options.DECODE_THREADS = 1
        image: Image.Image = pillow_heif.HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
        return image
    if kind is AVIF:
        from PIL import AvifImagePlugin  # noqa: PLC0415

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    return Image.open(io.BytesIO(data), formats=(kind.reader,))


def out_of_memory() -> ItemFailure:
    """The failure of an image that needs more memory than this process may take."""
    return ItemFailure(
        FailureCode.IMAGE_TOO_LARGE,
        "This image needs more memory than one image may take. Scan it at a lower resolution, or save it again as PNG.",
    )


def _check_size(image: Image.Image, kind: Format, data: bytes, max_pixels: int) -> None:
    """By what the file declares, before anything is decoded."""
    width, height = image.size
    pixels = width * height
    if kind is TIFF:
        pixels = max(pixels, tiff.tile_pixels(image))
    if kind is JPEG2000:
        pixels = max(pixels, jpeg2000.declared_pixels(data))
    if pixels > max_pixels:
        raise ItemFailure(
            FailureCode.IMAGE_TOO_LARGE,
            f"This image has {width:,} x {height:,} pixels, and {max_pixels:,} in all are allowed. "
            "Scan it at a lower resolution, or crop it.",
        )


def _reduce(image: Image.Image, mode: str) -> None:
    """Let the JPEG decoder give brightness alone ("L") or colours ("RGB"), and of a large photo a smaller picture."""
    fraction = max(1, max(image.size) // REDUCED_SIDE)
    image.draft(mode, (max(1, image.width // fraction), max(1, image.height // fraction)))


def _upright(grey: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    """Turned and mirrored as the EXIF data say. Pillow has done so already for TIFF."""
    if "exif" not in image.info or image.format == "TIFF":
        return grey
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except (MemoryError, *_DAMAGE):
        # damaged EXIF data beside a sound picture: cameras and editors write such
        return grey
    if orientation in (5, 6, 7, 8):
        grey = grey.T
    if orientation in (2, 3, 6, 7):
        grey = grey[:, ::-1]
    if orientation in (3, 4, 7, 8):
        grey = grey[::-1]
    return np.ascontiguousarray(grey)


def damaged(kind: Format) -> ItemFailure:
    return ItemFailure(
        FailureCode.TRUNCATED_IMAGE, f"This {kind.name} file breaks off or is damaged. Copy, scan or export it again."
    )
