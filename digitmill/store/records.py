"""A job as the fields of a hash, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from digitmill.domain import (
    Computation,
    Counts,
    Findings,
    Job,
    JobState,
    ModelReference,
    Options,
    Polarity,
    Problem,
    QueueName,
)


def record_of(job: Job) -> str:
    """What never changes about a job, as JSON."""
    options, findings = _options(job.options), job.findings
    # processes of an earlier release read records too, and take no option that they do not know
    names = options.pop("names")
    return json.dumps(
        {
            "queue": job.queue,
            "created_at": job.created_at,
            "skipped": job.counts.skipped,
            "chunks": job.chunks,
            "model": _fields(job.model),
            "options": options,
            "blob": job.blob,
            "sent_by": job.sent_by,
            **({"names": names} if names else {}),
            **({"findings": _fields(findings)} if findings != Findings() else {}),
        },
        separators=(",", ":"),
    )


def _options(options: Options) -> dict[str, Any]:
    found = {**_fields(options), "metadata": dict(options.metadata)}
    if options.calibration is None:
        # so that workers of a release without calibrations read it
        del found["calibration"], found["temperature"]
    return found


def _fields(value: ModelReference | Options | Findings) -> dict[str, Any]:
    """As ``asdict``, which copies deeply and takes ten times as long."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def job_from_hash(job_id: str, fields: Mapping[bytes, bytes]) -> Job:
    """The job whose hash holds ``record``, ``owner``, ``state``, the counts and what came later."""
    record = json.loads(fields[b"record"])
    options = record["options"]
    findings = record.get("findings", {})
    error = fields.get(b"error")
    return Job(
        id=job_id,
        owner=fields[b"owner"].decode(),
        state=JobState(fields[b"state"].decode()),
        queue=QueueName(record["queue"]),
        created_at=record["created_at"],
        started_at=_time(fields, b"started_at"),
        finished_at=_time(fields, b"finished_at"),
        expires_at=_time(fields, b"expires_at"),
        counts=Counts(
            total=int(fields[b"total"]),
            recognized=int(fields[b"recognized"]),
            review=int(fields[b"review"]),
            blank=int(fields[b"blank"]),
            failed=int(fields[b"failed"]),
            skipped=record["skipped"],
            corrected=int(fields.get(b"corrected", 0)),
        ),
        chunks=record["chunks"],
        model=ModelReference(**record["model"]),
        options=Options(**{**options, "polarity": Polarity(options["polarity"]), "names": record.get("names")}),
        blob=record["blob"],
        error=Problem(**json.loads(error)) if error else None,
        revised=b"corrected" in fields,
        sent_by=record.get("sent_by"),
        computed_by=tuple(map(Computation.parse, fields.get(b"computed_by", b"").decode().split())),
        findings=Findings(**{field: tuple(values) for field, values in findings.items()}),
    )


def _time(fields: Mapping[bytes, bytes], name: bytes) -> float | None:
    value = fields.get(name)
    return float(value) if value is not None else None
