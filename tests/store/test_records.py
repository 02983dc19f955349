"""The record of a job as JSON, which processes of other releases read too."""

from __future__ import annotations

import json
from dataclasses import replace

from digitmill.domain.jobs import READ, Counts, Findings, Job, JobState, ModelReference, Options
from digitmill.domain.precedence import QueueName
from digitmill.store.records import job_from_hash, record_of

JOB = Job(
    id="j", owner="ann", state=JobState.QUEUED, queue=QueueName.BULK, created_at=1.0, counts=Counts(total=3), chunks=1,
    model=ModelReference("digits", "1", "0" * 64), options=Options(), blob="j",
)  # fmt: skip


def read(record: str) -> Job:
    counts = dict.fromkeys((b"recognized", b"review", b"blank", b"failed"), b"0")
    return job_from_hash(
        "j", {b"record": record.encode(), b"owner": b"ann", b"state": b"queued", b"total": b"3", **counts}
    )


def test_a_job_comes_back_as_it_was() -> None:
    told = replace(JOB, options=Options(names="cp932"), findings=Findings(("cp932",), ("@eaDir/1.png",)), kind="nap")
    assert [read(record_of(job)) for job in (JOB, told)] == [JOB, told]


def test_a_record_of_an_earlier_release_is_of_images() -> None:
    record = json.loads(record_of(JOB))
    assert "kind" not in record
    assert read(json.dumps(record)).kind == READ


def test_an_earlier_release_finds_no_option_that_it_does_not_know() -> None:
    record = json.loads(record_of(replace(JOB, options=Options(names="cp932"))))
    assert "names" not in record["options"]


def test_the_record_of_an_earlier_release_has_no_findings() -> None:
    record = json.loads(record_of(JOB))
    assert not {"names", "findings"} & set(record)
