"""When a worker's consumer counts as stuck: work waits, and no child is given a message."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from digitmill.errors import StorageUnavailable
from worker.consumer_watchdog import CHECKS, ConsumerWatchdog


def some_wait() -> bool:
    return True


def none_wait() -> bool:
    return False


def checks_until_stuck(watchdog: ConsumerWatchdog, waiting: Callable[[], bool]) -> int | None:
    return next((n for n in range(10 * CHECKS) if watchdog.stuck(waiting)), None)


def test_a_worker_that_is_given_none_of_the_messages_that_wait_is_stuck() -> None:
    assert checks_until_stuck(ConsumerWatchdog(), some_wait) == CHECKS


def test_a_worker_without_messages_to_take_is_not_stuck() -> None:
    assert checks_until_stuck(ConsumerWatchdog(), none_wait) is None


def test_a_message_taken_starts_the_count_anew() -> None:
    watchdog = ConsumerWatchdog()
    for _ in range(CHECKS):
        assert not watchdog.stuck(some_wait)
    watchdog.begin()
    watchdog.end()
    assert checks_until_stuck(watchdog, some_wait) == CHECKS


def test_a_worker_busy_with_one_message_is_not_stuck() -> None:
    watchdog = ConsumerWatchdog()
    watchdog.begin()
    assert checks_until_stuck(watchdog, some_wait) is None


def test_a_sibling_that_works_keeps_an_idle_child_from_taking_the_worker_for_stuck() -> None:
    watchdog = ConsumerWatchdog()
    sibling = copy(watchdog)  # as a fork makes it: what children share stays shared
    for _ in range(2 * CHECKS):
        assert not watchdog.stuck(some_wait)
        sibling.begin()
        sibling.end()


def test_a_redis_that_does_not_answer_makes_no_consumer_stuck() -> None:
    def unknown() -> bool:
        raise StorageUnavailable("gone")

    assert checks_until_stuck(ConsumerWatchdog(), unknown) is None
