"""A job as the fields of a hash, and back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from digitmill.domain.jobs import (
    READ,
    Check,
    Computation,
    Copies,
    Copy,
    Counts,
    Findings,
    Job,
    JobState,
    ModelReference,
    Options,
    Polarity,
    Problem,
    Raised,
)
from digitmill.domain.precedence import Priority, QueueName
from digitmill.domain.roles import Role
from digitmill.domain.rows import COUNTED, DIGIT
from digitmill.store.set_records import sets_in


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
            **({"kind": job.kind} if job.kind != READ else {}),
            **({"shadow": _fields(job.shadow)} if job.shadow is not None else {}),
            **({"tally": job.tally} if job.tally is not None else {}),
            **({"trace": job.trace} if job.trace is not None else {}),
            **({"findings": _fields(findings)} if findings != Findings() else {}),
            **({"number_model": _fields(job.number_model)} if job.number_model is not None else {}),
        },
        separators=(",", ":"),
    )


def _options(options: Options) -> dict[str, Any]:
    found = {**_fields(options), "metadata": dict(options.metadata)}
    if options.calibration is None:
        # so that workers of a release without calibrations read it; as below of one without readers
        del found["calibration"], found["temperature"]
    if options.read == DIGIT:
        del found["read"]
    if options.results_url is None:
        del found["results_url"]
    if not options.template:
        del found["template"]
    if options.priority is Priority.NORMAL:
        del found["priority"]
    if not options.webhook_drift:
        del found["webhook_drift"]
    return found


def _fields(value: ModelReference | Options | Findings) -> dict[str, Any]:
    """As ``asdict``, which copies deeply and takes ten times as long."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def job_from_hash(job_id: str, fields: Mapping[bytes, bytes]) -> Job:
    """The job whose hash holds ``record``, ``owner``, ``state``, the counts and what came later."""
    record = json.loads(fields[b"record"])
    options = record["options"]
    if b"expires_in" in fields:
        options["expires_in"] = int(fields[b"expires_in"])
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
            statuses=Counter({name: int(fields.get(name.encode(), 0)) for name in COUNTED}),
            skipped=record["skipped"],
            corrected=int(fields.get(b"corrected", 0)),
            answered=int(fields.get(b"answered", 0)),
            raised=int(fields.get(b"raised", 0)),
        ),
        chunks=record["chunks"],
        model=ModelReference(**record["model"]),
        options=Options(
            **{
                **options,
                "polarity": Polarity(options["polarity"]),
                "names": record.get("names"),
                "template": tuple(options.get("template", ())),
                "priority": Priority(options.get("priority", Priority.NORMAL)),
            }
        ),
        blob=record["blob"],
        error=Problem(**json.loads(error)) if error else None,
        revised=b"corrected" in fields,
        sent_by=record.get("sent_by"),
        computed_by=tuple(map(Computation.parse, fields.get(b"computed_by", b"").decode().split())),
        resumed=int(fields.get(b"resumed", 0)),
        raised=_raised(fields),
        check=_check(fields),
        findings=Findings(**{field: tuple(values) for field, values in findings.items()}),
        # records of releases that knew no kinds are of images
        kind=record.get("kind", READ),
        shadow=ModelReference(**record["shadow"]) if "shadow" in record else None,
        tally=record.get("tally"),
        trace=record.get("trace"),
        drift=json.loads(fields[b"drift"]) if b"drift" in fields else None,
        copies=_copies(fields.get(b"copies")),
        sets=sets_in(fields[b"sets"]) if b"sets" in fields else None,
        under_way=int(fields.get(b"under_way", 0)),
        role=Role(fields.get(b"role", b"reader").decode()),
        number_model=ModelReference(**record["number_model"]) if "number_model" in record else None,
    )


def counts_text(counts: Counts) -> str:
    """The statuses that any image has, as ``status=images,…``: for scripts, which know no status by name."""
    return ",".join(f"{status}={images}" for status, images in counts.statuses.items() if images)


def statuses_in(text: str) -> Counter[str]:
    """Of what ``counts_text`` made."""
    pairs = (pair.split("=") for pair in text.split(",") if pair)
    return Counter({status: int(images) for status, images in pairs})


def _raised(fields: Mapping[bytes, bytes]) -> Raised | None:
    if b"raised_below" not in fields:
        return None
    below, at = float(fields[b"raised_below"]), float(fields[b"raised_at"])
    return Raised(below, fields[b"raised_by"].decode(), at, int(fields[b"raised"]))


def copies_text(copies: Copies) -> str:
    """As the field of a job's hash."""
    return json.dumps([copies.pages, copies.runs], separators=(",", ":"))


def _copies(text: bytes | None) -> Copies | None:
    if text is None:
        return None
    pages, runs = json.loads(text)
    return Copies(pages, tuple(Copy(*run) for run in runs))


def _check(fields: Mapping[bytes, bytes]) -> Check | None:
    found = fields.get(b"check")
    return None if found is None else Check(**json.loads(found), at=float(fields[b"check_at"]))


def _time(fields: Mapping[bytes, bytes], name: bytes) -> float | None:
    value = fields.get(name)
    return float(value) if value is not None else None
