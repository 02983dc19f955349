"""The failed images of a job, tried again as a job of their own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from digitmill.domain.jobs import Job, JobState, Options, Polarity
from digitmill.domain.rows import Failure, Row, RowStatus
from digitmill.errors import (
    Expired,
    FailureCode,
    IdempotencyConflict,
    JobNotFinal,
    NotFound,
    NothingFailed,
    TooManyJobs,
)
from digitmill.jobs.jobs import TINY_BYTES
from digitmill.results.rows import EVERY_ROW
from digitmill.store.keys import job_key, rows_key
from digitmill.uploads.codec import unpack_plan
from tests.answers import answers_of
from tests.archives import Crafted, craft, zip_of
from tests.core.conftest import Mill, blank_png, png

GIVEN_UP = Failure(FailureCode.PROCESSING_FAILED, "Gave up.")


def tiff(*pages: bytes) -> bytes:
    first, *others = [Image.open(io.BytesIO(page)) for page in pages]
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others)
    return out.getvalue()


UPLOAD = {
    "a.png": png(),
    "pile.zip": zip_of({f"{n}.png": png(thick=n % 2 == 1) for n in range(5)} | {"no.png": b"text"}),
    "stored.zip": zip_of({"s.png": png(thick=True), "blank.png": blank_png()}, compression=0),
    "pages.tif": tiff(png(), png(thick=True), png()),
    "z.png": png(thick=True),
}


def give_up(mill: Mill, job: Job, indices: set[int]) -> None:
    """The worker answers the job, and gives up on these images."""
    mill.turn()
    for chunk, rows in enumerate(chunks_of(mill, job)):
        failed = [
            Row(row.index, row.name, RowStatus.FAILED, failure=GIVEN_UP) if row.index in indices else row
            for row in rows
        ]
        mill.redis.hset(rows_key(job.id), str(chunk), answers_of(failed).packed())
    counts = answers_of(rows_of(mill, job)).counts
    mill.redis.hset(job_key(job.id), mapping={str(status): number for status, number in counts.statuses.items()})


def rows_of(mill: Mill, job: Job) -> list[Row]:
    return [row for rows in mill.service.results.stream("ann", job.id, rows=EVERY_ROW) for row in rows]


def chunks_of(mill: Mill, job: Job) -> Sequence[Sequence[Row]]:
    starts = [*mill.store.chunks.starts(job.id), job.counts.total]
    rows = rows_of(mill, job)
    return [rows[start:end] for start, end in pairwise(starts)]


def retry(mill: Mill, job: Job, key: str | None = None) -> Job:
    return mill.service.retrying.retry("ann", job.id, idempotency_key=key).job


def said(rows: Sequence[Row]) -> list[tuple[str, RowStatus, str | None, float | None]]:
    return [(row.name, row.status, row.prediction, row.confidence) for row in rows]


@pytest.mark.parametrize("mill", [{"chunk_images": 2}], indirect=True)
@given(st.sets(st.integers(0, 12), min_size=1))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_retry_reads_the_images_that_failed_and_no_others(mill: Mill, failed: set[int]) -> None:
    job = mill.submit(UPLOAD)
    mill.turn()
    before = rows_of(mill, job)
    give_up(mill, job, failed)
    again = retry(mill, job)
    mill.turn()
    # that what is no image fails for good, in whatever job
    assert said(rows_of(mill, again)) == said([before[index] for index in sorted(failed | {6})])
    assert mill.service.jobs.get("ann", again.id).state is JobState.COMPLETED


def test_a_retry_stands_on_its_own_when_the_old_job_is_gone(mill: Mill) -> None:
    job = mill.submit({"good.png": png(), "x.txt": b"hello"})
    mill.turn()
    again = retry(mill, job)
    mill.service.jobs.delete("ann", job.id)
    mill.turn()
    (row,) = rows_of(mill, again)
    assert (row.index, row.name, row.status) == (0, "x.txt", RowStatus.FAILED)
    assert mill.service.results.image("ann", again.id, 0) == ("x.txt", b"hello")


def test_what_the_plan_refused_is_refused_again_for_the_same_reason(mill: Mill) -> None:
    members = [Crafted(name="locked.png", data=b"x", flags=1), Crafted(name="in.7z", data=b"x")]
    job = mill.submit({"pile.zip": craft(members)})
    mill.turn()
    before = rows_of(mill, job)
    again = retry(mill, job)
    mill.turn()
    after = rows_of(mill, again)
    assert [row.failure for row in after] == [row.failure for row in before]
    assert {row.failure.code for row in after if row.failure} == {
        FailureCode.ENCRYPTED_MEMBER, FailureCode.NESTED_ARCHIVE,
    }  # fmt: skip


def test_a_retry_has_the_options_of_the_old_job_and_says_whose_it_is(mill: Mill) -> None:
    options = Options(polarity=Polarity.DARK_ON_LIGHT, review_below=0.9, alternatives=0, metadata={"batch": "A7"})
    job = mill.submit({"x.txt": b"hello"}, options)
    mill.turn()
    again = retry(mill, job)
    assert replace(again.options, metadata={}) == replace(job.options, metadata={})
    assert again.options.metadata == {"batch": "A7", "retry_of": job.id}
    assert again.model == job.model
    mill.turn()
    assert retry(mill, again).options.metadata["retry_of"] == again.id


def test_pages_of_one_file_are_stored_once(mill: Mill) -> None:
    content = tiff(*[png()] * 6)
    job = mill.submit({"pages.tif": content})
    give_up(mill, job, {0, 2, 3, 5})
    again = retry(mill, job)
    blob = mill.service.blobs.read(again.id, 0, 10 * len(content))
    assert blob == content
    assert {entry.offset for entry in unpack_plan(mill.store.chunks.read(again.id, [0])[0][0])} == {0}


def test_only_a_final_job_with_failed_images_can_be_retried(mill: Mill) -> None:
    job = mill.submit({"x.txt": b"hello"})
    with pytest.raises(JobNotFinal):
        retry(mill, job)
    good = mill.submit({"a.png": png()})
    mill.turn()
    with pytest.raises(NothingFailed):
        retry(mill, good)
    with pytest.raises(NotFound):
        mill.service.retrying.retry("bob", job.id)
    mill.pass_time(mill.service.settings.expires_in + 1)
    with pytest.raises(Expired):
        retry(mill, job)


def test_nothing_is_left_of_a_retry_whose_upload_is_gone(mill: Mill) -> None:
    job = mill.submit({"x.txt": b"hello" * TINY_BYTES})
    mill.turn()
    mill.service.blobs.delete(job.id)
    with pytest.raises(NotFound, match="no longer stored"):
        retry(mill, job)
    assert len(mill.service.jobs.list("ann", state=None, before=None, limit=10)) == 1
    assert not list(mill.service.settings.spool.glob("*"))


def test_a_retry_that_is_asked_for_twice_is_one_job(mill: Mill) -> None:
    job, other = mill.submit({"x.txt": b"hello"}), mill.submit({"y.txt": b"hello"})
    mill.turn()
    first = retry(mill, job, "key")
    mill.turn()
    assert retry(mill, job, "key").id == first.id
    with pytest.raises(IdempotencyConflict):
        retry(mill, other, "key")


@pytest.mark.parametrize("mill", [{"max_open_jobs": 1}], indirect=True)
def test_a_retry_counts_among_the_open_jobs(mill: Mill) -> None:
    job = mill.submit({"x.txt": b"hello" * TINY_BYTES})
    mill.turn()
    retry(mill, job)
    with pytest.raises(TooManyJobs):
        retry(mill, job)
    assert len(list((mill.service.settings.var / "blobs").glob("[0-9a-z]*"))) == 2
