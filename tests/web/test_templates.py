"""Templates of form pages: published once, looked at, refused with the place of the fault."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import cv2
import numpy as np

from digitmill.upkeep.purge import Purge
from tests.forms.made import body, file, form_named, png, publication
from tests.web.conftest import Client, Mill, assert_problem


def published(client: Client, **changed: Any) -> Any:
    return client.post("/v1/templates", **publication(form_named("claim", 3), **changed))


def test_a_published_template_is_listed_and_got_as_it_was_sent(client: Client) -> None:
    form = form_named("claim", 3)
    answer = published(client)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/templates/claim/1")
    assert answer.json == client.get("/v1/templates/claim/1").json == json.loads(form.template.as_json())
    (listed,) = client.get("/v1/templates").json["templates"]
    height, width = form.blank.shape
    assert (listed["name"], listed["version"], listed["field_count"]) == ("claim", "1", len(form.template.fields))
    assert listed["page"] == {"width": width, "height": height, "number": 1, "of": 1}
    picture = client.get("/v1/templates/claim/1/reference")
    seen = np.asarray(cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_UNCHANGED))
    assert picture.headers["Content-Type"] == "image/png"
    assert np.array_equal(seen, form.blank)


def test_a_version_is_published_once_and_the_same_may_be_sent_again(client: Client) -> None:
    assert published(client).status_code == 201
    assert published(client).status_code == 200
    other = json.loads(form_named("claim", 3).template.as_json()) | {"title": "another"}
    assert_problem(published(client, template=json.dumps(other)), 409, "conflict")
    assert client.get("/v1/templates/claim/1").json["title"] == ""
    assert published(client, template=json.dumps(other | {"version": "2"})).status_code == 201
    assert [each["version"] for each in client.get("/v1/templates").json["templates"]] == ["1", "2"]


def test_a_reference_of_another_size_but_its_proportions_is_brought_to_the_templates(client: Client) -> None:
    form = form_named("claim", 3)
    small = np.asarray(cv2.resize(form.blank, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
    assert published(client, reference=file("half.png", png(small))).status_code == 201
    picture = client.get("/v1/templates/claim/1/reference").data
    seen = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED))
    assert seen.shape == form.blank.shape


def test_what_is_no_template_is_refused_with_its_place(client: Client) -> None:
    form = form_named("claim", 3)
    document = json.loads(form.template.as_json())
    document["fields"][1]["name"] = document["fields"][0]["name"]
    problem = assert_problem(published(client, template=json.dumps(document)), 400, "bad_template")
    assert problem["errors"][0]["field"] == "fields[1].name"
    assert_problem(published(client, template="{"), 400, "bad_template")
    assert_problem(published(client, template="x" * ((1 << 20) + 1)), 400, "bad_options")
    turned = file("turned.png", png(np.ascontiguousarray(form.blank.T)))
    assert assert_problem(published(client, reference=turned), 400, "bad_template")["errors"][0]["field"] == "page"
    assert_problem(published(client, reference=file("a.png", b"no picture")), 422, "not_an_image")
    alone = body({"reference": file("a.png", png(form.blank))})
    assert_problem(client.post("/v1/templates", **alone), 400, "bad_options")
    assert_problem(
        client.post("/v1/templates", data=b"{}", content_type="application/json"), 415, "unsupported_media_type"
    )
    assert client.get("/v1/templates").json == {"templates": []}
    assert_problem(client.get("/v1/templates/claim/1"), 404, "template_not_found")


def test_its_picture_stays_when_uploads_without_a_job_are_cleared_away(client: Client, mill: Mill) -> None:
    assert published(client).status_code == 201
    stray = mill.service.settings.var / "blobs" / "stray"
    stray.write_bytes(b"-")
    long_ago = time.time() - 86400
    for blob in stray.parent.iterdir():
        os.utime(blob, (long_ago, long_ago))
    Purge(mill.service.settings, mill.store, mill.service.blobs).repair()
    assert not stray.exists()
    assert client.get("/v1/templates/claim/1/reference").status_code == 200
