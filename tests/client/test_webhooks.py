from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from digitmill.client import Client
from digitmill.client.documents import Attempt
from tests.client.scripted import Answer, ScriptedService, job_document

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
    client.submit([("a.png", io.BytesIO(b"x"))], webhook_url="https://hooks.example/")
    assert b'"webhook_url": "https://hooks.example/"' in service.asked[0].body


def test_deliveries_read_as_the_service_tells_them(service: ScriptedService, client: Client) -> None:
    service.on("GET", "/v1/jobs/job1/deliveries", Answer({"deliveries": [DELIVERY]}))
    (delivery,) = client.deliveries("job1")
    assert (delivery.id, delivery.event, delivery.state) == ("msg_job1", "job.completed", "pending")
    assert delivery.attempts == (Attempt(datetime(2026, 1, 31, 9, 0, 0, 250_000, UTC), 0.5, 500, None),)
    assert delivery.next_attempt_at == datetime(2026, 1, 31, 9, 0, 10, tzinfo=UTC)


def test_a_delivery_is_sent_again(service: ScriptedService, client: Client) -> None:
    service.on("POST", "/v1/jobs/job1/deliveries/msg_job1/redeliver", Answer({**DELIVERY, "attempts": []}, 202))
    assert client.redeliver("job1", "msg_job1").attempts == ()
