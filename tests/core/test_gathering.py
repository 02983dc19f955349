"""Small interactive jobs that arrive together are answered in one batch, and each as if it were alone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import fakeredis
import pytest
import redis

from digitmill.domain import JobState, ModelReference, Options, QueueName
from digitmill.errors import ModelRejected, StorageUnavailable
from digitmill.results import EVERY_ROW
from digitmill.store.blobs import BlobStore
from digitmill.store.redis_line import Line
from digitmill.work import GATHERED_CHUNKS, Models
from tests.core.conftest import DarkMeansSeven, Mill, blank_png, png


def predictions(mill: Mill, job_id: str) -> list[str | None]:
    page = mill.service.results.page("ann", job_id, rows=EVERY_ROW, limit=10, cursor=None)
    return [row.prediction for row in page.rows]


def state(mill: Mill, job_id: str) -> JobState:
    return mill.service.jobs.get("ann", job_id).state


def test_jobs_that_arrive_together_are_one_batch_and_get_their_own_rows(mill: Mill) -> None:
    thin = mill.submit({"a.png": png()})
    mixed = mill.submit({"b.png": png(thick=True), "c.png": blank_png(), "d.png": b"none", "e.png": png()})
    thick = mill.submit({"f.png": png(thick=True)}, Options(alternatives=0))
    assert mill.worker.run_waiting() == 3
    assert mill.model.batches == [4]
    assert predictions(mill, thin.id) == ["1"]
    assert predictions(mill, mixed.id) == ["7", None, None, "1"]
    assert predictions(mill, thick.id) == ["7"]
    assert {state(mill, job.id) for job in (thin, mixed, thick)} == {JobState.COMPLETED}


def test_a_long_line_is_answered_in_batches_of_a_bounded_size(mill: Mill) -> None:
    jobs = [mill.submit({"a.png": png()}) for _ in range(2 * GATHERED_CHUNKS + 1)]
    assert mill.worker.run_waiting() == len(jobs)
    assert mill.model.batches == [GATHERED_CHUNKS, GATHERED_CHUNKS, 1]


def test_what_is_done_held_or_over_is_passed_by(mill: Mill) -> None:
    done, held, over, due = (mill.submit({"a.png": png()}) for _ in range(4))
    mill.worker.run_chunk(done.id, 0)
    mill.store.claim(held.id, 0, 10)
    mill.service.jobs.cancel("ann", over.id)
    assert mill.worker.run_waiting() == 1
    assert mill.model.batches == [1, 1]
    assert state(mill, due.id) is JobState.COMPLETED
    assert state(mill, held.id) is JobState.RUNNING


def test_an_upload_that_vanished_fails_its_job_alone(mill: Mill) -> None:
    lost, kept = (mill.submit({"a.png": png()}) for _ in range(2))
    mill.service.blobs.delete(lost.id)
    assert mill.worker.run_waiting() == 1
    assert (state(mill, lost.id), state(mill, kept.id)) == (JobState.FAILED, JobState.COMPLETED)


def test_a_model_that_cannot_be_loaded_fails_the_jobs_that_asked_for_it(mill: Mill) -> None:
    def refuse(_: ModelReference) -> DarkMeansSeven:
        raise ModelRejected("The model file is broken; publish it again.")

    jobs = [mill.submit({"a.png": png()}) for _ in range(2)]
    assert mill.service.work(Models(refuse)).run_waiting() == 0
    assert {state(mill, job.id) for job in jobs} == {JobState.FAILED}


def test_storage_that_fails_midway_lets_all_gathered_chunks_go(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise StorageUnavailable("down")

    jobs = [mill.submit({"a.png": png()}) for _ in range(3)]
    with monkeypatch.context() as broken:
        broken.setattr(BlobStore, "read", fail)
        with pytest.raises(StorageUnavailable):
            mill.worker.run_waiting()
    assert mill.service.recovery.sweep() == 3
    mill.turn()
    assert {state(mill, job.id) for job in jobs} == {JobState.COMPLETED}


def test_jobs_lost_between_the_line_and_their_claim_are_sent_again(mill: Mill) -> None:
    jobs = [mill.submit({"a.png": png()}) for _ in range(3)]
    assert len(mill.queue.take_waiting(10)) == 3
    mill.pass_time(60)
    assert mill.service.recovery.sweep() == 3
    mill.turn()
    assert {state(mill, job.id) for job in jobs} == {JobState.COMPLETED}


@pytest.mark.parametrize("mill", [{"interactive_images": 0}], indirect=True)
def test_bulk_work_stands_in_no_line(mill: Mill) -> None:
    mill.submit({"a.png": png()})
    assert mill.worker.run_waiting() == 0
    assert mill.queue.depth(QueueName.BULK) == 1


@pytest.fixture
def redis_client() -> fakeredis.FakeRedis:
    return fakeredis.FakeRedis()


def test_the_bell_rings_once_until_a_worker_comes_to_the_line(redis_client: fakeredis.FakeRedis) -> None:
    line = Line(redis_client)
    for name, chunk in (("a", 0), ("b", 0), ("c", 1)):
        line.join(name, chunk, queue="broker", message=name)
    assert redis_client.lrange("broker", 0, -1) == [b"a"]
    assert line.length() == 3
    assert line.take(2, bulk="bulk") == [("a", 0), ("b", 0)]
    line.join("d", 0, queue="broker", message="d")
    assert redis_client.lrange("broker", 0, -1) == [b"d", b"a"]
    assert line.take(5, bulk="bulk") == [("c", 1), ("d", 0)]
    assert line.take(5, bulk="bulk") == []
    assert line.length() == 0


def test_nobody_is_called_while_a_worker_stays_that_takes_all(redis_client: fakeredis.FakeRedis) -> None:
    line = Line(redis_client)
    line.join("a", 0, queue="broker", message="a")
    assert line.take(5, bulk="bulk", patience=1) == [("a", 0)]
    line.join("b", 0, queue="broker", message="b")
    assert redis_client.lrange("broker", 0, -1) == [b"a"]
    assert not line.awaits_worker()
    assert line.take(5, bulk="bulk", patience=1) == [("b", 0)]


def test_another_is_called_when_more_stand_in_line_than_one_takes(redis_client: fakeredis.FakeRedis) -> None:
    line = Line(redis_client)
    for name in ("a", "b", "c"):
        line.join(name, 0, queue="broker", message=name)
    assert line.take(1, bulk="bulk", patience=1) == [("a", 0)]
    assert line.awaits_worker()
    line.join("d", 0, queue="broker", message="d")
    assert redis_client.lrange("broker", 0, -1) == [b"d", b"a"]
    assert not line.awaits_worker()


def test_a_worker_waits_at_an_empty_line_and_then_leaves_it(redis_client: fakeredis.FakeRedis) -> None:
    line = Line(redis_client)
    assert line.take(5, bulk="bulk", patience=0.05) == []
    line.join("a", 0, queue="broker", message="a")
    assert redis_client.lrange("broker", 0, -1) == [b"a"]


def test_who_joins_while_a_worker_waits_is_taken_at_once(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client, ThreadPoolExecutor(1) as worker:
        line = Line(client)
        taken = worker.submit(line.take, 5, bulk="bulk", patience=30.0)
        while not any(each["cmd"] == "blpop" for each in client.client_list()):
            time.sleep(0.01)
        line.join("a", 0, queue="broker", message="a")
        assert taken.result(timeout=10) == [("a", 0)]
        assert not client.exists("broker")


def test_no_worker_waits_at_an_empty_line_while_there_is_bulk_work(redis_client: fakeredis.FakeRedis) -> None:
    line = Line(redis_client)
    redis_client.rpush("bulk", "message")
    assert line.take(5, bulk="bulk", patience=600) == []
    line.join("a", 0, queue="broker", message="a")
    assert redis_client.lrange("broker", 0, -1) == [b"a"]
