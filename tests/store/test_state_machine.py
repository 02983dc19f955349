"""Submit, claim, write, repeat, crash, sweep, cancel and delete in any order: what must always be true stays true."""

from __future__ import annotations

import fakeredis
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule

from digitmill.domain import LEGAL_MOVES, Counts, Job, JobState, ModelReference, Options, QueueName
from digitmill.errors import NotFound
from digitmill.jobs import new_job_id
from digitmill.store.base import Claim, JobStore, PackedChunk
from digitmill.store.memory import MemoryJobStore
from digitmill.store.redis import RedisJobStore

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
        self.messages: list[tuple[str, int]] = []
        self.states: dict[str, JobState] = {}
        self.chunks: dict[str, list[int]] = {}
        self.rows: dict[str, dict[int, bytes]] = {}

    @rule(target=jobs, sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5), window=st.integers(1, 3))
    def submit(self, sizes: list[int], window: int) -> str:
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
        self.store.create(job, window=window, most_open=1_000)
        self.messages += [(job_id, chunk) for chunk in range(min(window, len(sizes)))]
        self.states[job_id], self.chunks[job_id], self.rows[job_id] = JobState.QUEUED, sizes, {}
        return job_id

    @rule(target=claims, lease=st.sampled_from([HELD, DROPPED]), pick=st.integers(0), repeat=st.booleans())
    def take_a_message(self, lease: float, pick: int, repeat: bool) -> Claim | MultipleResults[Claim]:
        """A worker gets a message, which the broker may deliver again later."""
        if not self.messages:
            return multiple()
        place = pick % len(self.messages)
        job_id, chunk = self.messages[place] if repeat else self.messages.pop(place)
        claim = self.store.claim(job_id, chunk, lease)
        if claim is not None:
            assert chunk not in self.rows[job_id]
            assert claim.first == sum(self.chunks[job_id][:chunk])
        return multiple() if claim is None else claim

    @rule(pick=st.integers(0))
    def lose_a_message(self, pick: int) -> None:
        if self.messages:
            self.messages.pop(pick % len(self.messages))

    @rule(claim=claims, rows=st.binary(min_size=1, max_size=3))
    def write(self, claim: Claim, rows: bytes) -> None:
        """In time, late, or again: the claim stays in the bundle."""
        job_id = claim.job.id
        size = self.chunks[job_id][claim.chunk]
        completion = self.store.complete(claim, rows, Counts(total=size, recognized=size))
        if completion.stored:
            assert claim.chunk not in self.rows[job_id], "rows were written twice"
            self.rows[job_id][claim.chunk] = rows
        assert completion.finished == (completion.stored and len(self.rows[job_id]) == len(self.chunks[job_id]))
        if completion.next_chunk is not None:
            self.messages.append((job_id, completion.next_chunk))

    @rule(claim=claims)
    def die(self, claim: Claim) -> None:
        self.store.release(claim.job.id, claim.chunk)

    @rule(claim=claims)
    def give_back(self, claim: Claim) -> None:
        self.store.give_back(claim.job.id, claim.chunk)

    @rule(claim=claims, counts=st.booleans())
    def count_attempt(self, claim: Claim, counts: bool) -> None:
        self.store.count_attempt(claim, counts=counts)

    @rule()
    def sweep(self) -> None:
        self.messages += [(lost.job_id, lost.chunk) for lost in self.store.expired_leases(100)]
        for job, _ in self.store.stalled(-1, 100):
            self.messages += [(job.id, chunk) for chunk in self.store.unclaimed(job.id, 100)]

    @rule(job_id=jobs, state=st.sampled_from([JobState.CANCELLED, JobState.FAILED]))
    def end(self, job_id: str, state: JobState) -> None:
        if job_id in self.states:
            self.store.finish(job_id, state)

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
        assert self.store.queued_images() == waiting
        assert self.store.open_jobs("ann") == open_jobs

    @invariant()
    def stored_rows_never_change(self) -> None:
        for job_id in self.states:
            numbers = range(len(self.chunks[job_id]))
            found = [rows for _, rows in self.store.read(job_id, numbers)]
            assert found == [self.rows[job_id].get(chunk) for chunk in numbers]

    def teardown(self) -> None:
        """From wherever it stopped, sweeping and working ends every open job, whatever was lost."""
        for _ in range(100):
            for job_id, state in self.states.items():
                if not state.final:
                    for chunk in range(len(self.chunks[job_id])):
                        self.store.release(job_id, chunk)
            self.sweep()
            if not self.messages:
                break
            while self.messages:
                job_id, chunk = self.messages.pop()
                claim = self.store.claim(job_id, chunk, HELD)
                if claim is not None:
                    self.write(claim, b"end")
        for job_id in self.states:
            assert self.store.get(job_id).state.final

    @staticmethod
    def _two_moves(before: JobState) -> set[JobState]:
        return {state for between in LEGAL_MOVES[before] for state in LEGAL_MOVES[between]}


class MemoryMachine(StoreMachine):
    def new_store(self) -> JobStore:
        return MemoryJobStore()


class RedisMachine(StoreMachine):
    def new_store(self) -> JobStore:
        return RedisJobStore(fakeredis.FakeRedis(server=fakeredis.FakeServer()))


MemoryMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
RedisMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestMemoryStore = MemoryMachine.TestCase
TestRedisStore = RedisMachine.TestCase
