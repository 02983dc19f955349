import json
import subprocess
import sys

import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from digitmill.client import (
    Busy,
    Client,
    ClientError,
    Conflict,
    Job,
    NotFound,
    UnexpectedAnswer,
    Unreachable,
    WaitTimeout,
)
from digitmill.client.events import Event, events, lines
from tests.client.scripted import Answer, ScriptedService, job_document, problem

JOB = "/v1/jobs/job1"
EVENTS = "/v1/jobs/job1/events"
STREAM = {"Content-Type": "text/event-stream"}
NOW = {"Retry-After": "0.01"}


def event(kind: str, document: object) -> bytes:
    return f"id: 1\nevent: {kind}\ndata: {json.dumps(document)}\n\n".encode()


def test_waiting_follows_the_events(service: ScriptedService, client: Client) -> None:
    service.on("GET", JOB, Answer(job_document("running", done=0)), Answer(job_document(total=3)))
    body = b": keep open\n\n" + event("progress", job_document("running", done=2)) + event("done", {})
    service.on("GET", EVENTS, Answer(body, headers=STREAM))
    seen: list[Job] = []
    assert client.wait("job1", on_progress=seen.append).state == "completed"
    assert [job.counts.done for job in seen] == [0, 2, 3]


def test_waiting_for_a_final_job_asks_once(service: ScriptedService, client: Client) -> None:
    service.on("GET", JOB, Answer(job_document("cancelled", done=1)))
    assert client.wait("job1").state == "cancelled"
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "stream",
    [
        problem(404, "not_found", "No events here."),
        Answer(event("progress", job_document("running", done=1)), headers=STREAM),
        Answer(event("progress", job_document("running", done=1)), headers=STREAM, cut=40),
        Answer(event("progress", {"other": "shape"}), headers=STREAM),
        Answer(b"data: not json\n\n", headers=STREAM),
    ],
)
def test_where_events_fail_waiting_goes_on_by_polling(service: ScriptedService, client: Client, stream: Answer) -> None:
    tag = {"ETag": '"1"', **NOW}
    service.on(
        "GET",
        JOB,
        Answer(job_document("running", done=0)),
        Answer(job_document("running", done=1), headers=tag),
        Answer(status=304, headers=tag),
        Answer(job_document(total=3)),
    )
    service.on("GET", EVENTS, stream)
    assert client.wait("job1").state == "completed"
    polls = service.calls("GET", JOB)
    assert [poll.headers.get("if-none-match") for poll in polls] == [None, None, '"1"', '"1"']


def test_polling_survives_a_service_that_restarts(service: ScriptedService, client: Client) -> None:
    restarting = problem(503, "unavailable", "Restarting.")
    restarting.headers = {"Retry-After": "0"}  # six of these use up the tries of one call
    running = Answer(job_document("running", done=0))
    service.on("GET", JOB, running, *[restarting] * 8, Answer(job_document(total=3)))
    assert client.wait("job1").state == "completed"


def test_a_wait_that_takes_too_long_says_that_the_job_goes_on(service: ScriptedService, client: Client) -> None:
    service.on("GET", JOB, Answer(job_document("running", done=0), headers=NOW))
    with pytest.raises(WaitTimeout, match=r"job1 is not done after 0\.3 s"):
        client.wait("job1", timeout=0.3)


def test_jobs_are_fetched_page_by_page(service: ScriptedService, client: Client) -> None:
    service.on(
        "GET",
        "/v1/jobs",
        Answer({"jobs": [job_document(id="b")], "next_cursor": "next"}),
        Answer({"jobs": [job_document(id="a")], "next_cursor": None}),
    )
    jobs = client.jobs(state="completed")
    assert next(jobs).id == "b"
    assert len(service.asked) == 1
    assert [job.id for job in jobs] == ["a"]
    assert service.asked[1].query == {"state": ["completed"], "cursor": ["next"]}


def test_cancel_and_delete_name_the_job(service: ScriptedService, client: Client) -> None:
    service.on("POST", f"{JOB}/cancel", Answer(job_document("cancelled", done=1)))
    service.on("DELETE", JOB, Answer(status=204, body=b""))
    assert client.cancel("job1").state == "cancelled"
    client.delete("job1")
    assert [asked.method for asked in service.asked] == ["POST", "DELETE"]


