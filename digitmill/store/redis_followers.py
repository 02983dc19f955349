"""How a process hears of jobs: one connection and one thread for everybody who waits, of whatever.

Whoever waits for the end of a job that this process recorded is told over the process' own channel, which the record
names: the script that ends the job publishes its id there. So such a wait costs Redis one message, and no subscription.
A message tells of one end or several; that of a job of one chunk that was completed brings its rows along, so that
nobody needs to ask for them. Each comes behind its length in bytes and a line feed:

    <id>
    <id> <started_at> <finished_at> <expires_at> <status>=<images>,… <computed_by, or nothing>, a line feed, the
    packed rows; its length begins with a plus

Whoever wants to hear of every change of a job has its channel subscribed to, once for all who do.
"""

from __future__ import annotations

import array
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import redis

from digitmill.domain.jobs import Computation, Job, JobState
from digitmill.store.base import PackedChunk
from digitmill.store.keys import events_channel
from digitmill.store.news import CompletionWaiter, FirstChunk, Subscription
from digitmill.store.records import statuses_in

SUBSCRIBE_SECONDS = 1.0
"""How long somebody waits for a channel at first; he then goes on without."""
IDLE_SECONDS = 60.0
"""The thread ends when nobody was waiting for so long."""
LISTEN_SECONDS = 1.0
PAUSE_SECONDS = 0.5
"""Before a lost connection is tried again."""


