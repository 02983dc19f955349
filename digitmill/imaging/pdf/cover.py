"""Whether a scan that covers a page of a PDF is all that is seen there, so that it may be drawn in its resolution.

Under a coarse picture finer things may show: beneath a watermark that lets them through, in the mask of a picture of a
single pixel, where a layer is switched off or cut to a corner, or in a note over it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pypdfium2 import PdfBitmap, PdfImage, PdfObject, PdfPage, raw

LOOKED_AT = 256
"""Pixels of a side in which the page is drawn to see whether the scan hides all of it."""
MARGIN = 8
"""Pixels of these along the edges, which a scan may leave free."""
OPAQUE = 255
UNSEEN_NOTES = (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_TEXT)
"""Have no look of their own, or a small sign."""
STENCIL = (1, raw.FPDF_COLORSPACE_UNKNOWN)
"""Bits a pixel and colours of an image that is a mask itself."""


def is_all_that_is_seen(image: PdfImage, page: PdfPage, objects: Sequence[PdfObject]) -> bool:
    """Whether ``image``, one of the ``objects`` that may be seen on the page, leaves nothing else to be seen."""
    if _has_notes(page):
        return False
    alone = len(objects) == 1
    if alone and _is_stencil(image):
        return True
    return (alone or not _lets_through(image)) and _hides_all(image, page, objects)


def _has_notes(page: PdfPage) -> bool:
    for place in range(raw.FPDFPage_GetAnnotCount(page)):
        note = raw.FPDFPage_GetAnnot(page, place)
        if note:
            kind = raw.FPDFAnnot_GetSubtype(note)
            raw.FPDFPage_CloseAnnot(note)
            if kind not in UNSEEN_NOTES:
                return True
    return False


def _is_stencil(image: PdfImage) -> bool:
    told = image.get_metadata()
    return (told.bits_per_pixel, told.colorspace) == STENCIL


def _lets_through(image: PdfImage) -> bool:
    """Whether it is mixed with what lies beneath, itself or in a form."""
    each: PdfObject | None = image
    while each is not None:
        if raw.FPDFPageObj_HasTransparency(each):
            return True
        each = each.container
    return False


def _hides_all(image: PdfImage, page: PdfPage, objects: Sequence[PdfObject]) -> bool:
    """Whether the image, drawn without all others, leaves no pixel clear."""
    others = [each for each in objects if each is not image]
    for each in others:
        raw.FPDFPageObj_SetIsActive(each, False)
    bitmap = PdfBitmap.new_native(LOOKED_AT, LOOKED_AT, raw.FPDFBitmap_BGRA)
    try:
        bitmap.fill_rect((0, 0, 0, 0), 0, 0, LOOKED_AT, LOOKED_AT)
        raw.FPDF_RenderPageBitmap(bitmap, page, 0, 0, LOOKED_AT, LOOKED_AT, 0, raw.FPDF_NO_CATCH)
        inside = slice(MARGIN, -MARGIN)
        return bool(bitmap.to_numpy()[inside, inside, 3].min() == OPAQUE)
    finally:
        bitmap.close()
        for each in others:
            raw.FPDFPageObj_SetIsActive(each, True)
