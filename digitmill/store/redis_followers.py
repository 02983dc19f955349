"""How a web process hears that jobs it waits for have ended: one connection and one thread for all of them.

The record of such a job names the process' channel, to which the script that ends the job publishes its id. So a wait
costs Redis one message, and the process no connection of its own. A message tells of one end or several; that of a job
of one chunk that was completed brings its rows along, so that nobody needs to ask for them. Each comes behind its
length in bytes and a line feed:

    <id>
    <id> <started_at> <finished_at> <expires_at> <recognized> <review> <blank> <failed> <computed_by, or nothing>, a
    line feed, the packed rows
"""

from __future__ import annotations

import array
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import redis

from digitmill.domain import Computation, Job, JobState
from digitmill.store.base import Ending, Opening, PackedChunk

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
        self._waiting: dict[str, _Following] = {}
        self._thread: threading.Thread | None = None
        self._subscribed = threading.Event()
        self._used_at = 0.0
        self.channel = f"dm:followers:{uuid.uuid4().hex}"

    def follow(self, job: Job, plan: Sequence[PackedChunk]) -> Ending:
        following = _Following(self, job, plan)
        with self._lock:
            self._used_at = time.monotonic()
            self._waiting[job.id] = following
            if self._thread is None:
                self._subscribed.clear()
                self._thread = threading.Thread(target=self._listen, name="followers", daemon=True)
                self._thread.start()
        self._subscribed.wait(SUBSCRIBE_SECONDS)
        return following

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
            for each in list(self._waiting.values()):
                each.tell()
        self._subscribed.set()
        while self._thread is not None and not self._idle():
            message = pubsub.get_message(timeout=LISTEN_SECONDS)
            for ending in _endings(message["data"]) if message is not None else ():
                head, _, rows = ending.partition(b"\n")
                job_id, *words = head.decode().split(" ")
                following = self._waiting.get(job_id)
                if following is not None:
                    following.tell(words, rows)

    def _idle(self) -> bool:
        return not self._waiting and time.monotonic() - self._used_at > IDLE_SECONDS

    def _out_of_use(self) -> bool:
        with self._lock:
            if self._idle():
                self._thread = None
            return self._thread is None


class _Following(Ending):
    def __init__(self, followers: Followers, job: Job, plan: Sequence[PackedChunk]) -> None:
        self._followers = followers
        self._job = job
        self._plan = plan
        self._ended = threading.Event()
        self._opening: Opening | None = None

    def tell(self, words: Sequence[str] = (), rows: bytes = b"") -> None:
        """Wake who waits, with what a message says behind the id."""
        if words and len(self._plan) == 1:
            job = _completed(self._job, words)
            self._opening = Opening(job, array.array("I", [0]), self._plan[0].entries, rows)
        self._ended.set()

    def wait(self, seconds: float) -> bool:
        ended = self._ended.wait(seconds)
        self._ended.clear()
        return ended

    def opening(self) -> Opening | None:
        return self._opening

    def close(self) -> None:
        self._followers.forget(self._job.id)


def _endings(message: bytes) -> Iterator[bytes]:
    """What a worker of another version says in other ways is passed over: whoever waits looks now and then."""
    while message:
        length, _, rest = message.partition(b"\n")
        if not length.isdigit():
            return
        yield rest[: int(length)]
        message = rest[int(length) :]


def _completed(job: Job, words: Sequence[str]) -> Job:
    """``job``, which was queued, as the message says that it was completed."""
    started_at, finished_at, expires_at = (float(word) for word in words[:3])
    recognized, review, blank, failed = (int(word) for word in words[3:7])
    return replace(
        job,
        state=JobState.COMPLETED,
        started_at=started_at,
        finished_at=finished_at,
        expires_at=expires_at,
        counts=replace(job.counts, recognized=recognized, review=review, blank=blank, failed=failed),
        computed_by=tuple(Computation.parse(word) for word in words[7:] if word),
    )