def test_jobs_are_deleted_by_filters_page_by_page(service: ScriptedService, client: Client) -> None:
    pages = {"deleted": ["b"], "next_cursor": "b"}, {"deleted": ["a"], "next_cursor": None}
    service.on("DELETE", "/v1/jobs", *map(Answer, pages))
    assert list(client.delete_jobs(created_before="2026-01-31", metadata={"batch": "A7"})) == ["b", "a"]
    sought = {"created_before": ["2026-01-31"], "metadata": ['{"batch": "A7"}']}
    assert [asked.query for asked in service.asked] == [sought, {**sought, "cursor": ["b"]}]


def test_models_are_listed(service: ScriptedService, client: Client) -> None:
    model = {"name": "digits", "version": "2", "default": True, "accuracy": 0.99}
    service.on("GET", "/v1/models", Answer({"models": [model]}))
    (only,) = client.models()
    assert (only.name, only.version, only.default, only.manifest["accuracy"]) == ("digits", "2", True, 0.99)


def test_an_unknown_job_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.job("no/such job")
    assert caught.value.code == "not_found"


def test_a_job_that_failed_tells_why(service: ScriptedService, client: Client) -> None:
    service.on("GET", JOB, Answer(job_document("failed", done=0, error={"code": "gone", "detail": "Gone."})))
    job = client.job("job1")
    assert job.error is not None
    assert job.error.detail == "Gone."


@pytest.mark.parametrize("body", [b"<html>Welcome to the hotel</html>", b"[]", b"{}", b'{"id": 3}'])
def test_something_that_is_not_digitmill_is_told_apart(service: ScriptedService, client: Client, body: bytes) -> None:
    service.on("GET", JOB, Answer(body))
    with pytest.raises(UnexpectedAnswer, match="check the address"):
        client.job("job1")


def test_a_moved_service_names_its_new_address(service: ScriptedService, client: Client) -> None:
    service.on("GET", JOB, Answer(b"", 301, {"Location": "https://elsewhere/"}))
    with pytest.raises(UnexpectedAnswer, match="https://elsewhere/"):
        client.job("job1")


def test_a_gateway_that_answers_in_html_is_still_busy(service: ScriptedService, client: Client) -> None:
    service.on("GET", JOB, Answer(b"<html>", 502, {"Retry-After": "900"}))
    with pytest.raises(Busy, match="answered 502"):
        client.job("job1")


def test_a_silent_service_is_unreachable(silent_address: str) -> None:
    with (
        stamina.set_testing(True),
        Client(silent_address, timeout=0.05) as client,
        pytest.raises(Unreachable, match="did not answer"),
    ):
        client.job("job1")


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host"])
def test_an_address_without_a_scheme_is_refused_at_once(url: str) -> None:
    with pytest.raises(ClientError, match="http://"):
        Client(url)


def test_a_key_that_no_header_can_carry_is_said_plainly(service: ScriptedService) -> None:
    with Client(service.url, key="two\nlines") as client, pytest.raises(ClientError, match="the key"):
        client.models()


def test_the_client_imports_nothing_else_of_digitmill() -> None:
    code = "import sys, digitmill.client; print(*[name for name in sys.modules if name.startswith('digitmill')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in loaded if not name.startswith("digitmill.client")} == {"digitmill"}


@given(st.lists(st.binary(max_size=20)))
def test_lines_are_the_same_however_the_body_is_cut(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    expected = body.split(b"\n")
    assert list(lines(pieces)) == (expected if expected[-1] else expected[:-1])


@given(st.binary())
def test_any_bytes_are_read_as_events_without_an_error(body: bytes) -> None:
    for found in events([body]):
        assert isinstance(found, Event)


def test_an_event_of_several_data_lines_is_joined_and_a_cut_one_dropped() -> None:
    body = [b"event: progress\r\ndata: a\r\n", b"data:b\r\n\r\n: comment\n\nevent: done\ndata: c\n"]
    assert list(events(body)) == [Event("progress", "a\nb")]


def test_a_retry_is_a_new_job_and_asked_for_once(service: ScriptedService, client: Client) -> None:
    full = problem(503, "overloaded", "Too many images wait.")
    full.headers = {"Content-Type": "application/problem+json", **NOW}
    service.on("POST", f"{JOB}/retry", full, Answer({**job_document("queued", done=0), "id": "job2"}, 202))
    assert client.retry("job1").id == "job2"
    first, second = service.calls("POST", f"{JOB}/retry")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_a_retry_without_a_failed_image_is_a_conflict(service: ScriptedService, client: Client) -> None:
    service.on("POST", f"{JOB}/retry", problem(409, "nothing_failed", "No image of this job has failed."))
    with pytest.raises(Conflict) as caught:
        client.retry("job1")
    assert caught.value.code == "nothing_failed"
