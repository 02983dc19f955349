"""Server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from digitmill.client.events import Event, events
from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import one
from web.context import EXTENSION

SMALL_CHUNKS = pytest.mark.parametrize("mill", [{"chunk_images": 1}], indirect=True)


def listen(client: Client, location: str, **headers: str) -> Iterator[Event]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response: Any = client.get(f"{location}/events", headers=named)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/event-stream")
    return events(iter(response.response))


def done(event: Event) -> int:
    return int(json.loads(event.data)["counts"]["done"])


@SMALL_CHUNKS
def test_progress_is_told_until_the_job_is_done(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one()), ("b.png", one())])
    stream = listen(client, location)
    first = next(stream)
    assert (first.kind, done(first)) == ("progress", 0)
    mill.turn(1)
    # that it runs is an event of its own, where the thread of all streams looks before the first image is done
    second = next(event for event in stream if done(event))
    assert (second.kind, done(second)) == ("progress", 1)
    mill.turn(1)
    last = next(stream)
    assert (last.kind, done(last)) == ("done", 2)
    assert json.loads(last.data) == client.get(location).json
    assert list(stream) == []


@SMALL_CHUNKS
def test_who_comes_back_is_not_told_again_what_was_seen(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one()), ("b.png", one()), ("c.png", one())])
    mill.turn(1)
    assert done(next(listen(client, location))) == 1
    stream = listen(client, location, Last_Event_ID="1")
    mill.turn(1)
    assert done(next(stream)) == 2
    mill.turn(1)
    assert next(stream).kind == "done"


def test_the_end_is_told_also_to_who_has_seen_all_images(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    mill.turn()
    for seen in ("1", "0", "", "x", "-5", "9" * 50):
        (event,) = listen(client, location, Last_Event_ID=seen)
        assert event.kind == "done"


def test_every_event_has_the_number_of_images_done_as_its_id(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    mill.turn()
    assert b"\nid: 01\nevent: done\ndata: {" in client.get(f"{location}/events").data


def test_the_stream_of_a_deleted_job_just_ends(client: Client) -> None:
    location = submitted(client, [("a.png", one())])
    stream = listen(client, location)
    assert next(stream).kind == "progress"
    client.delete(location)
    assert list(stream) == []


@pytest.mark.parametrize("mill", [{"web_streams": 2}], indirect=True)
def test_streams_past_as_many_as_may_be_are_refused_until_one_ends(client: Client) -> None:
    location = submitted(client, [("a.png", one())])
    open_ones = [client.get(f"{location}/events") for _ in range(2)]
    assert_problem(client.get(f"{location}/events"), 503, "overloaded")
    open_ones[0].close()
    with client.get(f"{location}/events") as third:
        assert third.status_code == 200
    open_ones[1].close()


def test_a_request_for_the_head_alone_leaves_no_stream_behind(client: Client) -> None:
    location = submitted(client, [("a.png", one())])
    client.head(f"{location}/events").close()
    assert len(client.application.extensions[EXTENSION].streams) == 0
