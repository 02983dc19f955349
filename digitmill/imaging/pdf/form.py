"""The fields that a fillable PDF names itself (AcroForm), by PDFium's raw interface. Only for processes that are walled
in (``drawers.py``)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypedDict

from pypdfium2 import PdfPage, raw

MOST_FIELDS = 2_000
"""Widgets of a page."""
LONGEST_TEXT = 4_096
"""Bytes of a name or a value in UTF-16."""
COMB, MULTILINE = 1 << 24, 1 << 12
"""Flags of a text field."""
TYPES = {
    raw.FPDF_FORMFIELD_TEXTFIELD: "text",
    raw.FPDF_FORMFIELD_CHECKBOX: "tick",
    raw.FPDF_FORMFIELD_RADIOBUTTON: "tick",
    raw.FPDF_FORMFIELD_COMBOBOX: "choice",
    raw.FPDF_FORMFIELD_LISTBOX: "choice",
    raw.FPDF_FORMFIELD_SIGNATURE: "signature",
}


class Widget(TypedDict):
    """One place to fill in.

    ``box`` is left, top, right and bottom by the page's width and height, 0 to 1, as the page is seen; ``most`` the
    largest number of characters, 0 where the PDF names none; ``value`` what a tick stands for.
    """

    name: str
    type: str
    box: tuple[float, float, float, float]
    most: int
    comb: bool
    lines: bool
    value: str


def widgets_of(page: PdfPage) -> list[Widget]:
    """The places that a page has to fill in, in the order of the file; none where it is no form."""
    return list(_widgets(page)) if page.formenv else []


def _widgets(page: PdfPage) -> Iterator[Widget]:
    form = page.formenv
    for number in range(min(raw.FPDFPage_GetAnnotCount(page), MOST_FIELDS)):
        with _annotation(page, number) as annotation:
            if annotation is None or raw.FPDFAnnot_GetSubtype(annotation) != raw.FPDF_ANNOT_WIDGET:
                continue
            kind = TYPES.get(raw.FPDFAnnot_GetFormFieldType(form, annotation))
            box = _box(page, annotation)
            if kind is None or box is None:
                continue
            flags = raw.FPDFAnnot_GetFormFieldFlags(form, annotation)
            yield Widget(
                name=_text(raw.FPDFAnnot_GetFormFieldName, form, annotation),
                type=kind,
                box=box,
                most=_most(annotation),
                comb=kind == "text" and bool(flags & COMB),
                lines=kind == "text" and bool(flags & MULTILINE),
                value=_text(raw.FPDFAnnot_GetFormFieldExportValue, form, annotation) if kind == "tick" else "",
            )


@contextmanager
def _annotation(page: PdfPage, number: int) -> Iterator[Any]:
    annotation = raw.FPDFPage_GetAnnot(page, number)
    try:
        yield annotation
    finally:
        if annotation:
            raw.FPDFPage_CloseAnnot(annotation)


def _box(page: PdfPage, annotation: Any) -> tuple[float, float, float, float] | None:
    """None where it lies off the page, or has no room."""
    rectangle = raw.FS_RECTF()
    if not raw.FPDFAnnot_GetRect(annotation, rectangle):
        return None
    whole = 1 << 20
    x, y = ctypes.c_int(), ctypes.c_int()
    places = []
    for across, down in ((rectangle.left, rectangle.top), (rectangle.right, rectangle.bottom)):
        raw.FPDF_PageToDevice(page, 0, 0, whole, whole, 0, across, down, x, y)
        places.append((min(max(x.value / whole, 0.0), 1.0), min(max(y.value / whole, 0.0), 1.0)))
    (left, right), (top, bottom) = (sorted(ends) for ends in zip(*places, strict=True))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _most(annotation: Any) -> int:
    value = ctypes.c_float()
    found = raw.FPDFAnnot_GetNumberValue(annotation, b"MaxLen", value)
    return int(value.value) if found and 0 < value.value < LONGEST_TEXT else 0


def _text(read: Callable[..., int], form: Any, annotation: Any) -> str:
    buffer = (ctypes.c_ushort * (LONGEST_TEXT // 2))()
    length = read(form, annotation, buffer, LONGEST_TEXT)
    return bytes(buffer)[: max(min(length, LONGEST_TEXT) - 2, 0)].decode("utf-16-le", "replace")
