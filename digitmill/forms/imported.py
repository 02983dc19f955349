"""Templates that stand written elsewhere: the fields of a fillable PDF, and the template.json of OMRChecker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digitmill.errors import BadTemplate, FieldError
from digitmill.faults import faults_of, in_words
from digitmill.forms.proposed import answerable
from digitmill.forms.template import COLUMNS, MOST_BYTES, MOST_DIGITS

if TYPE_CHECKING:
    # the module itself loads PDFium, which is for walled-in processes
    from digitmill.imaging.pdf.form import Widget

Document = dict[str, Any]
"""A template as JSON."""
Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""

PDF_DPI = 300
"""Of a page that is no scan, as ``imaging/pdf/pages.py`` draws it."""
A4_WIDTH_INCHES = 8.27
SAME_SHAPE = 0.02
"""How much the shapes of OMRChecker's page and of the picture may differ."""
NUMBERED = re.compile(r"([^.\d]+)(\d+)\.{2,3}(\d+)")
"""OMRChecker's ``q1..10``."""
MOST_LABELS = 500
FIELD_TYPES: Mapping[str, tuple[str, str]] = {
    "QTYPE_INT": ("0123456789", "vertical"),
    "QTYPE_INT_FROM_1": ("1234567890", "vertical"),
    "QTYPE_MCQ4": ("ABCD", "horizontal"),
    "QTYPE_MCQ5": ("ABCDE", "horizontal"),
}


class _Block(BaseModel):
    """A block of OMRChecker's bubbles; what is not needed here is left unread."""

    model_config = ConfigDict(extra="ignore")

    origin: tuple[float, float]
    fieldLabels: list[str] = Field(min_length=1)  # noqa: N815 (OMRChecker's names)
    bubblesGap: float  # noqa: N815
    labelsGap: float  # noqa: N815
    fieldType: str = ""  # noqa: N815
    bubbleValues: list[str] = []  # noqa: N815
    direction: str = "vertical"
    bubbleDimensions: tuple[float, float] | None = None  # noqa: N815


class _Checker(BaseModel):
    model_config = ConfigDict(extra="ignore")

    pageDimensions: tuple[float, float]  # noqa: N815
    bubbleDimensions: tuple[float, float]  # noqa: N815
    fieldBlocks: dict[str, _Block]  # noqa: N815


def from_widgets(widgets: Sequence[Widget], name: str, size: tuple[int, int]) -> Document:
    """The draft of a template from a PDF's own fields, over its page as a picture of ``size``, width and height.

    A text field of a comb becomes boxes, another text a number, several lines a picture, ticks of one name a field.
    """
    names, fields = _Names(), []
    ticks: dict[str, dict[str, Any]] = {}
    for widget in widgets:
        quad = _quad((*_scaled(widget["box"][:2], size), *_scaled(widget["box"][2:], size)))
        if widget["type"] != "tick":
            fields.append({"name": names.taken(widget["name"]), **_place(widget, quad)})
            continue
        options = ticks.get(widget["name"])
        if options is None:
            options = ticks[widget["name"]] = {}
            fields.append({"name": names.taken(widget["name"]), "kind": "mark", "options": options})
        value = answerable(widget["value"])[:64].strip() or "yes"
        options[value if value not in options else f"{value[:58]}-{len(options) + 1}"] = quad
    return _document(name, size, PDF_DPI, fields, blank=True)


def _place(widget: Widget, quad: list[list[float]]) -> Document:
    most = widget["most"]
    if widget["type"] == "text" and widget["comb"] and 0 < most <= MOST_DIGITS:
        return {"kind": "digits", "grid": {"quad": quad, "cells": most}}
    if widget["type"] == "text" and not widget["lines"] and most <= MOST_DIGITS:
        return {"kind": "number", "quad": quad, "length": [0, most or MOST_DIGITS]}
    return {"kind": "picture", "quad": quad}


