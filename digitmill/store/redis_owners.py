"""Give all that one owner has to another. Once the owner of the admin key's jobs was the digest of that key.

Whatever is cut off here is done again by the next call, for what shows that something is left goes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import redis

from digitmill.store.connection import Script, storage_errors
from digitmill.store.endpoint_store import ENDPOINTS, EndpointStore
from digitmill.store.keys import WEBHOOKS_DUE, job_key, jobs_key, open_key
from digitmill.store.webhook_store import SECRETS

PAGE = 500


class RedisOwners:
    """``client`` must return bytes. All methods raise StorageUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._endpoints = EndpointStore(client)
        self._move_job = Script(client, "move_job")
        self._move_key = Script(client, "move_key")
        self._copy_secrets = Script(client, "copy_secrets")

    def has_any(self, owner: str) -> bool:
        """Whether the owner has jobs, secrets that sign webhooks, or endpoints of webhooks."""
        with storage_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.exists(jobs_key(owner))
            pipe.hexists(SECRETS, owner)
            pipe.hexists(ENDPOINTS, owner)
            return any(pipe.execute())

    def give_all(self, old: str, new: str) -> None:
        """Secrets come before the jobs whose webhooks they sign. A worker that holds a job meanwhile ends it among the
        open jobs of ``old``; the next audit takes it out of those of ``new``."""
        with storage_errors():
            self._copy_secrets.run([SECRETS], [old, new])
            self._endpoints.give(old, new)
            self._give_idempotency_keys(old, new)
            # of a job that has expired the event may still be due: it is on no list
            due: Iterator[bytes] = iter(self._redis.zrange(WEBHOOKS_DUE, 0, -1))
            while page := list(islice(due, PAGE)):
                self._give_jobs({event.partition(b":")[0] for event in page}, old, new)
            while page := self._redis.zrange(jobs_key(old), 0, PAGE - 1):
                self._give_jobs(page, old, new)
            self._redis.hdel(SECRETS, old)

    def _give_idempotency_keys(self, old: str, new: str) -> None:
        names = self._redis.scan_iter(match=f"dm:idempotency:{old}:*", count=1000)
        while page := list(islice(names, PAGE)):
            self._move_key.run_all([([name, name.decode().replace(old, new, 1)], []) for name in page])

    def _give_jobs(self, job_ids: Iterable[bytes], old: str, new: str) -> None:
        lists = [jobs_key(old), open_key(old), jobs_key(new), open_key(new)]
        self._move_job.run_all([([job_key(job_id.decode()), *lists], [job_id, old, new]) for job_id in job_ids])
