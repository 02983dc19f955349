"""Prefer: wait, and the bound on requests that wait."""

from __future__ import annotations

from typing import Any

import pytest

from digitmill.errors import Overloaded
from tests.archives import zip_of
from tests.web.conftest import Client, Mill, assert_problem, form, submit, submitted
from tests.web.fakes import one, seven
from web.context import EXTENSION
from web.server.waiting import Waiting
from web.views.jobs import wait_seconds


def waiting_of(client: Client) -> Waiting:
    found: Waiting = client.application.extensions[EXTENSION].waiting
    return found


@pytest.mark.usefixtures("turning")
def test_a_job_that_is_final_in_time_is_answered_with_its_rows(client: Client) -> None:
    response = submit(client, [("a.png", one()), ("b.png", seven())], Prefer="wait=30")
    job = response.json
    assert response.status_code == 200
    assert response.headers["Preference-Applied"] == "wait=30"
    assert response.headers["Location"] == job["links"]["self"]
    assert "Retry-After" not in response.headers
    assert job["state"] == "completed"
    assert job["progress"] == 1
    assert [row["prediction"] for row in job["results"]] == ["1", "7"]
    assert "next" not in job["links"]


@pytest.mark.usefixtures("turning")
def test_a_large_job_carries_its_first_thousand_rows_and_a_link_to_the_next(client: Client) -> None:
    image = one()
    archive = zip_of((f"{number}.png", image) for number in range(1003))
    response = client.post(
        "/v1/jobs", data=archive, content_type="application/zip", headers={"Prefer": "respond-async, wait=60"}
    )
    assert len(response.json["results"]) == 1000
    rest = client.get(response.json["links"]["next"]).json
    assert [row["index"] for row in rest["results"]] == [1000, 1001, 1002]
    assert rest["next_cursor"] is None


def test_a_job_that_is_not_final_in_time_is_answered_as_accepted(client: Client) -> None:
    response = submit(client, [("a.png", one())], Prefer="wait=1")
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=1"
    assert response.headers["Retry-After"]
    assert "results" not in response.json


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5), ("respond-async, wait=10", 10), ("wait=3600", 60), ("wait=0", None), ("wait=-1", None),
        ("wait=1.5", None), ("wait=soon", None), ("wait", None), ("", None), ("return=minimal", None),
        ("wait=²", None), ("wait=" + "9" * 5000, None),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_of_prefer_is_ignored(prefer: str, seconds: int | None) -> None:
    assert wait_seconds(prefer) == seconds


def test_without_a_free_slot_waiting_ends_at_once(client: Client) -> None:
    slots = [waiting_of(client).require_slot() for _ in range(72)]
    response = submit(client, [("a.png", one())], Prefer="wait=60")
    assert response.status_code == 202
    assert "Preference-Applied" not in response.headers
    location = response.headers["Location"]
    for path in (f"{location}/results?format=csv", f"{location}/results?format=ndjson"):
        refused = client.get(path)
        assert_problem(refused, 503, "overloaded")
        assert refused.headers["Retry-After"]
    assert client.get(location).status_code == 200, "a poll needs no slot"
    with client.get(f"{location}/events") as events:
        assert events.status_code == 200, "nor does a stream of events"
    for slot in slots:
        slot.release()


@pytest.mark.parametrize("mill", [{"web_threads": 4}], indirect=True)
def test_every_slot_comes_back(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    submit(client, [("a.png", one())], Prefer="wait=1")
    client.post(f"{location}/cancel")
    for path in (f"{location}/events", f"{location}/results?format=csv") * 3:
        for method in ("GET", "HEAD", "GET"):
            response = client.open(path, method=method)
            assert response.status_code == 200
            if method == "GET":
                next(iter(response.response))
            response.close()
    held = [waiting_of(client).slot(), waiting_of(client).slot()]
    assert None not in held


def test_a_slot_is_given_back_once_however_often_it_is_released() -> None:
    waiting = Waiting(4)
    slots = [waiting.require_slot(), waiting.require_slot()]
    slots[0].release()
    slots[0].release()
    assert waiting.slot() is not None
    with pytest.raises(Overloaded):
        waiting.require_slot()


def test_a_process_that_is_to_stop_answers_waiting_requests_at_once(client: Client) -> None:
    waiting_of(client).closing = True
    client.application.extensions[EXTENSION].streams.close()
    response = client.post("/v1/jobs", data=form([("a.png", one())]), headers={"Prefer": "wait=60"})
    assert response.status_code == 202
    events: Any = client.get(f"{response.headers['Location']}/events")
    assert b"event: done" not in events.data


@pytest.mark.parametrize("mill", [{"web_threads": 8}], indirect=True)
def test_uploads_take_turns_and_are_refused_when_none_comes_free(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.server.waiting.UPLOAD_PATIENCE_SECONDS", 0.01)
    with waiting_of(client).upload_slot(), waiting_of(client).upload_slot():
        assert_problem(submit(client, [("a.png", one())]), 503, "overloaded")
    for _ in range(3):
        submitted(client, [("a.png", one())])
