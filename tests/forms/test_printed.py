"""Forms of our own: printed, scanned, and found by their code with no work on a template."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from digitmill.errors import BadTemplate
from digitmill.forms.printed import DPI, PrintedPage, as_pdf, printed, wanted_of
from digitmill.forms.registration.choosing import page_of
from digitmill.forms.registration.finding import Scan
from digitmill.forms.registration.reference import Reference
from training.forms.capture import Capture, captured
from training.forms.layout import Form, filled
from training.forms.measure import QUARTER, errors_of

FIELDS = """name,label,kind,length,options
station,Number of the station,digits,7,
male,Men,,4,
female,Women,digits,4,
total,,digits,4,
open,Open all day?,mark,,yes|no|unknown
amount,Amount paid,number,8,
remark,Remarks,picture,,
"""


def rows(text: str) -> list[dict[str, str | None]]:
    return list(csv.DictReader(io.StringIO(text)))


def form(text: str = FIELDS, name: str = "tally", **more: object) -> list[PrintedPage]:
    return printed(wanted_of(rows(text)), name, **more)  # type: ignore[arg-type]


def scanned(page: PrintedPage, kind: str) -> Capture:
    random = np.random.default_rng(3)
    return captured(filled(Form(page.template, page.picture), random), DPI, kind, random)


def test_what_people_read_on_the_form_is_in_its_template_too() -> None:
    (page,) = form()
    labels = {field.name: field.label for field in page.template.fields}
    assert labels["station"] == "Number of the station"
    assert labels["total"] is None, "its name says it"


@pytest.mark.parametrize("label", ["Größe", "Año", "Мужчины"])
def test_letters_that_the_built_in_font_lacks_are_not_printed_as_empty_boxes(label: str) -> None:
    with pytest.raises(BadTemplate, match="--font"):
        form(f"name,label,length\na,{label},3\n")


@pytest.mark.parametrize("kind", ["flatbed", "coarse", "fax", "phone", "folded"])
def test_a_printed_form_is_found_among_others_and_every_box_is_at_its_place(kind: str) -> None:
    pages = [*form(), *form(name="other"), *form(FIELDS.replace("male", "boys"), name="tally-b")]
    references = [Reference(page.template, page.picture) for page in pages]
    scan = scanned(pages[0], kind)
    found = page_of(Scan(scan.picture), references)
    assert found.reference.template.label == "tally@1"
    assert errors_of(found, scan).max() <= QUARTER


def test_the_template_has_what_the_table_says() -> None:
    (page,) = form(checks=["male + female == total"], title="Tally")
    template = page.template
    assert [(field.name, field.kind, len(field.quads)) for field in template.fields] == [
        ("station", "digits", 7),
        ("male", "digits", 4),
        ("female", "digits", 4),
        ("total", "digits", 4),
        ("open", "mark", 3),
        ("amount", "number", 1),
        ("remark", "picture", 1),
    ]
    assert template.page.blank
    assert template.registration.code is not None
    assert template.registration.code.text == "tally@1"
    assert len(template.registration.markers) == 4
    assert [check.rule for check in template.checks] == ["male + female == total"]


def test_fields_that_need_more_pages_get_a_template_a_page_and_checks_go_to_theirs() -> None:
    text = "name,length\n" + "".join(f"f{number},3\n" for number in range(40))
    pages = form(text, checks=["f0 < f1", "f38 < f39"], paper="letter")
    labels = [page.template.label for page in pages]
    assert labels == [f"tally-{number}@1" for number in range(1, len(pages) + 1)]
    assert [page.template.page.number for page in pages] == list(range(1, len(pages) + 1))
    assert {(page.template.page.form, page.template.page.of) for page in pages} == {("tally", len(pages))}
    assert sum(len(page.template.fields) for page in pages) == 40
    assert [len(page.template.checks) for page in (pages[0], pages[-1])] == [1, 1]
    assert as_pdf(pages).count(b"/Type /Page\n") == len(pages)
    with pytest.raises(BadTemplate, match="fields of several pages"):
        form(text, checks=["f0 < f39"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,length\n,3\n", "row 2, name"),
        ("name,length\na,3\nb,40\n", "row 3, length"),
        ("name,kind,length\na,letters,3\n", "row 2, kind: letters is none of"),
        ("name,kind,options\na,mark,\n", "row 2, options"),
        ("name,kind,options\na,mark,x|x\n", "row 2, options"),
        ("name,size\na,3\n", "row 2, size: There is no such column"),
        ("name,length\n", "Name a field in each row"),
        ("name,length\na b,3\n", "row 2, name"),
        ("name,label,length\na,Мужчины,3\n", "by --font"),
        ("name,length\na,3\na,3\n", "fields\\[1\\].name"),
        ("name,kind,options\na,mark," + "|".join("abcdefghijklmnopqrstuvwxyz") + "\n", "more options than a row"),
    ],
)
def test_a_faulty_table_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(BadTemplate, match=sentence):
        form(text)
