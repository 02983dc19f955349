"""Rows drawn at random."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.review import sampling
from digitmill.review.sampling import interval, shuffled
from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import blank, one, seven

SMALL_CHUNKS = pytest.mark.parametrize("mill", [{"chunk_images": 4}], indirect=True)


def half_blank(client: Client, mill: Mill, count: int = 40) -> str:
    """A finished job, every second image of which is blank."""
    files = [(f"{number}.png", blank() if number % 2 else seven()) for number in range(count)]
    location = submitted(client, files)
    mill.turn()
    return location


def draw(client: Client, location: str, **asked: Any) -> Any:
    response = client.get(f"{location}/sample", query_string=asked)
    assert response.status_code == 200, response.text
    return response.json


def indices(sample: Any) -> list[int]:
    return [row["index"] for row in sample["results"]]


@SMALL_CHUNKS
def test_a_sample_holds_rows_of_the_status_alone_and_none_twice(client: Client, mill: Mill) -> None:
    location = half_blank(client, mill)
    sample = draw(client, location, size=15, seed=1)
    assert len(set(indices(sample))) == 15
    assert {row["status"] for row in sample["results"]} == {"recognized"}
    assert sample["population"] == 20
    assert sample["results"][0] == client.get(f"{location}/results/{indices(sample)[0]}").json


@SMALL_CHUNKS
def test_the_same_seed_draws_the_same_rows_and_another_seed_draws_others(client: Client, mill: Mill) -> None:
    location = half_blank(client, mill)
    assert draw(client, location, size=9, seed=1) == draw(client, location, size=9, seed=1)
    assert indices(draw(client, location, size=9, seed=1)) != indices(draw(client, location, size=9, seed=2))


@SMALL_CHUNKS
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(client: Client, mill: Mill) -> None:
    location = half_blank(client, mill)
    assert indices(draw(client, location, size=12))[:5] == indices(draw(client, location, size=5))


@SMALL_CHUNKS
def test_a_sample_larger_than_the_job_is_every_row_of_the_status(client: Client, mill: Mill) -> None:
    location = half_blank(client, mill)
    assert sorted(indices(draw(client, location, size=1000))) == list(range(0, 40, 2))
    assert indices(draw(client, location, status="failed")) == []


@SMALL_CHUNKS
def test_a_running_job_gives_the_rows_that_are_there(client: Client, mill: Mill) -> None:
    location = submitted(client, [(f"{number}.png", one()) for number in range(12)])
    mill.turn(1)
    sample = draw(client, location)
    assert sorted(indices(sample)) == [0, 1, 2, 3]
    assert (sample["state"], sample["population"]) == ("running", 4)


@SMALL_CHUNKS
def test_a_search_for_rare_rows_ends(client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    location = half_blank(client, mill)
    monkeypatch.setattr(sampling, "MOST_LOOKED_AT", 10)
    assert len(draw(client, location, size=20)["results"]) < 10


def test_what_was_corrected_shows_its_correction(client: Client, mill: Mill) -> None:
    location = half_blank(client, mill, 2)
    client.open(f"{location}/results/0", method="PATCH", json={"prediction": "1"})
    (row,) = draw(client, location)["results"]
    assert (row["prediction"], row["correction"]["prediction"]) == ("7", "1")


@pytest.mark.parametrize("asked", [{"size": 0}, {"size": 1001}, {"seed": -1}, {"seed": 2**32}, {"status": "done"}])
def test_a_sample_that_cannot_be_drawn_is_refused(client: Client, mill: Mill, asked: dict[str, Any]) -> None:
    location = half_blank(client, mill, 2)
    problem = assert_problem(client.get(f"{location}/sample", query_string=asked), 400, "bad_options")
    assert [error["field"] for error in problem["errors"]] == list(asked)


def test_the_rows_of_an_unknown_job_are_not_drawn(client: Client) -> None:
    assert_problem(client.get("/v1/jobs/01hzzzzzzzzzzzzzzzzzzzzzzz/sample"), 404, "not_found")


@given(st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_a_shuffle_holds_every_number_once(count: int, seed: int) -> None:
    assert sorted(shuffled(count, seed)) == list(range(count))


def test_every_number_comes_first_as_often_as_any_other() -> None:
    firsts = Counter(next(shuffled(5, seed)) for seed in range(5000))
    # six standard deviations around 1,000
    assert all(abs(count - 1000) < 170 for count in firsts.values())


@pytest.mark.parametrize(
    ("wrong", "seen", "population", "found"),
    # by whole fractions, as tests/browser/test_check.py has them
    [(0, 10, 50, (0, 13)), (3, 10, 50, (5, 31)), (10, 10, 50, (37, 50)), (1, 40, 41, (1, 2)), (2, 30, 30, (2, 2))],
)
def test_the_range_of_errors_is_exact(wrong: int, seen: int, population: int, found: tuple[int, int]) -> None:
    assert interval(wrong, seen, population) == found
