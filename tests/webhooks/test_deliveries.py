"""From a job's end to its webhook, in one process: what is sent, when again, and what the log says."""

from __future__ import annotations

import json
import socket
import time

import pytest
from standardwebhooks import Webhook

from digitmill.domain.jobs import JobState, Options
from digitmill.errors import BadOptions, NotFound
from digitmill.webhooks.deliveries import MOST_ATTEMPTS, NOT_SENT, Delivery, Webhooks, pause_after
from digitmill.webhooks.sending import TOO_LATE, Poster
from tests.core.conftest import Mill, png
from tests.receiver import Receiver, answering

ALLOWED = pytest.mark.parametrize("mill", [{"webhook_private_addresses": True}], indirect=True)


def finished(mill: Mill, receiver: Receiver) -> str:
    """A completed job whose event waits to be sent."""
    mill.service.webhooks.secrets.renew("ann", overlap=0)
    job = mill.submit(
        {"a.png": png()}, Options(webhook_url=receiver.url, expires_in=30 * 86400, metadata={"ward": "7ü"})
    )
    mill.turn()
    return job.id


def delivery(mill: Mill, job_id: str) -> Delivery:
    (found,) = mill.service.webhooks.deliveries(mill.service.jobs.get("ann", job_id))
    return found


@ALLOWED
def test_a_completed_job_is_told_once_signed_and_without_its_rows(mill: Mill, receiver: Receiver) -> None:
    job_id = finished(mill, receiver)
    assert list(mill.queue.events) == [job_id]
    for _ in range(3):
        mill.service.webhooks.deliver(job_id)
    (request,) = receiver.received
    (secret,) = mill.service.webhooks.secrets.live("ann")
    event = Webhook(secret).verify(request.body, request.headers)
    assert event["type"] == "job.completed"
    assert event["timestamp"] == event["data"]["finished_at"]
    assert event["data"]["id"] == job_id
    assert event["data"]["metadata"] == {"ward": "7ü"}
    assert event["data"]["counts"]["done"] == 1
    assert "results" not in event["data"]
    found = delivery(mill, job_id)
    assert (found.id, found.state, found.next_attempt_at) == (request.headers["webhook-id"], "delivered", None)
    assert [attempt.status for attempt in found.attempts] == [204]


@ALLOWED
@pytest.mark.parametrize(("state", "event"), [(JobState.CANCELLED, "job.cancelled"), (JobState.FAILED, "job.failed")])
def test_a_job_that_ends_otherwise_is_told_too(
    mill: Mill,
    receiver: Receiver,
    state: JobState,
    event: str,
) -> None:
    mill.service.webhooks.secrets.renew("ann", overlap=0)
    job = mill.submit({"a.png": png()}, Options(webhook_url=receiver.url))
    if state is JobState.CANCELLED:
        mill.service.jobs.cancel("ann", job.id)
    else:
        mill.service.blobs.delete(job.id)
        mill.turn()
    assert mill.queue.events.popleft() == job.id
    mill.service.webhooks.deliver(job.id)
    assert json.loads(receiver.received[0].body)["type"] == event


@ALLOWED
def test_a_lost_message_is_sent_again_by_the_sweep(mill: Mill, receiver: Receiver) -> None:
    job_id = finished(mill, receiver)
    mill.queue.events.clear()
    mill.service.recovery.sweep()
    assert list(mill.queue.events) == [job_id]
    mill.pass_time(60)
    mill.service.recovery.sweep()
    assert list(mill.queue.events) == [job_id], "repeated while the queue does not move"
    mill.queue.events.clear()
    mill.service.webhooks.deliver(job_id)
    mill.pass_time(60)
    mill.service.recovery.sweep()
    assert not mill.queue.events


@ALLOWED
def test_an_event_is_tried_again_with_growing_pauses_under_one_id_until_it_arrives(
    mill: Mill,
    receiver: Receiver,
) -> None:
    receiver.statuses = [500, 302, 404, 200]
    job_id = finished(mill, receiver)
    pauses = []
    for _ in range(3):
        assert mill.service.webhooks.deliver(job_id) is not None
        found = delivery(mill, job_id)
        assert found.state == "pending"
        assert mill.service.webhooks.deliver(job_id) is None, "tried before its time"
        pause = (found.next_attempt_at or 0) - time.time()
        pauses.append(pause)
        mill.pass_time(pause)
    mill.service.webhooks.deliver(job_id)
    found = delivery(mill, job_id)
    assert found.state == "delivered"
    assert [attempt.status for attempt in found.attempts] == [500, 302, 404, 200]
    assert {request.headers["webhook-id"] for request in receiver.received} == {found.id}
    assert {request.body for request in receiver.received} == {receiver.received[0].body}
    for pause, middle in zip(pauses, (10, 20, 40), strict=True):
        assert 0.8 * middle <= pause <= 1.2 * middle


