"""Drafts of templates over HTTP: a page in, its fields out."""

from __future__ import annotations

import json

import numpy as np

from digitmill.forms.template import Template
from tests.forms.test_imported import fillable
from tests.pictures import png
from tests.web.conftest import Client, assert_problem
from training.forms.layout import filled
from training.forms.measure import form_of


def test_a_page_is_answered_with_the_boxes_on_it_as_fields(client: Client) -> None:
    form = form_of(0, 77)
    answer = client.post(
        "/v1/templates/draft?name=tally&dpi=200&blank=true", data=png(form.blank), content_type="image/png"
    )
    assert answer.status_code == 200
    template = Template.parsed(json.dumps(answer.json))
    height, width = form.blank.shape
    assert (template.name, template.page.width, template.page.height) == ("tally", width, height)
    assert template.page.blank
    boxes = sum(len(field.quads) for field in template.fields)
    assert boxes >= 0.9 * sum(len(field.quads) for field in form.template.fields)


def test_a_page_that_somebody_has_written_on_is_no_blank_one_unless_it_is_said(client: Client) -> None:
    page = png(filled(form_of(0, 77), np.random.default_rng(1)))

    def is_blank(query: str) -> bool:
        answer = client.post(f"/v1/templates/draft?dpi=200{query}", data=page, content_type="image/png")
        return bool(answer.json["page"]["blank"])

    assert (is_blank(""), is_blank("&blank=true"), is_blank("&blank=false")) == (False, True, False)


def test_a_fillable_pdf_is_answered_with_its_own_fields(client: Client) -> None:
    data = fillable("/FT /Tx /T (votes) /Rect [100 700 220 720] /MaxLen 6 /Ff 16777216")
    answer = client.post("/v1/templates/draft", data=data, content_type="application/pdf")
    (field,) = answer.json["fields"]
    assert (field["name"], field["kind"], field["grid"]["cells"]) == ("votes", "digits", 6)


def test_a_page_without_anything_to_fill_in_has_no_fields(client: Client) -> None:
    answer = client.post("/v1/templates/draft", data=png(np.full((400, 300), 255, np.uint8)), content_type="image/png")
    assert (answer.status_code, answer.json["fields"]) == (200, [])


def test_what_is_no_page_is_refused(client: Client) -> None:
    def posted(data: bytes, kind: str = "image/png", query: str = "") -> object:
        return client.post(f"/v1/templates/draft{query}", data=data, content_type=kind)

    assert_problem(posted(b"no picture"), 422, "not_an_image")
    assert_problem(posted(b"%PDF-1.7 no pdf", "application/pdf"), 422, "truncated_image")
    assert_problem(posted(b"", "multipart/form-data; boundary=x"), 415, "unsupported_media_type")
    page = png(np.full((400, 300), 255, np.uint8))
    assert_problem(posted(page, query="?name=A%20b"), 400, "bad_options")
    assert_problem(posted(page, query="?dpi=7"), 400, "bad_options")
    assert_problem(posted(page, query="?colour=red"), 400, "bad_options")
