"""A worker that was woken takes the next work by itself, the most urgent first, and does not stay for ever."""

from __future__ import annotations

import pytest

from digitmill.domain.jobs import Job, JobState
from digitmill.store.base import Taken
from digitmill.store.orders import Order
from digitmill.work.loading import Models
from tests.core.conftest import Mill, png
from tests.in_process import take_once

BULK = {"chunk_images": 2, "interactive_images": 1}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker stays for as long as a busy machine takes for its work."""
    monkeypatch.setattr("digitmill.work.taking.STAY_SECONDS", 600.0)


def submit(mill: Mill, images: int) -> Job:
    return mill.submit({f"{number}.png": png() for number in range(images)})


def state(mill: Mill, job: Job) -> JobState:
    return mill.service.jobs.get("ann", job.id).state


def watch_claims(mill: Mill, patch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the jobs whose chunks are taken from now on."""
    claimed: list[str] = []
    take, complete_and_take = mill.store.chunks.take, mill.store.chunks.complete_and_take

    def note(taken: Taken) -> Taken:
        claimed.extend(claim.job.id for claim in taken.claims)
        return taken

    def both(done: object, order: Order) -> object:
        completions, taken = complete_and_take(done, order)  # type: ignore[arg-type]
        return completions, note(taken)

    patch.setattr(mill.store.chunks, "take", lambda order: note(take(order)))
    patch.setattr(mill.store.chunks, "complete_and_take", both)
    return claimed


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_one_wakeup_is_enough_for_a_whole_job(mill: Mill) -> None:
    job = submit(mill, 9)
    assert mill.queue.wakeups == 1
    assert mill.worker.run() == 5
    assert state(mill, job) is JobState.COMPLETED


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_several_jobs_go_on_in_turns(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = watch_claims(mill, monkeypatch)
    names = {submit(mill, 12).id: "a", submit(mill, 6).id: "b"}
    assert mill.worker.run() == 9
    assert "".join(names[job_id] for job_id in claimed) == "abababaaa"


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_what_is_more_urgent_comes_first_and_bulk_work_then_goes_on(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(mill, 9)
    assert take_once(mill.worker) == 1
    claimed = watch_claims(mill, monkeypatch)
    single = submit(mill, 1)
    assert mill.worker.run() == 5
    assert claimed == [single.id] + 4 * [job.id]
    assert state(mill, job) is JobState.COMPLETED


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_worker_does_not_stay_for_ever_and_leaves_a_wakeup(mill: Mill) -> None:
    job = submit(mill, 9)
    assert take_once(mill.worker) == 1
    assert mill.queue.wakeups == 2
    mill.turn()
    assert state(mill, job) is JobState.COMPLETED


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_worker_that_is_told_to_stop_finishes_the_chunk_at_hand(mill: Mill) -> None:
    stopping = mill.service.work(Models(lambda _: mill.model), stopping=lambda: True)
    job = submit(mill, 9)
    assert stopping.run() == 1
    assert mill.queue.wakeups == 2
    mill.turn()
    assert state(mill, job) is JobState.COMPLETED


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_job_lost_by_a_worker_that_took_it_out_waits_again(mill: Mill) -> None:
    job = submit(mill, 9)
    assert mill.store.chunks.wait_for_work(1)
    assert mill.turn() == 0
    mill.pass_time(60)
    assert mill.service.recovery.sweep() == 1
    mill.turn()
    assert state(mill, job) is JobState.COMPLETED
