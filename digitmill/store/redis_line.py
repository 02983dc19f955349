"""The line of small interactive chunks that wait for a worker, beside the broker.

A worker takes all that stand in it at once and answers them as one batch. A message through the broker is only the
bell that calls a worker to the line, so hardly any are needed while the workers are busy:

    dm:line     list    "<job id> <chunk>", first come first. Until a worker takes it.
    dm:bell     string  held from the ringing of the bell until a worker comes to the line, for a second at the most
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from digitmill.store.connection import Script, storage_errors

LINE, BELL = "dm:line", "dm:bell"
BELL_MILLISECONDS = 1000
"""A bell that nobody has heard for so long is rung again by the next to join the line."""


class Line:
    """``client`` must return bytes. Methods raise StorageUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._join = Script(client, "join_line")

    def join(self, job_id: str, chunk: int, *, queue: str, message: str) -> None:
        """Let the chunk stand in line. Where the bell does not ring yet, ``message`` goes into the broker's queue."""
        with storage_errors():
            self._join.run([LINE, BELL, queue], [f"{job_id} {chunk}", BELL_MILLISECONDS, message])

    def take(self, most: int) -> Sequence[tuple[str, int]]:
        """Take up to so many (job, chunk) out of the line; whoever joins from now on rings the bell again."""
        with storage_errors():
            pipe = self._redis.pipeline()
            pipe.delete(BELL)
            pipe.lpop(LINE, most)
            _, taken = pipe.execute()
        return [(job_id, int(chunk)) for job_id, chunk in (member.decode().split(" ") for member in taken or ())]

    def length(self) -> int:
        with storage_errors():
            return int(self._redis.llen(LINE))
