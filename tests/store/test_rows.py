from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.domain import Counts, Failure, Guess, Reason, Row, RowStatus
from digitmill.errors import FailureCode
from digitmill.store.reviews import Doubt
from digitmill.store.rows import Answers
from tests.answers import answers_of

confidences = st.integers(0, 1_000_000).map(lambda millionths: millionths / 1_000_000)
guesses = st.builds(Guess, st.sampled_from("0123456789"), confidences)


@st.composite
def a_row(draw: st.DrawFn) -> Row:
    status = draw(st.sampled_from(RowStatus))
    name = draw(st.text(st.characters(codec="utf-8"), max_size=20))
    if status is RowStatus.BLANK:
        return Row(0, name, status)
    if status is RowStatus.FAILED:
        return Row(0, name, status, failure=Failure(draw(st.sampled_from(FailureCode)), draw(st.text(max_size=20))))
    best, others = draw(guesses), tuple(draw(st.lists(guesses, max_size=9)))
    reason = draw(st.sampled_from(Reason)) if status is RowStatus.REVIEW else None
    return Row(0, name, status, best.prediction, best.confidence, others, reason=reason)


@given(st.lists(a_row(), max_size=20), st.integers(0, 1_000_000))
def test_rows_survive_packing(rows: list[Row], first: int) -> None:
    numbered = [row._replace(index=first + place) for place, row in enumerate(rows)]
    packed = answers_of(rows).packed()
    assert Answers.unpacked(packed).rows(first, [row.name for row in rows]) == numbered


@given(st.lists(a_row(), min_size=1, max_size=20), st.data())
def test_some_rows_are_unpacked_as_all_of_them_are(rows: list[Row], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(rows) - 1), unique=True))
    names = [row.name for row in rows]
    answers = answers_of(rows)
    every = answers.rows(7, names)
    assert answers.rows(7, names, places) == [every[place] for place in places]


@given(st.lists(a_row(), max_size=20), st.integers(0, 1_000_000))
def test_lines_have_of_rows_what_a_table_has(rows: list[Row], first: int) -> None:
    names = [row.name for row in rows]
    answers = answers_of(rows)
    assert answers.lines(first, names) == [
        (
            row.index,
            row.name,
            row.status.value,
            row.prediction,
            row.confidence,
            None if row.failure is None else row.failure.code.value,
            None if row.reason is None else row.reason.value,
        )
        for row in answers.rows(first, names)
    ]
    with pytest.raises(ValueError, match="names"):
        answers.lines(first, [*names, "one too many"])


@given(st.lists(a_row(), max_size=20))
def test_the_doubts_are_the_rows_to_review(rows: list[Row]) -> None:
    answers = answers_of(rows)
    doubts = [
        Doubt(row.index, int(row.prediction or ""), row.confidence or 0.0)
        for row in answers.rows(7, [row.name for row in rows])
        if row.status is RowStatus.REVIEW
    ]
    assert answers.doubts(7) == doubts


def test_a_packed_row_is_small() -> None:
    rows = [
        Row(
            n,
            "",
            RowStatus.RECOGNIZED,
            str(n % 10),
            1 - 1 / (n + 3),
            (Guess("1", 1 / (n + 7)), Guess("2", 1 / (n + 9))),
        )
        for n in range(512)
    ]
    assert len(answers_of(rows).packed()) / len(rows) < 20


@given(st.lists(a_row(), max_size=20))
def test_rows_stored_before_there_were_reasons_are_read(rows: list[Row]) -> None:
    names = [row.name for row in rows]
    old = Answers.unpacked(_of_version_1(answers_of(rows)))
    assert old.rows(0, names) == [row._replace(index=place, reason=None) for place, row in enumerate(rows)]
    assert [line[-1] for line in old.lines(0, names)] == [None] * len(rows)


def test_the_bytes_of_version_1_are_what_they_were() -> None:
    stored = "01780163626062646067646200027b0686063b06060720cd60575d0b0013b302c2"
    rows = [
        Row(0, "a", RowStatus.REVIEW, "7", 0.5, (Guess("1", 0.25),)),
        Row(1, "b", RowStatus.RECOGNIZED, "2", 0.75, (Guess("0", 0.125),)),
    ]
    assert Answers.unpacked(bytes.fromhex(stored)).rows(0, ["a", "b"]) == rows


def _of_version_1(answers: Answers) -> bytes:
    """As this version packed them: without the column of reasons."""
    body = zlib.decompress(answers.packed()[1:])
    reasons_at = 3 + len(answers.statuses)
    return b"\x01" + zlib.compress(body[:reasons_at] + body[reasons_at + len(answers.reasons) :])


def test_rows_of_another_version_or_length_are_refused() -> None:
    answers = answers_of([Row(0, "a", RowStatus.BLANK)])
    with pytest.raises(ValueError, match="version 9"):
        Answers.unpacked(b"\x09" + answers.packed()[1:])
    with pytest.raises(ValueError, match="1 rows for 2 names"):
        answers.rows(0, ["a", "b"])


def test_counts_of_a_chunk_add_up() -> None:
    rows = [Row(0, "a", RowStatus.BLANK), Row(1, "b", RowStatus.REVIEW, "1", 0.5), Row(2, "c", RowStatus.BLANK)]
    assert answers_of(rows).counts == Counts(total=3, blank=2, review=1)


def test_rows_unpacked_without_alternatives_are_the_same_but_for_these() -> None:
    rows = [
        Row(0, "a", RowStatus.RECOGNIZED, "7", 0.75, (Guess("1", 0.25),)),
        Row(1, "b", RowStatus.BLANK),
        Row(2, "c", RowStatus.FAILED, failure=Failure(FailureCode.NOT_AN_IMAGE, "no")),
    ]
    answers = answers_of(rows)
    assert answers.rows(0, ["a", "b", "c"]) == rows
    bare = [row._replace(alternatives=()) for row in rows]
    assert answers.rows(0, ["a", "b", "c"], alternatives=False) == bare
