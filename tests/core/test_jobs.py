from __future__ import annotations

import io
import threading
import time
from contextlib import nullcontext

import pytest
from PIL import Image

from digitmill.domain.jobs import JobState, Options, new_job_id
from digitmill.domain.precedence import QueueName
from digitmill.domain.rows import RowStatus
from digitmill.errors import (
    BadOptions,
    CorruptArchive,
    Expired,
    FailureCode,
    IdempotencyConflict,
    NoImages,
    NotFound,
    Overloaded,
    StorageUnavailable,
    TooManyImages,
    TooManyJobs,
)
from digitmill.imaging.drawn.drawing import View, draw
from digitmill.jobs.jobs import Submission
from digitmill.results.rows import EVERY_ROW, RowFilter
from digitmill.upkeep.purge import Purge
from digitmill.uploads.spool import Spool
from tests.archives import zip_of
from tests.core.conftest import Mill, blank_png, png
from tests.in_process import HeldQueue

FEW = {"chunk_images": 2}


def scans(number: int) -> dict[str, bytes]:
    return {f"{n:03}.png": png(thick=n % 2 == 1) for n in range(number)}


def test_every_image_becomes_one_row_in_upload_order(mill: Mill) -> None:
    archive = zip_of(
        {"b.png": png(thick=True), "a/": b"", "a/a.png": png(), "empty.png": blank_png(), "x.txt": b"hello"}
    )
    job = mill.submit({"first.png": png(), "pile.zip": archive, "last.png": png(thick=True)})
    assert (job.counts.total, job.counts.skipped, job.state) == (6, 1, JobState.QUEUED)
    mill.turn()
    page = mill.service.results.page("ann", job.id, rows=EVERY_ROW, limit=100, cursor=None)
    assert page.job.state is JobState.COMPLETED
    assert page.next_cursor is None
    assert [(row.index, row.name, row.status.value, row.prediction) for row in page.rows] == [
        (0, "first.png", "recognized", "1"),
        (1, "b.png", "recognized", "7"),
        (2, "a/a.png", "recognized", "1"),
        (3, "empty.png", "blank", None),
        (4, "x.txt", "failed", None),
        (5, "last.png", "recognized", "7"),
    ]
    failure = page.rows[4].failure
    assert failure is not None
    assert failure.code is FailureCode.NOT_AN_IMAGE


def test_options_are_resolved_when_the_job_is_made(mill: Mill) -> None:
    job = mill.submit(scans(1))
    assert (job.options.model, job.options.review_below) == ("digits@1", 0.6)
    assert job.options.expires_in == mill.service.settings.expires_in
    assert job.model.version == "1"


def test_the_threshold_decides_what_goes_to_review(mill: Mill) -> None:
    job = mill.submit(scans(1), Options(review_below=1.0, alternatives=4))
    mill.turn()
    row = mill.service.results.row("ann", job.id, 0)
    assert row.status is RowStatus.REVIEW
    assert len(row.alternatives) == 4
    assert row.confidence is not None
    assert all(guess.confidence <= row.confidence for guess in row.alternatives)


def test_a_few_images_go_through_the_interactive_queue(mill: Mill) -> None:
    assert mill.submit(scans(16)).queue is QueueName.INTERACTIVE
    assert mill.submit(scans(17)).queue is QueueName.BULK


@pytest.mark.parametrize("mill", [FEW], indirect=True)
def test_a_job_is_read_chunk_by_chunk(mill: Mill) -> None:
    job = mill.submit(scans(9))
    mill.turn()
    assert mill.service.jobs.get("ann", job.id).state is JobState.COMPLETED
    assert mill.model.batches == [2, 2, 2, 2, 1]


def test_a_refused_upload_leaves_nothing(mill: Mill) -> None:
    for files, error in (
        ({"a.zip": zip_of({"folder/": b""})}, NoImages),
        ({"a.zip": b"PK\x03\x04 but no more"}, CorruptArchive),
    ):
        with pytest.raises(error):
            mill.submit(files)
    assert mill.service.jobs.list("ann", state=None, before=None, limit=10) == []
    assert list(mill.service.settings.spool.glob("*")) == []
    assert list(mill.service.blobs.older_than(-60)) == []


