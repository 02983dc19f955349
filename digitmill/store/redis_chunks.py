"""The chunks of jobs over Redis: who works on which, what is done, and the rows. The keys are told in ``redis.py``."""

from __future__ import annotations

import array
import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import redis

from digitmill.domain.jobs import Job
from digitmill.domain.precedence import Priority
from digitmill.domain.roles import Role
from digitmill.errors import NotFound
from digitmill.store.base import STRIKES, ChunkStore, Claim, Completion, Done, Taken
from digitmill.store.connection import Script, run_together, storage_errors, this_process
from digitmill.store.keys import (
    CALLED,
    TOMBSTONE_SECONDS,
    TURN,
    WAITING,
    attempts_key,
    ending_keys,
    events_channel,
    job_key,
    list_key,
    notes_key,
    of_role,
    plan_key,
    rows_key,
)
from digitmill.store.orders import Order, Urgency, rank_of, urgency_of
from digitmill.store.records import counts_text, job_from_hash
from digitmill.store.refusals import NO_UPLOAD
from digitmill.store.webhook_store import first_event

_START = struct.Struct("<I")
_FEWEST = 2**40
"""The scores of one urgency in ``dm:waiting``, and of one rank in an owner's list, lie so far from the next."""


def score_of(urgency: Urgency) -> int:
    """The score in ``dm:waiting`` of what is the first of this urgency ever to wait."""
    return _FEWEST * urgency


def scores_of(job: Job) -> tuple[int, int]:
    """Where a job with chunks left waits: its score in its owner's list, without the turn, and that of its owner."""
    return _FEWEST * rank_of(job), score_of(urgency_of(job))


class RedisChunks(ChunkStore):
    """``client`` must return bytes (``decode_responses`` off)."""

    def __init__(self, client: redis.Redis) -> None:
        # redis-py types every answer as text, bytes or more, whatever decode_responses says
        self._redis: Any = client
        self._take = Script(client, "take")
        self._call_worker = Script(client, "call_worker")
        self._complete = Script(client, "complete")
        self._give_back = Script(client, "give_back")
        self._count_attempt = Script(client, "count_attempt")
        self._renew = Script(client, "renew")
        self._note_place = Script(client, "note_place")
        self._note_progress = Script(client, "note_progress")

    def starts(self, job_id: str) -> Sequence[int]:
        with storage_errors():
            packed = self._redis.hget(plan_key(job_id), "starts")
        if packed is None:
            raise NotFound("There is no such job.")
        return array.array("I", packed)

    def take(self, order: Order) -> Taken:
        with storage_errors():
            return _taken(self._take.run(*_asked(order)))

    def wait_for_work(self, seconds: float, role: Role = Role.READER) -> tuple[bytes, float] | None:
        with storage_errors():
            found = self._redis.bzpopmin(of_role(WAITING, role), seconds)
        return None if found is None else (found[1], found[2])

    def call_worker(self, role: Role = Role.READER) -> bool:
        with storage_errors():
            return bool(self._call_worker.run([of_role(WAITING, role), of_role(CALLED, role)], []))

    def waiting(self, role: Role = Role.READER) -> Mapping[str, int]:
        waiting = of_role(WAITING, role)
        with storage_errors():
            owners = self._redis.zrange(waiting, score_of(Urgency.INTERACTIVE), "+inf", byscore=True)
            spans = [(waiting, urgency, 1) for urgency in (Urgency.SMALL, Urgency.AGAIN)]
            spans += [
                (list_key(waiting, owner.decode()[1:]), urgency, len(Priority))
                for owner in owners
                for urgency in (Urgency.INTERACTIVE, Urgency.BULK)
            ]
            pipe = self._redis.pipeline(transaction=False)
            for key, urgency, ranks in spans:
                pipe.zcount(key, _FEWEST * ranks * urgency, f"({_FEWEST * ranks * (urgency + 1)}")
            counts = pipe.execute()
        found = dict.fromkeys(Urgency, 0)
        for (_, urgency, _), count in zip(spans, counts, strict=True):
            found[urgency] += int(count)
        return {urgency.name.lower(): count for urgency, count in found.items()}

    def upload(self, job_id: str) -> bytes:
        with storage_errors():
            upload: bytes | None = self._redis.hget(plan_key(job_id), "upload")
        if upload is None:
            raise NotFound(NO_UPLOAD)
        return upload

    def note_place(self, job_id: str, chunk: int, place: int | None) -> None:
        values = [f"{job_id} {chunk}", f"{chunk}:place", "" if place is None else place]
        with storage_errors():
            self._note_place.run([attempts_key(job_id), "dm:leases"], values)

    def renew(self, job_id: str, chunk: int, lease: float) -> None:
        with storage_errors():
            self._renew.run(["dm:leases"], [f"{job_id} {chunk}", lease])

    def note_progress(
        self, claim: Claim, done: int, lease: float, notes: Mapping[str, bytes] = MappingProxyType({})
    ) -> bool:
        job_id, chunk = claim.job.id, claim.chunk
        keys = [
            job_key(job_id), "dm:leases", attempts_key(job_id), "dm:active", events_channel(job_id), notes_key(job_id),
        ]  # fmt: skip
        named = [part for pair in notes.items() for part in pair]
        values = [job_id, f"{job_id} {chunk}", chunk, this_process(), done, lease, *named]
        with storage_errors():
            return bool(self._note_progress.run(keys, values))

    def notes(self, job_id: str) -> Mapping[str, bytes]:
        with storage_errors():
            return {name.decode(): text for name, text in self._redis.hgetall(notes_key(job_id)).items()}

    def release(self, job_id: str, chunk: int) -> None:
        self.renew(job_id, chunk, 0)

    def give_back(self, job_id: str, chunk: int, *, at_once: bool = False) -> None:
        keys = ["dm:leases", attempts_key(job_id), WAITING, TURN, job_key(job_id)]
        again = score_of(Urgency.AGAIN) if at_once else ""
        with storage_errors():
            self._give_back.run(keys, [f"{job_id} {chunk}", chunk, this_process(), again])

    def count_attempt(self, claim: Claim, *, counts: bool) -> None:
        keys = ["dm:leases", attempts_key(claim.job.id)]
        attempts = claim.attempt if counts else claim.attempt - 1
        with storage_errors():
            self._count_attempt.run(keys, [f"{claim.job.id} {claim.chunk}", claim.chunk, this_process(), attempts])

    def complete_all(self, answers: Sequence[Done]) -> list[Completion]:
        with storage_errors():
            done = self._complete.run_all([_handed_in(answer, alone=len(answers) == 1) for answer in answers])
            self._tell(done, alone=len(answers) == 1)
        return list(map(_completion, done))

    def complete_and_take(self, answers: Sequence[Done], order: Order) -> tuple[list[Completion], Taken]:
        if len(answers) != 1:
            return self.complete_all(answers), self.take(order)
        calls = [(self._complete, *_handed_in(answers[0], alone=True)), (self._take, *_asked(order))]
        with storage_errors():
            done, taken = run_together(self._redis, calls)
        return [_completion(done)], _taken(taken)

    def _tell(self, done: Sequence[Sequence[Any]], *, alone: bool) -> None:
        """Tell each process that waits of all ends at once: a message costs it more than an end does. Of one alone the
        script has told."""
        endings = [] if alone else [ended[2:4] for ended in done if ended[1] and ended[2] is not None]
        news: dict[bytes, list[bytes]] = {}
        for channel, ending in endings:
            news.setdefault(channel, []).append(ending)
        if news:
            pipe = self._redis.pipeline(transaction=False)
            for channel, those in news.items():
                pipe.publish(channel, b"".join(those))
            pipe.execute()

    def read(self, job_id: str, chunks: Sequence[int]) -> list[tuple[bytes, bytes | None]]:
        if not chunks:
            return []
        numbers = [str(chunk) for chunk in chunks]
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hmget(plan_key(job_id), numbers)
            pipe.hmget(rows_key(job_id), numbers)
            entries, rows = pipe.execute()
        if None in entries:
            raise NotFound("There is no such job.")
        return list(zip(entries, rows, strict=True))


