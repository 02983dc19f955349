"""Jobs by state, time and metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest

from digitmill.jobs import finding
from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import one


def ids(client: Client, **sought: str) -> list[str]:
    """Of all pages."""
    found, cursor = list[str](), dict[str, str]()
    while True:
        page = client.get(f"/v1/jobs?{urlencode({**sought, **cursor})}").json
        found += [job["id"] for job in page["jobs"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def made(client: Client, metadata: Sequence[dict[str, object]]) -> list[str]:
    """Their ids, the newest first."""
    locations = [submitted(client, [("a.png", one())], {"metadata": each}) for each in metadata]
    return [location.rpartition("/")[2] for location in reversed(locations)]


def test_jobs_are_found_by_pairs_of_their_metadata(client: Client) -> None:
    third, second, first = made(client, [{"batch": "A7"}, {"batch": "B1", "n": 7}, {"batch": "A7", "n": 7}])
    assert ids(client, metadata='{"batch": "A7"}') == [third, first]
    assert ids(client, metadata='{"batch": "A7", "n": 7}') == [third]
    assert ids(client, metadata='{"n": 7}', limit="1") == [third, second]
    assert ids(client, metadata='{"n": "7"}') == ids(client, metadata='{"nothing": null}') == []
    assert ids(client, metadata="{}") == [third, second, first]


def test_jobs_are_found_by_several_states(client: Client, mill: Mill) -> None:
    (done,) = made(client, [{}])
    mill.turn()
    queued, cancelled = made(client, [{}, {}])
    client.post(f"/v1/jobs/{cancelled}/cancel")
    assert ids(client, state="completed,cancelled") == [cancelled, done]
    assert client.get("/v1/jobs?state=queued&state=completed").json["jobs"][0]["id"] == queued
    assert_problem(client.get("/v1/jobs?state=gone"), 400, "bad_options")


def test_jobs_are_found_by_the_time_at_which_they_were_made(client: Client, mill: Mill) -> None:
    (early,) = made(client, [{}])
    mill.pass_time(3600)
    (middle,) = made(client, [{}])
    mill.pass_time(3600)
    (late,) = made(client, [{}])
    when = client.get(f"/v1/jobs/{middle}").json["created_at"]
    assert ids(client, created_after=when) == [late, middle]
    assert ids(client, created_before=when) == [early]
    assert ids(client, created_before=when, cursor=middle) == [early]
    elsewhere = datetime.fromisoformat(when).astimezone(UTC).isoformat().replace("Z", "+00:00")
    assert ids(client, created_after=elsewhere, created_before="2999-12-31") == [late, middle]
    assert ids(client, created_after="2999-01-01") == []


@pytest.mark.parametrize("limit", ["1", "2", "1000"])
def test_every_job_that_fits_is_found_once_however_few_they_are(
    client: Client, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(finding, "AT_A_TIME", 2)
    monkeypatch.setattr(finding, "MOST_LOOKED_AT", 4)
    every = made(client, [{"rare": number % 5 == 0} for number in range(11)])
    assert ids(client, limit=limit) == every
    assert ids(client, limit=limit, metadata='{"rare": true}') == [every[0], every[5], every[10]]


@pytest.mark.parametrize(
    ("query", "field"),
    [("metadata=A7", "metadata"), ("metadata=[1]", "metadata"), ("created_after=yesterday", "created_after")],
)
def test_what_cannot_be_sought_is_said(client: Client, query: str, field: str) -> None:
    problem = assert_problem(client.get(f"/v1/jobs?{quote(query, safe='=')}"), 400, "bad_options")
    assert problem["errors"][0]["field"] == field


def test_a_day_that_there_is_not_is_said(client: Client) -> None:
    assert "2026-02-30" in assert_problem(client.get("/v1/jobs?created_after=2026-02-30"), 400, "bad_options")["detail"]
    assert json.loads(client.get("/v1/jobs?created_after=0001-01-01").text)["jobs"] == []


def deleted(client: Client, **sought: str) -> list[str]:
    """By all calls that it takes."""
    found, cursor = list[str](), dict[str, str]()
    while True:
        page = client.delete(f"/v1/jobs?{urlencode({**sought, **cursor})}").json
        found += page["deleted"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def test_jobs_are_deleted_by_the_filters_that_find_them(client: Client, mill: Mill) -> None:
    third, second, first = made(client, [{"batch": "A7"}, {"batch": "B1"}, {"batch": "A7"}])
    others = mill.submit_for("bob", "a.png", one())
    mill.turn()
    assert deleted(client, metadata='{"batch": "A7"}', limit="1") == [third, first]
    assert ids(client) == [second]
    assert_problem(client.get(f"/v1/jobs/{first}"), 404, "not_found")
    assert mill.store.get(others).owner == "bob"


def test_open_jobs_are_deleted_only_where_their_state_is_named(client: Client, mill: Mill) -> None:
    (done,) = made(client, [{}])
    mill.turn()
    (queued,) = made(client, [{}])
    assert deleted(client, created_after="2020-01-01") == [done]
    assert ids(client) == [queued]
    assert deleted(client, state="queued") == [queued]
    mill.turn()
    assert ids(client) == []


def test_nobody_deletes_all_jobs_by_saying_nothing(client: Client) -> None:
    (job,) = made(client, [{}])
    for query in ("", "?limit=5", "?unanswered=false", "?metadata=%7B%7D"):
        assert_problem(client.delete(f"/v1/jobs{query}"), 400, "bad_options")
    assert ids(client) == [job]
