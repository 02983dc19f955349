"""The line of small interactive chunks that wait for a worker, beside the broker.

A worker takes all that stand in it at once and answers them as one batch, and stays for more. A message through the
broker is only the bell that calls a worker to the line, so hardly any are needed while images keep coming:

    dm:line     list    "<job id> <chunk>", first come first. Until a worker takes it.
    dm:bell     string  held from the ringing of the bell until the worker that came has left the line, or has left some
                        standing there; for a second at the most since it last took some

Bulk work has messages of its own in the broker's lists. A worker that has done one chunk takes the next out of there by
itself (``exchange``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from digitmill.store.connection import Script, storage_errors
from digitmill.store.keys import claim_of

LINE, BELL = "dm:line", "dm:bell"
BELL_MILLISECONDS = 1000
"""A bell that nobody has heard for so long is rung again by the next to join the line."""


class Line:
    """``client`` must return bytes. Methods raise StorageUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._join = Script(client, "join_line")
        self._take = Script(client, "take_line")
        self._exchange = Script(client, "exchange")

    def join(self, job_id: str, chunk: int, *, queue: str, message: str) -> None:
        """Let the chunk stand in line. Where the bell does not ring yet, ``message`` goes into the broker's queue."""
        with storage_errors():
            self._join.run([LINE, BELL, queue], [f"{job_id} {chunk}", BELL_MILLISECONDS, message])

    def call(self, queue: str, *messages: str) -> None:
        """Lay messages into one of the broker's queues."""
        with storage_errors():
            self._redis.lpush(queue, *messages)

    def exchange(self, urgent: Sequence[str], queue: str, *message: str) -> bytes | None:
        """Lay ``message``, if there is one, into one of the broker's queues and take the one that has waited there
        longest; nothing where a message waits in one of the two ``urgent`` queues."""
        with storage_errors():
            taken: bytes | None = self._exchange.run([*urgent, queue], message)
        return taken

    def take(self, most: int, *, bulk: str, patience: float = 0.0) -> Sequence[tuple[str, int]]:
        """Take up to so many (job, chunk) out of the line.

        With ``patience`` the caller stays: it comes again soon, and nobody else is called meanwhile. An empty line is
        then watched for so many seconds, unless there is work in the broker's queue ``bulk``. After an answer of
        nothing the caller has left the line.
        """
        with storage_errors():
            stays, taken = self._taken(most, bulk, stays=patience > 0)
            if stays and not taken:
                first = self._redis.blpop(LINE, patience)
                taken = [first[1]] if first else self._taken(most, bulk, stays=False)[1]
        return _claims(taken)

    def _taken(self, most: int, bulk: str, *, stays: bool) -> tuple[bool, list[bytes]]:
        may_stay, taken = self._take.run([LINE, BELL, bulk], [most, BELL_MILLISECONDS, int(stays)])
        return bool(may_stay), taken

    def awaits_worker(self) -> bool:
        """Whether some stand in line and no worker is on its way, or there."""
        with storage_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.llen(LINE)
            pipe.exists(BELL)
            length, rings = pipe.execute()
        return bool(length) and not rings

    def members(self) -> Sequence[tuple[str, int]]:
        """All (job, chunk) in the line."""
        with storage_errors():
            return _claims(self._redis.lrange(LINE, 0, -1))

    def length(self) -> int:
        with storage_errors():
            return int(self._redis.llen(LINE))


def _claims(members: Sequence[bytes]) -> list[tuple[str, int]]:
    """What is no job and chunk is left out: it must not hold up the others."""
    return [claim for claim in map(claim_of, members) if claim is not None]
