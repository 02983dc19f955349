import json
from pathlib import Path

import pytest

from digitmill.cli import main
from tests.client.scripted import Answer, ScriptedService, ndjson, problem, row_document

ROW = "/v1/jobs/job1/results/1"
AT = "2026-01-02T03:04:05Z"


def corrected(prediction: str | None, status: str = "recognized") -> dict[str, object]:
    correction = {"prediction": prediction, "status": status, "by": "ann", "at": AT}
    return row_document(1, correction=correction, revision=1)


@pytest.mark.parametrize(
    ("answer", "row", "body", "told"),
    [
        ("4", corrected("4"), {"prediction": "4"}, "Row 1: 4; revision 1.\n"),
        ("blank", corrected(None, "blank"), {"status": "blank"}, "Row 1: blank; revision 1.\n"),
        ("undo", row_document(1, revision=2), {"correction": None}, "Row 1: the model's answer; revision 2.\n"),
    ],
)
def test_a_row_is_corrected(
    service: ScriptedService,
    capfd: pytest.CaptureFixture[str],
    answer: str,
    row: dict[str, object],
    body: dict[str, object],
    told: str,
) -> None:
    service.on("PATCH", ROW, Answer(row))
    assert main(["correct", "job1", "1", answer, "--revision", "5"]) == 0
    assert capfd.readouterr().out == told
    (asked,) = service.asked
    assert json.loads(asked.body) == body
    assert asked.headers["if-match"] == '"5"'


def test_a_field_of_a_page_is_corrected_by_its_own_revision(
    service: ScriptedService, capfd: pytest.CaptureFixture[str]
) -> None:
    correction = {"prediction": "A,C", "status": "recognized", "by": "ann", "at": AT}
    said = {"status": "review", "value": "A", "confidence": 0.5, "reason": "several", "alternatives": []}
    fields = {"answer": {**said, "correction": correction, "revision": 3}}
    service.on("PATCH", ROW, Answer(row_document(1, fields=fields, revision=3)))
    assert main(["correct", "job1", "1", "A,C", "--field", "answer", "--revision", "2"]) == 0
    assert capfd.readouterr().out == "Row 1, answer: A,C; revision 3.\n"
    (asked,) = service.asked
    assert json.loads(asked.body) == {"prediction": "A,C", "field": "answer"}
    assert asked.headers["if-match"] == '"2"'


@pytest.mark.parametrize("answer", ["", "1 0", "x", "٣", "recognized"])
def test_what_is_no_answer_is_not_sent(
    service: ScriptedService, capfd: pytest.CaptureFixture[str], answer: str
) -> None:
    assert main(["correct", "job1", "1", answer]) == 1
    assert "give a digit or a number, blank, not_a_digit, undo" in capfd.readouterr().err
    assert service.asked == []


def test_a_row_that_was_changed_meanwhile_is_told(service: ScriptedService, capfd: pytest.CaptureFixture[str]) -> None:
    service.on("PATCH", ROW, problem(412, "row_changed", "Look again."))
    assert main(["correct", "job1", "1", "4"]) == 1
    assert capfd.readouterr().err == "Look again.\n"


def test_the_history_is_a_line_for_each_change(service: ScriptedService, capfd: pytest.CaptureFixture[str]) -> None:
    four, smudge = {"prediction": "4", "status": "recognized"}, {"prediction": None, "status": "not_a_digit"}
    history = [
        {"revision": 1, "before": None, "after": four, "by": "ann", "at": AT},
        {"revision": 2, "before": four, "after": smudge, "by": "bob", "at": AT},
        {"revision": 3, "before": smudge, "after": None, "by": "cem", "at": AT, "by_name": "Cem", "hidden": True},
    ]
    service.on("GET", f"{ROW}/history", Answer({"job_id": "job1", "index": 1, "history": history}))
    assert main(["history", "job1", "1"]) == 0
    first, second, third = capfd.readouterr().out.splitlines()
    assert first.split() == ["1", "2026-01-02", "03:04:05+00:00", "ann", "the", "model's", "answer", "->", "4"]
    assert second.endswith("4 -> not_a_digit")
    assert third.endswith("Cem           not_a_digit -> entered, and hidden until another person has")


def test_the_answered_images_go_to_a_file(service: ScriptedService, tmp_path: Path) -> None:
    service.on("GET", "/v1/jobs/job1/labelled.zip", Answer(b"PK"))
    assert main(["labelled", "job1", "--out", str(tmp_path / "new.zip")]) == 0
    assert (tmp_path / "new.zip").read_bytes() == b"PK"


def test_results_can_be_final_and_filtered_by_corrections(
    service: ScriptedService, capfd: pytest.CaptureFixture[str]
) -> None:
    service.on("GET", "/v1/jobs/job1/results", Answer(ndjson(corrected("4"))))
    assert main(["results", "job1", "--format", "csv", "--final", "--corrected"]) == 0
    assert capfd.readouterr().out.splitlines()[1] == "1,1.png,recognized,4,,,,person,"
    assert service.calls("GET", "/v1/jobs/job1/results")[0].query == {"corrected": ["true"]}
    assert main(["results", "job1", "--format", "ndjson", "--final"]) == 1
    assert "--final belongs to CSV" in capfd.readouterr().err


def test_the_table_marks_what_a_person_said(service: ScriptedService, capfd: pytest.CaptureFixture[str]) -> None:
    service.on("GET", "/v1/jobs/job1/results", Answer(ndjson(row_document(0), corrected("4"))))
    assert main(["results", "job1", "--format", "table"]) == 0
    _, model, person = capfd.readouterr().out.splitlines()
    assert model.split()[2] == "7"
    assert person.split()[2] == "4!"
