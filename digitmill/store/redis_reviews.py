"""What people make of a job's rows, over Redis.

    dm:job:<id>:corrections hash    value -> "<revision> <verdict> <by> <at>", its last change by a person. The verdict
                                    is the text, in percent-encoding behind "=" where it is not all digits, "blank",
                                    "not_a_digit", or "-" where the last was taken back.
    dm:job:<id>:entries     hash    value that two people enter -> "<verdict> <by> <at>" of each entry since it was last
                                    settled, with spaces between. Its verdict in ``corrections`` is "-" meanwhile.
    dm:job:<id>:history     hash    "<value> <revision>" -> the same, of every change. Fields are only ever added.
    dm:job:<id>:revised     string  a bit for each row that has a value in ``corrections``
    dm:job:<id>:review      zset    values with the status review that no person has answered, by twice the number of
                                    their group plus their confidence
    dm:job:<id>:groups      hash    group -> its number. Where it is missing, those of the reader have their places.
    dm:job:<id>:indexed     string  a bit for each chunk whose values are in ``review``
    dm:job:<id>:held        hash    reviewer -> "<end of its lease> <value> <value> …"
    dm:job:<id>             hash    corrected, answered: see redis.py

A value is written as "<row>", or "<row>:<field>" where the image has named fields. All keys go with the rows, by the
same hand or at the same time.

The values that wait are indexed when a reviewer first asks, chunk by chunk, and not when chunks complete: most jobs
are never reviewed here, and their workers should not pay for it. In a running job each call indexes the chunks that
came in between. One that waits takes about 80 bytes of Redis, one that was corrected about 150 with its history.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import redis

from digitmill.domain.rows import PLAIN, Address, RowStatus
from digitmill.domain.verdicts import Entry, Revision, Verdict, VerdictStatus
from digitmill.store.connection import Script, storage_errors
from digitmill.store.keys import (
    corrections_key,
    entries_key,
    groups_key,
    held_key,
    history_key,
    indexed_key,
    job_key,
    review_key,
    revised_key,
    rows_key,
)
from digitmill.store.reviews import MOST_REVIEWERS, Change, Doubt, Holder, Holding, Outcome, ReviewStore, Taken

UNDONE = "-"


class RedisReviewStore(ReviewStore):
    """``client`` must return bytes (``decode_responses`` off)."""

    def __init__(self, client: redis.Redis) -> None:
        # redis-py types every answer as text, bytes or more, whatever decode_responses says
        self._redis: Any = client
        self._correct = Script(client, "correct", confirmed=True)
        self._index = Script(client, "index_review")
        self._hold = Script(client, "hold")
        self._note_check = Script(client, "note_check")
        self._raise = Script(client, "raise")
        self._replace = Script(client, "replace_rows", confirmed=True)

    def correct(self, job_id: str, changes: Sequence[Change], by: str) -> list[Outcome]:
        if not changes:
            return []
        keys = [
            job_key(job_id), rows_key(job_id), corrections_key(job_id), history_key(job_id), review_key(job_id),
            indexed_key(job_id), revised_key(job_id), entries_key(job_id),
        ]  # fmt: skip
        values: list[Any] = [by]
        for change in changes:
            address = _address(change.index, change.field)
            doubted = "\n".join(_address(change.index, field) for field in change.doubted)
            values += [address, change.index, change.chunk, change.seen, _word(change.verdict), doubted]
            values.append(int(change.by_two))
        with storage_errors():
            answers = self._correct.run(keys, values)
        return [Outcome(Taken(taken), _revision(record, entries)) for taken, record, entries in answers]

    def revisions(self, job_id: str, indices: Sequence[int], field: str = PLAIN) -> list[Revision | None]:
        if not indices:
            return []
        with storage_errors():
            return self._last(job_id, [_address(index, field) for index in indices])

    def revisions_of(self, job_id: str, values: Sequence[Address]) -> dict[Address, Revision]:
        if not values:
            return {}
        with storage_errors():
            revisions = zip(values, self._last(job_id, [_address(*value) for value in values]), strict=True)
        return {value: revision for value, revision in revisions if revision is not None}

    def _last(self, job_id: str, addresses: Sequence[str]) -> list[Revision | None]:
        found = [_revision(record) for record in self._redis.hmget(corrections_key(job_id), addresses)]
        # two people may be entering what nobody has the last word on
        places = [place for place, last in enumerate(found) if last is not None and last.verdict is None]
        if places:
            some = self._redis.hmget(entries_key(job_id), [addresses[place] for place in places])
            for place, entries in zip(places, some, strict=True):
                last = found[place]
                found[place] = None if last is None else replace(last, entries=_entries(entries))
        return found

    def revisions_between(self, job_id: str, start: int, stop: int, field: str = PLAIN) -> dict[int, Revision]:
        first = start >> 3
        with storage_errors():
            bits = self._redis.getrange(revised_key(job_id), first, (stop - 1) >> 3)
        found = np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8))) + 8 * first
        indices = found[(found >= start) & (found < stop)].tolist()
        revisions = zip(indices, self.revisions(job_id, indices, field), strict=True)
        return {index: revision for index, revision in revisions if revision is not None}

    def history(self, job_id: str, index: int, field: str = PLAIN) -> list[Revision]:
        (last,) = self.revisions(job_id, [index], field)
        if last is None:
            return []
        entries = [f"{_address(index, field)} {number}" for number in range(1, last.number + 1)]
        with storage_errors():
            records = self._redis.hmget(history_key(job_id), entries)
        return [revision for revision in map(_revision, records) if revision is not None]

    def changes(self, job_id: str) -> int:
        with storage_errors():
            return int(self._redis.hlen(history_key(job_id)))

    def raise_threshold(self, job_id: str, below: float, by: str, *, changes: int, raised: int, answered: int) -> bool:
        keys = [job_key(job_id), history_key(job_id), review_key(job_id), indexed_key(job_id)]
        with storage_errors():
            return bool(self._raise.run(keys, [repr(below), by, changes, raised, answered]))

    def replace(self, job_id: str, chunk: int, before: bytes, after: bytes, *, left: RowStatus, now: RowStatus) -> bool:
        keys = [job_key(job_id), rows_key(job_id), indexed_key(job_id)]
        with storage_errors():
            return bool(self._replace.run(keys, [chunk, before, after, left, now]))

    def note_check(self, job_id: str, *, seen: int, wrong: int, population: int, by: str) -> None:
        found = json.dumps({"seen": seen, "wrong": wrong, "population": population, "by": by})
        with storage_errors():
            self._note_check.run([job_key(job_id)], [found])

    def answered_by(self, job_id: str) -> Mapping[str, int]:
        found: dict[str, str] = {}
        with storage_errors():
            # a value may come up twice while others are written
            for value, record in self._redis.hscan_iter(corrections_key(job_id), count=1000):
                revision = _revision(record)
                if revision is not None and revision.verdict is not None:
                    found[value] = revision.by
        return Counter(found.values())

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

    def index(self, job_id: str, doubts: Sequence[tuple[int, Sequence[Doubt]]], groups: Sequence[str]) -> None:
        keys = [
            rows_key(job_id), corrections_key(job_id), review_key(job_id), indexed_key(job_id), groups_key(job_id),
        ]  # fmt: skip
        calls = []
        for chunk, found in doubts:
            values: list[Any] = [chunk, len(groups), *groups]
            for doubt in found:
                values += [doubt.group, doubt.confidence, _address(*doubt.address)]
            calls.append((keys, values))
        with storage_errors():
            self._index.run_all(calls)

    def hold(
        self, job_id: str, reviewer: str, *, groups: Sequence[str], group: str | None, limit: int, seconds: float
    ) -> Holding | None:
        keys = [rows_key(job_id), review_key(job_id), held_key(job_id), groups_key(job_id), entries_key(job_id)]
        wanted, person = "" if group is None else f"={group}", reviewer.partition("/")[0]
        with storage_errors():
            answer = self._hold.run(keys, [reviewer, limit, seconds, MOST_REVIEWERS, wanted, person, *groups])
        if answer is None:
            return None
        until, values, waiting = answer
        counts = zip(waiting[::2], waiting[1::2], strict=True)
        return Holding([_parsed(value) for value in values], float(until), {name.decode(): n for name, n in counts})

    def holders(self, job_ids: Sequence[str]) -> list[Sequence[Holder]]:
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.time()
            for job_id in job_ids:
                pipe.hgetall(held_key(job_id))
            (now, _), *held = pipe.execute()
        return [_holders(found, now) for found in held]

    def release(self, job_id: str, reviewer: str) -> None:
        with storage_errors():
            self._redis.hdel(held_key(job_id), reviewer)


def _holders(held: Mapping[bytes, bytes], now: float) -> list[Holder]:
    pairs = ((reviewer, text.split(b" ")) for reviewer, text in held.items())
    holders = (Holder(reviewer.decode(), len(words) - 1, float(words[0])) for reviewer, words in pairs)
    return [holder for holder in holders if holder.until > now]


def _word(verdict: Verdict | None) -> str:
    if verdict is None:
        return UNDONE
    if verdict.prediction is None:
        return verdict.status.value
    # digits as they are: processes of the release before read them
    if re.fullmatch("[0-9]+", verdict.prediction):
        return verdict.prediction
    return f"={quote(verdict.prediction, safe='')}"


def _revision(record: bytes | None, entries: bytes | None = None) -> Revision | None:
    """The revision that a record holds: its number, what was said, by whom, when."""
    if not record:
        return None
    number, word, by, at = record.decode().split(" ")
    return Revision(int(number), _verdict(word), by, float(at), entries=_entries(entries))


def _entries(text: bytes | None) -> Sequence[Entry]:
    words = text.decode().split(" ") if text else []
    found = ((_verdict(word), by, float(at)) for word, by, at in zip(words[::3], words[1::3], words[2::3], strict=True))
    return tuple(Entry(verdict, by, at) for verdict, by, at in found if verdict is not None)


def _verdict(word: str) -> Verdict | None:
    if word == UNDONE:
        return None
    if word in set(VerdictStatus):
        return Verdict(VerdictStatus(word))
    return Verdict(VerdictStatus.RECOGNIZED, unquote(word[1:]) if word.startswith("=") else word)


def _address(image: int, field: str) -> str:
    return f"{image}:{field}" if field else str(image)


def _parsed(value: bytes) -> Address:
    image, _, field = value.decode().partition(":")
    return Address(int(image), field)


def _bit(bits: bytes, place: int) -> bool:
    return place >> 3 < len(bits) and bool(bits[place >> 3] & 128 >> (place & 7))
