"""Workers and messages that vanish; the sweep brings the work back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from digitmill.domain.jobs import JobState, ModelReference, Options
from digitmill.errors import FailureCode, ModelNotFound, ModelRejected, StorageUnavailable
from digitmill.results.rows import EVERY_ROW
from digitmill.store.base import Completion, Done, PackedChunk
from digitmill.store.blobs import BlobStore
from digitmill.store.orders import Order
from digitmill.work.loading import Models
from digitmill.work.taking import Work
from tests.core.conftest import DarkMeansSeven, Mill, png
from tests.in_process import waits

TWO_CHUNKS = [{"chunk_images": 2}]


def submit(mill: Mill, images: int = 4) -> str:
    return mill.submit({f"{n}.png": png() for n in range(images)}, Options(expires_in=60)).id


def state(mill: Mill, job_id: str) -> JobState:
    return mill.service.jobs.get("ann", job_id).state


@pytest.mark.parametrize("mill", TWO_CHUNKS, indirect=True)
def test_a_chunk_whose_worker_died_is_given_out_again(mill: Mill) -> None:
    job_id = submit(mill)
    assert mill.store.chunks.take(Order(9, 10)).claims
    mill.turn()
    assert state(mill, job_id) is JobState.RUNNING
    assert mill.service.recovery.sweep() == 0
    mill.pass_time(11)
    assert mill.service.recovery.sweep() == 1
    mill.turn()
    assert state(mill, job_id) is JobState.COMPLETED


def test_however_long_a_job_waits_it_does_not_wait_twice(mill: Mill) -> None:
    for _ in range(3):
        submit(mill)
    for _ in range(5):
        mill.pass_time(400)
        assert mill.service.recovery.sweep() == 0
    assert mill.store.chunks.waiting()["small"] == 3


def test_a_job_that_waits_nowhere_is_found_among_others_that_do(mill: Mill) -> None:
    lost = submit(mill)
    assert mill.store.chunks.wait_for_work(1)
    waiting = submit(mill)
    mill.pass_time(6)
    assert mill.service.recovery.sweep() == 0, "it may be under way"
    mill.pass_time(60)
    assert mill.service.recovery.sweep() == 1
    mill.turn()
    assert state(mill, lost) is JobState.COMPLETED
    assert state(mill, waiting) is JobState.COMPLETED


def test_one_sweep_at_a_time(mill: Mill) -> None:
    submit(mill)
    assert mill.store.chunks.wait_for_work(1)
    mill.pass_time(60)
    assert mill.service.recovery.sweep() == 1
    assert mill.store.chunks.wait_for_work(1)
    assert mill.service.recovery.sweep() == 0


def test_storage_that_fails_midway_lets_the_chunk_go(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise StorageUnavailable("down")

    job_id = submit(mill)
    with monkeypatch.context() as broken:
        broken.setattr(BlobStore, "read", fail)
        with pytest.raises(StorageUnavailable):
            mill.turn()
    assert mill.service.recovery.sweep() == 1
    mill.turn()
    assert state(mill, job_id) is JobState.COMPLETED


def test_answers_wait_for_a_store_that_is_away_for_a_moment(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = submit(mill)
    store, errors = mill.store.chunks.complete_all, iter([StorageUnavailable("down")] * 3)

    def complete_all(found: Sequence[Done]) -> list[Completion]:
        for error in errors:
            raise error
        return store(found)

    monkeypatch.setattr("digitmill.work.taking.STORE_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(mill.store.chunks, "complete_all", complete_all)
    mill.turn()
    assert state(mill, job_id) is JobState.COMPLETED
    assert mill.model.batches == [4]


@pytest.mark.parametrize("mill", [{"lease_seconds": 0.01}], indirect=True)
def test_answers_wait_for_a_store_no_longer_than_their_lease(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Sequence[Done]) -> list[Completion]:
        raise StorageUnavailable("down")

    job_id = submit(mill)
    with monkeypatch.context() as broken:
        broken.setattr("digitmill.work.taking.STORE_PAUSE_SECONDS", 0.0)
        broken.setattr(mill.store.chunks, "complete_all", fail)
        with pytest.raises(StorageUnavailable):
            mill.turn()
    mill.service.recovery.sweep()
    mill.turn()
    assert state(mill, job_id) is JobState.COMPLETED


@pytest.mark.parametrize("mill", [{"max_attempts": 2}], indirect=True)
def test_an_outage_of_the_storage_is_not_held_against_the_images(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise StorageUnavailable("down")

    job_id = submit(mill)
    with monkeypatch.context() as broken:
        broken.setattr(BlobStore, "read", fail)
        for _ in range(10):
            with pytest.raises(StorageUnavailable):
                mill.turn()
            mill.pass_time(6)
            assert mill.service.recovery.sweep() == 1
    mill.turn()
    job = mill.service.jobs.get("ann", job_id)
    assert (job.state, job.counts.statuses["failed"]) == (JobState.COMPLETED, 0)


def lack(_: ModelReference) -> DarkMeansSeven:
    raise ModelNotFound("There is no such model.")


def work_through(mill: Mill, worker: Work) -> int:
    """Let the worker take work until there is none; how often it did."""
    taken = 0
    while waits(mill.store):
        assert not worker.run()
        taken += 1
    return taken


def test_a_worker_that_lacks_the_model_leaves_the_chunk_to_one_that_has_it(mill: Mill) -> None:
    job_id = submit(mill)
    mill.queue.wakeups = 0
    assert not mill.service.work(Models(lack)).run()
    assert state(mill, job_id) is JobState.RUNNING
    assert mill.queue.wakeups == 1
    mill.turn()
    assert state(mill, job_id) is JobState.COMPLETED


def test_a_chunk_that_comes_back_to_a_worker_without_its_model_is_left_to_the_sweep(mill: Mill) -> None:
    job_id = submit(mill)
    assert work_through(mill, mill.service.work(Models(lack))) == 2
    mill.pass_time(6)
    assert mill.service.recovery.sweep() == 1
    mill.turn()
    assert state(mill, job_id) is JobState.COMPLETED


@pytest.mark.parametrize("mill", [{"max_attempts": 3}], indirect=True)
def test_a_model_that_no_worker_has_fails_the_job_in_the_end(mill: Mill) -> None:
    job_id = submit(mill)
    worker = mill.service.work(Models(lack))
    for _ in range(3):
        assert state(mill, job_id) is not JobState.FAILED
        assert work_through(mill, worker) == 2
        mill.pass_time(6)
        mill.service.recovery.sweep()
    job = mill.service.jobs.get("ann", job_id)
    assert job.error is not None
    assert (job.state, job.error.code) == (JobState.FAILED, "model_not_found")


@pytest.mark.parametrize("mill", [{"max_attempts": 3}], indirect=True)
def test_a_kind_of_work_that_no_worker_knows_fails_in_the_end_and_holds_up_nobody(mill: Mill) -> None:
    plan = [PackedChunk(first=0, entries=b"?")]
    job = mill.service.beginning.begin("ann", "later", plan, Options(), total=1, model=ModelReference("m", "1", ""))
    images = submit(mill)
    for _ in range(3):
        mill.turn()
        assert state(mill, images) is JobState.COMPLETED
        mill.pass_time(6)
        mill.service.recovery.sweep()
    mill.turn()
    job = mill.service.jobs.get("ann", job.id)
    assert job.error is not None
    assert (job.state, job.error.code) == (JobState.FAILED, "unknown_kind")


@pytest.mark.parametrize("mill", [{"max_attempts": 3}], indirect=True)
def test_a_chunk_that_never_ends_well_is_given_up(mill: Mill) -> None:
    job_id = submit(mill)
    for _ in range(3):
        assert mill.store.chunks.take(Order(9, 10)).claims
        mill.pass_time(11)
        assert mill.service.recovery.sweep() == 1
    mill.turn()
    page = mill.service.results.page("ann", job_id, rows=EVERY_ROW, limit=10, cursor=None)
    assert page.job.state is JobState.COMPLETED
    assert {row.failure.code for row in page.rows if row.failure} == {FailureCode.PROCESSING_FAILED}
    assert len(page.rows) == 4


def test_an_upload_that_vanished_fails_the_job(mill: Mill) -> None:
    job_id = submit(mill)
    mill.service.blobs.delete(job_id)
    mill.turn()
    job = mill.service.jobs.get("ann", job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.code == "upload_lost"


def test_a_model_that_cannot_be_loaded_fails_the_job(mill: Mill) -> None:
    def refuse(_: ModelReference) -> DarkMeansSeven:
        raise ModelRejected("The model file is broken; publish it again.")

    job_id = submit(mill)
    assert not mill.service.work(Models(refuse)).run()
    job = mill.service.jobs.get("ann", job_id)
    assert job.error is not None
    assert (job.state, job.error.code) == (JobState.FAILED, "model_rejected")


def test_a_slow_chunk_keeps_its_lease(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = []
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr("digitmill.work.taking.time.monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(type(mill.store.chunks), "renew", lambda *values: renewed.append(values))
    submit(mill, 3)
    mill.turn()
    assert len(renewed) == 8, "before the upload is read, an image is decoded, one is opened, and the model is asked"


def test_models_are_loaded_once_and_the_least_used_one_goes() -> None:
    loaded: list[str] = []

    def load(reference: ModelReference) -> DarkMeansSeven:
        loaded.append(reference.name)
        return DarkMeansSeven()

    models = Models(load)
    references = {name: ModelReference(name, "1", "0" * 64) for name in "abcd"}
    for name in "abcadab":
        models.get(references[name])
    assert loaded == ["a", "b", "c", "d", "b"]


@pytest.mark.parametrize("mill", [{"chunk_images": 2, "interactive_images": 1}], indirect=True)
def test_jobs_that_are_open_in_a_store_of_the_release_before_go_on(mill: Mill) -> None:
    bulk, single = submit(mill, 9), submit(mill, 1)
    # there, two chunks of a job were sent by messages, and single images stood in a list
    mill.redis.delete("dm:waiting", "dm:turn", "dm:called")
    mill.redis.hset(f"dm:job:{bulk}", "sent", 2)
    mill.redis.rpush("dm:line", f"{single} 0")
    mill.queue.wakeups = 0
    mill.pass_time(60)
    assert mill.service.recovery.sweep() == 4, "two chunks, the rest of their job, and the single image"
    assert mill.queue.wakeups == 1
    mill.turn()
    assert {state(mill, job_id) for job_id in (bulk, single)} == {JobState.COMPLETED}
    mill.store.upkeep.audit(mend=True)
    assert not mill.redis.exists("dm:line")
