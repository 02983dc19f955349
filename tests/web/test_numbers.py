"""Numbers over HTTP: the option ``read``, which model answers, rows with leading zeros, corrections and the review."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from digitmill.work.loading import Models
from tests.built_in import MANIFEST as DIGITS
from tests.numbers import field_files, label_of, model
from tests.web.conftest import Client, Mill, assert_problem, submit, submitted
from tests.web.fakes import one

NUMBERS = model().manifest.label


@pytest.fixture
def mill(mill: Mill) -> Mill:
    mill.worker = mill.service.work(Models(lambda _: model()))
    return mill


def test_a_strip_becomes_a_row_with_its_zeros_and_its_characters(client: Client, mill: Mill) -> None:
    files = sorted(field_files().items())
    location = submitted(client, files, {"read": "number", "review_below": 0.5, "alternatives": 1})
    mill.turn()
    job = client.get(location).json
    assert job["options"]["model"] == NUMBERS
    rows = client.get(f"{location}/results").json["results"]
    read = {row["name"]: row["prediction"] for row in rows}
    assert read["02_hsf-w4164_24.png"] == "02"
    row = rows[0]
    assert row["prediction"] == label_of(row["name"])
    assert [character["guesses"][0]["prediction"] for character in row["characters"]] == list(row["prediction"])
    assert all(len(character["guesses"]) == 2 and len(character["box"]) == 4 for character in row["characters"])

    assert "02_hsf-w4164_24.png,recognized,02," in client.get(f"{location}/results?format=csv").text
    line = client.get(f"{location}/results?format=ndjson").text.splitlines()[0]
    assert json.loads(line) == row
    sheet = client.get(f"{location}/results?format=xlsx").data
    with zipfile.ZipFile(io.BytesIO(sheet)) as book:
        texts = "".join(book.read(name).decode() for name in book.namelist() if name.endswith(".xml"))
    assert ">02<" in texts


def test_a_person_types_a_whole_number(client: Client, mill: Mill) -> None:
    location = submitted(client, sorted(field_files().items())[:3], {"read": "number", "review_below": 1})
    mill.turn()
    held = client.post(f"{location}/review", json={"reviewer": "ann"}).json
    assert held["waiting"] == {"number": 3}
    assert len(held["results"]) == 3
    for wrong in ("12a", "", "1" * 33):
        refused = client.open(f"{location}/results/0", method="PATCH", json={"prediction": wrong})
        assert_problem(refused, 400, "bad_options")
    corrected = client.open(f"{location}/results/0", method="PATCH", json={"prediction": "00017"})
    assert corrected.json["correction"]["prediction"] == "00017"
    assert client.post(f"{location}/review", json={"reviewer": "ann"}).json["waiting"] == {"number": 2}
    assert ",recognized,00017," in client.get(f"{location}/results?format=csv&final=true").text


@pytest.mark.parametrize("options", [{"read": "number", "model": DIGITS.label}, {"model": NUMBERS}])
def test_a_model_that_reads_something_else_is_refused(client: Client, options: dict[str, str]) -> None:
    problem = assert_problem(submit(client, [("a.png", one())], options), 400, "bad_options")
    assert problem["errors"][0]["field"] == "model"
    assert "reads" in problem["detail"]


def test_both_default_models_are_told(client: Client) -> None:
    models = client.get("/v1/models").json["models"]
    assert {each["reads"] for each in models if each["default"]} == {"digit", "number"}
