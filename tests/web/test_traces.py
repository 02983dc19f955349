"""Traces: one from the request over the chunks to their rows, sent to a collector; nothing where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from digitmill.settings import Settings
from digitmill.system import tracing
from tests.receiver import Receiver, receiving
from tests.web.conftest import Client, Mill, submit, wait_until
from tests.web.fakes import one

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, PARENT = CALLER.split("-")[1:3]
IN_CHUNKS = pytest.mark.parametrize("mill", [{"chunk_images": 2, "webhook_private_addresses": True}], indirect=True)


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiving() as receiver:
        tracing.configure_tracing(Settings(traces_url=f"http://127.0.0.1:{receiver.port}"), "web")
        yield receiver
        tracing.configure_tracing(Settings(), "web")


def spans(collector: Receiver) -> list[dict[str, Any]]:
    """What has come so far."""
    found = []
    for request in list(collector.received):
        assert request.path == "/v1/traces"
        assert request.headers["content-type"] == "application/json"
        (resource,) = json.loads(request.body)["resourceSpans"]
        assert {"key": "service.name", "value": {"stringValue": "digitmill-web"}} in resource["resource"]["attributes"]
        found += resource["scopeSpans"][0]["spans"]
    return found


def named(collector: Receiver, name: str, count: int = 1) -> list[dict[str, Any]]:
    """The spans of this name, once there are so many."""
    wait_until(lambda: len([span for span in spans(collector) if span["name"] == name]) >= count)
    return [span for span in spans(collector) if span["name"] == name]


def attributes(span: Mapping[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


@IN_CHUNKS
def test_a_job_is_one_trace_from_the_request_to_its_rows(client: Client, mill: Mill, collector: Receiver) -> None:
    files = [(f"{number}.png", one()) for number in range(5)]
    job = submit(client, files, traceparent=CALLER).headers["Location"].rpartition("/")[2]
    mill.turn()
    (request,) = named(collector, "POST /v1/jobs")
    assert (request["traceId"], request["parentSpanId"], request["kind"]) == (TRACE, PARENT, 2)
    assert attributes(request)["http.response.status_code"] == "202"
    (wakeup,) = named(collector, "wake a worker")
    assert (wakeup["traceId"], wakeup["parentSpanId"]) == (TRACE, request["spanId"])
    chunks = named(collector, "read a chunk", 3)
    assert {(chunk["traceId"], chunk["parentSpanId"]) for chunk in chunks} == {(TRACE, request["spanId"])}
    told = [attributes(chunk) for chunk in chunks]
    assert {each["digitmill.job"] for each in told} == {job}
    assert sorted(each["digitmill.chunk"] for each in told) == ["0", "1", "2"]
    assert sum(int(each["digitmill.images"]) for each in told) == 5
    assert [each["digitmill.completed"] for each in told].count(True) == 1
    stored = named(collector, "store rows", 3)
    assert {each["parentSpanId"] for each in stored} == {chunk["spanId"] for chunk in chunks}
    for span in spans(collector):
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        assert "png" not in json.dumps(span)


@IN_CHUNKS
def test_a_webhook_belongs_to_the_trace_of_its_job(client: Client, mill: Mill, collector: Receiver) -> None:
    with receiving() as receiver:
        receiver.statuses = [500]
        client.post("/v1/webhooks", json={"url": receiver.url})
        submit(client, [("a.png", one())], traceparent=CALLER)
        mill.turn()
        while mill.queue.events:
            mill.service.webhooks.deliver(mill.queue.events.popleft())
    (sent,) = named(collector, "send a webhook")
    assert (sent["traceId"], sent["status"]) == (TRACE, {"code": 2})


def test_a_trace_begins_with_a_request_that_names_none(client: Client, mill: Mill, collector: Receiver) -> None:
    submit(client, [("a.png", one())])
    submit(client, [("a.png", one())], traceparent="no trace at all")
    requests = named(collector, "POST /v1/jobs", 2)
    assert {request["parentSpanId"] for request in requests} == {""}
    assert len({request["traceId"] for request in requests}) == 2
    mill.turn()
    chunks = named(collector, "read a chunk", 2)
    assert {chunk["traceId"] for chunk in chunks} == {request["traceId"] for request in requests}


def test_who_does_not_sample_is_not_traced(client: Client, mill: Mill, collector: Receiver) -> None:
    submit(client, [("a.png", one())], traceparent=f"{CALLER[:-2]}00")
    mill.turn()
    client.get("/v1/models")
    named(collector, "GET /v1/models")
    assert {span["name"] for span in spans(collector)} == {"GET /v1/models"}


def test_a_collector_that_is_away_costs_nothing_but_the_spans(client: Client, mill: Mill) -> None:
    tracing.configure_tracing(Settings(traces_url="http://127.0.0.1:9"), "web")
    try:
        address = submit(client, [("a.png", one())]).headers["Location"]
        mill.turn()
        assert client.get(address).json["state"] == "completed"
    finally:
        tracing.configure_tracing(Settings(), "web")


def test_without_a_collector_nothing_is_noted(client: Client, mill: Mill) -> None:
    job = submit(client, [("a.png", one())], traceparent=CALLER).headers["Location"].rpartition("/")[2]
    assert mill.store.get(job).trace is None
    assert tracing.current() is None
