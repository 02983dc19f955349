"""Forms to print, with the templates that read them: corner squares, a code that names the template, combs and bubbles.

Fields come as rows of a table: ``name``, and as needed ``label``, ``kind`` (digits, number, mark, picture), ``length``
(boxes of digits) and ``options`` (of marks, separated by ``|``).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digitmill.errors import BadTemplate, FieldError
from digitmill.forms.template import MOST_DIGITS, MOST_LABEL, Template

Grey = NDArray[np.uint8]
Document = dict[str, Any]
"""A template, or a part of one, as JSON."""

DPI = 300
MM = DPI / 25.4
PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
"""Width and height in millimetres."""
EDGE, MARKER, MARGIN = 8.0, 5.0, 18.0
"""Millimetres: from the paper's edge to a corner square, its side, and from the edge to fields."""
CODE = 20.0
CELL, ROW, GAP = (6.5, 8.5), 13.0, 3.0
"""Width and height of a box for a digit, height of a row of fields, and the least gap, in millimetres."""
STRIP, PICTURE, BUBBLE = (60.0, 10.0), (110.0, 24.0), 4.5
FIELDS_FROM = 75.0
"""Where boxes begin, from the left edge; labels stand before it."""
TEXT, TITLE = 3.6, 7.0
"""Height of letters in millimetres."""
LINE = 3
"""Pixels of a line: a quarter of a millimetre."""
COLUMNS = ("name", "label", "kind", "length", "options")
KINDS = ("digits", "number", "mark", "picture")
MOST_PAGES = 20
NAME, TEMPLATE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*"), re.compile(r"[a-z0-9][a-z0-9-]*")
PLAIN = re.compile("[ -~\u2026]*")
"""Letters that the font has which is used where none is named: Pillow's own."""


@dataclass(frozen=True)
class PrintedPage:
    """``picture`` uint8 [height, width] at DPI is the reference of ``template``, and what is printed."""

    template: Template
    picture: Grey


@dataclass(frozen=True)
class _Wanted:
    """A field as the table names it; ``options`` are those of a mark."""

    name: str
    label: str
    kind: str
    length: int
    options: tuple[str, ...]

    @property
    def height(self) -> float:
        """Millimetres that its row takes."""
        return PICTURE[1] + GAP if self.kind == "picture" else ROW


