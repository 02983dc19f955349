"""When a worker counts as deaf: messages wait, and no child is given one."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from digitmill.errors import StorageUnavailable
from worker.hearing import CHECKS, Hearing


def some_wait() -> bool:
    return True


def none_wait() -> bool:
    return False


def checks_until_deaf(hearing: Hearing, waiting: Callable[[], bool]) -> int | None:
    return next((n for n in range(10 * CHECKS) if hearing.deaf(waiting)), None)


def test_a_worker_that_is_given_none_of_the_messages_that_wait_is_deaf() -> None:
    assert checks_until_deaf(Hearing(), some_wait) == CHECKS


def test_a_worker_without_messages_to_take_is_not_deaf() -> None:
    assert checks_until_deaf(Hearing(), none_wait) is None


def test_a_message_taken_starts_the_count_anew() -> None:
    hearing = Hearing()
    for _ in range(CHECKS):
        assert not hearing.deaf(some_wait)
    hearing.begin()
    hearing.end()
    assert checks_until_deaf(hearing, some_wait) == CHECKS


def test_a_worker_busy_with_one_message_is_not_deaf() -> None:
    hearing = Hearing()
    hearing.begin()
    assert checks_until_deaf(hearing, some_wait) is None


def test_a_sibling_that_works_keeps_an_idle_child_from_taking_the_worker_for_deaf() -> None:
    hearing = Hearing()
    sibling = copy(hearing)  # as a fork makes it: what children share stays shared
    for _ in range(2 * CHECKS):
        assert not hearing.deaf(some_wait)
        sibling.begin()
        sibling.end()


def test_a_redis_that_does_not_answer_makes_no_worker_deaf() -> None:
    def unknown() -> bool:
        raise StorageUnavailable("gone")

    assert checks_until_deaf(Hearing(), unknown) is None
