"""The chunks of jobs over Redis: who works on which, what is done, and the rows. The keys are told in ``redis.py``."""

from __future__ import annotations

import array
import secrets
import struct
from collections.abc import Sequence
from typing import Any

import redis

from digitmill.errors import NotFound
from digitmill.store.base import NO_UPLOAD, STRIKES, TOMBSTONE_SECONDS, Claim, Completion, Done
from digitmill.store.connection import Script, storage_errors, this_process
from digitmill.store.keys import attempts_key, ending_keys, events_channel, job_key, plan_key, rows_key
from digitmill.store.records import job_from_hash
from digitmill.store.redis_base import RedisStore

_START = struct.Struct("<I")


class RedisChunks(RedisStore):
    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._claim = Script(client, "claim")
        self._complete = Script(client, "complete")
        self._give_back = Script(client, "give_back")
        self._count_attempt = Script(client, "count_attempt")
        self._renew = Script(client, "renew")
        self._note_place = Script(client, "note_place")

    def starts(self, job_id: str) -> Sequence[int]:
        with storage_errors():
            packed = self._redis.hget(plan_key(job_id), "starts")
        if packed is None:
            raise NotFound("There is no such job.")
        return array.array("I", packed)

    def claim(self, job_id: str, chunk: int, lease: float) -> Claim | None:
        claims = self.claim_all([(job_id, chunk)], lease)
        return claims[0] if claims else None

    def claim_all(self, chunks: Sequence[tuple[str, int]], lease: float) -> list[Claim]:
        calls = [
            (
                [
                    job_key(job_id), rows_key(job_id), attempts_key(job_id), "dm:leases", "dm:active",
                    events_channel(job_id), plan_key(job_id),
                ],
                [job_id, chunk, lease, STRIKES, this_process(), secrets.token_hex(8)],
            )
            for job_id, chunk in chunks
        ]  # fmt: skip
        with storage_errors():
            answers = self._claim.run_all(calls)
        return [
            _claim(job_id, chunk, answer) for (job_id, chunk), answer in zip(chunks, answers, strict=True) if answer
        ]

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

    def release(self, job_id: str, chunk: int) -> None:
        self.renew(job_id, chunk, 0)

    def give_back(self, job_id: str, chunk: int) -> None:
        keys = ["dm:leases", attempts_key(job_id)]
        with storage_errors():
            self._give_back.run(keys, [f"{job_id} {chunk}", chunk, this_process()])

    def count_attempt(self, claim: Claim, *, counts: bool) -> None:
        keys = ["dm:leases", attempts_key(claim.job.id)]
        attempts = claim.attempt if counts else claim.attempt - 1
        with storage_errors():
            self._count_attempt.run(keys, [f"{claim.job.id} {claim.chunk}", claim.chunk, this_process(), attempts])

    def complete_all(self, answers: Sequence[Done]) -> list[Completion]:
        calls: list[tuple[list[str], list[Any]]] = [
            (
                ending_keys(claim.job.id, claim.job.owner),
                [
                    claim.job.id, claim.chunk, rows, counts.total,
                    counts.recognized, counts.review, counts.blank, counts.failed,
                    claim.job.chunks, claim.job.options.expires_in or 0, TOMBSTONE_SECONDS,
                    claim.job.options.announced, int(len(answers) > 1), str(way or ""),
                ],
            )
            for claim, rows, counts, way in answers
        ]  # fmt: skip
        with storage_errors():
            done = self._complete.run_all(calls)
            if len(answers) > 1:
                self._tell([ended[3:] for ended in done if ended[1] and ended[3] is not None])
        return [
            Completion(bool(stored), bool(finished), following if following >= 0 else None)
            for stored, finished, following, *_ in done
        ]

    def _tell(self, endings: Sequence[tuple[bytes, bytes]]) -> None:
        """Tell each process that waits of all ends at once: a message costs it more than an end does."""
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


def _claim(job_id: str, chunk: int, answer: Sequence[Any]) -> Claim:
    attempt, poison, pairs, entries, first, upload = answer
    return Claim(
        job=job_from_hash(job_id, dict(zip(pairs[::2], pairs[1::2], strict=True))),
        chunk=chunk,
        first=_START.unpack(first)[0],
        entries=entries,
        attempt=attempt,
        poison=frozenset(int(place) for place in poison.split()),
        upload=upload,
    )
