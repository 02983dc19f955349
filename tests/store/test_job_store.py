"""What every job store must do; the same body runs over each of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from digitmill.domain.jobs import Computation, Counts, Job, JobState, Problem, new_job_id
from digitmill.errors import Expired, IdempotencyConflict, NotFound, TooManyJobs
from digitmill.store.base import Done, PackedChunk
from digitmill.store.orders import Load
from digitmill.store.requests import Idempotency
from digitmill.store.upkeep import WorkerInfo
from tests.store.conftest import IMAGES, Bench, take_chunk


def test_a_recorded_job_reads_back_as_it_was(bench: Bench) -> None:
    job = bench.submit()
    assert bench.store.get(job.id) == job


def test_an_unknown_job_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.store.get("nobody")
    with pytest.raises(NotFound):
        bench.store.chunks.starts("nobody")
    assert not bench.store.delete("nobody")


def test_a_plan_without_a_record_is_no_job(bench: Bench) -> None:
    bench.store.save_plan("early", [PackedChunk(0, b"x")])
    with pytest.raises(NotFound):
        bench.store.get("early")
    bench.store.discard_plan("early")
    with pytest.raises(NotFound):
        bench.store.chunks.starts("early")


def test_the_first_claim_starts_the_job_and_carries_what_the_worker_needs(bench: Bench) -> None:
    job = bench.submit()
    claim = take_chunk(bench.store, job.id, 1, 5)
    assert claim is not None
    assert (claim.chunk, claim.first, claim.entries, claim.attempt) == (1, IMAGES, b"entries 1", 1)
    assert claim.job.state is JobState.RUNNING
    assert claim.job.started_at is not None


def test_a_chunk_is_held_by_one_worker_at_a_time(bench: Bench) -> None:
    job = bench.submit()
    assert take_chunk(bench.store, job.id, 0, 5) is not None
    assert take_chunk(bench.store, job.id, 0, 5) is None
    assert take_chunk(bench.store, job.id, 1, 5) is not None


def test_a_lease_that_ends_gives_the_chunk_to_another_and_counts_the_attempt(bench: Bench) -> None:
    job = bench.submit()
    take_chunk(bench.store, job.id, 0, 0.05)
    bench.pass_time(0.1)
    second = take_chunk(bench.store, job.id, 0, 5)
    assert second is not None
    assert second.attempt == 2


def test_a_place_where_three_attempts_ended_is_poison(bench: Bench) -> None:
    job = bench.submit()
    poison = []
    for place in (7, 7, 7, None, 3, 3, 3, None):
        claim = take_chunk(bench.store, job.id, 1, 0)
        assert claim is not None
        poison.append(claim.poison)
        bench.store.chunks.note_place(job.id, 1, 5)
        bench.store.chunks.note_place(job.id, 1, place)
        bench.pass_time(0.001)
    assert poison == [set(), set(), set(), {7}, {7}, {7}, {7}, {3, 7}]
    other = take_chunk(bench.store, job.id, 0, 5)
    assert other is not None
    assert (other.attempt, other.poison) == (1, frozenset())


def test_a_renewed_lease_holds(bench: Bench) -> None:
    job = bench.submit()
    take_chunk(bench.store, job.id, 0, 0.2)
    bench.store.chunks.renew(job.id, 0, 30)
    bench.pass_time(0.3)
    assert take_chunk(bench.store, job.id, 0, 5) is None
    assert bench.store.upkeep.requeue_expired(10) == []


def test_renewing_a_chunk_that_is_done_brings_no_lease_back(bench: Bench) -> None:
    job = bench.submit()
    bench.run(job.id, 0)
    bench.store.chunks.renew(job.id, 0, 0)
    bench.pass_time(0.01)
    assert bench.store.upkeep.requeue_expired(10) == []


def test_an_ended_lease_is_reported_lost_once(bench: Bench) -> None:
    job = bench.submit()
    take_chunk(bench.store, job.id, 1, 5)
    bench.store.chunks.release(job.id, 1)
    bench.pass_time(0.01)
    assert bench.store.upkeep.requeue_expired(10) == [(job.id, 1)]
    assert bench.store.upkeep.requeue_expired(10) == []
    assert bench.store.chunks.waiting() == {"small": 0, "again": 1, "interactive": 0, "bulk": 1}


def test_the_rows_of_a_chunk_are_stored_once(bench: Bench) -> None:
    job = bench.submit()
    claim = take_chunk(bench.store, job.id, 0, 5)
    assert claim is not None
    counts = Counts(total=IMAGES, statuses=Counter(recognized=1, review=1, failed=1))
    assert bench.store.chunks.complete(claim, b"first", counts).stored
    for _ in range(5):
        again = bench.store.chunks.complete(claim, b"later", counts)
        assert (again.stored, again.finished) == (False, False)
    assert bench.store.chunks.read(job.id, [0, 1]) == [(b"entries 0", b"first"), (b"entries 1", None)]
    found = bench.store.get(job.id).counts
    assert found.statuses == Counter(recognized=1, review=1, failed=1)
    assert take_chunk(bench.store, job.id, 0, 5) is None


def test_a_write_that_comes_after_the_lease_ended_counts_if_it_is_the_first(bench: Bench) -> None:
    job = bench.submit(chunks=1)
    slow = take_chunk(bench.store, job.id, 0, 0.05)
    bench.pass_time(0.1)
    fast = take_chunk(bench.store, job.id, 0, 5)
    assert slow is not None
    assert fast is not None
    counts = Counts(total=IMAGES, statuses=Counter(recognized=IMAGES))
    assert bench.store.chunks.complete(slow, b"slow", counts).finished
    assert not bench.store.chunks.complete(fast, b"fast", counts).stored
    assert bench.store.chunks.read(job.id, [0])[0][1] == b"slow"


def test_the_last_chunk_completes_the_job_once(bench: Bench) -> None:
    job = bench.submit(chunks=3)
    finished = []
    for chunk in (2, 0, 1):
        claim = take_chunk(bench.store, job.id, chunk, 5)
        assert claim is not None
        counts = Counts(total=IMAGES, statuses=Counter(recognized=IMAGES))
        finished.append(bench.store.chunks.complete(claim, b"r", counts).finished)
    assert finished == [False, False, True]
    done = bench.store.get(job.id)
    assert done.state is JobState.COMPLETED
    assert done.counts.done == done.counts.total
    assert done.finished_at is not None
    assert done.expires_at == pytest.approx(done.finished_at + 60, abs=0.01)
    assert bench.store.upkeep.queued_images() == 0


def test_a_cancelled_job_takes_no_more_rows_and_keeps_those_it_has(bench: Bench) -> None:
    job = bench.submit(chunks=3)
    bench.run(job.id, 0)
    claim = take_chunk(bench.store, job.id, 1, 5)
    assert claim is not None
    cancelled = bench.store.finish(job.id, JobState.CANCELLED)
    assert cancelled.state is JobState.CANCELLED
    assert not bench.store.chunks.complete(
        claim, b"late", Counts(total=IMAGES, statuses=Counter(recognized=IMAGES))
    ).stored
    assert take_chunk(bench.store, job.id, 2, 5) is None
    assert bench.store.chunks.read(job.id, [0, 1])[0][1] == b"rows"
    assert bench.store.get(job.id).counts.done == IMAGES
    assert bench.store.upkeep.queued_images() == 0
    assert bench.store.upkeep.requeue_expired(10) == []


def test_a_final_job_stays_as_it_ended(bench: Bench) -> None:
    job = bench.submit(chunks=1)
    bench.run(job.id, 0)
    assert bench.store.finish(job.id, JobState.CANCELLED).state is JobState.COMPLETED
    other = bench.submit()
    failed = bench.store.finish(other.id, JobState.FAILED, Problem("upload_lost", "gone"))
    assert failed.error == Problem("upload_lost", "gone")
    assert bench.store.finish(other.id, JobState.CANCELLED).state is JobState.FAILED


def test_a_deleted_job_is_gone_and_late_writes_do_not_bring_it_back(bench: Bench) -> None:
    job = bench.submit()
    claim = take_chunk(bench.store, job.id, 0, 5)
    assert claim is not None
    bench.store.delete(job.id)
    assert not bench.store.chunks.complete(claim, b"late", Counts(total=IMAGES, statuses=Counter(blank=IMAGES))).stored
    with pytest.raises(NotFound):
        bench.store.get(job.id)
    with pytest.raises(NotFound):
        bench.store.chunks.read(job.id, [0])
    assert bench.store.jobs_of("ann", before=None, limit=10) == []
    assert bench.store.upkeep.queued_images() == 0
    assert bench.store.upkeep.stalled(0, 10) == []
    assert bench.store.upkeep.requeue_expired(10) == []


def test_jobs_of_an_owner_come_newest_first_in_pages(bench: Bench) -> None:
    ids = []
    for _ in range(5):
        ids.append(bench.submit().id)
        time.sleep(0.002)
    bench.submit(owner="bob")
    first = bench.store.jobs_of("ann", before=None, limit=2)
    assert [job.id for job in first] == [ids[4], ids[3]]
    rest = bench.store.jobs_of("ann", before=first[-1].id, limit=10)
    assert [job.id for job in rest] == [ids[2], ids[1], ids[0]]


def test_the_same_idempotency_key_gives_the_first_job(bench: Bench) -> None:
    first = bench.submit()
    key = Idempotency("k1", "digest")
    assert bench.store.recall("ann", key) is None
    keyed = replace(first, id=new_job_id())
    bench.store.save_plan(keyed.id, [PackedChunk(0, b"x"), PackedChunk(IMAGES, b"y")])
    assert bench.store.create(keyed, most_open=9, idempotency=(key, 60)).job.id == keyed.id
    second = replace(first, id=new_job_id())
    assert bench.store.create(second, most_open=9, idempotency=(key, 60)).job.id == keyed.id
    with pytest.raises(NotFound):
        bench.store.get(second.id)
    found = bench.store.recall("ann", key)
    assert found is not None
    assert found.id == keyed.id
    assert bench.store.recall("bob", key) is None
    with pytest.raises(IdempotencyConflict):
        bench.store.recall("ann", Idempotency("k1", "other"))
    with pytest.raises(IdempotencyConflict):
        bench.store.create(second, most_open=9, idempotency=(Idempotency("k1", "other"), 60))


def test_the_idempotency_key_of_a_deleted_job_says_that_it_is_gone(bench: Bench) -> None:
    key = Idempotency("k1", "digest")
    first = replace(bench.submit(), id=new_job_id())
    bench.store.save_plan(first.id, [PackedChunk(0, b"x"), PackedChunk(IMAGES, b"y")])
    bench.store.create(first, most_open=9, idempotency=(key, 60))
    bench.store.delete(first.id)
    with pytest.raises(Expired, match="deleted"):
        bench.store.recall("ann", key)
    with pytest.raises(Expired, match="deleted"):
        bench.store.create(replace(first, id=new_job_id()), most_open=9, idempotency=(key, 60))


def test_queued_images_count_those_without_a_row(bench: Bench) -> None:
    assert bench.store.upkeep.queued_images() == 0
    job = bench.submit(chunks=2)
    bench.submit(chunks=1)
    assert bench.store.upkeep.queued_images() == 3 * IMAGES
    bench.run(job.id, 1)
    assert bench.store.upkeep.queued_images() == 2 * IMAGES


def test_a_job_stays_idle_when_it_was_looked_at_and_lacks_nothing(bench: Bench) -> None:
    job = bench.submit()
    bench.pass_time(1.1)
    for _ in range(2):
        ((found, idle),) = bench.store.upkeep.stalled(1, 10)
        assert found.id == job.id
        assert idle >= 1
        assert bench.store.upkeep.requeue_lost([found]) == 0


def test_idle_jobs_are_found_in_parts(bench: Bench) -> None:
    jobs = [bench.submit().id for _ in range(3)]
    bench.pass_time(1.1)
    parts = [bench.store.upkeep.stalled(1, 2, skip=skip) for skip in (0, 2, 4)]
    assert [len(part) for part in parts] == [2, 1, 0]
    assert {job.id for part in parts for job, _ in part} == set(jobs)


def test_a_lock_is_held_by_one_until_it_ends(bench: Bench) -> None:
    assert bench.store.upkeep.lock("sweep", 0.1)
    assert not bench.store.upkeep.lock("sweep", 0.1)
    assert bench.store.upkeep.lock("other", 0.1)
    bench.pass_time(0.15)
    assert bench.store.upkeep.lock("sweep", 0.1)


def test_workers_are_known_while_they_are_heard_of(bench: Bench) -> None:
    worker = WorkerInfo("host/1", "keras", "cpu", "f32", "digits@1")
    assert bench.store.upkeep.workers(5) == []
    bench.store.upkeep.beat([worker])
    bench.store.upkeep.beat([])
    assert bench.store.upkeep.workers(5) == [worker]
    bench.pass_time(0.2)
    assert bench.store.upkeep.workers(0.1) == []


def test_a_subscriber_wakes_when_the_job_changes(bench: Bench) -> None:
    job = bench.submit()
    with bench.store.subscribe(job.id) as changes:
        assert not changes.wait(0.05)
        worker = threading.Timer(0.1, lambda: bench.run(job.id, 0))
        worker.start()
        assert changes.wait(60)
        worker.join()


def test_a_change_between_subscribing_and_waiting_is_noticed(bench: Bench) -> None:
    job = bench.submit()
    with bench.store.subscribe(job.id) as changes:
        bench.run(job.id, 0)
        assert changes.wait(60)


def test_starts_tell_where_each_chunk_begins(bench: Bench) -> None:
    job = bench.submit(chunks=200)
    assert list(bench.store.chunks.starts(job.id)) == [IMAGES * n for n in range(200)]


def test_ping_answers(bench: Bench) -> None:
    bench.store.upkeep.ping()


def test_chunks_of_several_jobs_are_claimed_and_completed_at_once(bench: Bench) -> None:
    first, second, over = bench.submit(), bench.submit(chunks=1), bench.submit()
    bench.store.finish(over.id, JobState.CANCELLED)
    bench.run(first.id, 0)
    wanted = [(first.id, 0), (first.id, 1), (second.id, 0), (over.id, 0), ("nobody", 0), (first.id, 1)]
    claims = [claim for each in wanted if (claim := take_chunk(bench.store, *each, 5))]
    assert [(claim.job.id, claim.chunk, claim.first, claim.entries) for claim in claims] == [
        (first.id, 1, IMAGES, b"entries 1"),
        (second.id, 0, 0, b"entries 0"),
    ]
    counts = Counts(total=IMAGES, statuses=Counter(recognized=IMAGES))
    completions = bench.store.chunks.complete_all([Done(claim, b"rows", counts) for claim in (*claims, claims[0])])
    assert [(done.stored, done.finished) for done in completions] == [(True, True), (True, True), (False, False)]
    assert bench.store.chunks.complete_all([]) == []


def small(job: Job) -> tuple[Job, PackedChunk]:
    """A job of one chunk, neither of them stored."""
    return replace(job, id=new_job_id(), chunks=1, counts=Counts(total=IMAGES)), PackedChunk(0, b"few")


def test_a_small_plan_is_saved_with_its_job_and_not_without(bench: Bench) -> None:
    job, chunk = small(bench.submit(most_open=2))
    with pytest.raises(NotFound):
        bench.store.chunks.starts(job.id)
    bench.store.create(job, most_open=2, plan=[chunk])
    assert list(bench.store.chunks.starts(job.id)) == [0]
    assert bench.store.chunks.read(job.id, [0]) == [(b"few", None)]
    refused, _ = small(job)
    with pytest.raises(TooManyJobs):
        bench.store.create(refused, most_open=2, plan=[chunk])
    with pytest.raises(NotFound):
        bench.store.chunks.starts(refused.id)


def test_a_job_is_opened_with_its_first_chunk(bench: Bench) -> None:
    job = bench.submit()
    first_chunk = bench.store.open(job.id)
    assert (first_chunk.job, list(first_chunk.starts), first_chunk.entries, first_chunk.rows) == (
        job,
        [0, IMAGES],
        b"entries 0",
        None,
    )
    bench.run(job.id, 0, b"first")
    assert bench.store.open(job.id).rows == b"first"
    assert bench.store.open(job.id).job.state is JobState.RUNNING
    with pytest.raises(NotFound):
        bench.store.open("nobody")


def test_the_load_is_what_waits_and_what_the_owner_has_open(bench: Bench) -> None:
    job = bench.submit(owner="ann")
    bench.submit(owner="bob", chunks=1)
    assert bench.store.upkeep.load("ann") == Load(queued_images=3 * IMAGES, open_jobs=1)
    bench.run(job.id, 0)
    bench.run(job.id, 1)
    assert bench.store.upkeep.load("ann") == Load(queued_images=IMAGES, open_jobs=0)


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.CANCELLED, JobState.FAILED])
def test_who_follows_a_job_hears_of_its_end_alone(bench: Bench, state: JobState) -> None:
    job, chunk = small(bench.submit())
    completion = bench.store.follow(job, [chunk])
    bench.store.create(job, most_open=999, plan=[chunk], followed=True)
    claim = take_chunk(bench.store, job.id, 0, 5)
    assert claim is not None
    assert not completion.wait(0.05)
    if state is JobState.COMPLETED:
        bench.store.chunks.complete(claim, b"rows", Counts(total=IMAGES, statuses=Counter(blank=IMAGES)))
    else:
        bench.store.finish(job.id, state)
    assert completion.wait(60)
    first_chunk = completion.first_chunk()
    assert first_chunk is None or first_chunk == bench.store.open(job.id)
    completion.close()


def test_a_job_tells_how_it_was_answered_each_way_once(bench: Bench) -> None:
    job = bench.submit(chunks=4)
    fast, exact = Computation("openvino", "int8", "cpu"), Computation("keras", "f32", "gpu")
    for chunk, way in enumerate((fast, exact, None, fast)):
        claim = take_chunk(bench.store, job.id, chunk, 5)
        assert claim is not None
        bench.store.chunks.complete(claim, b"rows", Counts(total=IMAGES, statuses=Counter(blank=IMAGES)), way)
    assert bench.store.get(job.id).computed_by == (fast, exact)
