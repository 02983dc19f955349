"""Templates out of fillable PDFs and OMRChecker's files, by the process that opens files of strangers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from digitmill.errors import BadTemplate, ItemFailure
from digitmill.forms.imported import from_omrchecker, from_widgets
from digitmill.forms.template import DigitsField, MarkField, NumberField, Template
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.settings import Settings
from tests.pdfs import pdf, written

PIXEL = 72 / 300
COMB, MULTILINE, RADIO = 1 << 24, 1 << 12, 1 << 15


@pytest.fixture(scope="module")
def drawers() -> Drawers:
    return Drawers(Settings())


def fillable(*widgets: str, more: str = "") -> bytes:
    """A page of 595 x 842 points with these widgets, each the entries of its dictionary."""
    objects = {
        9000 + number: f"<< /Type /Annot /Subtype /Widget /F 4 {entries} >>".encode()
        for number, entries in enumerate(widgets)
    }
    kids = " ".join(f"{number} 0 R" for number in objects)
    page = written("Form", more=f"/Annots [{kids}] {more}")
    form = f"/AcroForm << /Fields [{kids}] /DR << /Font << /F1 3 0 R >> >> /DA (/F1 12 Tf 0 g) >>"
    return pdf([page], catalog=form, objects=objects)


def tick(name: str, value: str, left: int) -> str:
    looks = f"/AP << /N << /{value} 3 0 R /Off 3 0 R >> >> /AS /Off"
    return f"/FT /Btn /T ({name}) /Rect [{left} 500 {left + 12} 512] {looks}"


def draft(drawers: Drawers, data: bytes, size: tuple[int, int] = (2479, 3508)) -> Template:
    return Template.parsed(json.dumps(from_widgets(drawers.form_fields(data, 0), "pdf", size)))


def test_fields_of_a_pdf_become_fields_with_the_lengths_of_their_combs(drawers: Drawers) -> None:
    data = fillable(
        f"/FT /Tx /T (form1[0].Male votes[0]) /Rect [100 700 220 720] /MaxLen 6 /Ff {COMB}",
        "/FT /Tx /T (amount) /Rect [100 650 220 670] /MaxLen 9",
        f"/FT /Tx /T (remarks) /Rect [100 600 400 640] /Ff {MULTILINE}",
        tick("agree", "Yes", 100),
        tick("agree", "No", 140),
        "/FT /Btn /Ff 65536 /T (send) /Rect [10 10 60 30]",
    )
    votes, amount, remarks, agree = draft(drawers, data).fields
    assert isinstance(votes, DigitsField)
    assert votes.grid is not None
    assert (votes.name, votes.grid.cells) == ("Male_votes", 6)
    assert votes.grid.quad[0] == pytest.approx((100 / PIXEL, (842 - 720) / PIXEL), abs=1)
    assert votes.grid.quad[2] == pytest.approx((220 / PIXEL, (842 - 700) / PIXEL), abs=1)
    assert isinstance(amount, NumberField)
    assert amount.length == (0, 9)
    assert remarks.kind == "picture"
    assert isinstance(agree, MarkField)
    assert list(agree.options) == ["Yes", "No"]


def test_fields_of_a_page_that_lies_on_its_side_are_where_it_shows_them(drawers: Drawers) -> None:
    data = fillable("/FT /Tx /T (a) /Rect [100 700 220 720]", more="/Rotate 90")
    (field,) = draft(drawers, data, (3508, 2479)).fields
    assert field.quads[0][0] == pytest.approx((700 / PIXEL, 100 / PIXEL), abs=2)
    assert field.quads[0][2] == pytest.approx((720 / PIXEL, 220 / PIXEL), abs=2)


def test_names_that_no_field_may_have_are_changed_and_doubles_numbered(drawers: Drawers) -> None:
    names = ["status", "1st", "größe", "a.b", "b", ""]
    texts = [("\ufeff" + name).encode("utf-16-be").hex() for name in names]
    data = fillable(*(f"/FT /Tx /T <{text}> /Rect [100 {at} 220 {at + 20}]" for at, text in enumerate(texts, 100)))
    found = [field.name for field in draft(drawers, data).fields]
    assert found[:5] == ["status_2", "field_1st", "gr_e", "b", "b_2"]


def test_a_pdf_without_fields_has_none_and_what_is_no_pdf_fails(drawers: Drawers) -> None:
    assert drawers.form_fields(pdf([written("Only text")]), 0) == []
    with pytest.raises(ItemFailure):
        drawers.form_fields(b"%PDF-1.7 nonsense", 0)
    with pytest.raises(ItemFailure):
        drawers.form_fields(pdf([written("One page")]), 1)


CHECKER: dict[str, Any] = {
    "pageDimensions": [600, 800],
    "bubbleDimensions": [30, 20],
    "preProcessors": [{"name": "CropPage", "options": {}}],
    "customLabels": {"Roll": ["roll1..2"]},
    "fieldBlocks": {
        "Roll": {
            "fieldType": "QTYPE_INT",
            "origin": [50, 100],
            "fieldLabels": ["roll1..2"],
            "bubblesGap": 25,
            "labelsGap": 40,
        },
        "Answers": {
            "bubbleValues": ["yes", "no"],
            "direction": "horizontal",
            "origin": [300, 400],
            "fieldLabels": ["q1...3", "last"],
            "bubblesGap": 50,
            "labelsGap": 30,
        },
    },
}


def test_each_label_of_omrchecker_becomes_a_mark_in_the_size_of_the_picture() -> None:
    document = from_omrchecker(json.dumps(CHECKER).encode(), "omr", (1200, 1600))
    fields = {field.name: field for field in Template.parsed(json.dumps(document)).fields}
    assert list(fields) == ["roll1", "roll2", "q1", "q2", "q3", "last"]
    roll, last = fields["roll2"], fields["last"]
    assert isinstance(roll, MarkField)
    assert isinstance(last, MarkField)
    assert list(roll.options) == list("0123456789")
    assert roll.options["3"][0] == (2 * (50 + 40), 2 * (100 + 3 * 25))
    assert roll.options["3"][2] == (2 * (50 + 40 + 30), 2 * (100 + 3 * 25 + 20))
    assert last.options["no"][0] == (2 * (300 + 50), 2 * (400 + 3 * 30))


@pytest.mark.parametrize(
    ("text", "size", "sentence"),
    [
        ("{", (600, 800), "it is not JSON"),
        ("[]", (600, 800), "no template.json of OMRChecker"),
        ("[" * 100_000, (600, 800), "it is not JSON"),
        (json.dumps({**CHECKER, "fieldBlocks": {"A": {"origin": [1, 2]}}}), (600, 800), "fieldBlocks.A.fieldLabels"),
        (json.dumps(CHECKER), (800, 600), "has another shape"),
        (json.dumps({**CHECKER, "pageDimensions": [0, 0]}), (800, 600), "has another shape"),
        (json.dumps(CHECKER).replace("roll1..2", "roll1..99999999"), (600, 800), "at most 500 fields"),
        (json.dumps(CHECKER).replace("QTYPE_INT", "QTYPE_X"), (600, 800), "name a fieldType"),
    ],
)
def test_what_is_no_template_of_omrchecker_is_refused(text: str, size: tuple[int, int], sentence: str) -> None:
    with pytest.raises(BadTemplate, match=sentence):
        from_omrchecker(text.encode(), "omr", size)
