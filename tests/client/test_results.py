import csv
import io
import json
from pathlib import Path

import pytest

from digitmill.client import BrokenStream, Client, UnexpectedAnswer
from tests.client.scripted import Answer, ScriptedService, job_document, ndjson, problem, row_document

JOB = "/v1/jobs/job1"
RESULTS = "/v1/jobs/job1/results"
NDJSON = {"Content-Type": "application/x-ndjson"}
ROWS = [row_document(index) for index in range(3)]


@pytest.fixture
def finished(service: ScriptedService) -> ScriptedService:
    service.on("GET", JOB, Answer(job_document(total=3)))
    service.on("GET", RESULTS, Answer(ndjson(*ROWS), headers=NDJSON))
    return service


def test_rows_come_typed_and_in_order(finished: ScriptedService, client: Client) -> None:
    rows = list(client.results("job1"))
    assert [row.index for row in rows] == [0, 1, 2]
    assert rows[0].prediction == "7"
    assert rows[0].confidence == 0.9987
    assert rows[0].alternatives[0].prediction == "1"
    assert finished.calls("GET", RESULTS)[0].headers["accept"] == "application/x-ndjson"


def test_failures_and_corrections_are_read(service: ScriptedService, client: Client) -> None:
    failed = row_document(
        0,
        status="failed",
        prediction=None,
        confidence=None,
        error={"code": "not_an_image", "detail": "No image."},
        correction={"prediction": "4", "status": "recognized", "by": "ann", "at": "2026-01-02T03:04:05Z"},
    )
    service.on("GET", f"{RESULTS}/0", Answer(failed))
    row = client.row("job1", 0)
    assert row.error is not None
    assert row.error.code == "not_an_image"
    assert row.correction is not None
    assert (row.correction.by, row.correction.at.year) == ("ann", 2026)


def test_filters_go_to_the_service(finished: ScriptedService, client: Client) -> None:
    list(client.results("job1", status="review", min_confidence=0.25))
    assert finished.calls("GET", RESULTS)[0].query == {"status": ["review"], "min_confidence": ["0.25"]}


def test_a_name_with_odd_line_separators_does_not_cut_its_row(service: ScriptedService, client: Client) -> None:
    service.on("GET", JOB, Answer(job_document(total=1)))
    odd = "a\u2028b\x85c\x0bd.png"
    service.on("GET", RESULTS, Answer(ndjson(row_document(0, name=odd))))
    assert [row.name for row in client.results("job1")] == [odd]


@pytest.mark.parametrize("cut", [10, len(ndjson(ROWS[0])), len(ndjson(*ROWS[:2])) + 5])
def test_a_stream_that_breaks_off_is_resumed_without_doubled_rows(
    finished: ScriptedService, client: Client, cut: int
) -> None:
    whole = ndjson(*ROWS)
    finished.on("GET", RESULTS, Answer(whole, cut=cut), Answer(whole))
    assert [row.index for row in client.results("job1")] == [0, 1, 2]
    assert len(finished.calls("GET", RESULTS)) == 2


def test_a_stream_that_keeps_breaking_off_is_an_error(finished: ScriptedService, client: Client) -> None:
    finished.on("GET", RESULTS, Answer(ndjson(*ROWS), cut=len(ndjson(*ROWS[:2])) + 5))
    rows = client.results("job1")
    assert [next(rows).index, next(rows).index] == [0, 1]
    with pytest.raises(BrokenStream, match="after 2"):
        next(rows)


def test_a_stream_that_ends_politely_but_too_early_is_an_error(finished: ScriptedService, client: Client) -> None:
    finished.on("GET", RESULTS, Answer(ndjson(*ROWS[:2])))
    with pytest.raises(BrokenStream, match="after 2"):
        list(client.results("job1"))


def test_a_service_too_busy_to_stream_is_asked_again_when_it_said(finished: ScriptedService, client: Client) -> None:
    busy = problem(503, "overloaded", "Too many requests wait.")
    busy.headers = {"Retry-After": "0"}
    finished.on("GET", RESULTS, busy, busy, Answer(ndjson(*ROWS)))
    assert len(list(client.results("job1"))) == 3


def test_a_stream_whose_end_cannot_be_told_is_refused(finished: ScriptedService, client: Client) -> None:
    finished.on("GET", RESULTS, Answer(ndjson(*ROWS), framed=False))
    with pytest.raises(UnexpectedAnswer, match=r"HTTP/1\.1"):
        list(client.results("job1", status="recognized"))


def test_csv_is_written_as_the_contract_says(service: ScriptedService, client: Client, tmp_path: Path) -> None:
    error = {"code": "not_an_image", "detail": "No image."}
    rows = [
        row_document(0, prediction="007", name='with,comma and "quotes"\nand a line.png'),
        row_document(1, name="=1+1", status="failed", prediction=None, confidence=None, error=error),
        row_document(2, status="review", prediction="1", confidence=0.4, reason="cross"),
    ]
    service.on("GET", JOB, Answer(job_document(total=3)))
    service.on("GET", RESULTS, Answer(ndjson(*rows)))
    out = tmp_path / "rows.csv"
    client.results_csv("job1", out)
    assert list(csv.reader(io.StringIO(out.read_bytes().decode(), newline=""))) == [
        ["index", "name", "status", "prediction", "confidence", "error", "reason", "answered_by", "answered_by_name"],
        ["0", 'with,comma and "quotes"\nand a line.png', "recognized", "007", "0.9987", "", "", "model", ""],
        ["1", "'=1+1", "failed", "", "", "not_an_image", "", "", ""],
        ["2", "2.png", "review", "1", "0.4", "", "cross", "model", ""],
    ]


def test_ndjson_keeps_the_services_own_documents(finished: ScriptedService, client: Client) -> None:
    out = io.BytesIO()
    client.results_ndjson("job1", out)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == ROWS


def test_a_broken_download_leaves_an_older_file_as_it_was(
    finished: ScriptedService, client: Client, tmp_path: Path
) -> None:
    out = tmp_path / "rows.csv"
    out.write_text("older")
    finished.on("GET", RESULTS, Answer(ndjson(*ROWS[:2])))
    with pytest.raises(BrokenStream):
        client.results_csv("job1", out)
    assert out.read_text() == "older"
    assert list(tmp_path.iterdir()) == [out]


def test_pages_lead_on_by_their_cursor(service: ScriptedService, client: Client) -> None:
    service.on(
        "GET",
        RESULTS,
        Answer({"job_id": "job1", "state": "running", "results": ROWS[:2], "next_cursor": "c"}),
        Answer({"job_id": "job1", "state": "completed", "results": ROWS[2:], "next_cursor": None}),
    )
    first = client.page("job1", limit=2)
    second = client.page("job1", limit=2, cursor=first.next_cursor)
    assert [row.index for row in first.results + second.results] == [0, 1, 2]
    assert second.next_cursor is None
    assert service.asked[1].query == {"limit": ["2"], "cursor": ["c"]}


def test_images_come_as_bytes(service: ScriptedService, client: Client) -> None:
    service.on("GET", f"{RESULTS}/2/image", Answer(b"\x89PNG"))
    assert client.image("job1", 2, view="normalised") == b"\x89PNG"
    assert service.asked[0].query == {"view": ["normalised"]}
