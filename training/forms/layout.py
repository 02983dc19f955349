"""Forms as offices lay them out: title, explanations, combs, boxes, tables, ticks, with or without marks and code."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import zxingcpp
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digitmill.forms.template import Template

Grey = NDArray[np.uint8]

DPI = 200
PAPERS = ((1654, 2339), (1700, 2200))
"""A4 and Letter at DPI."""
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono")
SYLLABLES = (
    "an",
    "ka",
    "ro",
    "mi",
    "ten",
    "sol",
    "ver",
    "lu",
    "pe",
    "dra",
    "sti",
    "on",
    "gen",
    "for",
    "val",
    "bi",
    "cor",
)
MARKER = 40
"""Pixels of a corner square's side: 5 mm."""


@dataclass(frozen=True)
class Form:
    """``blank`` uint8 [height, width] at DPI is the reference of ``template``."""

    template: Template
    blank: Grey


@dataclass
class Sheet:
    """A page that is being drawn from top to bottom. ``fields`` and ``markers`` are the template's, as JSON."""

    random: Generator
    image: Image.Image
    left: int
    right: int
    y: int
    bottom: int
    font: str
    fields: list[dict[str, Any]] = field(default_factory=list)
    markers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    def words(self, least: int, most: int) -> str:
        many = int(self.random.integers(least, most + 1))
        return " ".join("".join(self.random.choice(SYLLABLES, int(self.random.integers(1, 4)))) for _ in range(many))

    def name(self) -> str:
        return f"field_{len(self.fields) + 1}"

    def write(self, x: int, y: int, text: str, size: int, font: str | None = None) -> int:
        """Writes a line of text and gives where it ends."""
        face = font_of(font or self.font, size)
        self.pen.text((x, y), text, fill=0, font=face)
        return x + int(face.getlength(text))


@cache
def font_of(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", size)


def laid_out(
    random: Generator, name: str = "form", *, markers: bool = False, code: bool = False, sparse: bool = False
) -> Form:
    """A form of its own. A ``sparse`` one has hardly any print but the lines of its fields."""
    width, height = PAPERS[int(random.integers(len(PAPERS)))]
    margin = int(random.integers(90, 170))
    sheet = Sheet(
        random,
        Image.new("L", (width, height), 255),
        left=margin,
        right=width - margin,
        y=margin + 20,
        bottom=height - margin,
        font=str(random.choice(FONTS)),
    )
    code_of_page = _code(sheet, name) if code else None
    if not sparse:
        _head(sheet)
    parts = (_comb_row, _box_row, _table, _marks, _strip_row) if sparse else (*PARTS, _paragraph)
    while sheet.y < sheet.bottom - 260:
        parts[int(random.integers(len(parts)))](sheet)
        sheet.y += int(random.integers(20, 60))
    if not any(one["kind"] == "digits" for one in sheet.fields):
        _comb_row(sheet)
    if markers:
        _corner_squares(sheet)
    if not sparse:
        sheet.write(sheet.left, height - 70, sheet.words(4, 9), 20)
    document = {
        "name": name,
        "version": "1",
        "page": {"width": width, "height": height, "dpi": DPI, "blank": True},
        "registration": {"markers": sheet.markers, "code": code_of_page},
        "fields": sheet.fields,
    }
    return Form(Template.model_validate(document, strict=False), np.asarray(sheet.image))


def quad(x: float, y: float, width: float, height: float) -> list[list[float]]:
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]


def _head(sheet: Sheet) -> None:
    size = int(sheet.random.integers(30, 56))
    sheet.write(sheet.left, sheet.y, sheet.words(2, 4).title(), size, "DejaVuSans-Bold")
    sheet.y += size + 25
    if sheet.random.random() < 0.5:
        side = int(sheet.random.integers(60, 130))
        sheet.pen.ellipse((sheet.left, sheet.y, sheet.left + side, sheet.y + side), outline=0, width=int(side / 6))
        sheet.y += side + 20
    _paragraph(sheet)


