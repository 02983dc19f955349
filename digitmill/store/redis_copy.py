"""What Redis holds for the service as lines of text, which any version of Redis takes back.

A line is JSON of one key: ``key``, ``type``, ``until`` (when it ends, in milliseconds of Unix time, or null) and
``items``, each in base64: of a hash and a sorted set, a name and its value or score by turns. The broker's messages are
left out, since the sweep sends what is missing; so is what lives for seconds.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from secrets import randbelow
from typing import Any

import redis

from digitmill.domain.roles import Role
from digitmill.errors import BackupError
from digitmill.store.blobs import blobs_of as blobs_of_job
from digitmill.store.connection import storage_errors
from digitmill.store.key_store import KEYS
from digitmill.store.keys import TEMPLATES
from digitmill.store.redis_clock import CLOCK
from digitmill.store.redis_mark import RESTORED, RESTORING, STORE

PATTERN = "dm:*"
PASSING = ("dm:lock:", "dm:workers", "dm:called", "dm:taken", "dm:limits", RESTORED)
"""Beginnings of keys that are no use to a later Redis."""
OF_ONE_JOB = "dm:job:"
"""Nobody looks at such a key before another one, such as dm:active or dm:expiry, leads there."""

RECORD_COLONS = 2
"""In the key of a record; the other keys of a job have one more."""
KEYS_AT_ONCE = 100
ITEMS_AT_ONCE = 500
PAUSE_MILLISECONDS = 60_000
RENEW_SECONDS = 20.0

Line = dict[str, Any]


class RedisCopy:
    """``client`` must return bytes. Methods raise StorageUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client

    @contextmanager
    def standing_still(self) -> Iterator[Callable[[], None]]:
        """Nobody writes to Redis while the block runs, provided that it calls what it is given every few seconds.

        Raises:
            BackupError: Redis does not let this user do so.
        """
        paused_at = float("-inf")

        def pause() -> None:
            nonlocal paused_at
            if time.monotonic() - paused_at < RENEW_SECONDS:
                return
            with storage_errors():
                try:
                    self._redis.execute_command("CLIENT", "PAUSE", PAUSE_MILLISECONDS, "WRITE")
                except redis.ResponseError as error:
                    raise BackupError(
                        "Redis does not let this user pause its writers. Stop web and workers, and add --stopped."
                    ) from error
            paused_at = time.monotonic()

        pause()
        try:
            yield pause
        finally:
            with storage_errors():
                self._redis.execute_command("CLIENT", "UNPAUSE")

    def lines(self) -> Iterator[Line]:
        """Every key. What changes meanwhile may be told twice, as it was at different times."""
        with storage_errors():
            names = self._redis.scan_iter(match=PATTERN, count=1000)
            while some := list(islice(names, KEYS_AT_ONCE)):
                yield from self._read([name for name in some if not name.decode().startswith(PASSING)])

    def _read(self, names: Sequence[bytes]) -> Iterator[Line]:
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for name in names:
            pipe.type(name)
            pipe.pttl(name)
        (seconds, microseconds), *facts = pipe.execute()
        now = seconds * 1000 + microseconds // 1000
        types, left = [kind.decode() for kind in facts[::2]], facts[1::2]
        for name, kind in zip(names, types, strict=True):
            _ask(pipe, name, kind)
        for name, kind, living, found in zip(names, types, left, pipe.execute(), strict=True):
            if kind != "none" and found is not None:
                until = now + living if living >= 0 else None
                yield {"key": name.decode(), "type": kind, "until": until, "items": _packed(kind, found)}

    def require_empty(self) -> None:
        """
        Raises:
            BackupError: it holds something that a restore would overwrite, and no restore that was cut off.
        """
        with storage_errors():
            if self._redis.get(STORE) == RESTORING.encode():
                return
            for name in self._redis.scan_iter(match=PATTERN, count=1000):
                if _is_held(name.decode()):
                    raise BackupError(
                        "This Redis holds jobs, keys or templates already, and a backup goes into an empty one. Let "
                        "DIGITMILL_REDIS_URL name another, or empty this one."
                    )

    def was_filled_from(self, backup: str) -> bool:
        """Whether ``write`` has been done with the lines of this backup, to its end."""
        with storage_errors():
            store, restored = self._redis.mget([STORE, RESTORED])
        return bool(store != RESTORING.encode() and restored == backup.encode())

    def write(self, backup: str, lines: Iterable[Line], before_end: Callable[[str], None]) -> int:
        """Fill Redis with the lines of a backup of this name; return the number of keys. To be called again where it
        was cut off.

        What leads to jobs comes last and all at once, so that nobody works on a half of them. Until then the store is
        marked as no service's own. ``before_end`` is given the id of the store before it is.

        Raises:
            BackupError: there is no id among the lines, or somebody else filled or accepted this Redis meanwhile.
        """
        last: list[Line] = []
        count = 0
        with storage_errors():
            self._redis.set(STORE, RESTORING)
            # a plan without its job, a move of the clock: what was noted before anybody saw that Redis was empty
            for name in self._redis.scan_iter(match=PATTERN, count=1000):
                if not name.decode().startswith((*PASSING, STORE)):
                    self._redis.unlink(name)
            for count, line in enumerate(lines, 1):  # noqa: B007 (the count of all is what is returned)
                if line["key"].startswith(OF_ONE_JOB):
                    self._put([line])
                else:
                    last.append(line)
            ids = [b64decode(line["items"][0]).decode() for line in last if line["key"] == STORE]
            if not ids:
                raise BackupError("This backup does not say which store it is of; take another.")
            before_end(ids[-1])
            self._put_last([*last, _clock_unseen(), _text(RESTORED, backup)])
        return count

    def _put(self, lines: Iterable[Line]) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            _give_all(pipe, lines)
            pipe.execute()

    def _put_last(self, lines: Iterable[Line]) -> None:
        """Once: the service goes on from then, and the same again would undo what it has done since. A client that
        watches a key does not repeat a transaction whose answer was lost. Raises BackupError."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.watch(STORE)
            if pipe.get(STORE) != RESTORING.encode():
                raise BackupError("Another restore, or `digitmill accept-empty-store`, has come before this one.")
            pipe.multi()
            _give_all(pipe, lines)
            pipe.execute()


def _clock_unseen() -> Line:
    """Moves that no worker has seen: each then looks at the leases, which may be of another clock."""
    return _text(CLOCK, str(randbelow(10**9)))


def _text(name: str, text: str) -> Line:
    return {"key": name, "type": "string", "until": None, "items": [b64encode(text.encode()).decode()]}


def _is_held(name: str) -> bool:
    """Whether a key is the record of a job, or holds API keys or templates."""
    return name.startswith((KEYS, TEMPLATES)) or (name.startswith(OF_ONE_JOB) and name.count(":") == RECORD_COLONS)


def dumped(line: Line) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _ask(pipe: Any, name: bytes, kind: str) -> None:
    if kind == "hash":
        pipe.hgetall(name)
    elif kind == "list":
        pipe.lrange(name, 0, -1)
    elif kind == "set":
        pipe.smembers(name)
    elif kind == "zset":
        pipe.zrange(name, 0, -1, withscores=True)
    else:
        pipe.get(name)


def _packed(kind: str, found: Any) -> list[str]:
    if kind == "hash":
        items = [part for pair in found.items() for part in pair]
    elif kind == "zset":
        items = [part for member, score in found for part in (member, repr(score).encode())]
    elif kind in ("list", "set"):
        items = list(found)
    else:
        items = [found]
    return [b64encode(item).decode() for item in items]


def _give_all(pipe: Any, lines: Iterable[Line]) -> None:
    for line in lines:
        name, items = line["key"], [b64decode(item) for item in line["items"]]
        pipe.delete(name)
        for first in range(0, len(items), 2 * ITEMS_AT_ONCE):
            _give(pipe, name, line["type"], items[first : first + 2 * ITEMS_AT_ONCE])
        if line["until"] is not None:
            pipe.pexpireat(name, line["until"])


def _give(pipe: Any, name: str, kind: str, items: Sequence[bytes]) -> None:
    if kind == "hash":
        pipe.hset(name, mapping=dict(zip(items[::2], items[1::2], strict=True)))
    elif kind == "zset":
        pipe.zadd(name, {member: float(score) for member, score in zip(items[::2], items[1::2], strict=True)})
    elif kind == "list":
        pipe.rpush(name, *items)
    elif kind == "set":
        pipe.sadd(name, *items)
    else:
        pipe.set(name, items[0])


def blobs_of(line: Line) -> set[str]:
    """The names of what lies outside Redis: the upload of the job that this line is the record of, or the pictures of
    the templates in it."""
    is_record = line["key"].startswith(OF_ONE_JOB) and line["key"].count(":") == RECORD_COLONS
    if line["type"] != "hash" or not (is_record or line["key"] == TEMPLATES):
        return set()
    items = [b64decode(item) for item in line["items"]]
    values = dict(zip(items[::2], items[1::2], strict=True))
    records = values.values() if line["key"] == TEMPLATES else filter(None, [values.get(b"record")])
    found = {blob for record in records if (blob := json.loads(record).get("blob"))}
    if is_record and b"role" in values:
        found |= set(blobs_of_job(line["key"].removeprefix(OF_ONE_JOB), Role(values[b"role"].decode())))
    return found
