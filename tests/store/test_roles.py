"""Jobs for workers of one role: no other worker is given them, whatever happens to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from digitmill.domain.jobs import JobState
from digitmill.domain.roles import Role
from digitmill.store.base import Claim
from digitmill.store.orders import Order
from digitmill.store.upkeep import WorkerInfo
from tests.store.conftest import Bench

LEASE = 5.0
OTHER = {Role.READER: Role.TRAINER, Role.TRAINER: Role.READER}


def take(bench: Bench, role: Role) -> list[Claim]:
    return list(bench.store.chunks.take(Order(9, LEASE, role=role)).claims)


@pytest.mark.parametrize("role", Role)
def test_a_job_is_given_to_workers_of_its_role_alone(bench: Bench, role: Role) -> None:
    job = bench.submit(chunks=1, role=role)
    assert bench.store.get(job.id).role is role
    assert not bench.store.chunks.call_worker(OTHER[role])
    assert take(bench, OTHER[role]) == []
    assert bench.store.chunks.wait_for_work(0.01, OTHER[role]) is None
    assert sum(bench.store.chunks.waiting(role).values()) == 1
    assert [claim.job.id for claim in take(bench, role)] == [job.id]


@pytest.mark.parametrize("role", Role)
def test_each_role_is_called_for_itself(bench: Bench, role: Role) -> None:
    bench.submit(chunks=1, role=role)
    # as it was recorded, its own workers were called
    assert not bench.store.chunks.call_worker(role)
    bench.pass_time(11)
    assert bench.store.chunks.call_worker(role)
    bench.submit(chunks=1, role=OTHER[role])
    assert take(bench, OTHER[role])


def lease_ends(bench: Bench, claim: Claim) -> None:
    bench.pass_time(LEASE + 0.1)
    assert bench.store.upkeep.requeue_expired(10) == [(claim.job.id, 0)]


def given_back(bench: Bench, claim: Claim) -> None:
    bench.store.chunks.give_back(claim.job.id, 0, at_once=True)


def lost(bench: Bench, claim: Claim) -> None:
    given_back(bench, claim)
    assert bench.store.chunks.wait_for_work(1, claim.job.role)
    assert bench.store.upkeep.requeue_lost([claim.job]) == 1


def resumed(bench: Bench, claim: Claim) -> None:
    bench.store.finish(claim.job.id, JobState.CANCELLED)
    bench.store.resume(claim.job.id, most_open=9)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("again", [lease_ends, given_back, lost, resumed])
def test_it_waits_again_for_workers_of_its_role(
    bench: Bench, role: Role, again: Callable[[Bench, Claim], None]
) -> None:
    bench.submit(chunks=1, role=role)
    (claim,) = take(bench, role)
    again(bench, claim)
    assert take(bench, OTHER[role]) == []
    assert [claim.job.id for claim in take(bench, role)] == [claim.job.id]


@pytest.mark.parametrize("role", Role)
def test_one_that_is_over_waits_no_more(bench: Bench, role: Role) -> None:
    cancelled, deleted = bench.submit(chunks=1, role=role), bench.submit(chunks=1, role=role)
    bench.store.finish(cancelled.id, JobState.CANCELLED)
    bench.store.delete(deleted.id)
    assert sum(bench.store.chunks.waiting(role).values()) == 0


@pytest.mark.parametrize("role", Role)
def test_workers_are_heard_of_by_their_role(bench: Bench, role: Role) -> None:
    bench.store.upkeep.beat([WorkerInfo("a:1/2", "keras", "cpu", "f32", "")], role)
    assert len(bench.store.upkeep.workers(60, role)) == 1
    assert bench.store.upkeep.workers(60, OTHER[role]) == []
