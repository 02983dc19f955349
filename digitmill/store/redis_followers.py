"""How a web process hears that jobs it waits for have ended: one connection and one thread for all of them.

The record of such a job names the process' channel, to which the script that ends the job publishes its id. So a wait
costs Redis one message, and the process no connection of its own.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import redis

from digitmill.store.base import Ending

SUBSCRIBE_SECONDS = 1.0
"""How long the first to follow waits for the channel; it then goes on without."""
IDLE_SECONDS = 60.0
"""The thread ends when nobody was waiting for so long."""
LISTEN_SECONDS = 1.0
PAUSE_SECONDS = 0.5
"""Before a lost connection is tried again."""


class Followers:
    """``client`` must return bytes. Nothing is sent, and no thread runs, before the first ``follow``."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._lock = threading.Lock()
        self._waiting: dict[str, threading.Event] = {}
        self._thread: threading.Thread | None = None
        self._subscribed = threading.Event()
        self._used_at = 0.0
        self.channel = f"dm:followers:{uuid.uuid4().hex}"

    def follow(self, job_id: str) -> Ending:
        ended = threading.Event()
        with self._lock:
            self._used_at = time.monotonic()
            self._waiting[job_id] = ended
            if self._thread is None:
                self._subscribed.clear()
                self._thread = threading.Thread(target=self._listen, name="followers", daemon=True)
                self._thread.start()
        self._subscribed.wait(SUBSCRIBE_SECONDS)
        return _Following(self, job_id, ended)

    def forget(self, job_id: str) -> None:
        with self._lock:
            self._waiting.pop(job_id, None)

    def close(self) -> None:
        """End the thread; to be called before the client is closed."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _listen(self) -> None:
        while not self._out_of_use():
            try:
                with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    self._hear(pubsub)
            except redis.RedisError:
                # whoever waits looks at the job itself now and then
                time.sleep(PAUSE_SECONDS)

    def _hear(self, pubsub: Any) -> None:
        pubsub.subscribe(self.channel)
        # the first message confirms the subscription
        pubsub.get_message(timeout=SUBSCRIBE_SECONDS)
        if self._subscribed.is_set():
            # subscribed anew: whatever happened in between was missed
            self._wake(list(self._waiting))
        self._subscribed.set()
        while self._thread is not None and not self._idle():
            message = pubsub.get_message(timeout=LISTEN_SECONDS)
            if message is not None:
                self._wake([message["data"].decode()])

    def _wake(self, job_ids: list[str]) -> None:
        for job_id in job_ids:
            ended = self._waiting.get(job_id)
            if ended is not None:
                ended.set()

    def _idle(self) -> bool:
        return not self._waiting and time.monotonic() - self._used_at > IDLE_SECONDS

    def _out_of_use(self) -> bool:
        with self._lock:
            if self._idle():
                self._thread = None
            return self._thread is None


class _Following(Ending):
    def __init__(self, followers: Followers, job_id: str, ended: threading.Event) -> None:
        self._followers = followers
        self._job_id = job_id
        self._ended = ended

    def wait(self, seconds: float) -> bool:
        ended = self._ended.wait(seconds)
        self._ended.clear()
        return ended

    def close(self) -> None:
        self._followers.forget(self._job_id)
