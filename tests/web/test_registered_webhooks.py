"""Webhooks that an owner registers once: what they are told of, changing them, trying them, one list of deliveries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter
from standardwebhooks import Webhook

from digitmill.domain.access import Scope
from tests.core.test_drift import pile
from tests.receiver import Receiver
from tests.web.conftest import Client, Mill, assert_problem, submit
from tests.web.fakes import one
from tests.web.test_webhooks import send_all
from web.documents import schemas

HOOKS = "/v1/webhooks"
ALLOWED = pytest.mark.parametrize("mill", [{"webhook_private_addresses": True}], indirect=True)
IN_CHUNKS = pytest.mark.parametrize("mill", [{"webhook_private_addresses": True, "chunk_images": 2}], indirect=True)


def registered(client: Client, url: str, **parts: Any) -> dict[str, Any]:
    response = client.post(HOOKS, json={"url": url, **parts})
    assert response.status_code == 201, response.text
    document: dict[str, Any] = response.json
    TypeAdapter(schemas.WebhookWithSecret).validate_python(document, strict=True, extra="forbid")
    assert response.headers["Location"] == f"{HOOKS}/{document['id']}"
    return document


def patched(client: Client, hook: dict[str, Any], **parts: Any) -> Any:
    return client.open(f"{HOOKS}/{hook['id']}", method="PATCH", json=parts)


def job_of(client: Client, images: int = 1, **options: object) -> str:
    """The id of a new job."""
    files = [(f"{number}.png", one()) for number in range(images)]
    return submit(client, files, options).headers["Location"].rpartition("/")[2]


def told(receiver: Receiver) -> list[tuple[str, str]]:
    """Names of events and jobs, in the order in which they came."""
    events = [json.loads(request.body) for request in receiver.received]
    return [(event["type"], event["data"]["id"]) for event in events]


@ALLOWED
def test_a_registered_webhook_is_told_of_every_job_and_signed_with_its_own_secret(
    client: Client, mill: Mill, receiver: Receiver
) -> None:
    hook = registered(client, receiver.url, description="the ward")
    others = mill.submit_for("bob", "a.png", one())
    first, second = job_of(client), job_of(client)
    client.post(f"/v1/jobs/{second}/cancel")
    mill.turn()
    send_all(mill)
    assert sorted(told(receiver)) == sorted([("job.completed", first), ("job.cancelled", second)])
    assert others not in [job for _, job in told(receiver)]
    for request in receiver.received:
        Webhook(hook["secret"]).verify(request.body, request.headers)
        TypeAdapter(schemas.Event).validate_json(request.body, strict=True, extra="forbid")
    assert mill.store.webhooks.waiting(10) == []


@ALLOWED
def test_what_is_registered_is_listed_without_its_secret_and_found_by_its_owner_alone(
    client: Client, mill: Mill, receiver: Receiver
) -> None:
    hook = registered(client, receiver.url)
    assert hook["events"] == ["job.completed", "job.failed", "job.cancelled"]
    listed = client.get(HOOKS).json
    TypeAdapter(schemas.WebhookList).validate_python(listed, strict=True, extra="forbid")
    secret = hook.pop("secret")
    assert listed == {"webhooks": [hook]}
    assert client.get(f"{HOOKS}/{hook['id']}").json == hook
    assert secret.startswith("whsec_")
    assert mill.service.webhooks.endpoints.of("bob") == []
    assert_problem(client.get(f"{HOOKS}/wh_0123456789abcdef"), 404, "not_found")
    assert_problem(client.post(HOOKS, json={"url": receiver.url}), 409, "conflict")


@ALLOWED
def test_a_webhook_is_told_only_of_the_events_that_it_wants(client: Client, mill: Mill, receiver: Receiver) -> None:
    hook = registered(client, receiver.url, events=["job.failed"])
    job_of(client)
    mill.turn()
    send_all(mill)
    assert receiver.received == []
    assert patched(client, hook, events=["job.completed", "job.drifted"]).json["events"] == [
        "job.completed", "job.drifted",
    ]  # fmt: skip
    submit(client, list(pile(120, 0).items()))
    mill.turn()
    faint = submit(client, list(pile(40, 150).items())).headers["Location"].rpartition("/")[2]
    mill.turn()
    for due in mill.store.webhooks.ask(10):
        mill.service.webhooks.deliver(due)
    assert [job for name, job in told(receiver) if name == "job.drifted"] == [faint]


@IN_CHUNKS
def test_progress_is_told_at_tenths_until_the_job_ends(client: Client, mill: Mill, receiver: Receiver) -> None:
    registered(client, receiver.url, events=["job.progress", "job.completed"])
    job = job_of(client, images=40)
    done = []
    while not mill.store.get(job).state.final:
        mill.turn(1)
        send_all(mill)
        done = [json.loads(request.body)["data"]["counts"]["done"] for request in receiver.received]
    names = [name for name, _ in told(receiver)]
    assert names == ["job.progress"] * (len(names) - 1) + ["job.completed"]
    assert done == sorted(done)
    assert 1 <= len(names) - 1 <= 9
    found = client.get("/v1/deliveries?event=job.progress").json["deliveries"]
    assert all(each["attempts"] for each in found)


@IN_CHUNKS
def test_progress_that_was_not_told_in_time_is_not_told_after_the_end(
    client: Client, mill: Mill, receiver: Receiver
) -> None:
    registered(client, receiver.url, events=["job.progress"])
    job_of(client, images=40)
    mill.turn()
    send_all(mill)
    assert receiver.received == []
    assert mill.store.webhooks.waiting(50) == []


@ALLOWED
def test_a_webhook_that_is_switched_off_or_removed_is_sent_nothing(
    client: Client, mill: Mill, receiver: Receiver
) -> None:
    receiver.statuses = [500, 204]
    hook = registered(client, receiver.url)
    job = job_of(client)
    mill.turn()
    send_all(mill)
    assert patched(client, hook, enabled=False).json["enabled"] is False
    (delivery,) = client.get(f"/v1/jobs/{job}/deliveries").json["deliveries"]
    client.post(f"/v1/jobs/{job}/deliveries/{delivery['id']}/redeliver")
    send_all(mill)
    (delivery,) = client.get(f"/v1/jobs/{job}/deliveries").json["deliveries"]
    assert (len(receiver.received), delivery["state"]) == (1, "failed")
    assert "switched off" in delivery["attempts"][-1]["error"]
    job_of(client)
    mill.turn()
    send_all(mill)
    assert len(receiver.received) == 1
    patched(client, hook, enabled=True)
    assert client.delete(f"{HOOKS}/{hook['id']}").status_code == 204
    assert_problem(client.delete(f"{HOOKS}/{hook['id']}"), 404, "not_found")
    job_of(client)
    mill.turn()
    assert (client.get(HOOKS).json, mill.store.webhooks.waiting(10)) == ({"webhooks": []}, [])
    (left,) = client.get(f"/v1/jobs/{job}/deliveries").json["deliveries"]
    assert (left["webhook"], left["url"]) == (hook["id"], "")


@ALLOWED
def test_a_receiver_that_answers_410_is_switched_off(client: Client, mill: Mill, receiver: Receiver) -> None:
    receiver.statuses = [410]
    hook = registered(client, receiver.url)
    job_of(client)
    mill.turn()
    send_all(mill)
    assert client.get(f"{HOOKS}/{hook['id']}").json["enabled"] is False
    assert [each["state"] for each in client.get("/v1/deliveries").json["deliveries"]] == ["gone"]


@ALLOWED
def test_a_secret_is_renewed_with_an_overlap(client: Client, mill: Mill, receiver: Receiver) -> None:
    hook = registered(client, receiver.url)
    renewed = client.post(f"{HOOKS}/{hook['id']}/secret", json={"overlap": 3600}).json
    assert renewed["secret"] != hook["secret"]
    job_of(client)
    mill.turn()
    send_all(mill)
    (request,) = receiver.received
    for secret in (hook["secret"], renewed["secret"]):
        Webhook(secret).verify(request.body, request.headers)
    last = client.post(f"{HOOKS}/{hook['id']}/secret", json={"overlap": 0}).json["secret"]
    job_of(client)
    mill.turn()
    send_all(mill)
    assert len(receiver.received[1].headers["webhook-signature"].split()) == 1
    Webhook(last).verify(receiver.received[1].body, receiver.received[1].headers)


@ALLOWED
def test_a_webhook_is_tried_and_tells_what_came_of_it(client: Client, mill: Mill, receiver: Receiver) -> None:
    receiver.statuses = [500, 204]
    hook = registered(client, receiver.url, events=["job.failed"])
    response = client.post(f"{HOOKS}/{hook['id']}/test")
    assert (response.status_code, response.json["state"], response.json["event"]) == (202, "pending", "webhook.test")
    send_all(mill)
    last = client.get(f"{HOOKS}/{hook['id']}").json["last_test"]
    TypeAdapter(schemas.Delivery).validate_python(last, strict=True, extra="forbid")
    assert (last["state"], last["attempts"][0]["status"], last["job_id"]) == ("failed", 500, None)
    assert mill.store.webhooks.waiting(10) == [], "a test is made once"
    client.post(f"{HOOKS}/{hook['id']}/test")
    send_all(mill)
    assert client.get(f"{HOOKS}/{hook['id']}").json["last_test"]["state"] == "delivered"
    for request in receiver.received:
        event = Webhook(hook["secret"]).verify(request.body, request.headers)
        TypeAdapter(schemas.TestEvent).validate_python(event, strict=True, extra="forbid")
        assert event["data"] == {"webhook": hook["id"]}
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 2


@ALLOWED
def test_one_list_has_the_deliveries_of_all_jobs(client: Client, mill: Mill, receiver: Receiver) -> None:
    mill.service.webhooks.secrets.renew("local", overlap=0)
    hook = registered(client, receiver.url)
    receiver.statuses = [500, 204]
    first = job_of(client)
    mill.turn()
    send_all(mill)
    second = job_of(client, webhook_url=receiver.url)
    mill.turn()
    send_all(mill)
    listed = client.get("/v1/deliveries").json
    TypeAdapter(schemas.DeliveryPage).validate_python(listed, strict=True, extra="forbid")
    found = [(each["job_id"], each["webhook"], each["state"]) for each in listed["deliveries"]]
    assert sorted(found[:2], key=str) == sorted(
        [(second, None, "delivered"), (second, hook["id"], "delivered")], key=str
    )
    assert found[2:] == [(first, hook["id"], "pending")]
    (failing,) = client.get("/v1/deliveries?state=pending,failed").json["deliveries"]
    assert (failing["job_id"], failing["attempts"][0]["status"]) == (first, 500)
    assert len(client.get(f"/v1/deliveries?webhook={hook['id']}").json["deliveries"]) == 2
    page = client.get("/v1/deliveries?limit=1").json
    assert {each["job_id"] for each in page["deliveries"]} == {second}
    rest = client.get(f"/v1/deliveries?cursor={page['next_cursor']}").json
    assert ([each["job_id"] for each in rest["deliveries"]], rest["next_cursor"]) == ([first], None)
    again = client.post(f"/v1/jobs/{first}/deliveries/{failing['id']}/redeliver")
    assert again.status_code == 202
    send_all(mill)
    assert client.get("/v1/deliveries?state=pending").json["deliveries"] == []
    assert_problem(client.get("/v1/deliveries?state=lost"), 400, "bad_options")


@ALLOWED
def test_of_a_deleted_job_nothing_is_sent_or_kept(client: Client, mill: Mill, receiver: Receiver) -> None:
    receiver.statuses = [500]
    registered(client, receiver.url)
    job = job_of(client)
    mill.turn()
    send_all(mill)
    (due,) = mill.store.webhooks.waiting(10)
    assert mill.store.webhooks.log(due).attempts
    assert client.delete(f"/v1/jobs/{job}").status_code == 204
    mill.pass_time(60)
    assert mill.service.webhooks.deliver(due) is None
    assert mill.store.webhooks.waiting(10) == []
    assert (mill.store.webhooks.to_endpoints([job]), mill.store.webhooks.log(due).attempts) == ([[]], [])


@pytest.mark.parametrize("url", ["", "ftp://a.example", "http://127.0.0.1/", "https://u:p@hooks.example/"])
def test_an_address_to_which_nothing_can_be_sent_is_refused(client: Client, url: str) -> None:
    problem = assert_problem(client.post(HOOKS, json={"url": url}), 400, "bad_options")
    assert [fault["field"] for fault in problem["errors"]] == ["url"]


@pytest.mark.parametrize("parts", [{"events": []}, {"events": ["job.lost"]}, {"secret": "mine"}, {"description": 7}])
def test_what_is_said_wrongly_is_refused(client: Client, parts: dict[str, Any]) -> None:
    assert_problem(client.post(HOOKS, json={"url": "https://hooks.example/", **parts}), 400, "bad_options")


def test_no_more_are_registered_than_may_be(client: Client) -> None:
    for number in range(20):
        registered(client, f"https://hooks.example/{number}")
    problem = assert_problem(client.post(HOOKS, json={"url": "https://hooks.example/more"}), 409, "conflict")
    assert "20" in problem["detail"]


@pytest.mark.parametrize("mill", [{"admin_key": SecretStr("admin")}], indirect=True)
def test_who_only_submits_cannot_have_others_jobs_told(client: Client, mill: Mill) -> None:
    _, submits = mill.service.keys.create("scanner", [Scope.SUBMIT], lifetime=None, owner="office")
    _, both = mill.service.keys.create("office", [Scope.SUBMIT, Scope.READ], lifetime=None, owner="office")
    body = {"url": "https://hooks.example/"}
    refused = client.post(HOOKS, json=body, headers={"Authorization": f"Bearer {submits}"})
    assert "`read`" in assert_problem(refused, 403, "forbidden")["detail"]
    assert client.post(HOOKS, json=body, headers={"Authorization": f"Bearer {both}"}).status_code == 201


@pytest.mark.parametrize("mill", [{"admin_key": SecretStr("admin")}], indirect=True)
def test_the_page_is_for_who_may_register(client: Client, mill: Mill) -> None:
    _, reads = mill.service.keys.create("reader", [Scope.READ], lifetime=None, owner="office")
    _, both = mill.service.keys.create("office", [Scope.SUBMIT, Scope.READ], lifetime=None, owner="office")
    refused = client.get("/webhooks", headers={"Authorization": f"Bearer {reads}"})
    assert refused.status_code == 403
    assert "`submit`" in refused.text or "<code>submit</code>" in refused.text
    for key, links in ((reads, 0), (both, 1)):
        shown = client.get("/jobs", headers={"Authorization": f"Bearer {key}"}).text
        assert shown.count('href="/webhooks"') == links
    assert client.get("/webhooks", headers={"Authorization": f"Bearer {both}"}).status_code == 200
