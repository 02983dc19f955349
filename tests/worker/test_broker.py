"""What a consumer does when Redis fails it between a message and its receipt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import redis
from kombu.connection import Connection

from digitmill.settings import Settings
from tests.end_to_end.conftest import Stack, new_stack
from worker import broker
from worker.app import build

pytestmark = pytest.mark.service

QUEUE = "bulk"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A Redis alone."""
    stack = new_stack(tmp_path)
    try:
        stack.start("redis")
        stack.wait_for(lambda: answers(stack), "Redis")
        yield stack
    finally:
        stack.close()


def answers(stack: Stack) -> bool:
    try:
        return bool(stack.redis.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture
def connection(stack: Stack) -> Iterator[Any]:
    url = stack.settings["DIGITMILL_REDIS_URL"]
    with Connection(url, transport="worker.broker:Transport") as connection:  # type: ignore[no-untyped-call]
        yield connection


def send(connection: Any, text: str) -> None:
    connection.Producer(connection.default_channel).publish(text, routing_key=QUEUE)


def deliver(connection: Any, text: str) -> Any:
    """Send a message and take it, by a consumer that has room for one."""
    received: list[Any] = []
    send(connection, text)
    channel = connection.default_channel
    channel.basic_qos(0, 1, False)
    channel.basic_consume(QUEUE, False, received.append, "consumer")
    while not received:
        try:
            connection.drain_events(timeout=10)
        except Empty:
            continue
    return received[0]


def test_a_receipt_that_redis_did_not_take_leaves_room_for_the_next_message(stack: Stack, connection: Any) -> None:
    message = deliver(connection, "one")
    channel = connection.default_channel
    assert not channel.qos.can_consume()
    stack.kill("redis")
    with pytest.raises(redis.ConnectionError):
        message.ack()
    assert channel.qos.can_consume()


def test_a_rejection_that_redis_did_not_take_leaves_room_for_the_next_message(stack: Stack, connection: Any) -> None:
    message = deliver(connection, "one")
    stack.kill("redis")
    with pytest.raises(redis.ConnectionError):
        message.reject()
    assert connection.default_channel.qos.can_consume()


def test_a_message_that_a_full_redis_does_not_note_is_worked_on_and_the_next_comes_after_a_pause(
    stack: Stack, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "FULL_SECONDS", 3600.0)
    send(connection, "one")
    stack.redis.config_set("maxmemory", 1)
    channel = connection.default_channel
    message = channel.basic_get(QUEUE)
    assert message.decode() == "one"
    assert stack.redis.hlen("unacked") == 0
    assert not channel.qos.can_consume()
    message.ack()
    assert not channel.qos.can_consume()
    monkeypatch.setattr(channel.qos, "_full_until", 0.0)
    assert channel.qos.can_consume()


@pytest.mark.parametrize("url", ["redis://:secret@127.0.0.1:1/2", "unix://:secret@/a%20b/redis.sock?db=2"])
def test_the_worker_takes_messages_by_its_own_transport_whatever_the_address(url: str, tmp_path: Path) -> None:
    app = build(Settings(redis_url=url, var=tmp_path))
    with app.connection_for_read() as connection:
        assert connection.get_transport_cls() is broker.Transport
