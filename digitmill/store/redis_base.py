"""What the parts of the job store over Redis share: its clock, and jobs read by their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from digitmill.domain.jobs import Job
from digitmill.store.connection import storage_errors
from digitmill.store.keys import job_key
from digitmill.store.records import job_from_hash

_log = structlog.get_logger(__name__)


def time_of(client: Any) -> float:
    """Seconds since 1970 by the clock of this Redis, asked now."""
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6


def jobs_by_id(client: Any, job_ids: Sequence[str]) -> list[Job]:
    """Those of these jobs that there are and that this version can read. Raises StorageUnavailable."""
    with storage_errors():
        pipe = client.pipeline(transaction=False)
        for job_id in job_ids:
            pipe.hgetall(job_key(job_id))
        found = zip(job_ids, pipe.execute(), strict=True)
    jobs = (_readable(job_id, fields) for job_id, fields in found)
    return [job for job in jobs if job is not None]


def job_or_none(job_id: str, fields: Mapping[bytes, bytes]) -> Job | None:
    return job_from_hash(job_id, fields) if b"record" in fields else None


def _readable(job_id: str, fields: Mapping[bytes, bytes]) -> Job | None:
    """As ``job_or_none``; None also for a record of another version's making, which must not hold up the others."""
    try:
        return job_or_none(job_id, fields)
    except (KeyError, TypeError, ValueError) as error:
        _log.warning("job_not_understood", job=job_id, reason=repr(error))
        return None
