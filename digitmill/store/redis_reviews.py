"""What people make of a job's rows, over Redis.

    dm:job:<id>:corrections hash    row -> "<revision> <verdict> <by> <at>", its last change by a person. The verdict
                                    is a digit, "blank", "not_a_digit", or "-" where the last was taken back.
    dm:job:<id>:history     hash    "<row> <revision>" -> the same, of every change. Fields are only ever added.
    dm:job:<id>:revised     string  a bit for each row in ``corrections``
    dm:job:<id>:review      zset    rows with the status review that no person has answered, by twice their digit
                                    plus their confidence
    dm:job:<id>:indexed     string  a bit for each chunk whose rows are in ``review``
    dm:job:<id>:held        hash    reviewer -> "<end of its lease> <row> <row> …"
    dm:job:<id>             hash    corrected: see redis.py

They go with the rows, by the same hand or at the same time.

The rows that wait are indexed when a reviewer first asks, chunk by chunk, and not when chunks complete: most jobs
are never reviewed here, and their workers should not pay for it. In a running job each call indexes the chunks that
came in between. A row that waits takes about 80 bytes of Redis, one that was corrected about 150 with its history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import redis

from digitmill.domain import Revision, Verdict, VerdictStatus
from digitmill.store.connection import source, storage_errors
from digitmill.store.keys import (
    corrections_key,
    held_key,
    history_key,
    indexed_key,
    job_key,
    review_key,
    revised_key,
    rows_key,
)
from digitmill.store.reviews import MOST_REVIEWERS, Change, Doubt, Holding, Outcome, ReviewStore, Taken

UNDONE = "-"


class RedisReviewStore(ReviewStore):
    """``client`` must return bytes (``decode_responses`` off)."""

    def __init__(self, client: redis.Redis) -> None:
        # redis-py types every answer as text, bytes or more, whatever decode_responses says
        self._redis: Any = client
        self._correct = client.register_script(source("correct"))
        self._index = client.register_script(source("index_review"))
        self._hold = client.register_script(source("hold"))

    def correct(self, job_id: str, changes: Sequence[Change], by: str) -> list[Outcome]:
        if not changes:
            return []
        keys = [
            job_key(job_id), rows_key(job_id), corrections_key(job_id), history_key(job_id), review_key(job_id),
            indexed_key(job_id), revised_key(job_id),
        ]  # fmt: skip
        values: list[Any] = [by]
        for change in changes:
            values += [change.index, change.chunk, change.seen, _word(change.verdict)]
        with storage_errors():
            answers = self._correct(keys=keys, args=values)
        return [Outcome(Taken(taken), _revision(record)) for taken, record in answers]

    def revisions(self, job_id: str, indices: Sequence[int]) -> list[Revision | None]:
        if not indices:
            return []
        with storage_errors():
            records = self._redis.hmget(corrections_key(job_id), list(indices))
        return [_revision(record) for record in records]

    def revisions_between(self, job_id: str, start: int, stop: int) -> dict[int, Revision]:
        first = start >> 3
        with storage_errors():
            bits = self._redis.getrange(revised_key(job_id), first, (stop - 1) >> 3)
        found = np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8))) + 8 * first
        indices = found[(found >= start) & (found < stop)].tolist()
        revisions = zip(indices, self.revisions(job_id, indices), strict=True)
        return {index: revision for index, revision in revisions if revision is not None}

    def history(self, job_id: str, index: int) -> list[Revision]:
        (last,) = self.revisions(job_id, [index])
        if last is None:
            return []
        with storage_errors():
            records = self._redis.hmget(history_key(job_id), [f"{index} {n}" for n in range(1, last.number + 1)])
        return [revision for revision in map(_revision, records) if revision is not None]

    def unindexed(self, job_id: str) -> Sequence[int]:
        rows, indexed = rows_key(job_id), indexed_key(job_id)
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hlen(rows)
            pipe.bitcount(indexed)
            done, known = pipe.execute()
            if done == known:
                return []
            bits = self._redis.get(indexed) or b""
            chunks = sorted(int(chunk) for chunk in self._redis.hkeys(rows))
        return [chunk for chunk in chunks if not _bit(bits, chunk)]

    def index(self, job_id: str, doubts: Sequence[tuple[int, Sequence[Doubt]]]) -> None:
        keys = [rows_key(job_id), corrections_key(job_id), review_key(job_id), indexed_key(job_id)]
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            for chunk, rows in doubts:
                values: list[Any] = [chunk]
                for row in rows:
                    values += [2 * row.digit + row.confidence, row.index]
                self._index(keys=keys, args=values, client=pipe)
            pipe.execute()

    def hold(self, job_id: str, reviewer: str, *, digits: Sequence[int], limit: int, seconds: float) -> Holding | None:
        keys = [rows_key(job_id), review_key(job_id), held_key(job_id)]
        with storage_errors():
            answer = self._hold(keys=keys, args=[reviewer, limit, seconds, MOST_REVIEWERS, *digits])
        if answer is None:
            return None
        until, rows, waiting = answer
        return Holding([int(row) for row in rows], float(until), waiting)

    def release(self, job_id: str, reviewer: str) -> None:
        with storage_errors():
            self._redis.hdel(held_key(job_id), reviewer)


def _word(verdict: Verdict | None) -> str:
    if verdict is None:
        return UNDONE
    return verdict.prediction if verdict.prediction is not None else verdict.status.value


def _revision(record: bytes | None) -> Revision | None:
    """The revision that a record holds: its number, what was said, by whom, when."""
    if not record:
        return None
    number, word, by, at = record.decode().split(" ")
    return Revision(int(number), _verdict(word), by, float(at))


def _verdict(word: str) -> Verdict | None:
    if word == UNDONE:
        return None
    if word in set(VerdictStatus):
        return Verdict(VerdictStatus(word))
    return Verdict(VerdictStatus.RECOGNIZED, word)


def _bit(bits: bytes, place: int) -> bool:
    return place >> 3 < len(bits) and bool(bits[place >> 3] & 128 >> (place & 7))
