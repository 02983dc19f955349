"""What web, worker and sweep expect of a queue, of every one that there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from digitmill.domain import QueueName
from digitmill.errors import StorageUnavailable
from digitmill.queue import EVENTS_QUEUE, PAGE_MESSAGES, CeleryQueue, MemoryQueue, Queue, celery_app
from digitmill.store.redis_line import Line


def of_memory(_: pytest.FixtureRequest) -> Queue:
    return MemoryQueue()


def of_celery(request: pytest.FixtureRequest) -> Queue:
    url = request.getfixturevalue("empty_redis_url")
    return CeleryQueue(celery_app(url), Line(redis.Redis.from_url(url)))


@pytest.fixture(params=[of_memory, of_celery])
def queue(request: pytest.FixtureRequest) -> Queue:
    make: Callable[[pytest.FixtureRequest], Queue] = request.param
    return make(request)


def test_a_queue_counts_its_own_messages(queue: Queue) -> None:
    queue.send(QueueName.BULK, "one", 0)
    queue.send(QueueName.BULK, "one", 1)
    queue.send(QueueName.INTERACTIVE, "two", 0)
    queue.send_event("three")
    assert [queue.depth(name) for name in (*QueueName, EVENTS_QUEUE)] == [1, 2, 1]


def test_those_in_line_are_counted_and_taken_once_in_their_order(queue: Queue) -> None:
    for chunk in range(3):
        queue.line_up("job", chunk)
    assert queue.waiting_jobs(QueueName.INTERACTIVE) == {"job"}
    assert queue.take_waiting(2) == [("job", 0), ("job", 1)]
    assert queue.take_waiting(2) == [("job", 2)]
    assert queue.take_waiting(2) == []


def test_bulk_work_is_exchanged_for_what_has_waited_longest(queue: Queue) -> None:
    assert queue.exchange(None) is None
    assert queue.exchange(("alone", 1)) == ("alone", 1)
    queue.send(QueueName.BULK, "one", 0)
    queue.send(QueueName.BULK, "two", 0)
    assert queue.exchange(("one", 1)) == ("one", 0)
    assert [queue.exchange(None) for _ in range(3)] == [("two", 0), ("one", 1), None]


def test_nobody_is_given_bulk_work_while_something_more_urgent_waits(queue: Queue) -> None:
    queue.send(QueueName.BULK, "one", 0)
    queue.send(QueueName.INTERACTIVE, "urgent", 0)
    assert queue.exchange(("one", 1)) is None
    assert queue.depth(QueueName.BULK) == 2, "what follows is sent all the same"


def test_an_event_is_more_urgent_than_bulk_work(queue: Queue) -> None:
    queue.send(QueueName.BULK, "one", 0)
    queue.send_event("over")
    assert queue.exchange(None) is None


def test_the_jobs_that_wait_are_those_with_a_message_in_that_queue(queue: Queue) -> None:
    assert queue.waiting_jobs(QueueName.BULK) == set()
    for job in ("one", "two", "one"):
        queue.send(QueueName.BULK, job, 7)
    queue.send(QueueName.INTERACTIVE, "three", 0)
    queue.line_up("four", 0)
    assert queue.waiting_jobs(QueueName.BULK) == {"one", "two"}
    assert queue.waiting_jobs(QueueName.INTERACTIVE) == {"three", "four"}


def test_the_jobs_of_a_long_queue_are_all_found(queue: Queue) -> None:
    jobs = {f"job{number}" for number in range(2 * PAGE_MESSAGES + 1)}
    for job in sorted(jobs):
        queue.send(QueueName.BULK, job, 0)
    assert queue.waiting_jobs(QueueName.BULK) == jobs


def test_a_broker_that_goes_away_between_two_commands_is_storage_that_fails(
    empty_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise redis.ConnectionError("Connection closed by server.")

    queue = CeleryQueue(celery_app(empty_redis_url), Line(redis.Redis.from_url(empty_redis_url)))
    monkeypatch.setattr(redis.Redis, "llen", gone)
    with pytest.raises(StorageUnavailable):
        queue.depth(EVENTS_QUEUE)