@dataclass
class _Sheet:
    """A page that is drawn from top to bottom; sides and ``y`` in millimetres."""

    width: float
    height: float
    font: Path | None
    image: Image.Image
    y: float = 0.0
    fields: list[Document] = field(default_factory=list)
    markers: list[Document] = field(default_factory=list)

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    def letters(self, high: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        size = round(high * MM)
        try:
            return ImageFont.truetype(self.font, size) if self.font else ImageFont.load_default(size)
        except OSError as error:
            raise BadTemplate(f"{self.font} is no TrueType or OpenType font.") from error

    def write(self, x: float, y: float, text: str, high: float, room: float) -> float:
        """A line of text that takes ``room`` at most, smaller where it is longer; gives where it ends."""
        face = self.letters(high)
        length = face.getlength(text) / MM
        if length > room:
            face = self.letters(high * room / length)
            length = face.getlength(text) / MM
        self.pen.text((x * MM, y * MM), text, fill=0, font=face, anchor="lm")
        return x + length

    def box(self, x: float, y: float, wide: float, high: float, *, round_one: bool = False) -> list[list[float]]:
        """An empty frame, with its quad in pixels along the middle of its line."""
        left, top, right, bottom = (round(side * MM) for side in (x, y, x + wide, y + high))
        half = LINE // 2
        draw = self.pen.ellipse if round_one else self.pen.rectangle
        draw((left - half, top - half, right + half, bottom + half), outline=0, width=LINE)
        return [[left, top], [right, top], [right, bottom], [left, bottom]]


def wanted_of(rows: Sequence[Mapping[str, str | None]]) -> list[_Wanted]:
    """The fields of a table's rows, as ``csv.DictReader`` gives them.

    Raises:
        BadTemplate: ``errors`` name the row, from 2 as a spreadsheet counts them, and the column.
    """
    errors: list[FieldError] = []
    found = []
    for number, row in enumerate(rows, 2):
        cells = {str(key).strip().lower(): value.strip() for key, value in row.items() if isinstance(value, str)}
        kind = cells.get("kind") or "digits"
        options = tuple(one.strip() for one in cells.get("options", "").split("|") if one.strip())
        length = cells.get("length") or ("10" if kind == "number" else "")
        for column, message in _faults(cells, kind, length, options):
            errors.append(FieldError(f"row {number}, {column}", message))
        label = cells.get("label") or cells.get("name", "")
        found.append(_Wanted(cells.get("name", ""), label, kind, int(length) if length.isdecimal() else 0, options))
    if not found:
        errors.append(FieldError("row 2", "Name a field in each row under the head name,label,kind,length,options"))
    if errors:
        what = "; ".join(f"{error.field}: {error.message}" for error in errors[:3])
        raise BadTemplate(f"Correct the fields: {what}.", errors=tuple(errors))
    return found


def _faults(cells: Mapping[str, str], kind: str, length: str, options: Sequence[str]) -> list[tuple[str, str]]:
    faults = [
        (column, f"There is no such column; there are {', '.join(COLUMNS)}")
        for column in cells
        if column not in COLUMNS
    ]
    if not NAME.fullmatch(cells.get("name", "")):
        faults.append(("name", "Give the field a name of Latin letters, digits and _; what people read is its label"))
    if kind not in KINDS:
        faults.append(("kind", f"{kind} is none of {', '.join(KINDS)}"))
    if kind in ("digits", "number") and not (length.isdecimal() and 1 <= int(length) <= MOST_DIGITS):
        faults.append(("length", f"Say how many digits it has, 1 to {MOST_DIGITS}"))
    if kind == "mark" and (not options or len(set(options)) < len(options)):
        faults.append(("options", "Name the options, each another, with | between them"))
    return faults


def printed(
    fields: Sequence[_Wanted],
    name: str,
    *,
    version: str = "1",
    title: str = "",
    paper: str = "a4",
    checks: Sequence[str] = (),
    font: Path | None = None,
) -> list[PrintedPage]:
    """The pages of a form, each with its template; of several, the templates are called ``name-1``, ``name-2``, …

    A check goes to the page that has its fields.

    Raises:
        BadTemplate: a name is none, a check's fields are not on one page, or a field is too wide for the paper.
    """
    if not TEMPLATE_NAME.fullmatch(name):
        raise BadTemplate(f"{name} is no name of a template. Take small letters, digits and -, such as tally-2.")
    texts = [title, *(one.label for one in fields), *(option for one in fields for option in one.options)]
    if strange := next((text for text in texts if font is None and not PLAIN.fullmatch(text)), None):
        raise BadTemplate(f"Name a font that has the letters of {strange!r}, by --font FILE.ttf.")
    width, height = PAPERS[paper]
    pages = _parted(fields, height)
    if len(pages) > MOST_PAGES:
        raise BadTemplate(f"These fields take {len(pages)} pages, and a form has at most {MOST_PAGES}.")
    made = []
    for number, own in enumerate(pages, 1):
        label = name if len(pages) == 1 else f"{name}-{number}"
        rules = [rule for rule in checks if len(pages) == 1 or _is_about(rule, own, fields)]
        sheet = _Sheet(width, height, font, _paper(width, height))
        code = _head(sheet, f"{label}@{version}", title or name, number, len(pages))
        for one in own:
            _draw(sheet, one)
        form = {"form": name} if len(pages) > 1 else {}
        document = {
            "name": label,
            "version": version,
            "title": title[:200],
            "page": {**_size(sheet), "dpi": DPI, "blank": True, "number": number, "of": len(pages), **form},
            "registration": {"markers": sheet.markers, "code": code},
            "fields": sheet.fields,
            "checks": [{"rule": rule} for rule in rules],
        }
        made.append(PrintedPage(Template.parsed(_json(document)), np.asarray(sheet.image)))
    if (missing := len(checks) - sum(len(page.template.checks) for page in made)) > 0:
        raise BadTemplate(
            f"{missing} of the checks name fields of several pages. Name fields of one page in each check."
        )
    return made


def as_pdf(pages: Sequence[PrintedPage]) -> bytes:
    """All pages as one PDF, to be printed at 100 %."""
    images = [Image.fromarray(page.picture).convert("1", dither=Image.Dither.NONE) for page in pages]
    out = io.BytesIO()
    images[0].save(out, "PDF", resolution=DPI, save_all=True, append_images=images[1:])
    return out.getvalue()


def as_png(picture: Grey) -> bytes:
    """A page's picture as a file."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", dpi=(DPI, DPI))
    return out.getvalue()


def _parted(fields: Sequence[_Wanted], height: float) -> list[list[_Wanted]]:
    """The fields page by page."""
    room = height - 2 * MARGIN - CODE - 2 * GAP
    pages: list[list[_Wanted]] = [[]]
    left = room
    for one in fields:
        if one.height > left:
            pages.append([])
            left = room
        pages[-1].append(one)
        left -= one.height
    return pages


def _is_about(rule: str, own: Sequence[_Wanted], everything: Sequence[_Wanted]) -> bool:
    words = set(re.findall(r"[A-Za-z][A-Za-z0-9_]*", rule))
    named = {one.name for one in everything if one.name in words}
    return bool(named) and named <= {one.name for one in own}


def _paper(width: float, height: float) -> Image.Image:
    return Image.new("L", (round(width * MM), round(height * MM)), 255)


def _size(sheet: _Sheet) -> dict[str, int]:
    return {"width": sheet.image.width, "height": sheet.image.height}


def _head(sheet: _Sheet, text: str, title: str, number: int, of: int) -> Document:
    """Corner squares, the title, and the code, whose place it gives."""
    far, low = sheet.width - EDGE - MARKER, sheet.height - EDGE - MARKER
    for x, y in ((EDGE, EDGE), (far, EDGE), (far, low), (EDGE, low)):
        left, top, side = round(x * MM), round(y * MM), round(MARKER * MM)
        sheet.pen.rectangle((left, top, left + side - 1, top + side - 1), fill=0)
        quad = _square(left - 0.5, top - 0.5, side)
        sheet.markers.append({"kind": "square", "quad": quad})
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, options="ecLevel=M")
    modules = np.asarray(zxingcpp.write_barcode_to_image(barcode, scale=1, add_quiet_zones=False))
    step = max(1, round(CODE * MM / modules.shape[0]))
    code = cv2.resize(modules, None, fx=step, fy=step, interpolation=cv2.INTER_NEAREST)
    side = code.shape[0]
    left, top = round((sheet.width - MARGIN) * MM) - side, round(MARGIN * MM)
    sheet.image.paste(Image.fromarray(code), (left, top))
    room = sheet.width - 2 * MARGIN - CODE - GAP
    sheet.write(MARGIN, MARGIN + TITLE, title, TITLE, room)
    page = f" - {number}/{of}" if of > 1 else ""
    sheet.write(MARGIN, MARGIN + CODE - TEXT, text + page, TEXT * 0.8, room)
    sheet.y = MARGIN + CODE + 2 * GAP
    return {"text": text, "quad": _square(left - 0.5, top - 0.5, side)}


def _draw(sheet: _Sheet, one: _Wanted) -> None:
    """A row: its label, and what it has to fill in."""
    middle = sheet.y + one.height / 2
    sheet.write(MARGIN, middle, one.label, TEXT, FIELDS_FROM - MARGIN - GAP)
    if one.kind == "digits":
        placed = _comb(sheet, one, middle)
    elif one.kind == "mark":
        placed = {"options": _options(sheet, one, middle)}
    else:
        wide, high = STRIP if one.kind == "number" else PICTURE
        placed = {"quad": sheet.box(FIELDS_FROM, middle - high / 2, wide, high)}
        if one.kind == "number":
            placed["length"] = [0, one.length]
    said = " ".join(one.label.split())[:MOST_LABEL]
    label = {"label": said} if said not in ("", one.name) else {}
    sheet.fields.append({"name": one.name, **label, "kind": one.kind, **placed})
    sheet.y += one.height


def _comb(sheet: _Sheet, one: _Wanted, middle: float) -> Document:
    room = sheet.width - MARGIN - FIELDS_FROM
    wide, high = min(CELL[0], room / one.length), CELL[1]
    quad = sheet.box(FIELDS_FROM, middle - high / 2, one.length * wide, high)
    for cell in range(1, one.length):
        x = round(quad[0][0] + (quad[1][0] - quad[0][0]) * cell / one.length)
        sheet.pen.line((x, quad[0][1], x, quad[3][1]), fill=0, width=LINE)
    return {"grid": {"quad": quad, "cells": one.length}}


def _options(sheet: _Sheet, one: _Wanted, middle: float) -> Document:
    room = (sheet.width - MARGIN - FIELDS_FROM) / len(one.options)
    if room < 2 * BUBBLE:
        raise BadTemplate(f"{one.name} has more options than a row has room for. Make two fields of it.")
    options = {}
    x = FIELDS_FROM
    for option in one.options:
        options[option] = sheet.box(x, middle - BUBBLE / 2, BUBBLE, BUBBLE, round_one=True)
        end = sheet.write(x + BUBBLE + 1, middle, option, TEXT, room - BUBBLE - GAP - 1)
        x = max(end + GAP, x + min(room, 4 * BUBBLE))
    return options


def _square(left: float, top: float, side: float) -> list[list[float]]:
    return [[left, top], [left + side, top], [left + side, top + side], [left, top + side]]


def _json(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False)
