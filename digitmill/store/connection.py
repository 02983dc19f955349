"""How this project speaks with Redis: timeouts, errors, news."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from digitmill.errors import StorageUnavailable
from digitmill.store.base import Subscription


def connect(url: str) -> redis.Redis:
    """A client with explicit timeouts; nothing is sent yet. redis-py's own defaults change between versions."""
    return redis.Redis.from_url(
        url,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
    )


@contextmanager
def storage_errors() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise StorageUnavailable(
            f"The job store does not answer ({type(error).__name__}); try again in a moment."
        ) from error


def source(script: str) -> str:
    """The text of a script in ``lua/``."""
    return resources.files("digitmill.store").joinpath(f"lua/{script}.lua").read_text()


class Script:
    """A script of ``lua/``, sent by its hash alone; a Redis that does not know it yet is given it."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._redis: Any = client
        self._source = source(name)
        self._sha = hashlib.sha1(self._source.encode()).hexdigest()  # noqa: S324 (as Redis names scripts)

    def run(self, keys: Sequence[str], values: Sequence[Any]) -> Any:
        return self.run_all([(keys, values)])[0]

    def run_all(self, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        """The answer of each call (keys, values), all in one round trip. Not one transaction: others come between."""
        if not calls:
            return []
        try:
            return self._sent(calls)
        except redis.exceptions.NoScriptError:
            # then no call has been run: they are all of this one script
            self._redis.script_load(self._source)
            return self._sent(calls)

    def run_each(self, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        """As ``run_all``, but where Redis refuses a call, the error is that call's answer."""
        if len(calls) == 1:
            try:
                return self.run_all(calls)
            except redis.ResponseError as error:
                return [error]
        answers = self._sent(calls, raise_on_error=False)
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, redis.exceptions.NoScriptError)]
        for place, answer in zip(unknown, self.run_all([calls[place] for place in unknown]), strict=True):
            answers[place] = answer
        return answers

    def _sent(self, calls: Sequence[tuple[Sequence[str], Sequence[Any]]], *, raise_on_error: bool = True) -> list[Any]:
        if len(calls) == 1:
            ((keys, values),) = calls
            return [self._redis.evalsha(self._sha, len(keys), *keys, *values)]
        pipe = self._redis.pipeline(transaction=False)
        for keys, values in calls:
            pipe.evalsha(self._sha, len(keys), *keys, *values)
        return list(pipe.execute(raise_on_error))


CUT_OFF = redis.RedisError("the thread that sent the call was stopped")


class Gathered:
    """A script that many threads call at the same time: each round trip takes along all calls that wait by then.

    A round trip of its own for each would cost the process several times as much as the call itself.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._lock = threading.Lock()
        self._waiting: list[_Call] = []
        self._under_way = False

    def run(self, keys: Sequence[str], values: Sequence[Any]) -> Any:
        """As ``Script.run``."""
        call = _Call(keys, values)
        with self._lock:
            self._waiting.append(call)
            leads, self._under_way = not self._under_way, True
        if not leads:
            call.turn.wait()
        if not call.done:
            self._run_waiting()
        if isinstance(call.answer, Exception):
            raise call.answer
        return call.answer

    def _run_waiting(self) -> None:
        """Run the call of this thread and those of the threads that wait, and let one that came meanwhile go on."""
        with self._lock:
            calls, self._waiting = self._waiting, []
        answers: Sequence[Any] = [CUT_OFF] * len(calls)
        try:
            answers = self._script.run_each([(call.keys, call.values) for call in calls])
        except redis.RedisError as error:
            with self._lock:
                # those that came meanwhile have waited for the same Redis for long enough
                calls, self._waiting = calls + self._waiting, []
            answers = [error] * len(calls)
        finally:
            for call, answer in zip(calls, answers, strict=True):
                call.answer, call.done = answer, True
            with self._lock:
                following = self._waiting[:1]
                self._under_way = bool(following)
            for call in (*calls, *following):
                call.turn.set()


class _Call:
    """``turn`` is set when it is done, or when its thread is to run it with all that wait."""

    def __init__(self, keys: Sequence[str], values: Sequence[Any]) -> None:
        self.keys = keys
        self.values = values
        self.turn = threading.Event()
        self.done = False
        self.answer: Any = None


def this_process() -> str:
    """The name by which a worker process is known in the store: its machine, its parent, itself."""
    return f"{socket.gethostname()}:{os.getppid()}/{os.getpid()}"


class MemoryGauge:
    """How full a Redis is."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._lock = threading.Lock()
        self._share, self._read_at = 0.0, float("-inf")

    def share(self) -> float:
        """Used memory as a share of ``maxmemory``, 0.0 where that is not set; asked of Redis once a second at most."""
        with self._lock:
            due = time.monotonic() - self._read_at >= 1.0
            if due:
                self._read_at = time.monotonic()
        if due:
            self._share = self._read()
        return self._share

    def _read(self) -> float:
        with storage_errors():
            memory = self._redis.info("memory")
        most = int(memory["maxmemory"])
        # Redis leaves these buffers out when it compares, too
        used = int(memory["used_memory"]) - int(memory.get("mem_not_counted_for_evict", 0))
        return used / most if most else 0.0


class Channel(Subscription):
    """A subscribed ``pubsub`` of redis-py."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def wait(self, seconds: float) -> bool:
        with storage_errors():
            deadline = time.monotonic() + seconds
            changed = self._pubsub.get_message(timeout=max(0.0, seconds)) is not None
            while changed and time.monotonic() < deadline and self._pubsub.get_message(timeout=0) is not None:
                continue  # one wake-up for all that has happened since
            return changed
