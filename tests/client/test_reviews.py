import io
import json
from pathlib import Path

import pytest

from digitmill.client import BadRequest, Client, Conflict, HistoryEntry, Said, Unreachable
from tests.client.scripted import Answer, JsonDocument, ScriptedService, job_document, ndjson, problem, row_document

ROW = "/v1/jobs/job1/results/3"
RESULTS = "/v1/jobs/job1/results"
CORRECTION = {"prediction": "4", "status": "recognized", "by": "ann", "at": "2026-01-02T03:04:05Z"}


def corrected(**more: object) -> JsonDocument:
    return row_document(3, correction=CORRECTION, revision=2, **more)


def test_a_correction_names_the_revision_that_was_seen(service: ScriptedService, client: Client) -> None:
    service.on("PATCH", ROW, Answer(corrected()))
    row = client.correct("job1", 3, prediction="4", revision=1)
    assert row.correction is not None
    assert (row.prediction, row.correction.prediction, row.revision) == ("7", "4", 2)
    client.correct("job1", 3, status="blank")
    client.take_back("job1", 3, revision=2)
    asked = service.calls("PATCH", ROW)
    assert [json.loads(call.body) for call in asked] == [
        {"prediction": "4"}, {"status": "blank"}, {"correction": None},
    ]  # fmt: skip
    assert [call.headers["if-match"] for call in asked] == ['"1"', '"0"', '"2"']


def test_a_row_that_was_changed_meanwhile_is_a_conflict(service: ScriptedService, client: Client) -> None:
    service.on("PATCH", ROW, problem(412, "row_changed", "Look again."))
    with pytest.raises(Conflict) as caught:
        client.correct("job1", 3, prediction="4")
    assert caught.value.code == "row_changed"
    assert len(service.calls("PATCH", ROW)) == 1


def test_a_correction_is_sent_again_while_the_service_is_busy(service: ScriptedService, client: Client) -> None:
    service.on("PATCH", ROW, Answer(cut=0), problem(503, "storage_unavailable", "Wait."), Answer(corrected()))
    assert client.correct("job1", 3, prediction="4").revision == 2


def test_many_corrections_go_out_a_thousand_at_a_time(service: ScriptedService, client: Client) -> None:
    done = {"index": 0, "revision": 1, "correction": CORRECTION, "error": None}
    refused = {"index": 9, "revision": 0, "correction": None, "error": {"code": "not_found", "detail": "None."}}
    service.on("PATCH", RESULTS, Answer({"job_id": "job1", "results": [done, refused]}))
    rows = list(client.correct_many("job1", ({"index": n, "revision": 0, "prediction": "1"} for n in range(2500))))
    sizes = [len(json.loads(call.body)["corrections"]) for call in service.calls("PATCH", RESULTS)]
    assert sizes == [1000, 1000, 500]
    assert len(rows) == 6
    assert rows[0].correction is not None
    assert rows[0].error is None
    assert rows[1].error is not None
    assert rows[1].error.code == "not_found"


def test_the_history_is_read(service: ScriptedService, client: Client) -> None:
    entry = {"revision": 1, "before": None, "after": {"prediction": None, "status": "blank"}, "by": "ann"}
    document = {"job_id": "job1", "index": 3, "history": [entry | {"at": "2026-01-02T03:04:05Z"}]}
    service.on("GET", f"{ROW}/history", Answer(document))
    (read,) = client.history("job1", 3)
    assert read == HistoryEntry(1, None, Said(None, "blank"), "ann", read.at)
    assert read.at.year == 2026


def test_doubtful_rows_are_held_and_released(service: ScriptedService, client: Client) -> None:
    document = {"job_id": "job1", "results": [corrected()], "held_until": "2026-01-02T03:04:05Z", "waiting": {"7": 5}}
    service.on("POST", "/v1/jobs/job1/review", Answer(document))
    service.on("DELETE", "/v1/jobs/job1/review", Answer(b"", 204))
    hold = client.hold("job1", "tab-1", limit=5, prediction="7")
    assert [row.index for row in hold.rows] == [3]
    assert (hold.waiting, hold.until.year) == ({"7": 5}, 2026)
    client.release("job1", "tab-1")
    (asked,) = service.calls("POST", "/v1/jobs/job1/review")
    assert json.loads(asked.body) == {"reviewer": "tab-1", "limit": 5, "prediction": "7"}
    assert service.calls("DELETE", "/v1/jobs/job1/review")[0].query == {"reviewer": ["tab-1"]}


def test_the_answered_images_are_written_whole_or_not_at_all(
    service: ScriptedService, client: Client, tmp_path: Path
) -> None:
    path = "/v1/jobs/job1/labelled.zip"
    service.on("GET", path, Answer(b"PK" * 1000), Answer(b"PK" * 1000, cut=500))
    client.labelled("job1", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == b"PK" * 1000
    with pytest.raises(Unreachable):
        client.labelled("job1", tmp_path / "b.zip")
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_final_csv_has_a_persons_answer_in_the_place_of_the_models(service: ScriptedService, client: Client) -> None:
    service.on("GET", "/v1/jobs/job1", Answer(job_document(total=2)))
    service.on("GET", RESULTS, Answer(ndjson(row_document(0), corrected())))
    plain, final = io.BytesIO(), io.BytesIO()
    client.results_csv("job1", plain)
    client.results_csv("job1", final, final=True, corrected=True)
    assert plain.getvalue().decode().splitlines()[2] == "3,3.png,recognized,7,0.9987,,,model,"
    assert final.getvalue().decode().splitlines()[1:] == [
        "0,0.png,recognized,7,0.9987,,,model,",
        "3,3.png,recognized,4,,,,person,",
    ]
    assert service.calls("GET", RESULTS)[1].query == {"corrected": ["true"]}


def test_a_correction_that_says_nothing_is_the_services_to_refuse(service: ScriptedService, client: Client) -> None:
    service.on("PATCH", ROW, problem(400, "bad_options", "Say something."))
    with pytest.raises(BadRequest):
        client.correct("job1", 3)
