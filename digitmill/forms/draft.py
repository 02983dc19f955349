"""A draft of a template from a page: what looks like something to write into becomes a field with a made-up name.

Nobody has to type coordinates: a person gives the fields their names, removes what is none, and publishes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Quad, cells_of, mapped, quad_of
from digitmill.forms.registration.codes import Read, codes_in
from digitmill.forms.shapes import MM, Shape, Shapes, in_pixels, shapes_of

Grey = NDArray[np.uint8]
Document = dict[str, Any]
"""A template as JSON."""

A4_INCHES = 11.69
"""The longer side of a page whose resolution nobody told."""
DIGIT_WIDTH, DIGIT_HEIGHT, DIGIT_ASPECT = (2.6 * MM, 17 * MM), (3.3 * MM, 20 * MM), (0.4, 1.6)
"""Sides of a box for one digit, and its width by its height."""
STRIP_HEIGHT, STRIP_WIDTH = (3.3 * MM, 18 * MM), 8 * MM
LABELLED = 0.012
"""Share of a strip's inner part from which on it holds print or handwriting."""
TICK = 6.8 * MM
"""The largest box that is ticked rather than written into."""
ONE_DIGIT = 1.15
"""The width of a box for one digit by its height, at most, where it stands alone."""
CLOSE, ALIKE = 0.75, 0.3
"""The gap of two boxes of one field by their width; how much their sides may differ."""
OPTION_GAP = 12.0
"""The gap of two bubbles of one field by their width."""
MOST_BOXES, MOST_OPTIONS = 32, 26
SMALLEST, PAPER = 4, 75
"""Pixels of the inner part of a box, at least, and the percentile of its grey levels that is its paper."""
INNER = 0.2
"""Of a box's shorter side: so far from its lines ink is no remains of them."""
DARK, CONTRAST = 0.8, 25
"""Ink on a page that may be filled in is darker than this share of its paper, and by so many grey levels."""
TALL = 0.45
"""Height of a stroke by that of the inner part of its box: hints and guides are smaller."""
FILLED_BOXES, FILLED_STRIPS = 0.05, 0.5
"""Shares of all boxes for a digit, and of all strips, with a stroke, beyond which a page is taken for filled in. Some
boxes are none, and have a line of the form in them; strips are heads of tables too, and have words of the form."""


def drafted(page: Grey, name: str, dpi: float | None = None, *, blank: bool | None = None) -> Document:
    """The draft of a template whose reference is this page, uint8 [height, width]: blank or filled, a little turned.

    Its fields are called field1, field2, … in the order of reading; there may be none.

    Args:
        dpi: pixels an inch; where it is not known the page is taken for A4.
        blank: whether nobody has written on it. None: its boxes tell, and without boxes it is not sure that nobody has.
    """
    height, width = page.shape
    dpi = dpi or max(page.shape) / A4_INCHES
    codes = codes_in(page)
    fields = [*_fields(_proper(shapes_of(page, dpi), page, codes)), *_codes(codes)]
    numbered = [{"name": f"field{number}", **field} for number, field in enumerate(fields, 1)]
    if blank is None:
        blank = _is_blank(page, fields)
    size = {"width": width, "height": height, "dpi": round(dpi, 1), "blank": blank}
    return {
        "name": name,
        "version": "1",
        "title": "",
        "page": size,
        "registration": {"method": "auto", "markers": []},
        "fields": numbered,
        "checks": [],
    }


def _is_blank(page: Grey, fields: Sequence[Document]) -> bool:
    """Whether the page has boxes, and no strokes in them as of a person. Of a page that is blank, all that stands there
    is taken out as print before a box is read."""
    boxes = [quad for field in fields if field["kind"] == "digits" for quad in _quads(field)]
    strips = [quad_of(np.array(field["quad"])) for field in fields if field["kind"] == "number"]
    return bool(boxes or strips) and all(
        sum(_has_stroke(page, np.array(quad)) for quad in quads) <= share * len(quads)
        for quads, share in ((boxes, FILLED_BOXES), (strips, FILLED_STRIPS))
    )


def _quads(field: Document) -> Sequence[Quad]:
    """The boxes of a field of digits."""
    if "boxes" in field:
        return [quad_of(np.array(quad)) for quad in field["boxes"]]
    return cells_of(quad_of(np.array(field["grid"]["quad"])), field["grid"]["cells"])


def _has_stroke(page: Grey, quad: NDArray[np.float64]) -> bool:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    room = INNER * min(right - left, bottom - top)
    inner = page[round(top + room) : round(bottom - room), round(left + room) : round(right - room)]
    if min(inner.shape) < SMALLEST:
        return False
    paper = float(np.percentile(inner, PAPER))
    ink = cv2.GaussianBlur(inner, (3, 3), 0) < min(DARK * paper, paper - CONTRAST)
    many, _, places, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    return many > 1 and bool(places[1:, cv2.CC_STAT_HEIGHT].max() >= TALL * inner.shape[0])


