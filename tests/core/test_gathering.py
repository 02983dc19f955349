"""Small interactive jobs that arrive together are answered in one batch, and each as if it were alone."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from digitmill.domain.jobs import Counts, JobState, ModelReference, Options
from digitmill.domain.roles import Role
from digitmill.errors import ModelRejected, StorageUnavailable
from digitmill.results.rows import EVERY_ROW
from digitmill.store.base import Done
from digitmill.store.blobs import BlobStore
from digitmill.work.loading import Models
from digitmill.work.taking import GATHERED_CHUNKS
from tests.core.conftest import DarkMeansSeven, Mill, blank_png, png
from tests.store.conftest import take_chunk


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker stays for as long as a busy machine takes for its work."""
    monkeypatch.setattr("digitmill.work.taking.STAY_SECONDS", 600.0)


def predictions(mill: Mill, job_id: str) -> list[str | None]:
    page = mill.service.results.page("ann", job_id, rows=EVERY_ROW, limit=10, cursor=None)
    return [row.prediction for row in page.rows]


def state(mill: Mill, job_id: str) -> JobState:
    return mill.service.jobs.get("ann", job_id).state


def test_jobs_that_arrive_together_are_one_batch_and_get_their_own_rows(mill: Mill) -> None:
    thin = mill.submit({"a.png": png()})
    mixed = mill.submit({"b.png": png(thick=True), "c.png": blank_png(), "d.png": b"none", "e.png": png()})
    thick = mill.submit({"f.png": png(thick=True)}, Options(alternatives=0))
    assert mill.worker.run() == 3
    assert mill.model.batches == [4]
    assert predictions(mill, thin.id) == ["1"]
    assert predictions(mill, mixed.id) == ["7", None, None, "1"]
    assert predictions(mill, thick.id) == ["7"]
    assert {state(mill, job.id) for job in (thin, mixed, thick)} == {JobState.COMPLETED}


def test_many_small_jobs_are_answered_in_batches_of_a_bounded_size(mill: Mill) -> None:
    jobs = [mill.submit({"a.png": png()}) for _ in range(2 * GATHERED_CHUNKS + 1)]
    assert mill.worker.run() == len(jobs)
    assert mill.model.batches == [GATHERED_CHUNKS, GATHERED_CHUNKS, 1]


def test_what_is_done_held_or_over_is_passed_by(mill: Mill) -> None:
    done, held, over, due = (mill.submit({"a.png": png()}) for _ in range(4))
    assert take_chunk(mill.store, held.id, 0, 10)
    claim = take_chunk(mill.store, done.id, 0, 10)
    assert claim is not None
    mill.store.chunks.complete_all([Done(claim, b"rows", Counts(total=1, statuses=Counter(blank=1)))])
    mill.service.jobs.cancel("ann", over.id)
    assert mill.worker.run() == 1
    assert mill.model.batches == [1]
    assert state(mill, due.id) is JobState.COMPLETED
    assert state(mill, held.id) is JobState.RUNNING


def test_an_upload_that_vanished_fails_its_job_alone(mill: Mill) -> None:
    lost, kept = (mill.submit({"a.png": png()}) for _ in range(2))
    mill.service.blobs.delete(lost.id)
    assert mill.worker.run() == 1
    assert (state(mill, lost.id), state(mill, kept.id)) == (JobState.FAILED, JobState.COMPLETED)


def test_a_model_that_cannot_be_loaded_fails_the_jobs_that_asked_for_it(mill: Mill) -> None:
    def refuse(_: ModelReference) -> DarkMeansSeven:
        raise ModelRejected("The model file is broken; publish it again.")

    jobs = [mill.submit({"a.png": png()}) for _ in range(2)]
    assert mill.service.work(Models(refuse)).run() == 0
    assert {state(mill, job.id) for job in jobs} == {JobState.FAILED}


def test_storage_that_fails_midway_lets_all_gathered_chunks_go(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise StorageUnavailable("down")

    jobs = [mill.submit({"a.png": png()}) for _ in range(3)]
    with monkeypatch.context() as broken:
        broken.setattr(BlobStore, "read", fail)
        with pytest.raises(StorageUnavailable):
            mill.worker.run()
    assert mill.service.recovery.sweep() == 3
    mill.turn()
    assert {state(mill, job.id) for job in jobs} == {JobState.COMPLETED}


def test_a_small_job_lost_by_a_worker_that_waited_for_it_waits_again(mill: Mill) -> None:
    jobs = [mill.submit({"a.png": png()}) for _ in range(3)]
    for _ in jobs:
        assert mill.store.chunks.wait_for_work(1)
    mill.pass_time(60)
    assert mill.service.recovery.sweep() == 3
    mill.turn()
    assert {state(mill, job.id) for job in jobs} == {JobState.COMPLETED}


@pytest.mark.parametrize("mill", [{"interactive_images": 0}], indirect=True)
def test_bulk_work_is_not_gathered(mill: Mill) -> None:
    for _ in range(3):
        mill.submit({"a.png": png()})
    assert mill.worker.run() == 3
    assert mill.model.batches == [1, 1, 1]


def test_who_joins_while_a_worker_waits_is_taken_at_once_and_nobody_is_called(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digitmill.work.taking.PATIENCE_SECONDS", 1.0)
    waits, wait_for_work = threading.Event(), mill.store.chunks.wait_for_work

    def wait(seconds: float, role: Role) -> tuple[bytes, float] | None:
        waits.set()
        return wait_for_work(seconds, role)

    monkeypatch.setattr(mill.store.chunks, "wait_for_work", wait)
    mill.submit({"a.png": png()})
    with ThreadPoolExecutor(1) as worker:
        stored = worker.submit(mill.worker.run)
        assert waits.wait(30)
        second = mill.submit({"a.png": png()})
        assert stored.result(60) == 2
    assert mill.queue.wakeups == 1
    assert state(mill, second.id) is JobState.COMPLETED
