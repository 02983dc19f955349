"""Templates tried before anybody has to trust them: a page in, its row out, and nothing left behind."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest

from digitmill.pages.trying import OWNER
from digitmill.upkeep.purge import Purge
from tests.forms.made import body, file, filled_in, first_of, form_named, png, publication, scanned
from tests.pdfs import flate, pdf
from tests.pdfs import scan as page_of_pdf
from tests.pictures import tiff
from tests.web.conftest import Client, Mill, assert_problem


def scan(text: str) -> bytes:
    form = form_named("claim", 3)
    page = filled_in(form, first_of(form, "digits"), text)
    return png(scanned(page))


def draft(page: bytes, **changed: Any) -> dict[str, Any]:
    form = form_named("claim", 3)
    reference = file("reference.png", png(form.blank))
    parts = {"template": form.template.as_json(), "reference": reference, "page": file("page.png", page)}
    return body({**parts, **changed})


def field_of(row: dict[str, Any]) -> dict[str, Any]:
    form = form_named("claim", 3)
    found: dict[str, Any] = row["fields"][form.template.fields[first_of(form, "digits")].name]
    return found


def nothing_is_left(client: Client, mill: Mill) -> None:
    assert client.get("/v1/jobs").json["jobs"] == []
    assert mill.store.jobs_of(OWNER, before=None, limit=10) == []
    templates = {record.blob for record in mill.store.templates.list()}
    blobs = mill.service.settings.var / "blobs"
    assert {path.name for path in blobs.glob("[!.]*")} == templates


@pytest.mark.usefixtures("turning")
def test_a_published_template_is_tried_on_a_page(client: Client, mill: Mill) -> None:
    assert client.post("/v1/templates", **publication(form_named("claim", 3))).status_code == 201
    answer = client.post("/v1/templates/claim/1/try", data=scan("171"), content_type="image/png")
    assert answer.status_code == 200, answer.text
    field = field_of(answer.json)
    assert (field["value"], answer.json["template"]) == ("171", {"name": "claim", "version": "1"})
    xs, ys = zip(*field["place"], strict=True)
    for character in field["characters"]:
        left, top, right, bottom = character["box"]
        assert min(xs) < left < right < max(xs)
        assert min(ys) < top < bottom < max(ys)
    nothing_is_left(client, mill)


@pytest.mark.usefixtures("turning")
def test_a_template_that_is_not_published_is_tried_with_its_picture(client: Client, mill: Mill) -> None:
    answer = client.post("/v1/templates/try", **draft(scan("77")))
    assert answer.status_code == 200, answer.text
    assert field_of(answer.json)["value"] == "77"
    stranger = client.post("/v1/templates/try", **draft(png(form_named("other", 4).blank))).json
    assert (stranger["status"], stranger["error"]["code"]) == ("failed", "page_not_registered")
    assert client.post("/v1/templates/try", **draft(b"no picture")).json["error"]["code"] == "not_an_image"
    assert client.get("/v1/templates").json == {"templates": []}
    nothing_is_left(client, mill)


def test_what_cannot_be_tried_is_refused(client: Client, mill: Mill) -> None:
    form = form_named("claim", 3)
    faulty = json.loads(form.template.as_json())
    faulty["fields"][0]["name"] = "index"
    problem = assert_problem(
        client.post("/v1/templates/try", **draft(b"-", template=json.dumps(faulty))), 400, "bad_template"
    )
    assert problem["errors"][0]["field"] == "fields[0].name"
    missing = body({"template": form.template.as_json(), "page": file("page.png", b"-")})
    assert assert_problem(client.post("/v1/templates/try", **missing), 400, "bad_options")["errors"] == [
        {"field": "reference", "message": "must be there, and not be empty"}
    ]
    assert_problem(
        client.post("/v1/templates/try", **draft(b"-", reference=file("a.png", b"no picture"))), 422, "not_an_image"
    )
    assert_problem(
        client.post("/v1/templates/claim/1/try", data=b"-", content_type="image/png"), 404, "template_not_found"
    )
    assert_problem(
        client.post("/v1/templates/try?page=0", **draft(b"-")),
        400,
        "bad_options",
    )
    nothing_is_left(client, mill)


def test_where_no_worker_is_the_caller_is_told_and_nothing_is_left(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.views.trials.TRY_SECONDS", 0)
    assert_problem(client.post("/v1/templates/try", **draft(scan("7"))), 503, "no_worker")
    nothing_is_left(client, mill)
    mill.turn()


def test_a_trial_whose_web_process_died_goes_by_itself(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.views.trials.TRY_SECONDS", 0)
    monkeypatch.setattr(type(mill.service.jobs), "delete", lambda *_: None)
    client.post("/v1/templates/try", **draft(scan("7")))
    mill.turn()
    (left,) = mill.store.jobs_of(OWNER, before=None, limit=10)
    assert_problem(client.get(f"/v1/jobs/{left.id}"), 404, "not_found")
    mill.pass_time(700)
    Purge(mill.service.settings, mill.store, mill.service.blobs).run()
    nothing_is_left(client, mill)


def test_each_fault_of_a_template_is_told_with_its_place(client: Client) -> None:
    form = json.loads(form_named("claim", 3).template.as_json())

    def faults(document: Any) -> list[str]:
        answer = client.post("/v1/templates/check", data=json.dumps(document), content_type="application/json")
        assert answer.status_code == 200
        assert answer.json["sound"] is not bool(answer.json["errors"])
        return [fault["field"] for fault in answer.json["errors"]]

    assert faults(form) == []
    form["checks"] = [{"rule": "nothing == 1"}]
    assert faults(form) == ["checks[0].rule"]
    form["fields"][1]["name"] = form["fields"][0]["name"]
    assert "fields[1].name" in faults(form)
    assert faults({}) == ["name", "version", "page", "fields"]
    assert client.post("/v1/templates/check", data="{", content_type="application/json").json["sound"] is False
    assert_problem(client.post("/v1/templates/check", data="{}"), 415, "unsupported_media_type")


def test_a_page_is_drawn_for_a_browser(client: Client) -> None:
    wide = np.full((2000, 4000), 255, np.uint8)
    answer = client.post("/v1/templates/picture", data=png(wide), content_type="image/png")
    seen = np.asarray(cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_UNCHANGED))
    assert seen.shape == (1754, 3508)
    assert float(answer.headers["Digitmill-Scale"]) == pytest.approx(3508 / 4000)
    paged = client.post(
        "/v1/templates/picture?page=2",
        data=pdf([page_of_pdf(flate(np.full((400, 300), 255, np.uint8)))] * 3),
        content_type="application/pdf",
    )
    assert (paged.status_code, paged.headers["Digitmill-Pages"]) == (200, "3")
    pages = [np.full((100, 80 + number), 255, np.uint8) for number in range(3)]
    several = client.post("/v1/templates/picture?page=2", data=tiff(pages), content_type="image/tiff")
    assert (several.status_code, several.headers["Digitmill-Pages"]) == (200, "3")
    second = np.asarray(cv2.imdecode(np.frombuffer(several.data, np.uint8), cv2.IMREAD_UNCHANGED))
    assert second.shape == (100, 81)
    beyond = client.post("/v1/templates/picture?page=4", data=tiff(pages), content_type="image/tiff")
    assert_problem(beyond, 422, "unsupported_format")
    assert_problem(
        client.post("/v1/templates/picture", data=b"no picture", content_type="image/png"), 422, "not_an_image"
    )
