"""After one chunk of a bulk job a worker takes the next by itself, while nothing more urgent waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from digitmill.domain import Job, JobState, QueueName
from digitmill.work import Models
from tests.core.conftest import Mill, png

BULK = {"chunk_images": 2, "chunks_in_flight": 2, "interactive_images": 1}


def submit(mill: Mill, images: int) -> Job:
    return mill.submit({f"{number}.png": png() for number in range(images)})


def run_one_message(mill: Mill) -> int:
    message = mill.queue.take()
    assert message is not None
    return mill.worker.run_chunk(*message)


def state(mill: Mill, job: Job) -> JobState:
    return mill.service.jobs.get("ann", job.id).state


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_one_message_is_enough_for_a_whole_job(mill: Mill) -> None:
    job = submit(mill, 9)
    assert run_one_message(mill) == 5
    assert state(mill, job) is JobState.COMPLETED
    assert mill.queue.depth(QueueName.BULK) == 0


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_several_jobs_go_on_in_turns(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed: list[str] = []
    claim_all = mill.store.claim_all

    def claim(chunks: Sequence[tuple[str, int]], lease: float) -> Any:
        claimed.extend(names[job_id] for job_id, _ in chunks)
        return claim_all(chunks, lease)

    names = {submit(mill, 12).id: "a", submit(mill, 6).id: "b"}
    monkeypatch.setattr(mill.store, "claim_all", claim)
    assert run_one_message(mill) == 9
    assert "".join(claimed) == "aabbaabaa"


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_worker_does_not_stay_where_somebody_waits(mill: Mill) -> None:
    job = submit(mill, 9)
    message = mill.queue.take()
    assert message is not None
    single = submit(mill, 1)
    assert mill.worker.run_chunk(*message) == 1
    mill.turn(1)
    assert (state(mill, single), state(mill, job)) == (JobState.COMPLETED, JobState.RUNNING)
    mill.turn()
    assert state(mill, job) is JobState.COMPLETED


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_worker_does_not_stay_for_ever(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitmill.work.STAY_SECONDS", 0.0)
    job = submit(mill, 9)
    assert run_one_message(mill) == 1
    assert mill.queue.depth(QueueName.BULK) == 2, "the message of the next chunk was sent"
    mill.turn()
    assert state(mill, job) is JobState.COMPLETED


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_worker_that_is_told_to_stop_finishes_the_chunk_at_hand(mill: Mill) -> None:
    stopping = mill.service.work(Models(lambda _: mill.model), stopping=lambda: True)
    job = submit(mill, 9)
    message = mill.queue.take()
    assert message is not None
    assert stopping.run_chunk(*message) == 1
    assert mill.queue.depth(QueueName.BULK) == 2
    mill.turn()
    assert state(mill, job) is JobState.COMPLETED


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_chunk_lost_between_its_queue_and_its_claim_is_sent_again(mill: Mill) -> None:
    job = submit(mill, 9)
    assert mill.queue.exchange(None) == (job.id, 0)
    mill.turn()
    assert state(mill, job) is JobState.RUNNING
    mill.pass_time(60)
    assert mill.service.recovery.sweep() == 1
    mill.turn()
    assert state(mill, job) is JobState.COMPLETED
