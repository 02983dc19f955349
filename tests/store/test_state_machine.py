"""Submit, claim, write, repeat, crash, sweep, cancel and delete in any order: what must always be true stays true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import fakeredis
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule

from digitmill.domain.jobs import Counts, Job, JobState, ModelReference, Options, new_job_id
from digitmill.domain.precedence import QueueName
from digitmill.errors import NotFound
from digitmill.store.base import Claim, Done, JobStore, PackedChunk, Taken
from digitmill.store.orders import Order
from digitmill.store.redis import RedisJobStore

LEGAL_MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.COMPLETED, JobState.CANCELLED, JobState.FAILED}),
    JobState.COMPLETED: frozenset(),
    JobState.CANCELLED: frozenset({JobState.QUEUED, JobState.RUNNING}),
    JobState.FAILED: frozenset(),
}

HELD = 1000.0
DROPPED = 0.0
"""A lease that is over at once: its worker died or was paused."""


class StoreMachine(RuleBasedStateMachine):
    claims: Bundle[Claim] = Bundle("claims")
    jobs: Bundle[str] = Bundle("jobs")

    def new_store(self) -> JobStore:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.store = self.new_store()
        self.states: dict[str, JobState] = {}
        self.chunks: dict[str, list[int]] = {}
        self.rows: dict[str, dict[int, bytes]] = {}

    @rule(target=jobs, sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5), small=st.booleans())
    def submit(self, sizes: list[int], small: bool) -> str:
        job_id = new_job_id()
        plan = [PackedChunk(sum(sizes[:n]), b"%d" % n) for n in range(len(sizes))]
        self.store.save_plan(job_id, plan)
        job = Job(
            id=job_id,
            owner="ann",
            state=JobState.QUEUED,
            queue=QueueName.BULK,
            created_at=1.0,
            counts=Counts(total=sum(sizes)),
            chunks=len(sizes),
            model=ModelReference("digits", "1", "0" * 64),
            options=Options(expires_in=3600),
            blob=job_id,
        )
        self.store.create(job, most_open=1_000, small=small and len(sizes) == 1)
        self.states[job_id], self.chunks[job_id], self.rows[job_id] = JobState.QUEUED, sizes, {}
        return job_id

    @rule(target=claims, lease=st.sampled_from([HELD, DROPPED]), most=st.integers(0, 3), wait=st.booleans())
    def take(self, lease: float, most: int, wait: bool) -> MultipleResults[Claim]:
        """A worker comes, whoever called it. It may have waited for work."""
        popped = self.store.chunks.wait_for_work(0.001) if wait else None
        taken = self.store.chunks.take(Order(most, lease, popped=popped))
        self._see(taken, most)
        return multiple(*taken.claims)

    def _see(self, taken: Taken, most: int) -> None:
        assert len(taken.claims) <= max(1, most)
        assert len(taken.claims) <= 1 or taken.small
        for claim in taken.claims:
            assert claim.chunk not in self.rows[claim.job.id]
            assert claim.first == sum(self.chunks[claim.job.id][: claim.chunk])

    @rule()
    def lose_what_waits_longest(self) -> None:
        """A worker takes it out of what waits and dies."""
        self.store.chunks.wait_for_work(0.001)

    @rule(claim=claims, rows=st.binary(min_size=1, max_size=3))
    def write(self, claim: Claim, rows: bytes) -> None:
        """In time, late, or again: the claim stays in the bundle."""
        job_id = claim.job.id
        size = self.chunks[job_id][claim.chunk]
        counts = Counts(total=size, statuses=Counter(recognized=size))
        (completion,) = self.store.chunks.complete_all([Done(claim, rows, counts)])
        if completion.stored:
            assert claim.chunk not in self.rows[job_id], "rows were written twice"
            self.rows[job_id][claim.chunk] = rows
        assert completion.finished == (completion.stored and len(self.rows[job_id]) == len(self.chunks[job_id]))

    @rule(claim=claims)
    def die(self, claim: Claim) -> None:
        self.store.chunks.release(claim.job.id, claim.chunk)

    @rule(claim=claims)
    def give_back(self, claim: Claim) -> None:
        self.store.chunks.give_back(claim.job.id, claim.chunk)

    @rule(claim=claims, counts=st.booleans())
    def count_attempt(self, claim: Claim, counts: bool) -> None:
        self.store.chunks.count_attempt(claim, counts=counts)

    @rule()
    def sweep(self) -> None:
        self.store.upkeep.requeue_expired(100)
        self.store.upkeep.requeue_lost([job for job, _ in self.store.upkeep.stalled(-1, 100)])

    @rule(job_id=jobs, state=st.sampled_from([JobState.CANCELLED, JobState.FAILED]))
    def end(self, job_id: str, state: JobState) -> None:
        if job_id in self.states:
            self.store.finish(job_id, state)

    @rule(job_id=jobs)
    def resume(self, job_id: str) -> None:
        if job_id in self.states:
            before = self.states[job_id]
            self.store.resume(job_id, most_open=9)
            assert self.store.get(job_id).state.final == (before in (JobState.COMPLETED, JobState.FAILED))

    @rule(job_id=consumes(jobs))
    def delete(self, job_id: str) -> None:
        self.store.delete(job_id)
        self.states.pop(job_id, None)
        with pytest.raises(NotFound):
            self.store.get(job_id)

    @invariant()
    def every_job_moved_legally(self) -> None:
        for job_id, before in self.states.items():
            now = self.store.get(job_id).state
            assert now is before or now in LEGAL_MOVES[before] or now in self._two_moves(before)
            self.states[job_id] = now

    @invariant()
    def counts_tell_what_is_stored(self) -> None:
        waiting = open_jobs = 0
        for job_id in self.states:
            job = self.store.get(job_id)
            assert job.counts.done == sum(self.chunks[job_id][chunk] for chunk in self.rows[job_id])
            assert (job.state is JobState.COMPLETED) == (job.counts.done == job.counts.total)
            waiting += 0 if job.state.final else job.counts.total - job.counts.done
            open_jobs += not job.state.final
        assert self.store.upkeep.queued_images() == waiting
        assert self.store.upkeep.load("ann").open_jobs == open_jobs

    @invariant()
    def stored_rows_never_change(self) -> None:
        for job_id in self.states:
            numbers = range(len(self.chunks[job_id]))
            found = [rows for _, rows in self.store.chunks.read(job_id, numbers)]
            assert found == [self.rows[job_id].get(chunk) for chunk in numbers]

    def teardown(self) -> None:
        """From wherever it stopped, sweeping and working ends every open job, whatever was lost."""
        for _ in range(100):
            for job_id, state in self.states.items():
                if not state.final:
                    for chunk in range(len(self.chunks[job_id])):
                        self.store.chunks.release(job_id, chunk)
            self.sweep()
            if not any(self.store.chunks.waiting().values()):
                break
            while claims := self.store.chunks.take(Order(3, HELD)).claims:
                for claim in claims:
                    self.write(claim, b"end")
        for job_id in self.states:
            assert self.store.get(job_id).state.final

    @staticmethod
    def _two_moves(before: JobState) -> set[JobState]:
        return {state for between in LEGAL_MOVES[before] for state in LEGAL_MOVES[between]}


class RedisMachine(StoreMachine):
    def new_store(self) -> JobStore:
        return RedisJobStore(fakeredis.FakeRedis(server=fakeredis.FakeServer()))


RedisMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestRedisStore = RedisMachine.TestCase