def _fields(shapes: Shapes) -> list[Document]:
    bubbles = [shape for shape in shapes.found if shape.round]
    combs = [shape for shape in shapes.found if not shape.round and shape.cells > 1]
    boxes = [shape for shape in shapes.found if not shape.round and shape.cells == 1 and _is_for_a_digit(shape)]
    strips = [shape for shape in shapes.found if not shape.round and shape.cells == 1 and _is_for_a_number(shape)]
    rows = list(_rows(boxes, lambda _: CLOSE))
    alone = [row[0] for row in rows if len(row) == 1]
    ticks = [box for box in alone if max(box.width, box.height) <= TICK]
    found: list[tuple[Shape, Document]] = []
    found += [(row[0], _digits(shapes, row)) for row in rows if len(row) > 1]
    # a box by itself that is wider than high has room for two
    found += [
        (box, _strip(shapes, box) if box.width > ONE_DIGIT * box.height else _digits(shapes, [box]))
        for box in alone
        if box not in ticks
    ]
    found += [(comb, _comb(shapes, comb)) for comb in combs]
    found += [(strip, _strip(shapes, strip)) for strip in strips]
    found += [(row[0], _mark(shapes, row)) for row in _options(ticks)]
    found += [(row[0], _mark(shapes, row)) for row in _options(bubbles) if len(row) > 1]
    return [field for _, field in _in_order_of_reading(found)]


def _is_for_a_digit(shape: Shape) -> bool:
    aspect = shape.width / max(shape.height, 1.0)
    return (
        DIGIT_WIDTH[0] <= shape.width <= DIGIT_WIDTH[1]
        and DIGIT_HEIGHT[0] <= shape.height <= DIGIT_HEIGHT[1]
        and DIGIT_ASPECT[0] <= aspect <= DIGIT_ASPECT[1]
    )


def _is_for_a_number(shape: Shape) -> bool:
    return (
        STRIP_HEIGHT[0] <= shape.height <= STRIP_HEIGHT[1]
        and shape.width >= STRIP_WIDTH
        and shape.width > DIGIT_ASPECT[1] * shape.height
    )


def _rows(shapes: Iterable[Shape], gap: Any) -> list[list[Shape]]:
    """Shapes of one size side by side, from left to right."""
    rows: list[list[Shape]] = []
    for shape in sorted(shapes, key=lambda one: one.left):
        for row in rows:
            if _follows(row[-1], shape, gap(shape)):
                row.append(shape)
                break
        else:
            rows.append([shape])
    return rows


def _follows(one: Shape, other: Shape, gap: float) -> bool:
    return (
        abs(one.middle[1] - other.middle[1]) <= 0.3 * min(one.height, other.height)
        and _alike(one.height, other.height)
        and _alike(one.width, other.width)
        and -0.3 * one.width <= other.left - one.right <= gap * min(one.width, other.width)
    )


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= ALIKE * max(one, other)


def _options(shapes: Sequence[Shape]) -> list[list[Shape]]:
    """Ticks and bubbles that belong together: those of a row, or else those of a column."""
    rows = _rows(shapes, lambda _: OPTION_GAP)
    alone = sorted((row[0] for row in rows if len(row) == 1), key=lambda one: one.top)
    columns: list[list[Shape]] = []
    for shape in alone:
        for column in columns:
            last = column[-1]
            beside = abs(last.middle[0] - shape.middle[0]) <= 0.4 * shape.width
            if beside and _alike(last.width, shape.width) and shape.top - last.bottom <= 3 * shape.height:
                column.append(shape)
                break
        else:
            columns.append([shape])
    return [*(row for row in rows if len(row) > 1), *columns]


def _in_order_of_reading(found: list[tuple[Shape, Document]]) -> list[tuple[Shape, Document]]:
    """Line by line: a field belongs to a line where its middle is above the bottom of the line's first."""
    lines: list[list[tuple[Shape, Document]]] = []
    for one in sorted(found, key=lambda each: each[0].middle[1]):
        if lines and one[0].middle[1] <= lines[-1][0][0].bottom:
            lines[-1].append(one)
        else:
            lines.append([one])
    return [one for line in lines for one in sorted(line, key=lambda each: each[0].left)]


def _digits(shapes: Shapes, row: list[Shape]) -> Document:
    boxes = [in_pixels(shapes, shape.corners) for shape in row[:MOST_BOXES]]
    return {"kind": "digits", "boxes": boxes}


def _comb(shapes: Shapes, comb: Shape) -> Document:
    return {"kind": "digits", "grid": {"quad": in_pixels(shapes, comb.corners), "cells": comb.cells}}


def _strip(shapes: Shapes, strip: Shape) -> Document:
    return {"kind": "number", "quad": in_pixels(shapes, strip.corners)}


def _mark(shapes: Shapes, row: list[Shape]) -> Document:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    options = {letter: in_pixels(shapes, shape.corners) for letter, shape in zip(letters, row, strict=False)}
    return {"kind": "mark", "options": options, "choose": "one" if len(options) > 1 else "any"}


def _proper(shapes: Shapes, page: Grey, codes: Sequence[Read]) -> Shapes:
    """The shapes that lie on the page, and are no part of a printed code."""
    height, width = page.shape
    places = [code.corners.astype(np.float32) for code in codes]

    def is_proper(shape: Shape) -> bool:
        corners = mapped(shapes.back, shape.corners)
        x, y = corners.mean(axis=0)
        inside = (corners >= 0).all() and (corners <= [width - 1, height - 1]).all()
        return bool(inside) and not any(cv2.pointPolygonTest(one, (float(x), float(y)), False) >= 0 for one in places)

    return Shapes([shape for shape in shapes.found if is_proper(shape)], shapes.back)


def _codes(codes: Sequence[Read]) -> list[Document]:
    return [{"kind": "code", "quad": np.round(code.corners, 1).tolist()} for code in codes]