def _paragraph(sheet: Sheet) -> None:
    size = int(sheet.random.integers(18, 28))
    for _ in range(int(sheet.random.integers(1, 5))):
        line = sheet.words(12, 20)
        while font_of(sheet.font, size).getlength(line) > sheet.right - sheet.left:
            line = line.rpartition(" ")[0]
        sheet.write(sheet.left, sheet.y, line, size)
        sheet.y += int(size * 1.35)


def _cell(sheet: Sheet) -> tuple[int, int]:
    """Width and height of a box for a digit: 4.5 to 8 mm wide."""
    wide = int(sheet.random.integers(36, 62))
    return wide, int(wide * sheet.random.uniform(1.0, 1.4))


def _label(sheet: Sheet, high: int) -> int:
    return sheet.write(sheet.left, sheet.y + high // 3, sheet.words(1, 3).capitalize(), 26) + 30


def _comb_row(sheet: Sheet) -> None:
    """One frame with lines, or short teeth, between its digits."""
    wide, high = _cell(sheet)
    x = max(_label(sheet, high), sheet.left + int(sheet.random.integers(300)))
    cells = max(1, min(int(sheet.random.integers(3, 13)), (sheet.right - x) // wide))
    x = min(x, sheet.right - cells * wide)
    line = int(sheet.random.integers(1, 5))
    tooth = 1.0 if sheet.random.random() < 0.5 else sheet.random.uniform(0.2, 0.5)
    sheet.pen.rectangle((x, sheet.y, x + cells * wide, sheet.y + high), outline=0, width=line)
    for cell in range(1, cells):
        at = x + cell * wide
        sheet.pen.line((at, sheet.y + high * (1 - tooth), at, sheet.y + high), fill=0, width=line)
    grid = {"quad": quad(x, sheet.y, cells * wide, high), "cells": cells}
    sheet.fields.append({"name": sheet.name(), "kind": "digits", "grid": grid})
    sheet.y += high


def _box_row(sheet: Sheet) -> None:
    """Boxes that stand apart, drawn or dotted."""
    wide, high = _cell(sheet)
    x, gap = _label(sheet, high), int(sheet.random.integers(6, 24))
    cells = max(1, min(int(sheet.random.integers(2, 10)), (sheet.right - x) // (wide + gap)))
    x = min(x, sheet.right - cells * (wide + gap))
    dotted, line = sheet.random.random() < 0.3, int(sheet.random.integers(1, 4))
    places = [quad(x + cell * (wide + gap), sheet.y, wide, high) for cell in range(cells)]
    for place in places:
        if dotted:
            _dots(sheet, place)
        else:
            sheet.pen.rectangle((*place[0], *place[2]), outline=0, width=line)
    sheet.fields.append({"name": sheet.name(), "kind": "digits", "boxes": places})
    sheet.y += high


def _dots(sheet: Sheet, place: list[list[float]]) -> None:
    (left, top), _, (right, bottom), _ = place
    for x in np.arange(left, right + 1, 8):
        sheet.pen.point([(x, top), (x + 1, top), (x, bottom), (x + 1, bottom)], fill=0)
    for y in np.arange(top, bottom + 1, 8):
        sheet.pen.point([(left, y), (left, y + 1), (right, y), (right, y + 1)], fill=0)


def _table(sheet: Sheet) -> None:
    """Rows with a label each, and a field of a few digits in every column."""
    wide, high = _cell(sheet)
    rows, columns, digits = (
        int(sheet.random.integers(2, 7)),
        int(sheet.random.integers(1, 4)),
        int(sheet.random.integers(2, 6)),
    )
    rows = min(rows, (sheet.bottom - sheet.y) // (high + 10) - 1)
    column = digits * wide + 40
    columns = max(1, min(columns, (sheet.right - sheet.left - 300) // column))
    for row in range(max(1, rows)):
        sheet.write(sheet.left + 8, sheet.y + high // 4, sheet.words(1, 2), 24)
        for at in range(columns):
            x = sheet.left + 300 + at * column
            sheet.pen.rectangle((x - 20, sheet.y, x - 20 + column, sheet.y + high + 10), outline=0, width=2)
            for cell in range(digits):
                left = x + cell * wide
                sheet.pen.rectangle((left, sheet.y + 5, left + wide, sheet.y + 5 + high), outline=0, width=1)
            grid = {"quad": quad(x, sheet.y + 5, digits * wide, high), "cells": digits}
            sheet.fields.append({"name": sheet.name(), "kind": "digits", "grid": grid})
        sheet.y += high + 10
        if row == rows - 1:
            sheet.pen.line((sheet.left, sheet.y, sheet.right, sheet.y), fill=0, width=2)


def _marks(sheet: Sheet) -> None:
    """Boxes or bubbles of 3.5 to 5.5 mm with their answers beside them."""
    side, round_ones = int(sheet.random.integers(28, 44)), sheet.random.random() < 0.5
    x = _label(sheet, side)
    options: dict[str, list[list[float]]] = {}
    for letter in "ABCDE"[: int(sheet.random.integers(2, 6))]:
        if x + 5 * side > sheet.right:
            break
        draw = sheet.pen.ellipse if round_ones else sheet.pen.rectangle
        draw((x, sheet.y, x + side, sheet.y + side), outline=0, width=2)
        options[letter] = quad(x, sheet.y, side, side)
        x = sheet.write(x + side + 12, sheet.y + 2, sheet.words(1, 1), 24) + 30
    if options:
        sheet.fields.append({"name": sheet.name(), "kind": "mark", "options": options})
    sheet.y += side


def _strip_row(sheet: Sheet) -> None:
    """A frame, or a line, for a number that is written as one pleases."""
    high = int(sheet.random.integers(60, 90))
    x = min(_label(sheet, high), sheet.right - 320)
    wide = int(sheet.random.integers(200, 320))
    if sheet.random.random() < 0.5:
        sheet.pen.rectangle((x, sheet.y, x + wide, sheet.y + high), outline=0, width=2)
    else:
        sheet.pen.line((x, sheet.y + high, x + wide, sheet.y + high), fill=0, width=2)
    sheet.fields.append({"name": sheet.name(), "kind": "number", "quad": quad(x, sheet.y, wide, high)})
    sheet.y += high


PARTS = (_comb_row, _box_row, _table, _marks, _strip_row)


def _corner_squares(sheet: Sheet) -> None:
    width, height = sheet.image.size
    for x, y in ((50, 50), (width - 90, 50), (width - 90, height - 90), (50, height - 90)):
        sheet.pen.rectangle((x, y, x + MARKER - 1, y + MARKER - 1), fill=0)
        sheet.markers.append({"kind": "square", "quad": quad(x - 0.5, y - 0.5, MARKER, MARKER)})


def _code(sheet: Sheet, name: str) -> dict[str, Any]:
    text = f"{name}@1"
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    modules = np.asarray(zxingcpp.write_barcode_to_image(barcode, scale=1, add_quiet_zones=False))
    code = cv2.resize(modules, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
    side = code.shape[0]
    x, y = sheet.right - side, 110
    sheet.image.paste(Image.fromarray(code), (x, y))
    sheet.y = y + side + 20
    return {"text": text, "quad": quad(x - 0.5, y - 0.5, side, side)}


def filled(form: Form, random: Generator) -> Grey:
    """The page with something in most of its boxes and strips: strokes in the way, not numbers to read."""
    page = form.blank.copy()
    pen = int(random.integers(2, 6))
    for one in form.template.fields:
        for box in one.quads:
            if random.random() < 0.75:
                _scrawl(page, np.array(box), pen, random)
    return page


def _scrawl(page: Grey, box: NDArray[np.float64], pen: int, random: Generator) -> None:
    low, high = box.min(axis=0), box.max(axis=0)
    points = low + random.uniform(0.0, 1.0, (int(random.integers(3, 7)), 2)) * (high - low)
    points += random.normal(0, 0.1, 2) * (high - low)
    smooth = cv2.resize(points.astype(np.float32), (2, 24), interpolation=cv2.INTER_CUBIC)
    cv2.polylines(page, [np.rint(smooth).astype(np.int32)], False, int(random.integers(0, 110)), pen, cv2.LINE_AA)