@pytest.mark.parametrize("mill", [{"max_images": 3, "chunk_images": 1}], indirect=True)
def test_a_plan_that_turns_out_too_long_is_forgotten(mill: Mill) -> None:
    with pytest.raises(TooManyImages):
        mill.submit(scans(4))
    assert mill.redis.keys("dm:job:*") == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (Options(model="nobody"), "model"),
        (Options(model="digits@99"), "model"),
        (Options(expires_in=10**9), "expires_in"),
    ],
)
def test_options_that_cannot_be_met_are_refused(mill: Mill, options: Options, field: str) -> None:
    with pytest.raises(BadOptions) as refused:
        mill.submit(scans(1), options)
    assert [fault.field for fault in refused.value.errors] == [field]


@pytest.mark.parametrize("mill", [{"max_queued_images": 3}], indirect=True)
def test_past_the_limit_no_more_is_admitted_until_work_is_done(mill: Mill) -> None:
    mill.service.jobs.admit("ann")
    mill.submit(scans(3))
    with pytest.raises(Overloaded) as refused:
        mill.service.jobs.admit("bob")
    assert refused.value.retry_after > 0
    mill.turn()
    mill.service.jobs.admit("ann")


@pytest.mark.parametrize("mill", [{"max_open_jobs": 2}], indirect=True)
def test_past_the_limit_of_open_jobs_an_owner_waits_and_others_do_not(mill: Mill) -> None:
    mill.submit(scans(1), key="k")
    mill.submit(scans(1))
    with pytest.raises(TooManyJobs):
        mill.service.jobs.admit("ann")
    mill.service.jobs.admit("bob")
    mill.service.jobs.admit("ann", idempotency_key="k")
    mill.turn(1)
    mill.service.jobs.admit("ann")


@pytest.mark.parametrize("mill", [{"max_open_jobs": 1}], indirect=True)
def test_a_job_that_was_one_too_many_leaves_nothing_behind(mill: Mill) -> None:
    mill.submit(scans(1))
    blobs = sorted((mill.service.settings.var / "blobs").iterdir())
    plans = mill.redis.keys("dm:job:*:plan")
    with pytest.raises(TooManyJobs):
        mill.submit(scans(2))
    assert sorted((mill.service.settings.var / "blobs").iterdir()) == blobs
    assert mill.redis.keys("dm:job:*:plan") == plans


