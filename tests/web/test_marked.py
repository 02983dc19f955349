"""Form pages with what was read drawn over them, over HTTP."""

from __future__ import annotations

import io

import numpy as np
import pypdfium2
import pytest
from numpy.typing import NDArray
from PIL import Image

from digitmill.pages import marked
from tests.forms.made import first_of, form_named, png
from tests.web.conftest import Client, Mill, assert_problem
from tests.web.test_form_jobs import form, options, page, submitted
from training.forms.layout import Form

__all__ = ["form"]


def seen(client: Client, address: str) -> NDArray[np.uint8]:
    answer = client.get(address)
    assert answer.headers["Content-Type"] == "image/png", answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    return np.asarray(Image.open(io.BytesIO(answer.data)))


def test_each_page_shows_its_fields_and_the_answers_of_people(client: Client, mill: Mill, form: Form) -> None:
    name = form.template.fields[first_of(form, "digits")].name
    foreign = form_named("other", 4).blank
    location = submitted(
        client, [("a.png", png(page(form, "171", "phone"))), ("b.png", png(foreign)), ("c.png", b"-")], options()
    )
    mill.turn()
    before = seen(client, f"{location}/results/0/image?view=marked")
    assert before.ndim == 3
    assert max(before.shape) <= 2300
    # one field is to be seen as outlined: its colour was not on the scan, which is grey
    assert (np.ptp(before.astype(int), axis=2) > 60).sum() > 1000
    said = {"field": name, "prediction": "7"}
    assert (
        client.open(f"{location}/results/0", method="PATCH", json=said, headers={"If-Match": '"0"'}).status_code == 200
    )
    after = seen(client, f"{location}/results/0/image?view=marked")
    blue = after[:, :, 2].astype(int) - after[:, :, 0]
    assert (blue > 100).sum() > 200, "somebody's answer is blue"
    assert not (before[:, :, 2].astype(int) - before[:, :, 0] > 100).any()

    stranger = seen(client, f"{location}/results/1/image?view=marked")
    height, width = foreign.shape
    assert stranger.shape[1] / (stranger.shape[0] - 200) > width / height - 0.1
    assert (stranger[:80] < 100).any(), "the sentence"
    assert (stranger[200:] < 100).any(), "the scan"
    broken = seen(client, f"{location}/results/2/image?view=marked")
    assert (broken[:80] < 100).any()
    assert (broken[200:] == 255).all(), "no picture of it"
    assert_problem(client.get(f"{location}/results/3/image?view=marked"), 404, "not_found")


def test_all_pages_of_a_job_come_as_one_pdf_when_it_is_final(
    client: Client, mill: Mill, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [(f"{number}.png", png(page(form, "17"))) for number in range(2)]
    location = submitted(client, [*scans, ("broken.png", b"-")], options())
    assert_problem(client.get(f"{location}/marked.pdf"), 409, "job_not_final")
    mill.turn()
    answer = client.get(f"{location}/marked.pdf")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert "Digitmill-Rows" not in answer.headers
    document = pypdfium2.PdfDocument(answer.data)
    assert len(document) == 3
    shown = np.asarray(document[0].render(scale=1).to_pil().convert("RGB")).astype(int)
    assert (np.ptp(shown, axis=2) > 60).sum() > 200

    monkeypatch.setattr(marked, "ROWS_A_READ", 1)
    some = client.get(f"{location}/marked.pdf?first=1&limit=2")
    assert some.headers["Digitmill-Rows"] == "2 of 3"
    assert len(pypdfium2.PdfDocument(some.data)) == 2
    last = client.get(f"{location}/marked.pdf?first=2")
    assert len(pypdfium2.PdfDocument(last.data)) == 1
    problem = assert_problem(client.get(f"{location}/marked.pdf?first=3"), 400, "bad_options")
    assert problem["errors"][0]["field"] == "first"
    assert_problem(client.get(f"{location}/marked.pdf?limit=501"), 400, "bad_options")


def test_a_job_that_ended_before_any_page_was_read_has_no_pdf(client: Client, form: Form) -> None:
    location = submitted(client, [("a.png", png(form.blank))], options())
    assert client.post(f"{location}/cancel").status_code == 200
    assert_problem(client.get(f"{location}/marked.pdf"), 404, "not_found")


def test_what_is_no_form_page_has_no_marked_picture(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", png(np.full((40, 40), 255, np.uint8)))], {"read": "digit"})
    mill.turn()
    assert_problem(client.get(f"{location}/results/0/image?view=marked"), 404, "not_found")
    assert_problem(client.get(f"{location}/marked.pdf"), 404, "not_found")
