"""A sheet that was sent twice is told of, and is a row like any other."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import cv2
import numpy as np
import pytest

from digitmill.forms.template import DigitsField
from tests.forms.made import Grey, form_named, png, publication, scanned
from tests.web.conftest import Client, Mill
from tests.web.test_form_jobs import options, submitted
from tests.web.test_placing import lost_page, placed
from tests.web.test_spreadsheet import read
from training.forms.layout import Form

LOW = 0.1
HERE, ASIDE = 0.5, 0.3
"""Where in their boxes two people put the same digits, by the width of these."""


@pytest.fixture
def form(client: Client) -> Form:
    """Published."""
    made = form_named("claim", 3)
    assert client.post("/v1/templates", **publication(made)).status_code == 201
    return made


def sheet(form: Form, place: float = HERE) -> Grey:
    """A 1 in every box."""
    page = form.blank.copy()
    for field in form.template.fields:
        for quad in field.quads if isinstance(field, DigitsField) else ():
            (left, top), _, (right, bottom), _ = np.rint(np.array(quad)).astype(int).tolist()
            x, room = round(left + place * (right - left)), (bottom - top) // 5
            cv2.line(page, (x, top + room), (x, bottom - room), 40, 4, cv2.LINE_AA)
    return page


def batch(form: Form) -> list[tuple[str, bytes]]:
    first, other = (png(scanned(sheet(form, place))) for place in (HERE, ASIDE))
    again = png(scanned(sheet(form), "feeder", seed=5))
    stranger = png(form_named("other", 4).blank)
    return [
        ("first.png", first), ("other.png", other), ("again.png", again), ("stranger.png", stranger),
        ("first-copy.png", first), ("stranger-copy.png", stranger),
    ]  # fmt: skip


TOLD = {2: {"index": 0, "same": "writing"}, 4: {"index": 0, "same": "picture"}}


def rows_of(client: Client, location: str) -> list[dict[str, Any]]:
    return list(client.get(f"{location}/results").json["results"])


def copies_told(client: Client, location: str) -> dict[int, Any]:
    return {row["index"]: row["copy_of"] for row in rows_of(client, location) if "copy_of" in row}


def test_a_sheet_that_was_sent_twice_is_told_of_in_its_row_and_of_the_job(
    client: Client, mill: Mill, form: Form
) -> None:
    location = submitted(client, batch(form), options(review_below=LOW))
    assert "copies" not in client.get(location).json
    mill.turn()
    assert client.get(location).json["copies"] == {
        "pages": 2,
        "first": [{"index": index, "of": of["index"], "same": of["same"]} for index, of in TOLD.items()],
    }
    assert copies_told(client, location) == TOLD
    assert client.get(f"{location}/results/4").json["copy_of"] == TOLD[4]
    lines = [json.loads(line) for line in client.get(f"{location}/results?format=ndjson").text.splitlines()]
    assert {line["index"]: line["copy_of"] for line in lines if "copy_of" in line} == TOLD
    first, *_, copy, _ = rows_of(client, location)
    assert copy["fields"] == first["fields"], "nothing of it is changed"


def test_tables_have_the_row_of_which_a_page_is_a_copy_as_a_column(client: Client, mill: Mill, form: Form) -> None:
    location = submitted(client, batch(form), options(review_below=LOW))
    mill.turn()
    heading, *lines = csv.reader(io.StringIO(client.get(f"{location}/results?format=csv&final=true").text))
    place = heading.index("copy_of")
    assert [line[place] for line in lines] == ["", "", "0", "", "0", ""]
    _, *cells = read(client.get(f"{location}/results?format=xlsx").data)
    # its reader leaves empty cells out
    assert [line[-1] == "0" for line in cells[:5]] == [False, False, True, False, True]


def test_pages_of_one_job_that_differ_are_told_of_nowhere(client: Client, mill: Mill, form: Form) -> None:
    location = submitted(client, batch(form)[:2], options(review_below=LOW))
    mill.turn()
    assert "copies" not in client.get(location).json
    assert copies_told(client, location) == {}


def test_copies_are_looked_for_again_where_that_failed_when_the_job_was_completed(
    client: Client, mill: Mill, form: Form
) -> None:
    location = submitted(client, batch(form), options(review_below=LOW))
    mill.turn()
    mill.store._redis.hdel(f"dm:job:{location.rpartition('/')[2]}", "copies")
    assert copies_told(client, location) == TOLD
    assert client.get(location).json["copies"]["pages"] == len(TOLD)


@pytest.mark.usefixtures("turning")
def test_a_page_that_a_person_has_placed_is_compared_too(client: Client, mill: Mill, form: Form) -> None:
    scan, corners = lost_page(sheet(form))
    location = submitted(client, [*batch(form)[:1], ("lost.png", png(scan))], options(review_below=LOW))
    assert mill.service.jobs.wait("local", location.rpartition("/")[2], seconds=60).state.final
    assert copies_told(client, location) == {}
    answer = placed(client, location, 1, corners=corners)
    assert answer.status_code == 200, answer.text
    assert copies_told(client, location) == {1: {"index": 0, "same": "writing"}}