def _asked(order: Order) -> tuple[list[str], list[Any]]:
    process = this_process()
    waiting, called = of_role(WAITING, order.role), of_role(CALLED, order.role)
    keys = [waiting, called, f"dm:taken:{process}", TURN, "dm:leases", "dm:active"]
    return keys, [
        order.word, order.most, order.lease, STRIKES, process, int(order.called), int(order.stays),
        *(order.popped or ()),
    ]  # fmt: skip


def _taken(answer: Sequence[Any]) -> Taken:
    call, more, small, *claims = answer
    return Taken([_claim(*claim) for claim in claims], bool(small), bool(more), bool(call))


def _completion(answer: Sequence[Any]) -> Completion:
    stored, finished, *rest = answer
    due = rest[-1].decode() if rest else ""
    return Completion(bool(stored), bool(finished), float(rest[2]) if finished else None, due)


def _handed_in(done: Done, *, alone: bool) -> tuple[list[str], list[Any]]:
    claim, rows, counts, way = done
    job = claim.job
    return ending_keys(job.id, job.owner), [
        job.id, claim.chunk, rows, counts.total, counts_text(counts), job.chunks, job.options.expires_in or 0,
        TOMBSTONE_SECONDS, first_event(job), int(not alone),
        str(way or ""),
    ]  # fmt: skip


def _claim(
    job_id: bytes, chunk: int, attempt: int, poison: bytes, pairs: Sequence[bytes], entries: bytes, first: bytes,
    upload: bytes | None = None,
) -> Claim:  # fmt: skip
    return Claim(
        job=job_from_hash(job_id.decode(), dict(zip(pairs[::2], pairs[1::2], strict=True))),
        chunk=chunk,
        first=_START.unpack(first)[0],
        entries=entries,
        attempt=attempt,
        poison=frozenset(int(place) for place in poison.split()),
        upload=upload,
    )
