"""What every store of webhooks must do, together with the job store whose part it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from digitmill.domain.jobs import Counts, Job, JobState
from digitmill.store.endpoint_store import SigningSecret
from digitmill.store.webhook_store import Attempt
from tests.store.conftest import IMAGES, Bench, take_chunk

URL = "https://hooks.example/digits"
FAILED = Attempt(at=1.5, seconds=0.25, status=500, error=None)
DELIVERED = Attempt(at=2.5, seconds=0.5, status=204, error=None)


def submit(bench: Bench, *, url: str | None = URL, expires_in: int = 60) -> Job:
    return bench.submit(chunks=1, expires_in=expires_in, webhook_url=url)


def test_a_job_that_is_completed_has_one_event_due_however_often_it_is_completed(bench: Bench) -> None:
    job = submit(bench)
    claim = take_chunk(bench.store, job.id, 0, 5)
    assert claim is not None
    assert bench.store.webhooks.ask(10) == []
    assert bench.store.chunks.complete(claim, b"rows", Counts(total=IMAGES)).finished
    assert bench.store.webhooks.ask(10) == [job.id]
    taken = bench.store.webhooks.claim(job.id, 60)
    assert taken is not None
    assert (taken[0].id, taken[0].state, taken[0].options.webhook_url, taken[1]) == (
        job.id, JobState.COMPLETED, URL, 0,
    )  # fmt: skip
    assert not bench.store.chunks.complete(claim, b"rows", Counts(total=IMAGES)).stored
    bench.store.finish(job.id, JobState.CANCELLED)
    assert bench.store.webhooks.ask(10) == []


def test_events_that_a_worker_was_asked_for_hide_none_that_are_due_after_them(bench: Bench) -> None:
    jobs = [submit(bench) for _ in range(7)]
    for job in jobs:
        bench.store.finish(job.id, JobState.CANCELLED)
    asked = [bench.store.webhooks.ask(2) for _ in range(5)]
    assert sorted(event for events in asked for event in events) == sorted(job.id for job in jobs)
    assert all(asked[:3])


def test_an_event_is_its_jobs_owners_and_a_deleted_jobs_is_nobodys(bench: Bench) -> None:
    job = submit(bench)
    assert bench.store.webhooks.owner_of(f"{job.id}:results") == bench.store.webhooks.owner_of(job.id) == job.owner
    bench.store.delete(job.id)
    assert bench.store.webhooks.owner_of(job.id) == ""


@pytest.mark.parametrize("state", [JobState.CANCELLED, JobState.FAILED])
def test_a_job_that_is_ended_has_its_event_due(bench: Bench, state: JobState) -> None:
    job = submit(bench)
    bench.store.finish(job.id, state)
    assert bench.store.webhooks.ask(10) == [job.id]
    assert bench.store.webhooks.waiting(10) == [job.id]


def test_a_job_without_an_address_has_no_event(bench: Bench) -> None:
    bench.store.finish(submit(bench, url=None).id, JobState.CANCELLED)
    bench.run(submit(bench, url=None).id, 0)
    assert bench.store.webhooks.waiting(10) == []


def test_a_deleted_job_has_no_event(bench: Bench) -> None:
    opened, ended = submit(bench), submit(bench)
    bench.store.finish(ended.id, JobState.CANCELLED)
    for job in (opened, ended):
        bench.store.delete(job.id)
        assert bench.store.webhooks.claim(job.id, 60) is None
    assert bench.store.webhooks.waiting(10) == []


def test_an_event_is_held_by_one_sender_until_the_lease_ends(bench: Bench) -> None:
    job = submit(bench)
    bench.store.finish(job.id, JobState.CANCELLED)
    assert bench.store.webhooks.claim(job.id, 0.2) is not None
    assert bench.store.webhooks.claim(job.id, 0.2) is None
    assert bench.store.webhooks.ask(10) == []
    bench.pass_time(0.3)
    assert bench.store.webhooks.ask(10) == [job.id]
    assert bench.store.webhooks.claim(job.id, 0.2) is not None


def test_an_attempt_that_failed_is_due_again_and_one_that_did_not_is_over(bench: Bench) -> None:
    job = submit(bench)
    store = bench.store.webhooks
    bench.store.finish(job.id, JobState.CANCELLED)
    assert store.claim(job.id, 60) is not None
    store.record(job.id, FAILED, retry_in=0.2)
    log = store.log(job.id)
    assert log.attempts == [FAILED]
    assert log.next_attempt_at is not None
    assert store.claim(job.id, 60) is None
    bench.pass_time(0.3)
    taken = store.claim(job.id, 60)
    assert taken is not None
    assert taken[1] == 1
    store.record(job.id, DELIVERED, retry_in=None)
    assert store.log(job.id).attempts == [FAILED, DELIVERED]
    assert store.log(job.id).next_attempt_at is None
    assert store.waiting(10) == []


def test_an_event_can_be_made_due_again(bench: Bench) -> None:
    job = submit(bench)
    bench.store.finish(job.id, JobState.CANCELLED)
    assert bench.store.webhooks.claim(job.id, 60) is not None
    bench.store.webhooks.record(job.id, DELIVERED, retry_in=None)
    bench.store.webhooks.send_again(job.id)
    assert bench.store.webhooks.ask(10) == [job.id]
    assert bench.store.webhooks.claim(job.id, 60) is not None


def test_the_event_of_an_expired_job_is_still_delivered(bench: Bench) -> None:
    job = submit(bench, expires_in=1)
    bench.store.finish(job.id, JobState.CANCELLED)
    bench.pass_time(2.1)
    bench.store.upkeep.purge(bench.store.upkeep.take_expired(10, lease=60))
    taken = bench.store.webhooks.claim(job.id, 60)
    assert taken is not None
    assert taken[0].state is JobState.CANCELLED


def test_an_attempt_of_a_job_that_was_deleted_meanwhile_leaves_nothing_to_send(bench: Bench) -> None:
    job = submit(bench)
    bench.store.finish(job.id, JobState.CANCELLED)
    assert bench.store.webhooks.claim(job.id, 60) is not None
    bench.store.delete(job.id)
    bench.store.webhooks.record(job.id, FAILED, retry_in=0)
    assert bench.store.webhooks.claim(job.id, 60) is None
    assert bench.store.webhooks.waiting(10) == []


def test_a_receiver_rests_for_a_while_alone(bench: Bench) -> None:
    assert not bench.store.webhooks.resting("ann:hooks.example:443")
    bench.store.webhooks.rest("ann:hooks.example:443", 0.2)
    assert bench.store.webhooks.resting("ann:hooks.example:443")
    assert not bench.store.webhooks.resting("bob:hooks.example:443")
    bench.pass_time(0.3)
    assert not bench.store.webhooks.resting("ann:hooks.example:443")


def test_secrets_are_kept_for_each_owner_and_not_shown_by_accident(bench: Bench) -> None:
    store = bench.store.webhooks
    first, second = SigningSecret("whsec_Zmlyc3Q=", None), SigningSecret("whsec_c2Vjb25k", 17.5)
    assert list(store.secrets("ann")) == []
    store.change_secrets("ann", lambda secrets: [*secrets, first])
    store.change_secrets("ann", lambda secrets: [second, replace(secrets[0], expires_at=5.0)])
    assert list(store.secrets("ann")) == [second, replace(first, expires_at=5.0)]
    assert list(store.secrets("bob")) == []
    assert "whsec" not in repr(first)
