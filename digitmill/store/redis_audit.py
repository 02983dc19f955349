"""The audit over Redis: what is noted of jobs in sets and counters is held against the jobs themselves.

Each job is looked at by a script of its own, so that nothing is called wrong which is only under way.

    dm:mends    hash    what was wrong -> how often it was mended. For ever.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import redis

from digitmill.domain.rows import COUNTED
from digitmill.store.base import UNRECORDED_SECONDS
from digitmill.store.connection import Script, storage_errors
from digitmill.store.keys import attempts_key, job_key, open_key, plan_key, rows_key
from digitmill.store.upkeep import LONGEST_LEASE_SECONDS

MENDS = "dm:mends"
EARLIER = ("dm:line", "dm:bell")
"""What releases before 0.2 kept of work that waits; the sweep has found it."""
PAGE = 500


class RedisAudit:
    """``client`` must return bytes. All methods raise StorageUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._job = Script(client, "audit_job")
        self._lease = Script(client, "audit_lease")
        self._queued = Script(client, "audit_queued")

    def run(self, *, mend: bool) -> Mapping[str, int]:
        """What differs, and how often. Mended where that is asked for, and counted in ``mends`` then."""
        wrong: Counter[str] = Counter()
        with storage_errors():
            if mend:
                self._redis.unlink(*EARLIER)
            claimed, malformed = self._leases()
            wrong["leases"] += self._too_long(claimed, mend=mend) + len(malformed)
            if mend and malformed:
                self._redis.zrem("dm:leases", *malformed)
            owners = self._owners(claimed)
            ids = iter(sorted(owners))
            while page := list(islice(ids, PAGE)):
                wrong.update(self._jobs({job_id: owners[job_id] for job_id in page}, claimed, mend=mend))
            # it goes by the open jobs as they are noted: where those are wrong and stay so, it cannot be told
            if mend or not wrong["active"]:
                wrong["queued"] += int(self._queued.run(["dm:queued", "dm:active"], [int(mend), *COUNTED]))
        found = {what: times for what, times in wrong.items() if times}
        if mend:
            self.note(found)
        return found

    def mend_jobs(self, job_ids: Iterable[str]) -> None:
        """The same for these jobs alone, which were met where no such job should be."""
        with storage_errors():
            wrong = self._jobs({job_id: set() for job_id in job_ids}, {}, mend=True)
        self.note(wrong)

    def note(self, mended: Mapping[str, int]) -> None:
        """Count what was mended."""
        with storage_errors():
            for what, times in mended.items():
                self._redis.hincrby(MENDS, what, times)

    def mends(self) -> Mapping[str, int]:
        with storage_errors():
            return {what.decode(): int(times) for what, times in self._redis.hgetall(MENDS).items()}

    def _leases(self) -> tuple[dict[str, list[str]], list[bytes]]:
        """The claimed chunks of each job, and what is no claim at all."""
        claimed: dict[str, list[str]] = defaultdict(list)
        malformed = []
        for member, _ in self._redis.zscan_iter("dm:leases", count=PAGE):
            job_id, _, chunk = member.decode(errors="replace").partition(" ")
            if chunk.isdigit():
                claimed[job_id].append(chunk)
            else:
                malformed.append(member)
        return claimed, malformed

    def _too_long(self, claimed: Mapping[str, list[str]], *, mend: bool) -> int:
        members = (f"{job_id} {chunk}" for job_id, chunks in claimed.items() for chunk in chunks)
        longest = 0
        while page := list(islice(members, PAGE)):
            values = [[member, int(mend), LONGEST_LEASE_SECONDS] for member in page]
            longest += sum(self._lease.run_all([(["dm:leases"], each) for each in values]))
        return longest

    def _owners(self, claimed: Iterable[str]) -> dict[str, set[str]]:
        """Every id that is met anywhere, with the owners in whose open jobs it is."""
        owners: dict[str, set[str]] = {job_id: set() for job_id in claimed}
        for member, _ in self._redis.zscan_iter("dm:active", count=PAGE):
            owners.setdefault(member.decode(), set())
        for key in self._redis.scan_iter("dm:open:*", count=PAGE):
            for member in self._redis.sscan_iter(key, count=PAGE):
                owners.setdefault(member.decode(), set()).add(key.decode().removeprefix("dm:open:"))
        for key in self._redis.scan_iter("dm:job:*", count=PAGE):
            owners.setdefault(key.decode().split(":")[2], set())
        return owners

    def _jobs(self, owners: Mapping[str, set[str]], claimed: Mapping[str, list[str]], *, mend: bool) -> Counter[str]:
        calls = [
            (
                [
                    job_key(job_id), plan_key(job_id), rows_key(job_id), attempts_key(job_id), "dm:active", "dm:expiry",
                    open_key(owner),
                ],
                [job_id, int(mend), UNRECORDED_SECONDS, *claimed.get(job_id, ())],
            )
            for job_id, owner in self._with_owner(owners)
        ]  # fmt: skip
        return Counter(what.decode() for wrong in self._job.run_all(calls) for what in wrong)

    def _with_owner(self, owners: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
        """Each job with its owner, and with every other who has it among the open ones."""
        pipe = self._redis.pipeline(transaction=False)
        for job_id in owners:
            pipe.hget(job_key(job_id), "owner")
        for (job_id, others), own in zip(owners.items(), pipe.execute(), strict=True):
            yield from ((job_id, owner) for owner in others | ({own.decode()} if own is not None else set()) or {""})
