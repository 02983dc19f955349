"""Looking at jobs: one, all, cancelled, deleted, expired, and those of others."""

from __future__ import annotations

import pytest

from digitmill.domain.jobs import JobState, Problem
from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import heavy, one

UNKNOWN = "0" * 26
OF_A_JOB = (
    ("GET", ""), ("HEAD", ""), ("GET", "/results"), ("GET", "/results?format=csv"), ("GET", "/results/0"),
    ("GET", "/results/0/image"), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry"), ("DELETE", ""),
)  # fmt: skip


def test_a_finished_job_says_so_and_asks_for_no_more_polls(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one()), ("b.png", b"text")])
    assert client.get(location).headers["Retry-After"]
    mill.turn()
    response = client.get(location)
    assert "Retry-After" not in response.headers
    assert response.json["state"] == "completed"
    assert response.json["counts"] == {
        "total": 2, "done": 2, "recognized": 1, "review": 0, "blank": 0, "failed": 1, "skipped": 0, "corrected": 0,
        "unanswered": 0,
    }  # fmt: skip
    assert response.json["finished_at"] < response.json["expires_at"]


def test_an_unchanged_job_is_not_sent_again(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    first = client.get(location)
    etag = {"If-None-Match": first.headers["ETag"]}
    again = client.get(location, headers=etag)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Retry-After"]
    mill.turn()
    changed = client.get(location, headers=etag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_head_answers_as_get_without_a_body(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    mill.turn()
    for path in (
        location, f"{location}/results", f"{location}/results?format=csv", f"{location}/results/0",
        f"{location}/events", f"{location}/results/0/image", "/v1/jobs", "/v1/models", "/healthz", "/", "/docs",
        "/openapi.json", "/metrics",
    ):  # fmt: skip
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_a_slash_at_the_end_changes_nothing(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    mill.turn()
    for path in (location, f"{location}/results", f"{location}/results/0", "/v1/jobs", "/healthz", "/docs"):
        assert client.get(f"{path}/").status_code == client.get(path).status_code == 200
    assert_problem(client.get("/v1//jobs"), 404, "not_found")


def test_jobs_are_listed_newest_first_and_page_by_page(client: Client) -> None:
    made = [submitted(client, [("a.png", one())]).rpartition("/")[2] for _ in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/jobs", query_string=query).json
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(made, reverse=True)
    assert client.get("/v1/jobs?limit=5").json["next_cursor"] is None


def test_jobs_are_listed_by_state(client: Client, mill: Mill) -> None:
    submitted(client, [("a.png", one())])
    mill.turn()
    waiting = submitted(client, [("a.png", one())])
    states = {state: [job["links"]["self"] for job in client.get(f"/v1/jobs?state={state}").json["jobs"]]
              for state in JobState}  # fmt: skip
    assert states[JobState.QUEUED] == [waiting]
    assert len(states[JobState.COMPLETED]) == 1
    assert states[JobState.CANCELLED] == []


@pytest.mark.parametrize(
    "query",
    ["state=done", "limit=0", "limit=1001", "limit=x", "limit=1_0", "limit=%2B5", "cursor=x", "cursor=", "page=2"],
)
def test_a_bad_query_for_jobs_is_refused_by_its_name(client: Client, query: str) -> None:
    problem = assert_problem(client.get(f"/v1/jobs?{query}"), 400, "bad_options")
    assert problem["errors"][0]["field"] == query.partition("=")[0]


def test_a_cancelled_job_keeps_its_rows_and_stays_cancelled(client: Client) -> None:
    location = submitted(client, [("a.png", one())])
    cancelled = client.post(f"{location}/cancel")
    assert cancelled.status_code == 200
    assert cancelled.json["state"] == "cancelled"
    assert client.get(location).json == cancelled.json
    assert client.post(f"{location}/cancel").json == cancelled.json
    assert client.get(f"{location}/results").json["next_cursor"] is None


def test_a_completed_job_cannot_be_cancelled_any_more(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    mill.turn()
    assert client.post(f"{location}/cancel").json["state"] == "completed"


def test_a_deleted_job_is_gone_with_its_upload(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", heavy())])
    mill.turn()
    deleted = client.delete(location)
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert_problem(client.get(location), 404, "not_found")
    assert_problem(client.delete(location), 404, "not_found")
    assert list((mill.service.settings.var / "blobs").iterdir()) == []
    assert client.get("/v1/jobs").json["jobs"] == []


@pytest.mark.parametrize(("method", "path"), OF_A_JOB)
def test_an_unknown_job_and_that_of_another_owner_look_the_same(
    client: Client, mill: Mill, method: str, path: str
) -> None:
    theirs = mill.submit_for("bob", "a.png", one())
    mill.turn()
    for job_id in (UNKNOWN, theirs, "x", "a b", "%00", "é", f"{theirs}:plan"):
        response = client.open(f"/v1/jobs/{job_id}{path}", method=method)
        assert response.status_code == 404
        if method != "HEAD":
            assert_problem(response, 404, "not_found")
    assert mill.store.get(theirs).state is JobState.COMPLETED
    assert client.get("/v1/jobs").json["jobs"] == []


@pytest.mark.parametrize(("method", "path"), OF_A_JOB)
def test_an_expired_job_is_gone_for_good(client: Client, mill: Mill, method: str, path: str) -> None:
    location = submitted(client, [("a.png", one())], {"expires_in": 60})
    mill.turn()
    mill.pass_time(61)
    response = client.open(f"{location}{path}", method=method)
    assert response.status_code == 410
    if method != "HEAD":
        assert_problem(response, 410, "expired")


def test_a_job_that_failed_as_a_whole_says_why(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    job_id = location.rpartition("/")[2]
    mill.store.finish(job_id, JobState.FAILED, Problem("upload_lost", "The upload of this job is no longer stored."))
    job = client.get(location).json
    assert job["state"] == "failed"
    assert job["error"] == {
        "type": "/docs#errors-upload_lost",
        "title": "Upload lost",
        "detail": "The upload of this job is no longer stored.",
        "code": "upload_lost",
    }


def test_a_retry_is_a_job_of_the_failed_images_alone(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one()), ("b.png", b"text")], {"metadata": {"batch": "A7"}})
    mill.turn()
    response = client.post(f"{location}/retry")
    assert response.status_code == 202
    job = response.json
    assert (job["state"], job["counts"]["total"]) == ("queued", 1)
    assert job["metadata"] == {"batch": "A7", "retry_of": location.rpartition("/")[2]}
    assert response.headers["Location"] == job["links"]["self"]
    assert response.headers["Retry-After"]
    mill.turn()
    (row,) = client.get(job["links"]["results"]).json["results"]
    assert (row["name"], row["error"]["code"]) == ("b.png", "not_an_image")


def test_a_retry_with_the_same_idempotency_key_gives_the_same_job(client: Client, mill: Mill) -> None:
    location = submitted(client, [("b.png", b"text")])
    mill.turn()
    headers = {"Idempotency-Key": "once"}
    first, second = (client.post(f"{location}/retry", headers=headers).json["id"] for _ in range(2))
    assert first == second
    assert first != client.post(f"{location}/retry").json["id"]


def test_a_job_that_runs_or_has_no_failed_image_is_not_retried(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    assert_problem(client.post(f"{location}/retry"), 409, "job_not_final")
    mill.turn()
    assert_problem(client.post(f"{location}/retry"), 409, "nothing_failed")
