"""Counts by which models are compared: each word adds once, and repeated calls change nothing."""

from __future__ import annotations

from typing import Any

import fakeredis
import pytest

from digitmill.store.tally_store import LIFE_SECONDS, MOST_EXAMPLES, TallyStore
from tests.store.conftest import Bench
from tests.store.test_repeats import Repeating


@pytest.fixture(params=[False, True], ids=["once", "repeated"])
def client(request: pytest.FixtureRequest) -> Any:
    """A Redis in memory; of the second the client makes each call twice."""
    if not request.param:
        return fakeredis.FakeRedis(server=fakeredis.FakeServer())
    kind = type("RepeatingFake", (Repeating, fakeredis.FakeRedis), {"repeats": True})
    return kind(server=fakeredis.FakeServer())


def test_counts_add_up_and_a_word_counts_once(client: Any) -> None:
    tallies = TallyStore(client)
    for word in ("a", "b", "a"):
        tallies.add("canary:x", word, {"images": 2, "review": 1})
    assert tallies.counts("canary:x") == {"images": 4, "review": 2}
    assert tallies.counts("canary:y") == {}


def test_the_latest_examples_are_kept(client: Any) -> None:
    tallies = TallyStore(client)
    for number in range(MOST_EXAMPLES + 5):
        tallies.add("x", str(number), {"images": 1}, [{"index": number}])
    found = [example["index"] for example in tallies.examples("x")]
    assert found == list(range(MOST_EXAMPLES + 4, 4, -1))


def test_all_of_it_goes_in_time(client: Any) -> None:
    TallyStore(client).add("x", "word", {"images": 1}, [{"index": 1}])
    keys = client.keys("*")
    assert len(keys) == 3
    assert all(0 < client.ttl(key) <= LIFE_SECONDS for key in keys)


def test_a_chunk_that_is_noted_again_adds_nothing_to_the_looks_of_its_job(bench: Bench) -> None:
    job = bench.submit()
    for chunk in (0, 1, 0):
        bench.store.tallies.note_looks(job.id, chunk, {"images": 3, "ink": 200})
    assert bench.store.tallies.looks(job.id) == {"images": 6, "ink": 400}


@pytest.mark.parametrize("end", ["compared", "deleted"])
def test_the_looks_of_a_job_go_when_it_was_compared_and_with_the_job(bench: Bench, end: str) -> None:
    job = bench.submit()
    bench.store.tallies.note_looks(job.id, 0, {"images": 3})
    if end == "compared":
        bench.store.tallies.note_drift(job.id, "{}")
    else:
        bench.store.delete(job.id)
        bench.store.tallies.note_looks(job.id, 1, {"images": 3})
    assert bench.store.tallies.looks(job.id) == {}
