"""Values that two people enter: the second is another person, who settles what is equal; a third decides the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis

from digitmill.domain.jobs import Job
from digitmill.domain.rows import Address
from digitmill.domain.verdicts import Revision, Verdict, VerdictStatus
from digitmill.store.keys import entries_key
from digitmill.store.redis import RedisJobStore
from digitmill.store.reviews import Change, Doubt, Holding, Outcome, Taken
from tests.store.conftest import Bench
from tests.store.test_repeats import Repeating
from tests.store.test_review_store import finished

TOTAL = Address(1, "total")


def number(text: str) -> Verdict:
    return Verdict(VerdictStatus.RECOGNIZED, text)


BLANK = Verdict(VerdictStatus.BLANK)


@dataclass
class Desk:
    """A job with one doubtful value, which two people enter."""

    client: redis.Redis
    store: RedisJobStore
    job: Job

    def say(self, by: str, verdict: Verdict | None, seen: int) -> Outcome:
        change = Change(TOTAL.image, 0, seen, verdict, TOTAL.field, doubted=[TOTAL.field], by_two=True)
        (outcome,) = self.store.reviews.correct(self.job.id, [change], by)
        return outcome

    def last(self) -> Revision:
        return self.store.reviews.revisions_of(self.job.id, [TOTAL])[TOTAL]

    def entries(self) -> list[tuple[str, Verdict]]:
        return [(entry.by, entry.verdict) for entry in self.last().entries]

    def held(self, reviewer: str) -> Holding:
        self.index()
        held = self.store.reviews.hold(self.job.id, reviewer, groups=(), group=None, limit=5, seconds=60)
        assert held is not None
        return held

    def index(self) -> None:
        chunks = self.store.reviews.unindexed(self.job.id)
        doubts = [Doubt(TOTAL, "unsure", 0.5)]
        self.store.reviews.index(self.job.id, [(chunk, doubts if chunk == 0 else []) for chunk in chunks], ())

    def counts(self) -> tuple[int, int]:
        counts = self.store.get(self.job.id).counts
        return counts.corrected, counts.answered


@pytest.fixture(params=["once", "twice"])
def desk(empty_redis_url: str, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Over a real Redis, where each script is run once, and where each is run twice."""
    with Repeating.from_url(empty_redis_url) as client:
        store = RedisJobStore(client)
        here = Desk(client, store, finished(Bench(store, time.sleep), 1))
        client.repeats = request.param == "twice"
        yield here


def test_what_one_person_says_does_not_settle_it(desk: Desk) -> None:
    outcome = desk.say("ann", number("12"), 0)
    assert outcome.taken is Taken.DONE
    assert outcome.revision is not None
    assert (outcome.revision.number, outcome.revision.verdict) == (1, None)
    assert [(entry.by, entry.verdict) for entry in outcome.revision.entries] == [("ann", number("12"))]
    assert desk.entries() == [("ann", number("12"))]
    assert desk.counts() == (0, 0)


@pytest.mark.parametrize("verdict", [number("12"), number("1 2"), BLANK])
def test_a_second_who_says_the_same_settles_it(desk: Desk, verdict: Verdict) -> None:
    desk.say("ann", verdict, 0)
    assert desk.say("bea", verdict, 1).taken is Taken.DONE
    assert (desk.last().verdict, desk.last().by, desk.entries()) == (verdict, "bea", [])
    assert desk.counts() == (1, 1)
    assert desk.held("cem/tab").values == []


def test_the_first_cannot_be_the_second(desk: Desk) -> None:
    desk.say("ann", number("12"), 0)
    assert desk.say("ann", number("12"), 1).taken is Taken.DONE
    assert desk.last().number == 1, "it was said before"
    assert desk.entries() == [("ann", number("12"))]


def test_a_third_decides_where_two_differ(desk: Desk) -> None:
    desk.say("ann", number("12"), 0)
    desk.say("bea", number("17"), 1)
    assert desk.entries() == [("ann", number("12")), ("bea", number("17"))]
    assert desk.counts() == (0, 0)
    for by, verdict in (("ann", number("17")), ("bea", number("12")), ("bea", None), ("cem", None)):
        assert desk.say(by, verdict, 2).taken is Taken.FOR_ANOTHER
    assert desk.say("cem", number("13"), 2).taken is Taken.DONE
    assert (desk.last().verdict, desk.last().by, desk.entries()) == (number("13"), "cem", [])
    assert desk.counts() == (1, 1)


def test_the_history_has_every_entry(desk: Desk) -> None:
    for seen, (by, text) in enumerate((("ann", "12"), ("bea", "17"), ("cem", "17"))):
        desk.say(by, number(text), seen)
    history = desk.store.reviews.history(desk.job.id, *TOTAL)
    told = [(each.number, each.by, each.verdict) for each in history]
    assert told == [(1, "ann", number("12")), (2, "bea", number("17")), (3, "cem", number("17"))]


def test_who_entered_it_is_not_given_it_again_in_any_window(desk: Desk) -> None:
    assert desk.held("ann/one").values == [TOTAL]
    desk.say("ann", number("12"), 0)
    assert desk.held("ann/one").values == []
    assert desk.held("ann/two").values == []
    assert desk.held("bea/one").values == [TOTAL]
    desk.say("bea", number("17"), 1)
    assert desk.held("bea/one").values == []
    assert desk.held("cem/one").values == [TOTAL]


def test_the_first_may_say_another_thing_or_nothing_until_the_second_has_spoken(desk: Desk) -> None:
    desk.say("ann", number("12"), 0)
    assert desk.say("ann", number("13"), 1).taken is Taken.DONE
    assert desk.entries() == [("ann", number("13"))]
    assert desk.say("bea", None, 2).taken is Taken.FOR_ANOTHER
    assert desk.say("ann", None, 2).taken is Taken.DONE
    assert desk.entries() == []
    assert desk.held("ann/one").values == [TOTAL]


def test_who_saw_it_before_the_first_had_spoken_is_told_of_it(desk: Desk) -> None:
    desk.say("ann", number("12"), 0)
    assert desk.say("bea", number("12"), 0).taken is Taken.CHANGED_MEANWHILE
    assert desk.entries() == [("ann", number("12"))]


def test_a_settled_value_that_is_changed_is_open_again(desk: Desk) -> None:
    desk.say("ann", number("12"), 0)
    desk.say("bea", number("12"), 1)
    assert desk.say("cem", number("12"), 2).revision == desk.last(), "it says so"
    assert desk.say("bea", number("13"), 2).taken is Taken.DONE
    assert (desk.last().verdict, desk.entries()) == (None, [("bea", number("13"))])
    assert desk.counts() == (0, 0)
    assert desk.held("ann/one").values == [TOTAL]
    desk.say("ann", number("13"), 3)
    assert (desk.last().verdict, desk.counts()) == (number("13"), (1, 1))


def test_a_settled_value_that_is_taken_back_is_entered_anew(desk: Desk) -> None:
    desk.say("ann", number("12"), 0)
    desk.say("bea", number("12"), 1)
    assert desk.say("cem", None, 2).taken is Taken.DONE
    assert (desk.last().verdict, desk.entries(), desk.counts()) == (None, [], (0, 0))
    assert desk.held("ann/one").values == [TOTAL]


def test_entries_expire_with_the_rows(desk: Desk) -> None:
    desk.say("ann", number("12"), 0)
    assert desk.client.pttl(entries_key(desk.job.id)) > 0
