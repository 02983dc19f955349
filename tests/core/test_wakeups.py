"""When a worker is called: as often as somebody has to come, and no more; whatever becomes of the wakeups."""

from __future__ import annotations

import pytest

from digitmill.domain.jobs import JobState
from digitmill.store.orders import Order
from digitmill.work.loading import Models
from tests.core.conftest import Mill, png
from tests.in_process import take_once, waits

BULK = {"chunk_images": 1, "interactive_images": 0}
FEW = 3


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker stays for as long as a busy machine takes for its work."""
    monkeypatch.setattr("digitmill.work.taking.STAY_SECONDS", 600.0)


def submit(mill: Mill, images: int = 1) -> str:
    return mill.submit({f"{number}.png": png() for number in range(images)}).id


def heed(mill: Mill) -> int:
    """Workers hear all wakeups that were sent, and those that they send; how often one came."""
    times = 0
    while mill.queue.wakeups:
        mill.queue.wakeups -= 1
        take_once(mill.worker)
        times += 1
    return times


def test_jobs_that_come_together_call_one_worker(mill: Mill) -> None:
    for _ in range(FEW):
        submit(mill)
    assert mill.queue.wakeups == 1
    assert heed(mill) == 1
    assert not waits(mill.store)


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_worker_that_finds_more_work_than_it_takes_calls_another(mill: Mill) -> None:
    submit(mill, FEW)
    first, second = (mill.store.chunks.take(Order(9, 60, called=True, stays=True)) for _ in range(2))
    assert (first.call, second.call) == (True, True)
    last = mill.store.chunks.take(Order(9, 60, called=True, stays=True))
    assert (last.more, last.call) == (False, False)


@pytest.mark.parametrize(("waiting", "calls"), [(2 + 1, False), (2 + 2 * 2, True)])
def test_few_small_jobs_are_left_to_the_worker_that_stays_and_many_call_another(
    mill: Mill, waiting: int, calls: bool
) -> None:
    for _ in range(waiting):
        submit(mill)
    taken = mill.store.chunks.take(Order(2, 60, called=True, stays=True))
    assert len(taken.claims) == 2
    assert (taken.more, taken.call) == (calls, calls)
    leaving = mill.store.chunks.take(Order(0, 60, called=not calls, stays=False))
    assert leaving.call or calls


def test_a_larger_job_behind_small_ones_calls_another_worker(mill: Mill) -> None:
    for _ in range(3):
        submit(mill)
    submit(mill, 200)
    taken = mill.store.chunks.take(Order(2, 60, called=True, stays=True))
    assert (len(taken.claims), taken.small, taken.more, taken.call) == (2, True, True, True)


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_while_a_wakeup_is_under_way_no_other_is_sent(mill: Mill) -> None:
    mill.service.recovery.sweep()
    submit(mill, 9)
    assert mill.store.chunks.take(Order(9, 60, called=True, stays=True)).call
    assert not mill.store.chunks.take(Order(9, 60, stays=True)).call
    submit(mill)
    assert mill.queue.wakeups == 1
    mill.pass_time(6)
    mill.service.recovery.sweep()
    assert mill.queue.wakeups == 1


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_wakeups_that_are_heeded_one_by_one_end_all_jobs_and_do_not_become_more(mill: Mill) -> None:
    jobs = [submit(mill, FEW) for _ in range(FEW)]
    assert mill.queue.wakeups == 1
    assert heed(mill) == FEW * FEW
    assert {mill.service.jobs.get("ann", job).state for job in jobs} == {JobState.COMPLETED}


@pytest.mark.parametrize("mill", [BULK, {}], indirect=True)
def test_a_lost_wakeup_is_sent_again_by_the_sweep(mill: Mill) -> None:
    job = submit(mill)
    mill.queue.wakeups = 0
    mill.pass_time(11)
    mill.service.recovery.sweep()
    assert heed(mill) == 1
    assert mill.service.jobs.get("ann", job).state is JobState.COMPLETED


def test_a_wakeup_that_comes_five_times_changes_nothing(mill: Mill) -> None:
    job = submit(mill)
    mill.queue.wakeups = 5
    assert heed(mill) == 5
    assert mill.model.batches == [1]
    assert mill.service.jobs.get("ann", job).counts.done == 1


def test_a_worker_that_left_is_called_again(mill: Mill) -> None:
    for number in range(FEW):
        submit(mill)
        assert mill.queue.wakeups == number + 1
        mill.worker.run()


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_worker_that_died_while_it_stayed_is_missed_by_the_sweep(mill: Mill) -> None:
    job = submit(mill, 2)
    for _ in range(2):
        mill.store.chunks.take(Order(9, 5, called=True, stays=True))
    mill.queue.wakeups = 0
    mill.pass_time(11)
    assert mill.service.recovery.sweep() == 2
    assert heed(mill) == 2
    assert mill.service.jobs.get("ann", job).state is JobState.COMPLETED


def test_small_jobs_go_before_others_and_others_in_the_order_of_their_urgency(mill: Mill) -> None:
    bulk, interactive = submit(mill, 17), submit(mill, 2)
    small = submit(mill)
    assert mill.store.chunks.waiting() == {"small": 2, "again": 0, "interactive": 0, "bulk": 1}
    taken = mill.store.chunks.take(Order(9, 60))
    assert [claim.job.id for claim in taken.claims] == [interactive, small]
    assert [claim.job.id for claim in mill.store.chunks.take(Order(9, 60)).claims] == [bulk]


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_a_worker_that_stops_calls_another_for_what_it_leaves(mill: Mill) -> None:
    submit(mill, FEW)
    mill.queue.wakeups = 0
    mill.service.work(Models(lambda _: mill.model), stopping=lambda: True).run()
    assert mill.queue.wakeups == 1


@pytest.mark.parametrize("mill", [BULK], indirect=True)
def test_the_sweep_finds_what_is_lost_behind_many_jobs_that_lack_nothing(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digitmill.upkeep.recovery.BATCH", FEW)
    for _ in range(FEW + 1):
        submit(mill)
        mill.pass_time(2)
    *_, (last,) = [mill.store.chunks.take(Order(1, 600)).claims for _ in range(FEW + 1)]
    mill.store.chunks.give_back(last.job.id, 0, at_once=True)
    assert mill.store.chunks.wait_for_work(1)
    mill.pass_time(60)
    assert mill.service.recovery.sweep() == 0
    mill.pass_time(6)
    assert mill.service.recovery.sweep() == 1
