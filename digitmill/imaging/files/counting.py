"""How many images a file is, told without decoding it. Pages of PDFs are counted elsewhere, by PDFium (``pdf.py``)."""

from __future__ import annotations

from digitmill.imaging.files.formats import HEIF, PNM, TIFF, format_of
from digitmill.imaging.files.heif_items import count_heif_pictures
from digitmill.imaging.files.pages import count_tiff_pages
from digitmill.imaging.files.pnm import count_pnm_pictures

MOST = 10_000
"""Are counted, unless fewer are asked for."""


def count_pictures(data: bytes, limit: int = MOST) -> int:
    """Pages of a TIFF, or pictures of a PGM, PPM, PBM or HEIC, 1 or more; above ``limit`` where there are more than so
    many. 1 for any other file."""
    known = format_of(data)
    if known is TIFF:
        return count_tiff_pages(data, limit)
    if known is PNM:
        return count_pnm_pictures(data, limit)
    return count_heif_pictures(data) if known is HEIF else 1
