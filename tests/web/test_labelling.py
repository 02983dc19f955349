"""Which rows are worth most to be answered next."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.domain.rows import Guess, Row, RowStatus
from digitmill.review.labelling import doubt, most_useful_first
from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import blank, one, seven


def row(index: int, first: str, confidence: float, second: str | None, other: float = 0.0) -> Row:
    others = () if second is None else (Guess(second, other),)
    return Row(index, f"{index}.png", RowStatus.REVIEW, first, confidence, others)


def test_pairs_take_turns_and_the_most_doubtful_comes_first() -> None:
    rows = [
        row(0, "1", 0.55, "7", 0.44), row(1, "1", 0.51, "7", 0.48), row(2, "1", 0.70, "7", 0.29),
        row(3, "3", 0.90, "5", 0.09), row(4, "8", 0.99, "6", 0.01), row(5, "3", 0.60, "5", 0.39),
    ]  # fmt: skip
    assert [each.index for each in most_useful_first(rows)] == [1, 5, 4, 0, 3, 2]


def test_without_alternatives_what_is_left_is_the_other_answer() -> None:
    assert doubt(row(0, "1", 0.5, None)) == 1
    assert doubt(row(0, "1", 0.9, None)) == pytest.approx(0.2)
    assert doubt(row(0, "1", 0.5, "7", 0.1)) == pytest.approx(0.6)


@given(st.lists(st.tuples(st.sampled_from("0123456789"), st.floats(0, 1), st.sampled_from("0123456789"))))
def test_every_row_comes_once(rows: list[tuple[str, float, str]]) -> None:
    given_ = [row(index, first, sure, second, 1 - sure) for index, (first, sure, second) in enumerate(rows)]
    assert sorted(each.index for each in most_useful_first(given_)) == list(range(len(rows)))


def next_rows(client: Client, location: str, **asked: Any) -> Any:
    response = client.get(f"{location}/next", query_string=asked)
    assert response.status_code == 200, response.text
    return response.json


def test_rows_that_somebody_answered_and_those_without_a_digit_are_left_out(client: Client, mill: Mill) -> None:
    files = [("0.png", seven()), ("1.png", seven()), ("2.png", one()), ("3.png", blank()), ("4.png", b"no image")]
    location = submitted(client, files)
    mill.turn()
    found = next_rows(client, location)
    # ones are less sure than sevens
    assert ([each["index"] for each in found["results"]], found["population"]) == ([2, 0, 1], 3)
    said = {"corrections": [{"index": 0, "revision": 0, "prediction": "7"}]}
    assert client.open(f"{location}/results", method="PATCH", json=said).status_code == 200
    assert [each["index"] for each in next_rows(client, location)["results"]] == [2, 1]
    assert [each["index"] for each in next_rows(client, location, size=1)["results"]] == [2]
    assert_problem(client.get(f"{location}/next?size=0"), 400, "bad_options")
    assert_problem(client.get(f"/v1/jobs/{'0' * 26}/next"), 404, "not_found")
