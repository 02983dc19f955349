"""A service in the process of its test: its store over a Redis in memory, and messages that nobody carries."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fakeredis
import pytest
import redis

from digitmill.domain.roles import Role
from digitmill.queue import Queue
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.key_store import KeyStore
from digitmill.store.redis import RedisJobStore
from digitmill.work import taking as work
from digitmill.work.taking import Work


class HeldQueue(Queue):
    """Counts wakeups and keeps the ids of events."""

    def __init__(self) -> None:
        self.wakeups = 0
        self.events: deque[str] = deque()

    def wake(self, role: Role = Role.READER) -> None:
        self.wakeups += 1

    def send_event(self, job_id: str) -> None:
        self.events.append(job_id)


@dataclass
class InProcess:
    client: redis.Redis
    store: RedisJobStore
    queue: HeldQueue
    service: Service


def in_process(settings: Settings, client: redis.Redis | None = None) -> InProcess:
    """Without ``client`` its Redis is in memory and empty, and has the time of this process; see ``passing_time``."""
    client = empty_redis() if client is None else client
    store, queue = RedisJobStore(client), HeldQueue()
    return InProcess(client, store, queue, Service.assemble(settings, store, queue, KeyStore(client)))


def waits(store: RedisJobStore) -> bool:
    return any(store.chunks.waiting().values())


def take_once(worker: Work) -> int:
    """Let the worker take work one time, as one that was woken and may not stay; the chunks whose rows it stored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "STAY_SECONDS", 0.0)
        return worker.run()


class _Redis(fakeredis.FakeRedis):
    def info(self, *_: Any, **__: Any) -> dict[str, Any]:  # fakeredis has none
        return {"maxmemory": 0, "used_memory": 0}


def empty_redis() -> redis.Redis:
    """A Redis in memory that no other client shares, with room without end."""
    return _Redis(server=fakeredis.FakeServer())


def passing_time(patch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """What lets time pass: for this process, and so for its Redis in memory."""
    true_time, true_monotonic, passed = time.time, time.monotonic, [0.0]

    def pass_time(seconds: float) -> None:
        passed[0] += seconds

    patch.setattr(time, "time", lambda: true_time() + passed[0])
    # by this the store tells time that passes from a clock that somebody moved
    patch.setattr(time, "monotonic", lambda: true_monotonic() + passed[0])
    return pass_time
