"""Critical fields: two people enter them without each other, and a third decides where they differ."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from digitmill.domain.access import Scope
from digitmill.forms.template import Template
from tests.forms.made import first_of, form_named, png, publication, submission
from tests.web.conftest import Answer, Client, Mill, assert_problem, client_of
from tests.web.test_form_jobs import page
from training.forms.layout import Form

NAMES = ("Ann", "Bea", "Cem")


def critical_form() -> Form:
    """Its first number is critical."""
    form = form_named("claim", 3)
    fields = list(form.template.fields)
    number = first_of(form, "digits")
    fields[number] = fields[number].model_copy(update={"critical": True})
    return replace(form, template=form.template.model_copy(update={"fields": tuple(fields), "checks": ()}))


@dataclass
class Desk:
    """Three people, and a job of one page on which ``field`` is critical. The model is sure of what stands there."""

    people: Sequence[Client]
    location: str
    field: str

    def say(self, who: int, seen: int, **change: Any) -> Answer:
        headers = {"If-Match": f'"{seen}"'}
        body = {"field": self.field, **change}
        return self.people[who].open(f"{self.location}/results/0", method="PATCH", json=body, headers=headers)

    def value(self) -> Any:
        return self.people[0].get(f"{self.location}/results/0").json["fields"][self.field]

    def history(self) -> list[dict[str, Any]]:
        found = self.people[0].get(f"{self.location}/results/0/history?field={self.field}")
        return cast(list[dict[str, Any]], found.json["history"])

    def table(self) -> dict[str, str]:
        text = self.people[0].get(f"{self.location}/results?format=csv&final=true").data.decode()
        return next(iter(csv.DictReader(io.StringIO(text, newline=""))))

    def given(self, who: int) -> list[str]:
        held = self.people[who].post(f"{self.location}/review", json={"reviewer": "tab", "limit": 100}).json
        return [each["field"] for each in held.get("held_fields", []) if each["field"] == self.field]


@pytest.fixture
def desk(mill: Mill) -> Desk:
    first, secret = mill.service.keys.create(NAMES[0], [Scope.ADMIN], lifetime=None)
    others = [mill.service.keys.create(name, [Scope.REVIEW], lifetime=None, owner=first.owner)[1] for name in NAMES[1:]]
    people = [client_of(mill.service, text) for text in (secret, *others)]
    form = critical_form()
    assert people[0].post("/v1/templates", **publication(form)).status_code == 201
    asked = {"read": "form", "template": "claim@1", "review_below": 0.5}
    sent = people[0].post("/v1/jobs", **submission([("a.png", png(page(form, "77")))], asked))
    assert sent.status_code == 202, sent.text
    mill.turn()
    return Desk(people, sent.headers["Location"], form.template.fields[first_of(form, "digits")].name)


def test_a_critical_field_is_to_review_however_sure_the_model_is(desk: Desk) -> None:
    value = desk.value()
    assert (value["status"], value["reason"], value["value"]) == ("review", "critical", "77")
    assert value["confidence"] > 0.5
    assert "entries" not in value
    assert desk.field in desk.table()["review"].split()


def test_what_the_first_enters_is_told_nobody(desk: Desk) -> None:
    assert desk.say(0, 0, prediction="71").status_code == 200
    value = desk.value()
    (entry,) = value["entries"]
    assert (value["correction"], value["revision"]) == (None, 1)
    assert (entry["prediction"], entry["status"], entry["by_name"]) == (None, None, "Ann")
    (told,) = desk.history()
    assert (told["after"], told["hidden"], told["by_name"]) == (None, True, "Ann")
    rows = desk.people[0].get(f"{desk.location}/results?format=ndjson").text
    assert '"71"' not in rows
    assert desk.field in desk.table()["review"].split()


def test_two_who_agree_settle_it(desk: Desk) -> None:
    corrected = desk.people[0].get(desk.location).json["counts"]["corrected"]
    desk.say(0, 0, prediction="71")
    desk.say(1, 1, prediction="71")
    value = desk.value()
    assert (value["correction"]["prediction"], value["correction"]["by_name"]) == ("71", "Bea")
    assert "entries" not in value
    assert desk.table()[desk.field] == "71"
    assert desk.field not in desk.table()["review"].split()
    assert desk.people[0].get(desk.location).json["counts"]["corrected"] == corrected + 1
    assert [(each["by_name"], each["after"]["prediction"]) for each in desk.history()] == [("Ann", "71"), ("Bea", "71")]


def test_one_person_is_never_both(desk: Desk) -> None:
    desk.say(0, 0, prediction="71")
    assert desk.say(0, 1, prediction="71").status_code == 200
    assert desk.value()["correction"] is None
    assert (desk.given(0), desk.given(1)) == ([], [desk.field])


def test_a_third_sees_what_two_say_and_decides(desk: Desk) -> None:
    desk.say(0, 0, prediction="71")
    desk.say(1, 1, status="blank")
    entries = desk.value()["entries"]
    assert [(each["by_name"], each["prediction"], each["status"]) for each in entries] == [
        ("Ann", "71", "recognized"),
        ("Bea", None, "blank"),
    ]
    assert_problem(desk.say(1, 2, prediction="71"), 409, "conflict")
    many = {"corrections": [{"index": 0, "field": desk.field, "revision": 2, "prediction": "7"}]}
    (refused,) = desk.people[0].open(f"{desk.location}/results", method="PATCH", json=many).json["results"]
    assert refused["error"]["code"] == "conflict"
    assert (desk.given(0), desk.given(1), desk.given(2)) == ([], [], [desk.field])
    desk.say(2, 2, prediction="71")
    assert desk.value()["correction"]["by_name"] == "Cem"
    assert [each["by_name"] for each in desk.history()] == list(NAMES)


def test_the_second_must_have_seen_that_there_is_a_first(desk: Desk) -> None:
    desk.say(0, 0, prediction="71")
    assert_problem(desk.say(1, 0, prediction="71"), 412, "row_changed")


def test_without_keys_nobody_can_tell_two_people_apart(client: Client) -> None:
    form = critical_form()
    assert client.post("/v1/templates", **publication(form)).status_code == 201
    asked = {"read": "form", "template": "claim@1"}
    refused = client.post("/v1/jobs", **submission([("a.png", png(form.blank))], asked))
    problem = assert_problem(refused, 400, "bad_options")
    assert "digitmill keys create" in problem["detail"]
    assert problem["errors"][0]["field"] == "template"


def test_templates_say_critical_only_where_it_is_so() -> None:
    text = critical_form().template.as_json()
    fields = json.loads(text)["fields"]
    assert [field.get("critical") for field in fields].count(True) == 1
    assert all("critical" not in field or field["critical"] for field in fields)
    assert Template.parsed(text).as_json() == text
    fields[0]["critical"] = False
    plain = Template.parsed(json.dumps(json.loads(text) | {"fields": fields}))
    assert not plain.fields[0].by_two
    assert '"critical":false' not in plain.as_json()
