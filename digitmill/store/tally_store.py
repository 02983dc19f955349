"""Counts of rows by which models, and jobs, are compared, in the service's Redis.

dm:tally:<name>                 hash    what is counted -> how often. 90 days after the last change.
dm:tally:<name>:examples        list    JSON of rows that two models read differently, the latest first. As long.
dm:tally:<name>:once:<word>     string  this word's counts are in. A day, or less where it is said.
dm:job:<id>:looks               hash    what a job's images are like: what is counted -> sum; ".<chunk>" -> it is in.
                                        Until it is compared with other jobs, 7 days at most.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from digitmill.domain.jobs import Copies, Job
from digitmill.domain.rows import RowStatus
from digitmill.domain.sets import Sets
from digitmill.store.connection import Script, storage_errors
from digitmill.store.keys import WEBHOOKS_DUE, job_key, looks_key
from digitmill.store.records import copies_text
from digitmill.store.set_records import sets_text

ONCE_SECONDS = 86400
LIFE_SECONDS = 90 * 86400
LOOKS_SECONDS = 7 * 86400
"""A job that takes longer is not compared."""
MOST_EXAMPLES = 100


class TallyStore:
    """``client`` must return bytes. Methods raise StorageUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._tally = Script(client, "tally")
        self._note_looks = Script(client, "note_looks")
        self._note_drift = Script(client, "note_drift")
        self._note_pages = Script(client, "note_pages")

    def add(
        self,
        name: str,
        word: str,
        counts: Mapping[str, int],
        examples: Sequence[Mapping[str, Any]] = (),
        *,
        once_seconds: int = ONCE_SECONDS,
    ) -> bool:
        """Add ``counts`` to the tally, and put these examples before those that are there; False, and nothing is
        changed, where that was done under this word in the last ``once_seconds``."""
        values: list[Any] = [once_seconds, LIFE_SECONDS, MOST_EXAMPLES, len(counts)]
        for what, number in counts.items():
            values += [what, number]
        values += [json.dumps(example, separators=(",", ":")) for example in examples]
        key = _key(name)
        with storage_errors():
            return bool(self._tally.run([f"{key}:once:{word}", key, f"{key}:examples"], values))

    def note_looks(self, job_id: str, chunk: int, sums: Mapping[str, int]) -> None:
        """Add what the images of a chunk are like to what is known of the job, once. Unknown ids are fine."""
        values: list[Any] = [f".{chunk}", LOOKS_SECONDS]
        for what, number in sums.items():
            values += [what, number]
        with storage_errors():
            self._note_looks.run([looks_key(job_id), job_key(job_id)], values)

    def looks(self, job_id: str) -> dict[str, int]:
        """What the images of a job are like that is not compared yet: sums, by what was added up."""
        with storage_errors():
            sums = self._redis.hgetall(looks_key(job_id)).items()
        return {what.decode(): int(number) for what, number in sums if not what.startswith(b".")}

    def note_drift(self, job_id: str, drift: str, event: str = "", for_endpoints: str = "") -> None:
        """Leave this JSON, which was made of its looks, in the job's record, and forget these; the ``event`` is due
        then, once, and that ``for_endpoints`` where its owner has some. Unknown ids are fine."""
        with storage_errors():
            self._note_drift.run([job_key(job_id), looks_key(job_id), WEBHOOKS_DUE], [drift, event, for_endpoints])

    def note_pages(self, job: Job, copies: Copies, sets: Sets) -> None:
        """Leave in the job's record which pages were sent twice and which make sets, as its rows were when ``job`` was
        read. Unknown ids are fine."""
        failed = job.counts.statuses[RowStatus.FAILED]
        with storage_errors():
            self._note_pages.run([job_key(job.id)], [copies_text(copies), sets_text(sets), failed])

    def counts(self, name: str) -> dict[str, int]:
        """What was counted; nothing of a name that nobody has counted under."""
        with storage_errors():
            return {what.decode(): int(number) for what, number in self._redis.hgetall(_key(name)).items()}

    def examples(self, name: str) -> list[dict[str, Any]]:
        """The latest first."""
        with storage_errors():
            return [json.loads(packed) for packed in self._redis.lrange(f"{_key(name)}:examples", 0, -1)]


def _key(name: str) -> str:
    return f"dm:tally:{name}"
