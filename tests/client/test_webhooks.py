"""Webhooks and deliveries by the Python client: over a real server that sends them, and where answers are lost."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook as Signature

from digitmill.client import BadRequest, Client, Conflict, NotFound, WaitTimeout
from digitmill.client.deliveries import Attempt
from tests.client.scripted import Answer, ScriptedService, job_document, problem
from tests.receiver import Receiver
from tests.telling import one_job
from tests.web.conftest import Server, wait_until

DELIVERY: dict[str, Any] = {
    "id": "msg_job1",
    "event": "job.completed",
    "url": "https://hooks.example/",
    "state": "pending",
    "attempts": [{"at": "2026-01-31T09:00:00.250Z", "seconds": 0.5, "status": 500, "error": None}],
    "next_attempt_at": "2026-01-31T09:00:10.000Z",
}


def test_a_webhook_is_asked_for_with_the_submission(service: ScriptedService, client: Client) -> None:
    service.on("POST", "/v1/jobs", Answer(job_document("queued", done=0), 202))
    client.submit([("a.png", io.BytesIO(b"x"))], webhook_url="https://hooks.example/", webhook_drift=True)
    assert b'"webhook_url": "https://hooks.example/"' in service.asked[0].body
    assert b'"webhook_drift": true' in service.asked[0].body


def test_deliveries_read_as_the_service_tells_them(service: ScriptedService, client: Client) -> None:
    service.on("GET", "/v1/jobs/job1/deliveries", Answer({"deliveries": [DELIVERY]}))
    (delivery,) = client.deliveries("job1")
    assert (delivery.id, delivery.event, delivery.state) == ("msg_job1", "job.completed", "pending")
    assert delivery.attempts == (Attempt(datetime(2026, 1, 31, 9, 0, 0, 250_000, UTC), 0.5, 500, None),)
    assert delivery.next_attempt_at == datetime(2026, 1, 31, 9, 0, 10, tzinfo=UTC)


def test_a_delivery_is_sent_again(service: ScriptedService, client: Client) -> None:
    service.on("POST", "/v1/jobs/job1/deliveries/msg_job1/redeliver", Answer({**DELIVERY, "attempts": []}, 202))
    assert client.redeliver("job1", "msg_job1").attempts == ()


@pytest.fixture
def over_server(telling: Server) -> Iterator[Client]:
    """A client of a real server."""
    with Client(telling.url) as client:
        yield client


def test_a_webhook_goes_its_whole_way(over_server: Client, receiver: Receiver) -> None:
    client = over_server
    hook = client.add_webhook(receiver.url, events=["job.completed"], description="the ward")
    assert hook.secret is not None
    assert hook.secret not in repr(hook)
    assert (hook.events, hook.description, hook.enabled) == (("job.completed",), "the ward", True)
    (listed,) = client.webhooks()
    assert (listed.id, listed.secret, listed.last_test) == (hook.id, None, None)

    job = one_job(client)
    wait_until(lambda: [each.state for each in client.deliveries(job)] == ["delivered"])
    (delivery,) = client.all_deliveries(webhook=hook.id)
    assert (delivery.job_id, delivery.webhook, delivery.event) == (job, hook.id, "job.completed")
    assert [attempt.status for attempt in delivery.attempts] == [204]
    assert list(client.all_deliveries(state="failed,pending", webhook=hook.id)) == []
    (told,) = receiver.received
    assert Signature(hook.secret).verify(told.body, told.headers)["data"]["id"] == job

    renewed = client.renew_webhook_secret(hook.id, overlap=0)
    assert renewed.secret not in (None, hook.secret)
    changed = client.change_webhook(hook.id, events="job.failed", enabled=False)
    assert (changed.events, changed.enabled, changed.description) == (("job.failed",), False, "the ward")
    client.remove_webhook(hook.id)
    assert client.webhooks() == []
    with pytest.raises(NotFound):
        client.remove_webhook(hook.id)


def test_a_test_is_waited_for_and_tells_what_the_receiver_answered(over_server: Client, receiver: Receiver) -> None:
    receiver.statuses = [500, 204]
    hook = over_server.add_webhook(receiver.url)
    failed = over_server.test_webhook(hook.id, timeout=60)
    assert (failed.state, failed.job_id, [each.status for each in failed.attempts]) == ("failed", None, [500])
    assert over_server.test_webhook(hook.id, timeout=60).state == "delivered"
    last = over_server.webhook(hook.id).last_test
    assert last is not None
    assert last.state == "delivered"
    over_server.remove_webhook(hook.id)


def test_what_is_wrong_with_a_webhook_is_told(over_server: Client, receiver: Receiver) -> None:
    hook = over_server.add_webhook(receiver.url)
    with pytest.raises(Conflict, match=hook.id):
        over_server.add_webhook(receiver.url)
    with pytest.raises(BadRequest) as caught:
        over_server.change_webhook(hook.id, url="ftp://hooks.example/")
    assert [error["field"] for error in caught.value.errors] == ["url"]
    with pytest.raises(NotFound):
        over_server.test_webhook("wh_0123456789abcdef")
    over_server.remove_webhook(hook.id)


def test_jobs_are_deleted_by_a_filter_and_never_without_one(over_server: Client) -> None:
    first, second = one_job(over_server, batch="A7"), one_job(over_server, batch="A8")
    with pytest.raises(BadRequest):
        over_server.delete_jobs()
    with pytest.raises(BadRequest):
        over_server.delete_jobs(metadata={})
    assert over_server.delete_jobs(metadata={"batch": "nobody's"}) == []
    assert over_server.delete_jobs(metadata={"batch": "A7"}) == [first]
    assert [job.id for job in over_server.jobs(metadata={"batch": "A8"})] == [second]


def test_deliveries_are_fetched_page_by_page_as_they_are_asked_for(service: ScriptedService, client: Client) -> None:
    pages = [{**DELIVERY, "id": "a"}], [{**DELIVERY, "id": "b"}]
    answers = [{"deliveries": page, "next_cursor": cursor} for page, cursor in zip(pages, ("x", None), strict=True)]
    service.on("GET", "/v1/deliveries", *map(Answer, answers))
    found = client.all_deliveries(state="pending")
    assert next(found).id == "a"
    assert len(service.asked) == 1
    assert [each.id for each in found] == ["b"]
    assert [asked.query for asked in service.asked] == [
        {"state": ["pending"]}, {"state": ["pending"], "cursor": ["x"]},
    ]  # fmt: skip


def test_only_what_is_to_change_is_sent(service: ScriptedService, client: Client) -> None:
    service.on("PATCH", "/v1/webhooks/wh_1", problem(404, "not_found", "There is none."))
    with pytest.raises(NotFound):
        client.change_webhook("wh_1", description="", enabled=False)
    (asked,) = service.asked
    assert json.loads(asked.body) == {"description": "", "enabled": False}


def test_a_deletion_whose_answer_was_lost_is_done(service: ScriptedService, client: Client) -> None:
    gone = problem(404, "not_found", "There is none.")
    service.on("DELETE", "/v1/webhooks/wh_1", Answer(cut=0), gone)
    client.remove_webhook("wh_1")
    service.on("DELETE", "/v1/jobs/job1", Answer(cut=0), gone)
    client.delete("job1")
    assert len(service.asked) == 4


def test_a_test_that_no_worker_sends_ends_the_wait(service: ScriptedService, client: Client) -> None:
    pending = {**DELIVERY, "event": "webhook.test", "attempts": []}
    hook = {"id": "wh_1", "url": "https://hooks.example/", "events": ["job.failed"], "description": "", "enabled": True}
    service.on("POST", "/v1/webhooks/wh_1/test", Answer(pending, 202))
    service.on(
        "GET", "/v1/webhooks/wh_1", Answer({**hook, "created_at": "2026-01-31T09:00:00.250Z", "last_test": pending})
    )
    assert client.test_webhook("wh_1").state == "pending"
    with pytest.raises(WaitTimeout, match="worker"):
        client.test_webhook("wh_1", timeout=0)
