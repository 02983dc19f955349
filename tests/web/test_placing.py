"""Form pages that were not found on their scans, read again where a person says that they lie."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from tests.forms.made import Grey, filled_in, first_of, form_named, png, publication
from tests.web.conftest import Client, Mill, assert_problem
from tests.web.test_form_jobs import options, submitted
from training.forms.layout import Form


@pytest.fixture
def form(client: Client) -> Form:
    """Published."""
    made = form_named("claim", 3)
    assert client.post("/v1/templates", **publication(made)).status_code == 201
    return made


def lost(form: Form, text: str) -> tuple[Grey, list[list[float]]]:
    """A page that is squashed, on a desk like sand, and where it lies: it is not found there."""
    return lost_page(filled_in(form, first_of(form, "digits"), text))


def lost_page(page: Grey) -> tuple[Grey, list[list[float]]]:
    height, width = page.shape
    desk = np.random.default_rng(5).integers(0, 255, (2 * height, 2 * width)).astype(np.uint8)
    corners = np.array([[0.1, 0.8], [1.9, 0.8], [1.9, 1.15], [0.1, 1.15]], np.float32) * np.array(
        [width, height], np.float32
    )
    whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    way = cv2.getPerspectiveTransform(whole, corners)
    laid = cv2.warpPerspective(page, way, desk.shape[::-1], flags=cv2.INTER_AREA)
    seen = cv2.warpPerspective(np.full_like(page, 255), way, desk.shape[::-1])
    return np.where(seen > 0, laid, desk).astype(np.uint8), corners.tolist()


def placed(client: Client, location: str, index: int, **body: Any) -> Any:
    return client.put(f"{location}/results/{index}/corners", json=body)


@pytest.mark.usefixtures("turning")
def test_a_page_is_read_where_a_person_says_that_it_lies(client: Client, mill: Mill, form: Form) -> None:
    scan, corners = lost(form, "171")
    files = [
        ("good.png", png(filled_in(form, first_of(form, "digits"), "7"))),
        ("lost.png", png(scan)),
        ("bad.png", b"-"),
    ]
    location = submitted(client, files, options(review_below=1))
    assert mill.service.jobs.wait("local", location.rpartition("/")[2], seconds=60).state.final
    before = client.get(f"{location}/results").json["results"]
    assert before[1]["error"]["code"] == "page_not_registered"
    counts = client.get(location).json["counts"]
    held = client.post(f"{location}/review", json={"reviewer": "ann", "limit": 100}).json["held_fields"]
    assert {each["index"] for each in held} == {0}

    half = [[x / 2, y / 2] for x, y in corners]
    answer = placed(client, location, 1, corners=half, of=[scan.shape[1] / 2, scan.shape[0] / 2])
    assert answer.status_code == 200, answer.text
    name = form.template.fields[first_of(form, "digits")].name
    assert answer.json["fields"][name]["value"] == "171"
    assert np.abs(np.array(answer.json["registration"]["corners"]) - corners).max() < 15
    rows = client.get(f"{location}/results").json["results"]
    assert (rows[0], rows[2]) == (before[0], before[2])
    assert rows[1] == answer.json
    after = client.get(location).json["counts"]
    assert (after["failed"], after["review"], after["done"]) == (counts["failed"] - 1, counts["review"] + 1, 3)
    cut = client.get(f"{location}/results/1/fields/{name}/image")
    assert cut.status_code == 200
    held = client.post(f"{location}/review", json={"reviewer": "ann", "limit": 100}).json["held_fields"]
    assert {each["index"] for each in held} == {0, 1}
    assert_problem(placed(client, location, 1, corners=corners), 409, "conflict")
    assert_problem(placed(client, location, 0, corners=corners), 409, "conflict")
    assert_problem(placed(client, location, 2, corners=corners), 409, "conflict")


@pytest.mark.usefixtures("turning")
def test_corners_that_do_not_fit_change_nothing(client: Client, mill: Mill, form: Form) -> None:
    scan, corners = lost(form, "171")
    location = submitted(client, [("lost.png", png(scan))], options())
    assert mill.service.jobs.wait("local", location.rpartition("/")[2], seconds=60).state.final
    before = client.get(f"{location}/results/0").json
    assert before["error"]["code"] == "page_not_registered"
    assert_problem(placed(client, location, 0, corners=corners[::-1]), 400, "bad_options")
    assert_problem(placed(client, location, 0, corners=corners[:3]), 400, "bad_options")
    assert_problem(placed(client, location, 0, corners=corners, template="other@1"), 400, "bad_options")
    assert_problem(placed(client, location, 5, corners=corners), 404, "not_found")
    nothing = [[0, 0], [300, 0], [300, 400], [0, 400]]
    assert_problem(placed(client, location, 0, corners=nothing), 422, "page_not_registered")
    assert client.get(f"{location}/results/0").json == before


def test_pages_of_a_job_that_runs_wait(client: Client, form: Form) -> None:
    scan, corners = lost(form, "1")
    location = submitted(client, [("lost.png", png(scan))], options())
    assert_problem(placed(client, location, 0, corners=corners), 409, "job_not_final")