class Followers:
    """``client`` must return bytes. Nothing is sent, and no thread runs, before somebody waits."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._lock = threading.Lock()
        self._waiting: dict[str, _Following] = {}
        self._changes: dict[str, list[_Changes]] = {}
        self._heard: set[str] = set()
        self._thread: threading.Thread | None = None
        self._subscribed = threading.Event()
        self._used_at = 0.0
        self.channel = f"dm:followers:{uuid.uuid4().hex}"

    def follow(self, job: Job, plan: Sequence[PackedChunk]) -> CompletionWaiter:
        """Hear of the end of a job that is recorded next, with the channel of this process."""
        following = _Following(self, job, plan)
        with self._lock:
            self._waiting[job.id] = following
            self._begin()
        self._subscribed.wait(SUBSCRIBE_SECONDS)
        return following

    def subscribe(self, job_id: str, told: Callable[[], None]) -> Subscription:
        """Hear of every change of a job; ``told`` is called at each too, by the thread that hears of it.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        changes = _Changes(self, events_channel(job_id), told)
        with self._lock:
            self._changes.setdefault(changes.channel, []).append(changes)
            self._begin()
            if changes.channel in self._heard:
                changes.confirmed.set()
        if not changes.confirmed.is_set():
            try:
                # the thread sleeps until a message comes
                self._redis.publish(self.channel, b"")
            except redis.RedisError:
                changes.close()
                raise
            changes.confirmed.wait(SUBSCRIBE_SECONDS)
        return changes

    def forget(self, job_id: str) -> None:
        with self._lock:
            self._waiting.pop(job_id, None)

    def leave(self, changes: _Changes) -> None:
        with self._lock:
            others = [each for each in self._changes.pop(changes.channel, ()) if each is not changes]
            if others:
                self._changes[changes.channel] = others

    def close(self) -> None:
        """End the thread; to be called before the client is closed."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _begin(self) -> None:
        self._used_at = time.monotonic()
        if self._thread is None:
            self._subscribed.clear()
            self._thread = threading.Thread(target=self._listen, name="followers", daemon=True)
            self._thread.start()

    def _listen(self) -> None:
        while not self._out_of_use():
            try:
                with self._redis.pubsub() as pubsub:
                    self._hear(pubsub)
            except redis.RedisError:
                # whoever waits looks at the job itself now and then
                time.sleep(PAUSE_SECONDS)

    def _hear(self, pubsub: Any) -> None:
        known: set[str] = set()
        self._heard = set()
        while self._thread is not None and not self._idle():
            with self._lock:
                wanted = {self.channel, *self._changes}
                self._heard &= wanted
            if wanted - known:
                pubsub.subscribe(*wanted - known)
            if known - wanted:
                pubsub.unsubscribe(*known - wanted)
            known = wanted
            message = pubsub.get_message(timeout=LISTEN_SECONDS)
            if message is not None:
                self._take(message["type"], message["channel"].decode(), message["data"])

    def _take(self, kind: str, channel: str, data: Any) -> None:
        if channel != self.channel:
            with self._lock:
                those = list(self._changes.get(channel, ()))
                if kind == "subscribe" and those:
                    self._heard.add(channel)
            for changes in those:
                changes.take(kind)
        elif kind == "subscribe":
            if self._subscribed.is_set():
                # subscribed again: whatever happened in between was missed
                for each in list(self._waiting.values()):
                    each.tell()
            self._subscribed.set()
        elif kind == "message":
            for ending in _endings(data):
                head, _, rows = ending.partition(b"\n")
                job_id, *words = head.decode().split(" ")
                following = self._waiting.get(job_id)
                if following is not None:
                    following.tell(words, rows)

    def _idle(self) -> bool:
        return not self._waiting and not self._changes and time.monotonic() - self._used_at > IDLE_SECONDS

    def _out_of_use(self) -> bool:
        with self._lock:
            if self._idle():
                self._thread = None
            return self._thread is None


class _Changes(Subscription):
    def __init__(self, followers: Followers, channel: str, told: Callable[[], None]) -> None:
        self._followers = followers
        self._told = told
        self._changed = threading.Event()
        self.channel = channel
        self.confirmed = threading.Event()

    def take(self, kind: str) -> None:
        """A message of this kind came. To be subscribed once more is news too: what came in between was missed."""
        if kind == "message" or (kind == "subscribe" and self.confirmed.is_set()):
            self._changed.set()
            self._told()
        if kind == "subscribe":
            self.confirmed.set()

    def wait(self, seconds: float) -> bool:
        changed = self._changed.wait(seconds)
        self._changed.clear()
        return changed

    def close(self) -> None:
        self._followers.leave(self)


class _Following(CompletionWaiter):
    def __init__(self, followers: Followers, job: Job, plan: Sequence[PackedChunk]) -> None:
        self._followers = followers
        self._job = job
        self._plan = plan
        self._ended = threading.Event()
        self._first_chunk: FirstChunk | None = None

    def tell(self, words: Sequence[str] = (), rows: bytes = b"") -> None:
        """Wake who waits, with what a message says behind the id."""
        if words and len(self._plan) == 1:
            job = _completed(self._job, words)
            self._first_chunk = FirstChunk(job, array.array("I", [0]), self._plan[0].entries, rows)
        self._ended.set()

    def wait(self, seconds: float) -> bool:
        ended = self._ended.wait(seconds)
        self._ended.clear()
        return ended

    def first_chunk(self) -> FirstChunk | None:
        return self._first_chunk

    def close(self) -> None:
        self._followers.forget(self._job.id)


def _endings(message: bytes) -> Iterator[bytes]:
    """What a worker of another version says in other ways is passed over: whoever waits looks now and then."""
    while message:
        length, _, rest = message.partition(b"\n")
        whole = length.startswith(b"+")
        if not length.removeprefix(b"+").isdigit():
            return
        ending, message = rest[: int(length)], rest[int(length) :]
        # a worker of the release before tells counts by their places, and without the plus
        yield ending if whole else ending.partition(b" ")[0]


def _completed(job: Job, words: Sequence[str]) -> Job:
    """``job``, which was queued, as the message says that it was completed."""
    started_at, finished_at, expires_at = (float(word) for word in words[:3])
    return replace(
        job,
        state=JobState.COMPLETED,
        started_at=started_at,
        finished_at=finished_at,
        expires_at=expires_at,
        counts=replace(job.counts, statuses=statuses_in(words[3])),
        computed_by=tuple(Computation.parse(word) for word in words[4:] if word),
    )
