"""What every review store must do; the same body runs over each of them."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from digitmill.domain.jobs import Counts, Job, JobState
from digitmill.domain.rows import DIGITS, Address
from digitmill.domain.verdicts import Verdict, VerdictStatus
from digitmill.errors import NotFound
from digitmill.store.redis import RedisJobStore
from digitmill.store.reviews import MOST_REVIEWERS, Change, Doubt, Holding, Outcome, Taken
from tests.store.conftest import IMAGES, Bench, take_chunk

SEVEN = Verdict(VerdictStatus.RECOGNIZED, "7")
ONE = Verdict(VerdictStatus.RECOGNIZED, "1")
BLANK = Verdict(VerdictStatus.BLANK)
SMUDGE = Verdict(VerdictStatus.NOT_A_DIGIT)


def finished(bench: Bench, chunks: int = 2) -> Job:
    job = bench.submit(chunks=chunks)
    for chunk in range(chunks):
        bench.run(job.id, chunk)
    return bench.store.get(job.id)


def correct(bench: Bench, job: Job, index: int, verdict: Verdict | None, seen: int = 0, by: str = "ann") -> Outcome:
    (outcome,) = bench.store.reviews.correct(job.id, [Change(index, index // IMAGES, seen, verdict)], by)
    return outcome


def doubt(row: int, digit: int, confidence: float) -> Doubt:
    return Doubt(Address(row), str(digit), confidence)


def rows_of(holding: Holding) -> list[int]:
    return [value.image for value in holding.values]


def doubtful(bench: Bench, doubts: list[Doubt], chunks: int = 2) -> Job:
    """A finished job in which the model doubted these rows."""
    job = finished(bench, chunks)
    index(bench, job, doubts)
    return job


def index(bench: Bench, job: Job, doubts: list[Doubt]) -> None:
    chunks = bench.store.reviews.unindexed(job.id)
    bench.store.reviews.index(
        job.id,
        [(chunk, [doubt for doubt in doubts if doubt.address.image // IMAGES == chunk]) for chunk in chunks],
        DIGITS,
    )


def hold(
    bench: Bench, job: Job, reviewer: str, limit: int = 2, digit: str | None = None, seconds: float = 30
) -> Holding:
    holding = bench.store.reviews.hold(job.id, reviewer, groups=DIGITS, group=digit, limit=limit, seconds=seconds)
    assert holding is not None
    return holding


def test_a_row_that_nobody_changed_has_no_revision(bench: Bench) -> None:
    job = finished(bench)
    assert bench.store.reviews.revisions(job.id, [0, 5]) == [None, None]
    assert bench.store.reviews.revisions(job.id, []) == []
    assert bench.store.reviews.history(job.id, 0) == []
    assert not job.revised


@pytest.mark.parametrize("verdict", [SEVEN, BLANK, SMUDGE])
def test_a_correction_reads_back_with_who_and_when(bench: Bench, verdict: Verdict) -> None:
    job = finished(bench)
    before = bench.store.reviews.correct(job.id, [], "ann")
    assert before == []
    outcome = correct(bench, job, 4, verdict)
    assert outcome.taken is Taken.DONE
    assert outcome.revision is not None
    assert (outcome.revision.number, outcome.revision.verdict, outcome.revision.by) == (1, verdict, "ann")
    assert outcome.revision.at >= (job.finished_at or 0)
    assert bench.store.reviews.revisions(job.id, [3, 4]) == [None, outcome.revision]
    assert bench.store.get(job.id).counts.corrected == 1
    assert bench.store.get(job.id).revised


def test_the_changed_rows_of_a_span_are_found(bench: Bench) -> None:
    job = finished(bench, chunks=7)
    done = {row: correct(bench, job, row, SEVEN).revision for row in (0, 7, 8, 9, 15, 20)}
    done[9] = correct(bench, job, 9, None, 1).revision
    for start, stop in ((0, 21), (1, 8), (8, 9), (9, 15), (10, 15), (16, 21), (20, 21), (5, 5)):
        found = bench.store.reviews.revisions_between(job.id, start, stop)
        assert found == {row: revision for row, revision in done.items() if start <= row < stop}


def test_every_change_is_kept_an_undo_too(bench: Bench) -> None:
    job = finished(bench)
    steps = [(SEVEN, "ann"), (SMUDGE, "bob"), (None, "ann"), (ONE, "eve")]
    done = [correct(bench, job, 1, verdict, seen, by).revision for seen, (verdict, by) in enumerate(steps)]
    history = bench.store.reviews.history(job.id, 1)
    assert history == done
    assert [(revision.number, revision.verdict, revision.by) for revision in history] == [
        (1, SEVEN, "ann"), (2, SMUDGE, "bob"), (3, None, "ann"), (4, ONE, "eve"),
    ]  # fmt: skip
    assert bench.store.reviews.history(job.id, 0) == []


def test_the_count_of_corrected_rows_follows_corrections_and_undos(bench: Bench) -> None:
    job = finished(bench)
    counts = []
    for row, verdict, seen in ((0, SEVEN, 0), (1, ONE, 0), (0, BLANK, 1), (0, None, 2), (1, None, 1), (0, ONE, 3)):
        assert correct(bench, job, row, verdict, seen).taken is Taken.DONE
        counts.append(bench.store.get(job.id).counts.corrected)
    assert counts == [1, 2, 2, 1, 0, 1]


def test_who_saw_an_older_row_changes_nothing_and_is_told_the_present_one(bench: Bench) -> None:
    job = finished(bench)
    first = correct(bench, job, 2, SEVEN, by="ann")
    for seen in (0, 2, 7):
        assert correct(bench, job, 2, ONE, seen, by="bob") == Outcome(Taken.CHANGED_MEANWHILE, first.revision)
    assert bench.store.reviews.history(job.id, 2) == [first.revision]
    assert correct(bench, job, 2, ONE, 1, by="bob").taken is Taken.DONE


def test_a_change_that_is_sent_twice_is_made_once(bench: Bench) -> None:
    job = finished(bench)
    assert correct(bench, job, 2, None) == Outcome(Taken.DONE, None)
    first = correct(bench, job, 2, SEVEN)
    assert correct(bench, job, 2, SEVEN) == first
    undone = correct(bench, job, 2, None, 1)
    assert correct(bench, job, 2, None, 1) == undone
    assert len(bench.store.reviews.history(job.id, 2)) == 2
    # the first change, sent once more after it was undone, is out of date
    assert correct(bench, job, 2, SEVEN).taken is Taken.CHANGED_MEANWHILE


def test_of_many_changes_each_answers_for_itself(bench: Bench) -> None:
    job = bench.submit(chunks=2)
    bench.run(job.id, 1)
    changes = [Change(3, 1, 0, SEVEN), Change(0, 0, 0, SEVEN), Change(3, 1, 0, ONE), Change(4, 1, 0, BLANK)]
    outcomes = bench.store.reviews.correct(job.id, changes, "ann")
    assert [outcome.taken for outcome in outcomes] == [
        Taken.DONE, Taken.NO_ROW, Taken.CHANGED_MEANWHILE, Taken.DONE,
    ]  # fmt: skip
    assert bench.store.get(job.id).counts.corrected == 2
    assert bench.store.get(job.id).state is JobState.RUNNING


def test_of_two_who_change_a_row_at_once_one_wins(bench: Bench) -> None:
    job = finished(bench)

    def change(who: int) -> Taken:
        return correct(bench, job, 0, Verdict(VerdictStatus.RECOGNIZED, str(who)), by=f"r{who}").taken

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(change, range(8)))
    assert sorted(taken, key=lambda outcome: outcome.value) == [Taken.DONE] + [Taken.CHANGED_MEANWHILE] * 7
    assert len(bench.store.reviews.history(job.id, 0)) == 1


def test_rows_of_a_job_that_is_gone_cannot_be_changed_and_leave_nothing(bench: Bench) -> None:
    job = doubtful(bench, [doubt(0, 7, 0.5)])
    correct(bench, job, 1, SEVEN)
    hold(bench, job, "a")
    bench.store.delete(job.id)
    assert correct(bench, job, 1, SEVEN) == Outcome(Taken.NO_ROW, None)
    bench.store.reviews.index(job.id, [(0, [doubt(0, 7, 0.5)])], DIGITS)
    assert rows_of(hold(bench, job, "a")) == []
    assert bench.store.reviews.history(job.id, 1) == []
    with pytest.raises(NotFound):
        bench.store.get(job.id)


def test_what_people_made_of_the_rows_expires_with_them(bench: Bench) -> None:
    job = bench.submit(chunks=1, expires_in=1)
    bench.run(job.id, 0)
    index(bench, job, [doubt(0, 7, 0.5)])
    correct(bench, job, 1, SEVEN)
    assert rows_of(hold(bench, job, "a")) == [0]
    bench.pass_time(2.1)
    bench.store.upkeep.purge(bench.store.upkeep.take_expired(10, lease=60))
    assert bench.store.reviews.revisions(job.id, [1]) == [None]
    assert rows_of(hold(bench, job, "a")) == []


def test_of_a_deleted_job_only_a_word_is_left_that_it_was_deleted_for_a_time(empty_redis_url: str) -> None:
    with redis.Redis.from_url(empty_redis_url) as client:
        bench = Bench(RedisJobStore(client), time.sleep)
        job = bench.submit(chunks=2)
        bench.run(job.id, 0)
        index(bench, job, [doubt(0, 7, 0.5)])
        correct(bench, job, 1, SEVEN)
        hold(bench, job, "a")
        names = ("corrections", "history", "revised", "review", "indexed", "held", "groups")
        held = {f"dm:job:{job.id}:{name}" for name in names}
        assert held <= {key.decode() for key in client.scan_iter()}
        bench.run(job.id, 1)
        correct(bench, job, 2, SEVEN)
        hold(bench, job, "a")
        assert all(0 < client.ttl(key) <= 61 for key in held)
        bench.store.delete(job.id)
        assert [key.decode() for key in client.scan_iter() if job.id.encode() in key] == [f"dm:job:{job.id}"]
        assert client.ttl(f"dm:job:{job.id}") > 0
        assert client.hlen(f"dm:job:{job.id}") == 1


def test_the_least_sure_rows_come_first(bench: Bench) -> None:
    doubts = [doubt(0, 7, 0.9), doubt(1, 1, 0.3), doubt(3, 0, 1.0), doubt(4, 9, 0.3), doubt(5, 7, 0.0)]
    job = doubtful(bench, doubts)
    holding = hold(bench, job, "a", limit=4)
    assert rows_of(holding) == [5, 1, 4, 0]
    assert list(holding.waiting.values()) == [1, 1, 0, 0, 0, 0, 0, 2, 0, 1]


def test_rows_of_one_digit_can_be_asked_for(bench: Bench) -> None:
    job = doubtful(bench, [doubt(0, 7, 0.9), doubt(1, 1, 0.3), doubt(5, 7, 0.2)])
    assert rows_of(hold(bench, job, "a", digit="7")) == [5, 0]
    assert rows_of(hold(bench, job, "b", digit="7")) == []
    # who asks for another digit gives the rest back
    assert rows_of(hold(bench, job, "a", digit="1")) == [1]
    assert rows_of(hold(bench, job, "b", digit="7")) == [5, 0]


def test_no_row_is_held_by_two(bench: Bench) -> None:
    job = doubtful(bench, [doubt(n, n, 0.1 * n) for n in range(6)])
    held = [rows_of(hold(bench, job, reviewer)) for reviewer in "abcd"]
    assert held == [[0, 1], [2, 3], [4, 5], []]


def test_many_reviewers_at_once_answer_every_row_once(bench: Bench) -> None:
    chunks = 10
    job = doubtful(bench, [doubt(n, n % 10, n / 100) for n in range(IMAGES * chunks)], chunks)

    def work(reviewer: str) -> list[int]:
        answered: list[int] = []
        while rows := rows_of(hold(bench, job, reviewer, limit=3)):
            outcomes = bench.store.reviews.correct(job.id, [Change(n, n // IMAGES, 0, SEVEN) for n in rows], reviewer)
            assert {outcome.revision.by for outcome in outcomes if outcome.revision is not None} == {reviewer}
            answered += rows
        return answered

    with ThreadPoolExecutor(4) as pool:
        answered = [row for rows in pool.map(work, "abcd") for row in rows]
    assert sorted(answered) == list(range(IMAGES * chunks))


def test_asking_again_keeps_what_is_held_and_fills_it_up(bench: Bench) -> None:
    job = doubtful(bench, [doubt(n, n, 0.1 * n) for n in range(6)])
    assert rows_of(hold(bench, job, "a")) == [0, 1]
    assert rows_of(hold(bench, job, "a")) == [0, 1]
    correct(bench, job, 0, SEVEN)
    assert rows_of(hold(bench, job, "a")) == [1, 2]
    assert rows_of(hold(bench, job, "a", limit=1)) == [1]
    assert rows_of(hold(bench, job, "b", limit=1)) == [2]


def test_rows_come_back_when_a_lease_ends_or_is_given_back(bench: Bench) -> None:
    job = doubtful(bench, [doubt(0, 7, 0.9), doubt(1, 1, 0.3)])
    hold(bench, job, "a", seconds=0.05)
    assert rows_of(hold(bench, job, "b")) == []
    bench.pass_time(0.1)
    assert rows_of(hold(bench, job, "b")) == [1, 0]
    # what another holds now does not come back to the one whose lease ended
    assert rows_of(hold(bench, job, "a")) == []
    bench.store.reviews.release(job.id, "b")
    bench.store.reviews.release(job.id, "nobody")
    assert rows_of(hold(bench, job, "a")) == [1, 0]


def test_a_renewed_hold_lasts_from_now_on(bench: Bench) -> None:
    job = doubtful(bench, [doubt(0, 7, 0.9)])
    first = hold(bench, job, "a", seconds=0.2)
    second = hold(bench, job, "a", seconds=30)
    assert second.until > first.until
    bench.pass_time(0.3)
    assert rows_of(hold(bench, job, "b")) == []


def test_an_answered_row_waits_no_more_and_an_undone_one_again(bench: Bench) -> None:
    doubts = [doubt(0, 7, 0.9), doubt(1, 1, 0.3)]
    job = doubtful(bench, doubts)
    assert bench.store.reviews.unindexed(job.id) == []
    correct(bench, job, 1, ONE)
    assert hold(bench, job, "a").waiting["1"] == 0
    correct(bench, job, 1, None, 1)
    assert bench.store.reviews.unindexed(job.id) == [0]
    index(bench, job, doubts)
    assert rows_of(hold(bench, job, "a")) == [0, 1]


def test_a_row_answered_before_it_is_indexed_does_not_wait(bench: Bench) -> None:
    job = finished(bench)
    correct(bench, job, 0, SEVEN)
    index(bench, job, [doubt(0, 7, 0.9), doubt(1, 1, 0.3)])
    assert rows_of(hold(bench, job, "a")) == [1]


def test_chunks_are_indexed_as_they_come(bench: Bench) -> None:
    job = bench.submit(chunks=12)
    bench.run(job.id, 9)
    assert bench.store.reviews.unindexed(job.id) == [9]
    index(bench, job, [doubt(9 * IMAGES, 7, 0.5)])
    claim = take_chunk(bench.store, job.id, 2, 5)
    assert claim is not None
    bench.store.chunks.complete(claim, b"rows", Counts(total=IMAGES, statuses=Counter(review=IMAGES)))
    assert bench.store.reviews.unindexed(job.id) == [2]
    # what is not done cannot be indexed
    bench.store.reviews.index(job.id, [(3, [doubt(3 * IMAGES, 7, 0.1)])], DIGITS)
    assert rows_of(hold(bench, job, "a")) == [9 * IMAGES]


def test_reviewers_of_one_job_are_not_more_than_can_be_looked_at(bench: Bench) -> None:
    job = doubtful(bench, [doubt(n, 7, 0.5) for n in range(IMAGES * 40)], chunks=40)
    for number in range(MOST_REVIEWERS):
        assert len(hold(bench, job, f"r{number}", limit=1).values) == 1
    assert bench.store.reviews.hold(job.id, "late", groups=DIGITS, group=None, limit=1, seconds=1) is None
    assert len(hold(bench, job, "r5", limit=2).values) == 2


def test_what_the_release_before_noted_of_an_open_job_is_still_reviewed(empty_redis_url: str) -> None:
    with redis.Redis.from_url(empty_redis_url) as client:
        bench = Bench(RedisJobStore(client), time.sleep)
        job = bench.submit(chunks=2)
        bench.run(job.id, 0)
        # as that release did it: rows by twice their digit plus their confidence, and what a reviewer holds by rows
        client.zadd(f"dm:job:{job.id}:review", {"0": 14.5, "1": 2.25})
        client.setbit(f"dm:job:{job.id}:indexed", 0, 1)
        client.hset(f"dm:job:{job.id}:corrections", "2", "1 9 ann 1.000")
        client.hset(f"dm:job:{job.id}:history", "2 1", "1 9 ann 1.000")
        client.setbit(f"dm:job:{job.id}:revised", 2, 1)
        client.hset(f"dm:job:{job.id}:held", "bob", f"{time.time() + 60:.3f} 0")
        holding = hold(bench, job, "a", limit=4)
        assert (rows_of(holding), holding.waiting["7"], holding.waiting["1"]) == ([1], 1, 1)
        assert rows_of(hold(bench, job, "bob", digit="7")) == [0]
        (revision,) = bench.store.reviews.revisions(job.id, [2])
        assert revision is not None
        assert revision.verdict == Verdict(VerdictStatus.RECOGNIZED, "9")
        bench.run(job.id, 1)
        index(bench, job, [doubt(3, 1, 0.5)])
        assert rows_of(hold(bench, job, "a", limit=4, digit="1")) == [1, 3]
        assert bench.store.reviews.history(job.id, 2) == [revision]


def test_values_with_fields_wait_are_held_and_are_corrected_by_themselves(empty_redis_url: str) -> None:
    with redis.Redis.from_url(empty_redis_url) as client:
        reviews = (store := RedisJobStore(client)).reviews
        job = finished(Bench(store, time.sleep), 1)
        male, female = Address(1, "male"), Address(1, "female")
        doubts = [Doubt(male, "017", 0.5), Doubt(female, "4", 0.25), Doubt(Address(2, "male"), "017", 0.75)]
        reviews.index(job.id, [(0, doubts)], ())
        held = reviews.hold(job.id, "a", groups=(), group=None, limit=2, seconds=60)
        assert held is not None
        assert (held.values, held.waiting) == ([female, male], {"017": 2, "4": 1})
        other = reviews.hold(job.id, "b", groups=(), group="017", limit=2, seconds=60)
        assert other is not None
        assert other.values == [Address(2, "male")]
        said = Verdict(VerdictStatus.RECOGNIZED, "017")
        (outcome,) = reviews.correct(job.id, [Change(1, 0, 0, said, "male")], "ann")
        assert outcome.taken is Taken.DONE
        assert [each and each.verdict for each in reviews.revisions(job.id, [1], "male")] == [said]
        assert reviews.revisions(job.id, [1], "female") == [None]
        assert list(reviews.revisions_between(job.id, 0, 8, "male")) == [1]
        assert len(reviews.history(job.id, 1, "male")) == 1
        left = reviews.hold(job.id, "a", groups=(), group=None, limit=2, seconds=60)
        assert left is not None
        assert (left.values, left.waiting) == ([female], {"017": 1, "4": 1})


@pytest.mark.parametrize("text", ["blank", "-", "A", "1 000", "=7", "007", "%", "ten ten", "\u0663", "10:5"])
def test_any_text_can_be_said_and_is_read_back_as_it_is(empty_redis_url: str, text: str) -> None:
    with redis.Redis.from_url(empty_redis_url) as client:
        reviews = (store := RedisJobStore(client)).reviews
        job = finished(Bench(store, time.sleep), 1)
        verdict = Verdict(VerdictStatus.RECOGNIZED, text)
        for _ in range(2):
            (outcome,) = reviews.correct(job.id, [Change(0, 0, 0, verdict)], "ann")
            assert outcome.taken is Taken.DONE
        (revision,) = reviews.revisions(job.id, [0])
        assert revision is not None
        assert (revision.verdict, revision.number) == (verdict, 1)
