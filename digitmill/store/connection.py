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
from typing import Any, Self

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from digitmill.addresses import SentinelAddress
from digitmill.errors import StorageUnavailable

AWAY_SECONDS = 1.0
REPLICA_MILLISECONDS = 1000
"""So long a replica is waited for."""


class NotReplicated(redis.ConnectionError):
    """Too few replicas have what was written. It may be lost, and may not."""


class Primary(redis.Redis):
    """The client of a Redis behind Sentinel; so many ``replicas`` are to have what must not be lost."""

    replicas = 1

    def confirm(self) -> None:
        """Raises NotReplicated unless the replicas have what this Redis has."""
        if self.replicas and int(self.wait(self.replicas, REPLICA_MILLISECONDS)) < self.replicas:
            raise NotReplicated


class ImpatientRetry(Retry):
    """For a process whose callers would rather hear that Redis is away than wait for it: where it let one call wait in
    vain, calls fail at once, but for one in AWAY_SECONDS. One object for all connections of a client."""

    def __init__(self, backoff: ExponentialBackoff, retries: int) -> None:
        # a call that waited in vain is not made again
        super().__init__(backoff, retries, (redis.ConnectionError,))
        self._lock = threading.Lock()
        self._away_until: float | None = None
        self._thread = threading.local()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def call_with_retry(self, *values: Any, **more: Any) -> Any:
        # a connection that connects again, or asks whether it still lives, does so inside the call that needs it
        if getattr(self._thread, "calls", False):
            return super().call_with_retry(*values, **more)
        with self._lock:
            if self._away_until is not None:
                if time.monotonic() < self._away_until:
                    raise redis.TimeoutError("it did not answer a moment ago")
                self._away_until = time.monotonic() + AWAY_SECONDS
        self._thread.calls = True
        try:
            answer = super().call_with_retry(*values, **more)
        except redis.TimeoutError:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise
        finally:
            self._thread.calls = False
        self._away_until = None
        return answer


def connect(url: str, *, connections: int = 100, patient: bool = True) -> redis.Redis:
    """A client with explicit timeouts; nothing is sent yet. redis-py's own defaults change between versions.

    ``connections`` at a time: past that calls fail. One that is not ``patient`` waits for a second, and not for each
    call again.
    """
    address = SentinelAddress.parse(url)
    backoff = ExponentialBackoff(cap=0.5, base=0.05)
    options: dict[str, Any] = {
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "health_check_interval": 15,
        "max_connections": connections,
        "retry": Retry(backoff, 2),
    }
    if not patient:
        # replicas may take a second
        seconds = 1.0 if address is None else 1.0 + REPLICA_MILLISECONDS / 1000
        options |= {"socket_timeout": seconds, "socket_connect_timeout": 1.0, "retry": ImpatientRetry(backoff, 2)}
    if address is None:
        return redis.Redis.from_url(url, **options)
    options |= {"db": address.database, "username": address.username, "password": address.password}
    if address.tls:
        options |= {"ssl": True, **address.certificates}
    sentinels: Any = Sentinel  # redis-py has no types for it
    primary: Primary = sentinels(address.hosts, sentinel_kwargs=address.of_sentinels).master_for(
        address.name, Primary, **options
    )
    primary.replicas = address.replicas
    return primary


@contextmanager
def storage_errors() -> Iterator[None]:
    try:
        yield
    except MasterNotFoundError as error:
        raise StorageUnavailable(f"No Sentinel names a Redis to go to ({error}); try again in a moment.") from error
    except NotReplicated as error:
        raise StorageUnavailable("No replica of Redis has it within a second; try again in a moment.") from error
    except redis.RedisError as error:
        raise StorageUnavailable(
            f"The job store does not answer ({type(error).__name__}); try again in a moment."
        ) from error


def source(script: str) -> str:
    """The text of a script in ``lua/``."""
    return resources.files("digitmill.store").joinpath(f"lua/{script}.lua").read_text()


class Script:
    """A script of ``lua/``, sent by its hash alone; a Redis that does not know it yet is given it.

    ``confirmed``: of Redis behind Sentinel, what it wrote counts when replicas have it, of which one may be the primary
    soon.
    """

    def __init__(self, client: redis.Redis, name: str, *, confirmed: bool = False) -> None:
        self._redis: Any = client
        self._replicas = client.replicas if confirmed and isinstance(client, Primary) else 0
        self._source = source(name)
        self.sha = hashlib.sha1(self._source.encode()).hexdigest()  # noqa: S324 (as Redis names scripts)

    def load(self) -> None:
        self._redis.script_load(self._source)

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
            self.load()
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
        if len(calls) == 1 and not self._replicas:
            ((keys, values),) = calls
            return [self._redis.evalsha(self.sha, len(keys), *keys, *values)]
        pipe = self._redis.pipeline(transaction=False)
        for keys, values in calls:
            pipe.evalsha(self.sha, len(keys), *keys, *values)
        if self._replicas:
            pipe.wait(self._replicas, REPLICA_MILLISECONDS)
        answers = list(pipe.execute(raise_on_error))
        if self._replicas and answers.pop() < self._replicas:
            raise NotReplicated
        return answers


def run_together(client: Any, calls: Sequence[tuple[Script, Sequence[str], Sequence[Any]]]) -> list[Any]:
    """The answers of calls of several scripts (script, keys, values), all in one round trip.

    Where Redis does not know one of them, all are run again: every script may be run twice.
    """

    def sent() -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for script, keys, values in calls:
            pipe.evalsha(script.sha, len(keys), *keys, *values)
        return list(pipe.execute())

    try:
        return sent()
    except redis.exceptions.NoScriptError:
        for script, _, _ in calls:
            script.load()
        return sent()


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
        self._share, self._used, self._read_at = 0.0, 0, float("-inf")

    def share(self) -> float:
        """Used memory as a share of ``maxmemory``, 0.0 where that is not set; asked of Redis once a second at most."""
        self._look()
        return self._share

    def used(self) -> int:
        """Bytes, as of the last second."""
        self._look()
        return self._used

    def _look(self) -> None:
        with self._lock:
            due = time.monotonic() - self._read_at >= 1.0
            if due:
                self._read_at = time.monotonic()
        if due:
            self._share, self._used = self._read()

    def _read(self) -> tuple[float, int]:
        with storage_errors():
            memory = self._redis.info("memory")
        most = int(memory["maxmemory"])
        # Redis leaves these buffers out when it compares, too
        used = int(memory["used_memory"]) - int(memory.get("mem_not_counted_for_evict", 0))
        return used / most if most else 0.0, int(memory["used_memory"])