@ALLOWED
def test_an_event_is_given_up_after_the_last_attempt(mill: Mill, receiver: Receiver) -> None:
    receiver.statuses = [503]
    job_id = finished(mill, receiver)
    for _ in range(MOST_ATTEMPTS + 3):
        mill.service.webhooks.deliver(job_id)
        mill.pass_time(86400 / 2)
    assert len(receiver.received) == MOST_ATTEMPTS
    assert delivery(mill, job_id).state == "failed"


def test_the_pauses_make_about_a_day() -> None:
    pauses = [pause_after(attempts, 1.0) for attempts in range(1, MOST_ATTEMPTS + 1)]
    assert pauses[-1] is None
    assert 20 * 3600 < sum(pause for pause in pauses if pause is not None) < 28 * 3600


@ALLOWED
def test_a_receiver_that_is_gone_is_never_asked_again_unless_somebody_says_so(
    mill: Mill,
    receiver: Receiver,
) -> None:
    receiver.statuses = [410]
    job_id = finished(mill, receiver)
    mill.service.webhooks.deliver(job_id)
    found = delivery(mill, job_id)
    assert (found.state, found.next_attempt_at) == ("gone", None)
    mill.pass_time(86400)
    assert mill.service.webhooks.deliver(job_id) is None
    receiver.statuses = [200]
    again = mill.service.webhooks.send_again(mill.service.jobs.get("ann", job_id), found.id)
    assert again.state == "pending"
    mill.service.webhooks.deliver(job_id)
    assert delivery(mill, job_id).state == "delivered"
    assert [request.headers["webhook-id"] for request in receiver.received] == [found.id] * 2


@ALLOWED
def test_a_sender_that_died_leaves_its_event_to_the_next(mill: Mill, receiver: Receiver) -> None:
    job_id = finished(mill, receiver)
    mill.queue.events.clear()
    assert mill.store.webhooks.claim(job_id, 120) is not None
    mill.service.recovery.sweep()
    assert not mill.queue.events
    mill.pass_time(121)
    mill.service.recovery.sweep()
    assert list(mill.queue.events) == [job_id]
    assert mill.service.webhooks.deliver(job_id) is not None


@ALLOWED
def test_a_receiver_that_hangs_is_let_be_for_a_while_and_delays_nobody_else(mill: Mill, receiver: Receiver) -> None:
    impatient = Webhooks(
        mill.service.settings,
        mill.store.webhooks,
        mill.service.measures,
        Poster(private_addresses=True, total_seconds=0.2),
    )
    asked = []

    def hang(connection: socket.socket) -> None:
        asked.append(connection)
        while connection.recv(1 << 16):
            continue

    other = finished(mill, receiver)
    with answering(hang) as port:
        options = Options(webhook_url=f"http://127.0.0.1:{port}/")
        jobs = [mill.submit({"a.png": png()}, options).id for _ in range(3)]
        mill.turn()
        for job_id in (*jobs, other):
            impatient.deliver(job_id)
        assert len(asked) == 1
        errors = [delivery(mill, job_id).attempts[0].error for job_id in jobs]
        assert errors == [TOO_LATE, NOT_SENT, NOT_SENT]
        assert delivery(mill, other).state == "delivered"
        mill.pass_time(31)
        impatient.deliver(jobs[1])
        assert len(asked) == 2


def test_private_addresses_are_not_called_unless_a_setting_allows_it(mill: Mill, receiver: Receiver) -> None:
    mill.service.webhooks.secrets.renew("ann", overlap=0)
    with pytest.raises(BadOptions, match="private"):
        mill.submit({"a.png": png()}, Options(webhook_url=receiver.url))
    job = mill.submit({"a.png": png()}, Options(webhook_url=f"http://localhost:{receiver.port}/"))
    mill.turn()
    mill.service.webhooks.deliver(job.id)
    found = delivery(mill, job.id)
    assert found.state == "pending"
    assert "private" in str(found.attempts[0].error)
    assert receiver.received == []


@ALLOWED
def test_a_webhook_is_refused_before_there_is_a_secret_to_sign_it_with(mill: Mill, receiver: Receiver) -> None:
    with pytest.raises(BadOptions, match="webhook-secret") as refused:
        mill.submit({"a.png": png()}, Options(webhook_url=receiver.url))
    assert [fault.field for fault in refused.value.errors] == ["webhook_url"]
    assert mill.service.jobs.list("ann", state=None, before=None, limit=10) == []


@ALLOWED
def test_jobs_without_an_address_and_jobs_that_go_on_have_no_deliveries(mill: Mill, receiver: Receiver) -> None:
    mill.service.webhooks.secrets.renew("ann", overlap=0)
    plain = mill.submit({"a.png": png()})
    waiting = mill.submit({"a.png": png()}, Options(webhook_url=receiver.url))
    for job in (plain, waiting):
        assert mill.service.webhooks.deliveries(job) == []
        with pytest.raises(NotFound):
            mill.service.webhooks.send_again(job, f"msg_{job.id}")
