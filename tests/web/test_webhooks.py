"""Webhooks over HTTP: the option, the log of deliveries, sending again."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, TypeAdapter

from digitmill.domain.access import Scope
from tests.core.test_drift import pile
from tests.receiver import Receiver
from tests.web.conftest import Client, Mill, assert_problem, submit
from tests.web.fakes import one
from web.documents.schemas import DeliveryList, Event

ALLOWED = pytest.mark.parametrize("mill", [{"webhook_private_addresses": True}], indirect=True)


def finished(client: Client, mill: Mill, url: str) -> str:
    """The address of a completed job whose event waits to be sent."""
    mill.service.webhooks.secrets.renew("local", overlap=0)
    response = submit(client, [("a.png", one())], {"webhook_url": url})
    assert response.status_code == 202, response.text
    assert response.json["options"]["webhook_url"] == url
    address: str = response.headers["Location"]
    assert client.get(f"{address}/deliveries").json == {"deliveries": []}
    mill.turn()
    return address


def send_all(mill: Mill) -> None:
    while mill.queue.events:
        mill.service.webhooks.deliver(mill.queue.events.popleft())


@ALLOWED
def test_a_delivery_is_logged_and_can_be_sent_again(client: Client, mill: Mill, receiver: Receiver) -> None:
    receiver.statuses = [500, 200]
    address = finished(client, mill, receiver.url)
    (waiting,) = client.get(f"{address}/deliveries").json["deliveries"]
    assert (waiting["state"], waiting["attempts"], waiting["event"]) == ("pending", [], "job.completed")
    send_all(mill)
    listed = client.get(f"{address}/deliveries").json
    TypeAdapter(DeliveryList).validate_python(listed, strict=True, extra="forbid")
    (failed,) = listed["deliveries"]
    assert (failed["id"], failed["url"], failed["state"]) == (waiting["id"], receiver.url, "pending")
    (attempt,) = failed["attempts"]
    assert set(attempt) == {"at", "seconds", "status", "error"}
    assert (attempt["status"], attempt["error"]) == (500, None)
    assert failed["next_attempt_at"] > attempt["at"]

    again = client.post(f"{address}/deliveries/{failed['id']}/redeliver")
    assert (again.status_code, again.json["state"]) == (202, "pending")
    send_all(mill)
    (delivered,) = client.get(f"{address}/deliveries").json["deliveries"]
    assert (delivered["state"], delivered["next_attempt_at"]) == ("delivered", None)
    assert [attempt["status"] for attempt in delivered["attempts"]] == [500, 200]
    assert [request.headers["webhook-id"] for request in receiver.received] == [failed["id"]] * 2
    for request in receiver.received:
        TypeAdapter(Event).validate_json(request.body, strict=True, extra="forbid")


@ALLOWED
def test_an_upload_of_one_body_takes_the_option_in_the_query(client: Client, mill: Mill, receiver: Receiver) -> None:
    mill.service.webhooks.secrets.renew("local", overlap=0)
    response = client.post("/v1/jobs", query_string={"webhook_url": receiver.url}, data=one(), content_type="image/png")
    assert response.json["options"]["webhook_url"] == receiver.url


@ALLOWED
def test_a_delivery_that_does_not_exist_is_not_found(client: Client, mill: Mill, receiver: Receiver) -> None:
    address = finished(client, mill, receiver.url)
    assert_problem(client.post(f"{address}/deliveries/msg_other/redeliver"), 404, "not_found")
    assert_problem(client.get("/v1/jobs/0123456789abcdefghjkmnpqrs/deliveries"), 404, "not_found")
    other = mill.submit_for("bob", "a.png", one())
    assert_problem(client.get(f"/v1/jobs/{other}/deliveries"), 404, "not_found")
    assert_problem(client.post(f"/v1/jobs/{other}/deliveries/msg_{other}/redeliver"), 404, "not_found")


@pytest.mark.parametrize(
    "url",
    ["", "hooks.example", "ftp://hooks.example", "https://", "https://a b", "https://u:p@hooks.example/",
     "http://127.0.0.1/", "http://[::1]:8000/", "http://169.254.169.254/latest/", 7],
)  # fmt: skip
def test_an_address_that_is_none_or_lies_inside_is_refused_at_once(client: Client, mill: Mill, url: object) -> None:
    mill.service.webhooks.secrets.renew("local", overlap=0)
    problem = assert_problem(submit(client, [("a.png", one())], {"webhook_url": url}), 400, "bad_options")
    assert [fault["field"] for fault in problem["errors"]] == ["webhook_url"]


def test_without_a_secret_the_caller_is_told_who_makes_one(client: Client) -> None:
    problem = assert_problem(
        submit(client, [("a.png", one())], {"webhook_url": "https://hooks.example/"}), 400, "bad_options"
    )
    assert "keys webhook-secret" in problem["detail"]


@pytest.mark.parametrize("mill", [{"webhook_private_addresses": True, "admin_key": SecretStr("admin")}], indirect=True)
def test_a_key_that_only_reads_sees_deliveries_and_sends_none(client: Client, mill: Mill, receiver: Receiver) -> None:
    _, reads = mill.service.keys.create("reader", [Scope.READ], lifetime=None, owner="office")
    _, submits = mill.service.keys.create("scanner", [Scope.SUBMIT], lifetime=None, owner="office")
    mill.service.webhooks.secrets.renew("office", overlap=0)
    options = {"webhook_url": receiver.url}
    response = submit(client, [("a.png", one())], options, Authorization=f"Bearer {submits}")
    mill.turn()
    address = f"{response.headers['Location']}/deliveries"
    may_read, may_submit = {"Authorization": f"Bearer {reads}"}, {"Authorization": f"Bearer {submits}"}
    (delivery,) = client.get(address, headers=may_read).json["deliveries"]
    assert_problem(client.get(address, headers=may_submit), 403, "forbidden")
    assert_problem(client.post(f"{address}/{delivery['id']}/redeliver", headers=may_read), 403, "forbidden")
    assert client.post(f"{address}/{delivery['id']}/redeliver", headers=may_submit).status_code == 202


def test_the_description_holds_what_receivers_get(client: Client) -> None:
    document = client.get("/openapi.json").json
    sent = document["webhooks"]["job"]["post"]
    assert sent["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Event"}
    assert document["components"]["schemas"]["Event"]["properties"]["data"] == {"$ref": "#/components/schemas/Job"}
    assert [header["name"] for header in sent["parameters"]] == [
        "webhook-id", "webhook-timestamp", "webhook-signature",
    ]  # fmt: skip


@ALLOWED
def test_who_asks_for_it_is_told_once_that_a_job_is_unlike_those_before(
    client: Client, mill: Mill, receiver: Receiver
) -> None:
    mill.service.webhooks.secrets.renew("local", overlap=0)
    asked = {"webhook_url": receiver.url, "webhook_drift": True}
    usual = submit(client, list(pile(120, 0).items()), asked).headers["Location"]
    mill.turn()
    faint = submit(client, list(pile(40, 150).items()), asked).headers["Location"]
    unasked = submit(client, list(pile(40, 150).items()), {"webhook_url": receiver.url}).headers["Location"]
    mill.turn()
    assert client.get(faint).json["options"]["webhook_drift"] is True
    send_all(mill)
    told = [TypeAdapter(Event).validate_json(request.body) for request in receiver.received]
    # who told of the drift in the store has died before it asked for it to be sent, and it is told again
    mill.store.tallies.note_drift(faint.rpartition("/")[2], "{}", f"{faint.rpartition('/')[2]}:drifted")
    assert mill.store.webhooks.waiting(10) == []
    assert sorted((event["type"], event["data"]["links"]["self"]) for event in told) == sorted(
        [("job.drifted", faint), *(("job.completed", each) for each in (usual, faint, unasked))]
    )
    (drifted,) = (event for event in told if event["type"] == "job.drifted")
    assert "ainter ink" in drifted["data"]["drift"]["sentence"]
    ids = [request.headers["webhook-id"] for request in receiver.received]
    assert len(set(ids)) == 4


@ALLOWED
def test_the_event_of_a_drift_has_a_log_of_its_own_and_can_be_sent_again(
    client: Client, mill: Mill, receiver: Receiver
) -> None:
    mill.service.webhooks.secrets.renew("local", overlap=0)
    asked = {"webhook_url": receiver.url, "webhook_drift": True}
    usual = submit(client, list(pile(120, 0).items()), asked).headers["Location"]
    mill.turn()
    faint = submit(client, list(pile(40, 150).items()), asked).headers["Location"]
    mill.turn()
    send_all(mill)

    def events(job: str) -> dict[str, int]:
        listed = client.get(f"{job}/deliveries").json
        TypeAdapter(DeliveryList).validate_python(listed, strict=True, extra="forbid")
        return {each["event"]: len(each["attempts"]) for each in listed["deliveries"]}

    assert events(usual) == {"job.completed": 1}
    assert events(faint) == {"job.completed": 1, "job.drifted": 1}
    (drifted,) = (
        each for each in client.get(f"{faint}/deliveries").json["deliveries"] if each["event"] == "job.drifted"
    )
    assert client.post(f"{faint}/deliveries/{drifted['id']}/redeliver").status_code == 202
    mill.service.webhooks.deliver(f"{faint.rpartition('/')[2]}:drifted")
    assert events(faint) == {"job.completed": 1, "job.drifted": 2}
    client.delete(faint)
    assert mill.store.webhooks.log(f"{faint.rpartition('/')[2]}:drifted").attempts == []


def test_drift_cannot_be_told_without_an_address(client: Client) -> None:
    problem = assert_problem(submit(client, [("a.png", one())], {"webhook_drift": True}), 400, "bad_options")
    assert [fault["field"] for fault in problem["errors"]] == ["webhook_drift"]
    query = client.post("/v1/jobs?webhook_drift=true&name=a.png", data=one(), content_type="image/png")
    assert [fault["field"] for fault in assert_problem(query, 400, "bad_options")["errors"]] == ["webhook_drift"]