@pytest.mark.parametrize("mill", [{"chunk_images": 1}], indirect=True)
def test_of_two_requests_at_once_under_one_key_the_second_gets_the_job_of_the_first(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = mill.submission(scans(2), key="k")
    kept = mill.redis.keys("dm:job:*:plan")
    # it looked before the first was recorded
    monkeypatch.setattr(mill.store, "recall", lambda *_: None)
    again, created = mill.submission(scans(2), key="k")
    assert (again.id, created) == (first.id, False)
    assert list(mill.service.blobs.older_than(-60)) == [first.id]
    assert mill.redis.keys("dm:job:*:plan") == kept


@pytest.mark.parametrize("mill", [{"max_open_jobs": 1}], indirect=True)
def test_nobody_waits_any_more_for_a_job_that_was_not_recorded(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    def submit_and_wait(key: str) -> Submission:
        with Spool(mill.service.settings.spool, 1 << 20, with_digest=True) as spool:
            spool.add("a.png", io.BytesIO(png()))
            return mill.service.jobs.submit("ann", spool, Options(), idempotency_key=key, follow=True)

    waited = mill.store._followers._waiting
    first = submit_and_wait("k")
    assert first.completion is not None
    assert list(waited) == [first.job.id]
    first.completion.close()
    with pytest.raises(TooManyJobs):
        submit_and_wait("another")
    monkeypatch.setattr(mill.store, "recall", lambda *_: None)
    assert submit_and_wait("k").completion is None
    assert not waited


@pytest.mark.parametrize("mill", [{"max_redis_memory_share": 0.5}], indirect=True)
def test_a_store_that_is_nearly_full_takes_no_more(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    for share, refused in ((0.0, False), (0.5, False), (0.51, True), (0.2, False)):
        monkeypatch.setattr(mill.store.upkeep, "memory_share", lambda share=share: share)
        with pytest.raises(Overloaded, match="memory") if refused else nullcontext():
            mill.service.jobs.admit("ann")


def test_the_same_key_and_content_give_the_first_job(mill: Mill) -> None:
    first, created = mill.submission(scans(2), key="k")
    assert created
    again, created = mill.submission(scans(2), key="k")
    assert (again.id, created) == (first.id, False)
    other, created = mill.submission(scans(2), key="k", owner="bob")
    assert created
    with pytest.raises(IdempotencyConflict):
        mill.submission(scans(3), key="k")
    with pytest.raises(IdempotencyConflict):
        mill.submission(scans(2), Options(alternatives=3), key="k")
    assert sorted(mill.service.blobs.older_than(-60)) == sorted([first.id, other.id])


def test_another_owners_job_is_not_found(mill: Mill) -> None:
    job = mill.submit(scans(1))
    for ask in (
        lambda: mill.service.jobs.get("bob", job.id),
        lambda: mill.service.jobs.cancel("bob", job.id),
        lambda: mill.service.jobs.delete("bob", job.id),
        lambda: mill.service.results.page("bob", job.id, rows=EVERY_ROW, limit=1, cursor=None),
        lambda: mill.service.results.row("bob", job.id, 0),
        lambda: mill.service.results.image("bob", job.id, 0),
    ):
        with pytest.raises(NotFound):
            ask()


@pytest.mark.parametrize("mill", [FEW], indirect=True)
def test_cancelling_stops_the_work_and_keeps_the_rows_that_are_done(mill: Mill) -> None:
    job = mill.submit(scans(9))
    mill.turn(2)
    assert mill.service.jobs.cancel("ann", job.id).state is JobState.CANCELLED
    mill.turn()
    page = mill.service.results.page("ann", job.id, rows=EVERY_ROW, limit=100, cursor=None)
    assert [row.index for row in page.rows] == [0, 1, 2, 3]
    assert page.next_cursor is None
    assert sum(mill.model.batches) == 4


def test_a_deleted_job_and_its_upload_are_gone(mill: Mill) -> None:
    job = mill.submit(scans(3))
    mill.service.jobs.delete("ann", job.id)
    mill.turn()
    with pytest.raises(NotFound):
        mill.service.jobs.get("ann", job.id)
    assert list(mill.service.blobs.older_than(-60)) == []


def test_jobs_are_listed_by_state(mill: Mill) -> None:
    done, open_job = mill.submit(scans(1)), None
    mill.turn()
    time.sleep(0.002)
    open_job = mill.submit(scans(1))
    jobs = mill.service.jobs
    assert [job.id for job in jobs.list("ann", state=None, before=None, limit=10)] == [open_job.id, done.id]
    assert [job.id for job in jobs.list("ann", state=JobState.COMPLETED, before=None, limit=10)] == [done.id]
    assert [job.id for job in jobs.list("ann", state=None, before=open_job.id, limit=10)] == [done.id]


@pytest.mark.parametrize("mill", [FEW], indirect=True)
def test_a_reader_who_follows_cursors_sees_every_row_once_while_the_job_runs(mill: Mill) -> None:
    job = mill.submit(scans(11))
    seen: list[int] = []
    cursor: str | None = None
    steps = 0
    while True:
        page = mill.service.results.page("ann", job.id, rows=EVERY_ROW, limit=3, cursor=cursor)
        seen += [row.index for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
        steps += 1
        if steps % 2:
            mill.turn(1)
    assert seen == list(range(11))


@pytest.mark.parametrize("mill", [{"chunk_images": 1}], indirect=True)
def test_filters_choose_rows_and_the_cursor_goes_on(mill: Mill) -> None:
    job = mill.submit(scans(150), Options(review_below=0.0))
    mill.turn()
    results = mill.service.results
    thin, thick = results.row("ann", job.id, 0), results.row("ann", job.id, 1)
    assert thin.confidence is not None
    assert thick.confidence is not None
    assert thin.confidence < thick.confidence
    found: list[int] = []
    cursor: str | None = None
    while True:
        rows = RowFilter(statuses=frozenset({thick.status}), min_confidence=thick.confidence)
        page = results.page("ann", job.id, rows=rows, limit=10, cursor=cursor)
        found += [row.index for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [n for n in range(150) if n % 2]
    none = results.page("ann", job.id, rows=RowFilter(max_confidence=0.0), limit=10, cursor=None)
    assert (list(none.rows), none.next_cursor) == ([], "64")


@pytest.mark.parametrize("cursor", ["x", "-1", "1e3", "٣", "999999999999999", "5"])
def test_a_cursor_that_is_none_is_refused(mill: Mill, cursor: str) -> None:
    job = mill.submit(scans(4))
    with pytest.raises(BadOptions):
        mill.service.results.page("ann", job.id, rows=EVERY_ROW, limit=1, cursor=cursor)


@pytest.mark.parametrize("mill", [FEW], indirect=True)
def test_a_stream_follows_the_job_to_its_end(mill: Mill) -> None:
    job = mill.submit(scans(9))

    def turn_slowly() -> None:
        while mill.turn(1):
            time.sleep(0.01)

    worker = threading.Thread(target=turn_slowly)
    worker.start()
    rows = [row.index for rows in mill.service.results.stream("ann", job.id, rows=EVERY_ROW) for row in rows]
    worker.join()
    assert rows == list(range(9))


def test_a_row_that_is_not_there_yet_is_not_found(mill: Mill) -> None:
    job = mill.submit(scans(2))
    for index in (0, 2, -1):
        with pytest.raises(NotFound):
            mill.service.results.row("ann", job.id, index)


def test_the_image_comes_back_as_uploaded_and_as_the_model_saw_it(mill: Mill) -> None:
    files = {"a.png": png(), "z.zip": zip_of({"b.png": png(thick=True, size=60)})}
    job = mill.submit(files)
    mill.turn()
    assert mill.service.results.image("ann", job.id, 1) == ("b.png", png(thick=True, size=60))
    drawn = draw(mill.service.results.picture("ann", job.id, 1, View.NORMALISED), View.NORMALISED, max_pixels=10_000)
    assert drawn is not None
    assert Image.open(io.BytesIO(drawn)).size == (28, 28)


def test_waiting_ends_with_the_job(mill: Mill) -> None:
    job = mill.submit(scans(2))
    assert mill.service.jobs.wait("ann", job.id, seconds=0.05).state is JobState.QUEUED
    threading.Timer(0.05, mill.turn).start()
    assert mill.service.jobs.wait("ann", job.id, seconds=60).state is JobState.COMPLETED


def test_an_expired_job_says_so_everywhere(mill: Mill) -> None:
    job = mill.submit(scans(2), Options(expires_in=60))
    mill.turn()
    mill.pass_time(61)
    with pytest.raises(Expired):
        mill.service.jobs.get("ann", job.id)
    with pytest.raises(Expired):
        mill.service.results.page("ann", job.id, rows=EVERY_ROW, limit=1, cursor=None)
    Purge(mill.service.settings, mill.store, mill.service.blobs).run()
    assert list(mill.service.blobs.older_than(-60)) == []


def test_a_broker_that_fails_does_not_fail_an_accepted_job(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailable("down")

    with monkeypatch.context() as broken:
        broken.setattr(HeldQueue, "wake", fail)
        job = mill.submit(scans(2))
    mill.pass_time(60)
    mill.service.recovery.sweep()
    assert mill.queue.wakeups == 1
    mill.turn()
    assert mill.service.jobs.get("ann", job.id).state is JobState.COMPLETED


def test_job_ids_sort_by_time() -> None:
    ids = []
    for _ in range(20):
        ids.append(new_job_id())
        time.sleep(0.0015)
    assert ids == sorted(ids)
    assert {len(job_id) for job_id in ids} == {26}
