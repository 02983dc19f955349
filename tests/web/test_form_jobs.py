"""Pages in, one row a page with a value a field out: by HTTP, over the real reader and a model that knows strokes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import unescape
from typing import Any

import cv2
import numpy as np
import pytest

from digitmill.domain.jobs import ModelReference
from digitmill.forms.certainty import FIRST, SECOND, Looks, Weights
from digitmill.forms.template import Check
from digitmill.work.loading import Models
from tests.forms.made import Grey, filled_in, first_of, form_named, png, publication, scanned, submission, with_strip
from tests.numbers import model as numbers
from tests.web.conftest import Client, Mill, assert_problem
from tests.web.fakes import WideMeansSeven
from tests.web.test_spreadsheet import read
from training.forms.layout import Form
from web.tables import page_tables

SURE = 0.85
LOW = 0.1
"""Strokes that stand for 7 here are as low as hardly any digit, which makes fields with them doubtful."""


@pytest.fixture
def form(client: Client) -> Form:
    """Published."""
    made = form_named("claim", 3)
    assert client.post("/v1/templates", **publication(made)).status_code == 201
    return made


def page(form: Form, text: str, kind: str = "flatbed", seed: int = 1) -> Grey:
    return scanned(filled_in(form, first_of(form, "digits"), text), kind, seed)


def options(*labels: str, **more: Any) -> dict[str, Any]:
    return {"read": "form", "template": list(labels) or "claim@1", "review_below": SURE, **more}


def test_a_row_of_a_page_has_a_value_for_each_field(client: Client, mill: Mill, form: Form) -> None:
    stranger = form_named("other", 4).blank
    files = [
        ("turned.png", png(np.ascontiguousarray(np.rot90(page(form, "171"), 2)))),
        ("blank.png", png(form.blank)),
        ("stranger.png", png(stranger)),
        ("broken.png", b"no picture"),
        ("phone.jpg", png(page(form, "7", "phone"))),
    ]
    location = submitted(client, files, options(review_below=LOW))
    mill.turn()
    job = client.get(location).json
    assert (job["state"], job["options"]["read"], job["options"]["template"]) == ("completed", "form", ["claim@1"])
    rows = client.get(f"{location}/results").json["results"]
    assert [(row["index"], row["name"]) for row in rows] == [(at, name) for at, (name, _) in enumerate(files)]

    name = form.template.fields[first_of(form, "digits")].name
    turned, blank, foreign, broken, phone = rows
    assert turned["template"] == {"name": "claim", "version": "1"}
    assert turned["registration"]["score"] > 0.7
    left, right = turned["registration"]["corners"][0], turned["registration"]["corners"][2]
    assert left[0] > right[0], "upside down"
    assert left[1] > right[1]
    assert list(turned["fields"]) == [field.name for field in form.template.fields]
    read_value = turned["fields"][name]
    assert (read_value["status"], read_value["value"]) == ("recognized", "171")
    assert [guess["guesses"][0]["prediction"] for guess in read_value["characters"]] == ["1", "7", "1"]
    assert {field["value"] for field in blank["fields"].values()} == {None}
    assert blank["fields"][name]["status"] == "blank"
    assert (foreign["status"], foreign["error"]["code"]) == ("failed", "page_not_registered")
    assert (foreign["fields"], foreign["template"], foreign["registration"]) == ({}, None, None)
    assert (broken["status"], broken["error"]["code"]) == ("failed", "not_an_image")
    assert phone["fields"][name]["value"] == "7"


def test_a_number_in_one_strip_is_read_by_the_model_of_numbers(client: Client, mill: Mill, form: Form) -> None:
    models = {numbers().manifest.reference: numbers()}
    mill.worker = mill.service.work(Models(lambda reference: models.get(reference, WideMeansSeven())))
    number = first_of(form, "number")
    name, (quad,) = form.template.fields[number].name, form.template.fields[number].quads
    pictures = [with_strip(form.blank, quad, "0123"), form.blank]
    scans = [(f"{at}.png", png(scanned(each))) for at, each in enumerate(pictures)]
    location = submitted(client, scans, options())
    mill.turn()
    assert client.get(location).json["number_model"]["name"] == "numbers"
    filled, blank = (row["fields"][name] for row in client.get(f"{location}/results").json["results"])
    assert filled["value"] == "0123"
    assert [each["guesses"][0]["prediction"] for each in filled["characters"]] == list("0123")
    (left, _), (right, _) = filled["place"][0], filled["place"][2]
    assert all(left <= each["box"][0] < each["box"][2] <= right for each in filled["characters"])
    assert (blank["status"], blank["value"]) == ("blank", None)


def test_pages_are_read_by_the_model_of_boxes_unless_another_is_named(client: Client, mill: Mill, form: Form) -> None:
    registry = mill.service.registry
    digits = registry.set_default("digits", registry.get("digits").version).label
    models = []
    for more in ({}, {"model": digits}):
        location = submitted(client, [("a.png", png(page(form, "1")))], options(**more))
        mill.turn()
        job = client.get(location).json
        assert job["state"] == "completed"
        models.append(f"{job['model']['name']}@{job['model']['version']}")
    assert models == [registry.get("boxes").label, digits]


def test_a_model_that_learnt_from_boxes_brings_how_sure_fields_are_by_it(
    client: Client, mill: Mill, form: Form
) -> None:
    class Unsure(WideMeansSeven):
        looks = Looks(*(Weights(-5.0, (0.0,) * len(each.features)) for each in (FIRST, SECOND)))

    name = form.template.fields[first_of(form, "digits")].name
    found = []
    for model in (WideMeansSeven(), Unsure()):
        mill.worker = mill.service.work(Models(partial(_given, model)))
        location = submitted(client, [("a.png", png(page(form, "1")))], options(review_below=LOW))
        mill.turn()
        (row,) = client.get(f"{location}/results").json["results"]
        found.append((row["fields"][name]["value"], row["fields"][name]["status"]))
    assert found == [("1", "recognized"), ("1", "review")]


def _given(model: WideMeansSeven, reference: ModelReference) -> WideMeansSeven:
    del reference
    return model


def test_tables_have_a_column_for_each_field_and_colour_what_is_doubtful(
    client: Client, mill: Mill, form: Form
) -> None:
    name = form.template.fields[first_of(form, "digits")].name
    # a 1 is sure to 0.9, and two of 7, which are low strokes here, to 0.63
    location = submitted(
        client, [("a.png", png(page(form, "1"))), ("=b.png", png(page(form, "77")))], options(review_below=0.8)
    )
    mill.turn()
    heading, sure, doubtful = csv.reader(io.StringIO(client.get(f"{location}/results?format=csv").text))
    names = [field.name for field in form.template.fields]
    assert heading == [
        "index",
        "name",
        "status",
        "template",
        *names,
        "error",
        "review",
        "answered_by",
        "answered_by_name",
        "copy_of",
        "form_set",
    ]
    assert (sure[0], sure[1], sure[3], sure[heading.index(name)]) == ("0", "a.png", "claim@1", "1")
    assert (doubtful[1], doubtful[2], doubtful[heading.index(name)]) == ("'=b.png", "review", "77")
    assert name in doubtful[heading.index("review")].split()
    assert name not in sure[heading.index("review")].split()
    _, *lines = read(client.get(f"{location}/results?format=xlsx").data)
    assert [line[heading.index(name)] for line in lines] == ["1", "77"], "text, not numbers"
    ndjson = client.get(f"{location}/results?format=ndjson").text.splitlines()
    assert len(ndjson) == 2

    row = client.get(f"{location}/results/1").json
    field = row["fields"][name]
    assert (field["status"], field["reason"], field["revision"]) == ("review", "unsure", 0)


def test_fields_beyond_the_columns_of_a_spreadsheet_are_refused_there_and_come_as_csv(
    client: Client, mill: Mill, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = submitted(client, [("a.png", png(page(form, "1")))], options())
    mill.turn()
    columns = len(next(csv.reader(io.StringIO(client.get(f"{location}/results?format=csv").text))))
    monkeypatch.setattr(page_tables, "COLUMNS_OF_A_SHEET", columns)
    assert len(read(client.get(f"{location}/results?format=xlsx").data)[0]) == columns
    assert offered(client, location) == {"xlsx", "csv", "ndjson"}
    monkeypatch.setattr(page_tables, "COLUMNS_OF_A_SHEET", columns - 1)
    assert offered(client, location) == {"csv", "ndjson"}
    refusal = client.get(f"{location}/results?format=xlsx")
    assert_problem(refusal, 400, "bad_options")
    assert refusal.json["detail"].endswith(f"these rows have {columns}. Take them as CSV or NDJSON.")
    for kind in ("csv", "ndjson"):
        assert client.get(f"{location}/results?format={kind}").status_code == 200


def offered(client: Client, location: str) -> set[str]:
    """The formats to which pages of the job link. Each link is answered."""
    job_page = f"/jobs/{location.rpartition('/')[2]}"
    kinds = set()
    for path in ("", "/review", "/review/pages"):
        links = re.findall(r'href="([^"]+/results\?format=[^"]+)"', client.get(f"{job_page}{path}").text)
        assert links
        assert [client.get(unescape(link)).status_code for link in links] == [200] * len(links)
        kinds |= {link.partition("format=")[2].partition("&")[0] for link in links}
    return kinds


def test_the_spreadsheet_has_a_sheet_of_what_the_checks_say(client: Client, mill: Mill, form: Form) -> None:
    name, rule = form.template.fields[first_of(form, "digits")].name, "{} == 77"
    checked = {"version": "2", "checks": (Check(rule=rule.format(name)),)}
    again = replace(form, template=form.template.model_copy(update=checked))
    assert client.post("/v1/templates", **publication(again)).status_code == 201
    pages = [("a.png", png(page(form, "77"))), ("b.png", png(page(form, "7"))), ("c.png", png(form.blank))]
    location = submitted(client, pages, options("claim@2"))
    mill.turn()
    heading, *lines = read(client.get(f"{location}/results?format=xlsx").data, sheet=2)
    assert heading == ["index", "name", "rule", "holds"]
    assert [line[:2] for line in lines] == [[0.0, "a.png"], [1.0, "b.png"], [2.0, "c.png"]]
    assert {line[2] for line in lines} == {rule.format(name)}
    assert [line[3:] for line in lines] == [["yes"], ["no"], []]


def test_a_field_is_corrected_by_its_own_revision(client: Client, mill: Mill, form: Form) -> None:
    number = first_of(form, "digits")
    name, boxes = form.template.fields[number].name, len(form.template.fields[number].quads)
    location = submitted(
        client, [("a.png", png(page(form, "1"))), ("b.png", png(form_named("other", 4).blank))], options()
    )
    mill.turn()

    def correct(index: int = 0, match: str = '"0"', **change: Any) -> Any:
        return client.open(f"{location}/results/{index}", method="PATCH", json=change, headers={"If-Match": match})

    row = correct(field=name, prediction="007"[-boxes:]).json
    said = row["fields"][name]
    assert (said["value"], said["correction"]["prediction"], said["revision"]) == ("1", "007"[-boxes:], 1)
    assert_problem(correct(field=name, prediction="5"), 412, "row_changed")
    assert correct(field=name, match='"1"', status="blank").json["fields"][name]["correction"]["status"] == "blank"
    assert_problem(correct(field=name, prediction="1" * (boxes + 1)), 400, "bad_options")
    assert_problem(correct(field=name, prediction="x"), 400, "bad_options")
    assert_problem(correct(prediction="1"), 404, "not_found")
    assert_problem(correct(field="nothing", prediction="1"), 404, "not_found")
    assert_problem(correct(index=1, field=name, prediction="1"), 404, "not_found")
    many = [
        {"index": 0, "field": name, "revision": 2, "correction": None},
        {"index": 1, "field": name, "revision": 0, "prediction": "1"},
    ]
    done, refused = client.open(f"{location}/results", method="PATCH", json={"corrections": many}).json["results"]
    assert (done["field"], done["revision"], done["error"]) == (name, 3, None)
    assert refused["error"]["code"] == "not_found"
    assert [each["revision"] for each in client.get(f"{location}/results/0/history?field={name}").json["history"]] == [
        1,
        2,
        3,
    ]
    assert client.get(f"{location}/results/0").headers["ETag"] == '"3"'
    assert correct(field=name, match='"3"', prediction="4").status_code == 200
    final = client.get(f"{location}/results?format=csv&final=true").text
    heading, line, _ = csv.reader(io.StringIO(final))
    assert line[heading.index(name)] == "4"
    assert [each["index"] for each in client.get(f"{location}/results?corrected=true").json["results"]] == [0]


def test_doubtful_fields_are_given_to_reviewers(client: Client, mill: Mill, form: Form) -> None:
    name = form.template.fields[first_of(form, "digits")].name
    location = submitted(client, [("a.png", png(page(form, "1")))], options(review_below=0.99))
    mill.turn()
    held = client.post(f"{location}/review", json={"reviewer": "ann", "limit": 100}).json
    assert {"index": 0, "field": name} in held["held_fields"]
    doubts = [field for field, value in held["results"][0]["fields"].items() if value["status"] == "review"]
    assert len(held["held_fields"]) == len(doubts)


def test_a_page_is_answered_once_each_of_its_doubtful_fields_is(client: Client, mill: Mill, form: Form) -> None:
    boxed = [number for number, field in enumerate(form.template.fields) if field.kind == "digits"]
    both = filled_in(form, boxed[1], "1", on=filled_in(form, boxed[0], "1"))
    location = submitted(client, [("a.png", png(both))], options(review_below=1))
    mill.turn()
    fields = client.get(f"{location}/results/0").json["fields"]
    doubtful = [name for name, field in fields.items() if field["status"] == "review"]
    others = [name for name in fields if name not in doubtful]
    assert len(doubtful) > 1
    assert others

    def say(name: str, **change: Any) -> int:
        revision = client.get(f"{location}/results/0").json["fields"][name]["revision"]
        headers = {"If-Match": f'"{revision}"'}
        said = client.open(f"{location}/results/0", method="PATCH", json={"field": name, **change}, headers=headers)
        assert said.status_code == 200
        return int(client.get(location).json["counts"]["unanswered"])

    assert say(others[0], status="blank") == 1
    assert [say(name, status="blank") for name in doubtful] == [1] * (len(doubtful) - 1) + [0]
    assert say(doubtful[0], status="not_a_digit") == 0
    assert say(doubtful[0], correction=None) == 1


def test_the_cut_out_of_a_field_and_the_page_laid_straight(client: Client, mill: Mill, form: Form) -> None:
    number = first_of(form, "digits")
    name = form.template.fields[number].name
    location = submitted(client, [("a.png", png(page(form, "171", "phone"))), ("b.png", b"-")], options())
    mill.turn()
    cut = _seen(client.get(f"{location}/results/0/fields/{name}/image"))
    quads = np.array(form.template.fields[number].quads).reshape(-1, 2)
    width, height = np.ptp(quads, axis=0)
    assert cut.shape[1] / cut.shape[0] == pytest.approx((width + height / 2) / (1.5 * height), rel=0.1)
    boxes = [_seen(client.get(f"{location}/results/0/fields/{name}/image?character={place}")) for place in range(3)]
    assert all(box.shape[1] < cut.shape[1] / 2 and box.min() < 128 for box in boxes)
    assert_problem(client.get(f"{location}/results/0/fields/{name}/image?character=3"), 404, "not_found")
    straight = _seen(client.get(f"{location}/results/0/image?view=registered"))
    page_height, page_width = form.blank.shape
    assert straight.shape[1] / straight.shape[0] == pytest.approx(page_width / page_height, rel=0.05)
    assert_problem(client.get(f"{location}/results/0/fields/nothing/image"), 404, "not_found")
    assert_problem(client.get(f"{location}/results/1/fields/{name}/image"), 404, "not_found")
    assert_problem(client.get(f"{location}/results/1/image?view=registered"), 404, "not_found")


def test_of_two_templates_the_right_one_is_found(client: Client, mill: Mill, form: Form) -> None:
    other = form_named("other", 4)
    assert client.post("/v1/templates", **publication(other)).status_code == 201
    files = [
        ("a.png", png(page(other, "1"))),
        ("b.png", png(page(form, "7"))),
        ("c.png", png(form_named("third", 5).blank)),
    ]
    location = submitted(client, files, options("claim@1", "other"))
    mill.turn()
    rows = client.get(f"{location}/results").json["results"]
    assert [row["template"] and row["template"]["name"] for row in rows] == ["other", "claim", None]
    assert rows[2]["error"]["code"] == "no_template"


def test_options_that_do_not_fit_are_refused(client: Client, form: Form) -> None:
    files = [("a.png", png(form.blank))]
    for wrong in ({"read": "form"}, {"template": "claim@1"}, options("nothing@1"), options("claim@2"), options("a/b")):
        assert (
            assert_problem(client.post("/v1/jobs", **submission(files, wrong)), 400, "bad_options")["errors"][0][
                "field"
            ]
            == "template"
        )
    raw = client.post("/v1/jobs?read=form&template=claim", data=files[0][1], content_type="image/png")
    assert (raw.status_code, raw.json["options"]["template"]) == (202, ["claim@1"])


def submitted(client: Client, files: Sequence[tuple[str, bytes]], options: dict[str, Any]) -> str:
    answer = client.post("/v1/jobs", **submission(files, options))
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def _seen(answer: Any) -> Grey:
    assert answer.headers["Content-Type"] == "image/png", answer.text
    return np.asarray(cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def test_a_raised_threshold_counts_the_pages_whose_doubtful_fields_are_answered(
    client: Client, mill: Mill, form: Form
) -> None:
    # the model is sure of a 1 to 0.98, and of a 7 to 0.995
    location = submitted(client, [(f"{text}.png", png(page(form, text))) for text in ("1", "11")], options())
    mill.turn()
    first, _ = client.get(f"{location}/results").json["results"]
    doubtful = {
        name: field["confidence"]
        for name, field in first["fields"].items()
        if field["status"] == "review" or (field["status"] == "recognized" and field["confidence"] < 0.99)
    }
    assert doubtful
    for name in doubtful:
        said = {"field": name, "status": "blank"}
        answer = client.open(f"{location}/results/0", method="PATCH", json=said, headers={"If-Match": '"0"'})
        assert answer.status_code == 200, answer.text
    raised = client.open(f"{location}/review", method="PATCH", json={"below": 0.99}).json
    assert raised["counts"]["unanswered"] == 1
    back = {"field": next(iter(doubtful)), "correction": None}
    answer = client.open(f"{location}/results/0", method="PATCH", json=back, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text
    assert client.get(location).json["counts"]["unanswered"] == 2


def test_the_page_of_a_job_calls_fields_by_their_labels(client: Client, form: Form) -> None:
    name = form.template.fields[0].name
    fields = (form.template.fields[0].model_copy(update={"label": "Anzahl <Männer>"}), *form.template.fields[1:])
    labelled = replace(form, template=form.template.model_copy(update={"version": "2", "fields": fields}))
    assert client.post("/v1/templates", **publication(labelled)).status_code == 201
    location = submitted(client, [("a.png", png(form.blank))], options("claim@2"))
    shown = client.get(location.replace("/v1", "")).text
    assert f'<th scope="col" title="{name}">Anzahl &lt;Männer&gt;</th>' in shown
    other = form.template.fields[1].name
    assert f'<th scope="col" title="{other}">{other}</th>' in shown
