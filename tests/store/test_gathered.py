"""One script that many threads call at once: each gets its own answer, in few round trips."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from digitmill.store import connection
from digitmill.store.connection import Gathered, Script

CALLERS = 16
ECHO = """
if ARGV[1] == 'refuse' then return redis.error_reply('REFUSED as asked') end
return {redis.call('INCR', KEYS[1]), ARGV[1]}
"""


class Counted(Script):
    """Counts its round trips. The first goes on when ``gate`` is opened."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client, "echo")
        self.trips: list[int] = []
        self.gate = threading.Event()

    def run_each(self, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        self.trips.append(len(calls))
        assert self.gate.wait(60)
        return super().run_each(calls)


@pytest.fixture
def script(empty_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Counted:
    monkeypatch.setattr(connection, "source", lambda _: ECHO)
    return Counted(redis.Redis.from_url(empty_redis_url))


def called_at_once(script: Counted, words: Sequence[str]) -> list[Any]:
    """What each call came to, its answer or its error, where all but the first are made while that is under way."""
    gathered = Gathered(script)

    def call(word: str) -> Any:
        try:
            return gathered.run(["dm:count"], [word])
        except redis.RedisError as error:
            return error

    with ThreadPoolExecutor(len(words)) as pool:
        first = pool.submit(call, words[0])
        wait_until(lambda: script.trips == [1])
        others = [pool.submit(call, word) for word in words[1:]]
        wait_until(lambda: len(gathered._waiting) == len(words) - 1)
        script.gate.set()
        return [each.result(10) for each in (first, *others)]


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen in time")


def test_calls_that_come_during_a_round_trip_share_the_next(script: Counted) -> None:
    words = [f"word {number}" for number in range(CALLERS)]
    answers = called_at_once(script, words)
    assert [word.decode() for _, word in answers] == words
    assert sorted(number for number, _ in answers) == list(range(1, CALLERS + 1))
    assert script.trips == [1, CALLERS - 1]


def test_what_redis_refuses_concerns_its_caller_alone(script: Counted) -> None:
    first, refused, last = called_at_once(script, ["first", "refuse", "last"])
    assert isinstance(refused, redis.ResponseError)
    assert (first[1], last[1]) == (b"first", b"last")


def test_a_redis_that_has_forgotten_the_script_is_given_it(script: Counted) -> None:
    script.gate.set()
    Gathered(script).run(["dm:count"], ["known now"])
    script._redis.script_flush()
    script.gate.clear()
    script.trips.clear()
    answers = called_at_once(script, ["a", "b", "c"])
    script._redis.script_flush()
    assert [word for _, word in answers] == [b"a", b"b", b"c"]
    assert [word for _, word in script.run_each([(["dm:count"], ["d"]), (["dm:count"], ["e"])])] == [b"d", b"e"]


def test_an_outage_is_told_to_all_and_the_next_call_is_a_new_one(
    script: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise redis.ConnectionError("away")

    with monkeypatch.context() as outage:
        outage.setattr(script, "_sent", away)
        answers = called_at_once(script, ["a", "b", "c"])
        assert [type(answer) for answer in answers] == [redis.ConnectionError] * 3
        assert script.trips == [1], "those that waited for it are not made to wait as long again"
    assert Gathered(script).run(["dm:count"], ["back"])[1] == b"back"


def test_callers_in_any_number_are_all_answered(script: Counted) -> None:
    script.gate.set()
    gathered = Gathered(script)
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda number: gathered.run(["dm:count"], [number]), range(2000)))
    assert [int(word) for _, word in answers] == list(range(2000))
    assert sum(script.trips) == 2000