def from_omrchecker(text: bytes, name: str, size: tuple[int, int]) -> Document:
    """The draft of a template from OMRChecker's template.json, over a page of ``size``, width and height in pixels.

    Each of its labels becomes a field of marks.

    Raises:
        BadTemplate: it is no such file, or the picture has another shape than its page.
    """
    if len(text) > MOST_BYTES:
        raise BadTemplate(f"The file is larger than {MOST_BYTES:,} bytes. Send a smaller one.")
    try:
        checker = _Checker.model_validate(json.loads(text))
    except ValidationError as error:
        errors = tuple(FieldError(".".join(map(str, one["loc"])), in_words(one)) for one in faults_of(error)[:20])
        raise BadTemplate(
            f"This is no template.json of OMRChecker: {errors[0].field}: {errors[0].message}.", errors=errors
        ) from None
    except (ValueError, RecursionError):
        raise BadTemplate("This is no template.json of OMRChecker: it is not JSON.") from None
    across, down = (
        own / theirs if theirs > 0 else 0.0 for own, theirs in zip(size, checker.pageDimensions, strict=True)
    )
    if not across or abs(down / across - 1) > SAME_SHAPE:
        raise BadTemplate(
            f"The page of this template.json has {checker.pageDimensions[0]:g} x {checker.pageDimensions[1]:g} pixels, "
            f"and the picture of {size[0]} x {size[1]} has another shape. Give a picture of the page as OMRChecker "
            "cuts it out, with its markers at the corners."
        )
    names, fields = _Names(), []
    for place, block in checker.fieldBlocks.items():
        for label, options in _bubbles(place, block, checker.bubbleDimensions):
            quads = {value: _quad(_stretched(box, across, down)) for value, box in options.items()}
            fields.append({"name": names.taken(label), "kind": "mark", "options": quads})
    return _document(name, size, size[0] / A4_WIDTH_INCHES, fields, blank=False)


def _bubbles(place: str, block: _Block, usual: tuple[float, float]) -> Iterator[tuple[str, dict[str, Rectangle]]]:
    """Each label of a block with the rectangles of its bubbles by their values."""
    known = FIELD_TYPES.get(block.fieldType)
    values = list(known[0]) if known else block.bubbleValues
    if not values:
        raise BadTemplate(f"fieldBlocks.{place}: name a fieldType of {', '.join(FIELD_TYPES)}, or bubbleValues.")
    vertical = (known[1] if known else block.direction) == "vertical"
    width, height = block.bubbleDimensions or usual
    for number, label in enumerate(_labels(place, block.fieldLabels)):
        options = {}
        for at, value in enumerate(values):
            along, beside = at * block.bubblesGap, number * block.labelsGap
            left = block.origin[0] + (beside if vertical else along)
            top = block.origin[1] + (along if vertical else beside)
            options[value] = (left, top, left + width, top + height)
        yield label, options


def _labels(place: str, written: Iterable[str]) -> list[str]:
    labels: list[str] = []
    for one in written:
        found = NUMBERED.fullmatch(one)
        first, last = (int(found[2]), int(found[3])) if found else (0, 0)
        if last - first >= MOST_LABELS or len(labels) >= MOST_LABELS:
            raise BadTemplate(f"fieldBlocks.{place}.fieldLabels: a page has at most {MOST_LABELS} fields.")
        labels += [f"{found[1]}{number}" for number in range(first, last + 1)] if found else [one]
    return labels


class _Names:
    """Names of fields out of any texts, each once."""

    def __init__(self) -> None:
        self._all: set[str] = set(COLUMNS)

    def taken(self, text: str) -> str:
        """A name like the text: of ``form1[0].page[0].Male votes[0]`` it is ``Male_votes``."""
        bare = re.sub(r"\[\d+\]", "", text).rpartition(".")[2]
        name = re.sub(r"[^A-Za-z0-9]+", "_", bare).strip("_")[:56]
        if not name or not name[0].isalpha():
            name = f"field_{name}".rstrip("_")
        free, number = name, 1
        while free in self._all:
            number += 1
            free = f"{name}_{number}"
        self._all.add(free)
        return free


def _document(name: str, size: tuple[int, int], dpi: float, fields: list[Document], *, blank: bool) -> Document:
    page = {"width": size[0], "height": size[1], "dpi": round(dpi, 1), "blank": blank}
    method = {"method": "auto", "markers": []}
    return {
        "name": name,
        "version": "1",
        "title": "",
        "page": page,
        "registration": method,
        "fields": fields,
        "checks": [],
    }


def _scaled(point: Sequence[float], size: tuple[int, int]) -> tuple[float, float]:
    return point[0] * size[0], point[1] * size[1]


def _stretched(box: Rectangle, across: float, down: float) -> Rectangle:
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down


def _quad(box: Rectangle) -> list[list[float]]:
    left, top, right, bottom = (round(side, 1) for side in box)
    return [[left, top], [right, top], [right, bottom], [left, bottom]]
