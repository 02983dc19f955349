"""Tables and rows say which person has answered, by the name of the key that was sent."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from digitmill.client.streams import write_csv
from digitmill.domain.access import Scope
from tests.forms.made import first_of, form_named, png, publication, submission
from tests.web.conftest import Client, Mill, client_of, submitted
from tests.web.fakes import blank, one, seven
from tests.web.test_form_jobs import page
from tests.web.test_spreadsheet import read
from training.forms.layout import Form

ODD = '=cmd|"x", Zoë\nof the desk'
EVERYTHING = (Scope.ADMIN,)
FILES = [("a.png", one()), ("b.png", seven()), ("c.png", blank()), ("d.png", b"none")]


@pytest.fixture
def people(mill: Mill) -> Sequence[Client]:
    """Two that share their jobs: one with an odd name, and Bea."""
    first, secret = mill.service.keys.create(ODD, EVERYTHING, lifetime=None)
    _, other = mill.service.keys.create("Bea", EVERYTHING, lifetime=None, owner=first.owner)
    return [client_of(mill.service, text) for text in (secret, other)]


def say(client: Client, location: str, index: int, seen: int = 0, **change: Any) -> Any:
    headers = {"If-Match": f'"{seen}"'}
    response = client.open(f"{location}/results/{index}", method="PATCH", json=change, headers=headers)
    assert response.status_code == 200, response.text
    return response.json


def table(client: Client, location: str, query: str = "&final=true") -> list[dict[str, str]]:
    text = client.get(f"{location}/results?format=csv{query}").data.decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def written_by_the_client(client: Client, location: str, fields: Sequence[str] | None = None) -> str:
    out = io.BytesIO()
    rows = [json.loads(line) for line in client.get(f"{location}/results?format=ndjson").text.splitlines()]
    write_csv(rows, out, final=True, fields=fields)
    return out.getvalue().decode()


def test_the_last_column_names_who_has_the_last_word(people: Sequence[Client], mill: Mill) -> None:
    zoe, bea = people
    location = submitted(zoe, FILES)
    mill.turn()
    say(zoe, location, 0, prediction="1")
    say(zoe, location, 1, prediction="1")
    say(bea, location, 1, seen=1, prediction="7")
    say(bea, location, 2, prediction="4")
    assert say(zoe, location, 2, seen=1, correction=None)["correction"] is None
    rows = table(zoe, location)
    assert [row["answered_by"] for row in rows] == ["person", "person", "model", ""]
    assert [row["answered_by_name"] for row in rows] == [f"'{ODD}", "Bea", "", ""]
    assert {row["answered_by_name"] for row in table(zoe, location, "")} == {""}
    assert [line[-1] for line in read(zoe.get(f"{location}/results?format=xlsx&final=true").data)[1:3]] == [ODD, "Bea"]
    assert written_by_the_client(zoe, location) == zoe.get(f"{location}/results?format=csv&final=true").data.decode()


def test_corrections_and_the_history_have_the_name_beside_the_id(people: Sequence[Client], mill: Mill) -> None:
    zoe, bea = people
    location = submitted(zoe, FILES)
    mill.turn()
    assert say(zoe, location, 0, prediction="1")["correction"]["by_name"] == ODD
    change = {"corrections": [{"index": 0, "revision": 1, "prediction": "7"}]}
    (changed,) = bea.open(f"{location}/results", method="PATCH", json=change).json["results"]
    assert changed["correction"]["by_name"] == "Bea"
    rows = [json.loads(line) for line in zoe.get(f"{location}/results?format=ndjson").text.splitlines()]
    assert [row["correction"] and row["correction"]["by_name"] for row in rows] == ["Bea", None, None, None]
    assert zoe.get(f"{location}/results/0").json["correction"] == rows[0]["correction"]
    history = zoe.get(f"{location}/results/0/history").json["history"]
    assert [entry["by_name"] for entry in history] == [ODD, "Bea"]


def test_a_name_stays_when_its_key_has_ended(people: Sequence[Client], mill: Mill) -> None:
    zoe, bea = people
    location = submitted(zoe, FILES)
    mill.turn()
    by = say(bea, location, 0, prediction="1")["correction"]["by"]
    mill.service.keys.revoke(by)
    assert table(zoe, location)[0]["answered_by_name"] == "Bea"


def test_where_no_key_is_asked_nobody_has_a_name(client: Client, mill: Mill) -> None:
    location = submitted(client, FILES)
    mill.turn()
    assert say(client, location, 0, prediction="1")["correction"]["by_name"] is None
    assert [row["answered_by_name"] for row in table(client, location)] == ["", "", "", ""]
    assert table(client, location)[0]["answered_by"] == "person"


def form_job(client: Client, mill: Mill, form: Form) -> str:
    assert client.post("/v1/templates", **publication(form)).status_code == 201
    asked = {"read": "form", "template": f"{form.template.name}@1"}
    pages = [("a.png", png(page(form, "1"))), ("b.png", png(page(form, "7")))]
    response = client.post("/v1/jobs", **submission(pages, asked))
    assert response.status_code == 202, response.text
    mill.turn()
    return response.headers["Location"]


def test_a_page_names_all_who_answered_its_fields(people: Sequence[Client], mill: Mill) -> None:
    zoe, bea = people
    form = form_named("claim", 3)
    location = form_job(zoe, mill, form)
    names = [field.name for field in form.template.fields]
    say(bea, location, 0, field=names[1], status="blank")
    say(zoe, location, 0, field=names[0], status="blank")
    say(bea, location, 0, field=names[2], status="blank")
    say(zoe, location, 1, field=names[0], status="blank")
    say(zoe, location, 1, seen=1, field=names[0], correction=None)
    first, second = table(zoe, location)
    assert list(first)[-4:] == ["answered_by", "answered_by_name", "copy_of", "form_set"]
    assert (first["answered_by"], first["answered_by_name"]) == ("person", f"'{ODD}; Bea")
    assert (second["answered_by"], second["answered_by_name"]) == ("model", "")
    assert {row["answered_by"] for row in table(zoe, location, "")} == {"model"}
    _, line, _ = read(zoe.get(f"{location}/results?format=xlsx&final=true").data)
    assert line[-2:] == ["person", f"{ODD}; Bea"]
    said = zoe.get(f"{location}/results/0").json["fields"][names[1]]["correction"]
    assert said["by_name"] == "Bea"
    service_csv = zoe.get(f"{location}/results?format=csv&final=true").data.decode()
    assert written_by_the_client(zoe, location, names) == service_csv


def test_a_field_that_is_called_as_the_last_column_keeps_it(client: Client, mill: Mill) -> None:
    form = form_named("claim", 3)
    first = first_of(form, "digits")
    fields = list(form.template.fields)
    fields[first] = fields[first].model_copy(update={"name": "answered_by_name"})
    template = form.template.model_copy(update={"fields": tuple(fields), "checks": ()})
    location = form_job(client, mill, replace(form, template=template))
    rows = table(client, location, "")
    assert list(rows[0]).count("answered_by_name") == 1
    assert rows[0]["answered_by_name"] == "1"
    names = [field.name for field in fields]
    service_csv = client.get(f"{location}/results?format=csv&final=true").data.decode()
    assert written_by_the_client(client, location, names) == service_csv
