from __future__ import annotations

import json
import struct
import zlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.domain.columns import REASON_CODES, STATUS_CODES
from digitmill.domain.jobs import Counts
from digitmill.domain.rows import Address, Failure, Guess, Part, Reason, Row, RowStatus, Value
from digitmill.errors import FailureCode
from digitmill.store.reviews import Doubt
from digitmill.store.rows import Answers
from tests.answers import answers_of

confidences = st.integers(0, 1_000_000).map(lambda millionths: millionths / 1_000_000)
guesses = st.builds(Guess, st.sampled_from("0123456789"), confidences)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
readings = st.builds(Guess, texts, confidences)
boxes = st.tuples(*[st.integers(0, 60_000)] * 4)
parts = st.builds(Part, boxes, st.lists(readings, max_size=3).map(tuple))


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


@st.composite
def a_value(draw: st.DrawFn) -> Value:
    status = draw(st.sampled_from(RowStatus))
    if status in (RowStatus.BLANK, RowStatus.FAILED):
        return Value(None, status)
    best, others = draw(readings), tuple(draw(st.lists(readings, max_size=3)))
    reason = draw(st.sampled_from(Reason)) if status is RowStatus.REVIEW else None
    found = tuple(draw(st.lists(parts, max_size=2)))
    return Value(best.prediction, status, best.confidence, others, reason, found)


@st.composite
def a_page(draw: st.DrawFn) -> Row:
    """A row of an image with named fields."""
    if draw(st.booleans()):
        return Row(0, "", RowStatus.FAILED, failure=Failure(FailureCode.NOT_AN_IMAGE, "no"), fields={})
    fields = draw(st.dictionaries(st.sampled_from(["male", "female", "total"]), a_value()))
    found = {value.status for value in fields.values()}
    status = RowStatus.RECOGNIZED if RowStatus.RECOGNIZED in found else RowStatus.BLANK
    if found & {RowStatus.REVIEW, RowStatus.FAILED}:
        status = RowStatus.REVIEW
    return Row(0, "", status, fields=fields)


@given(st.lists(a_page(), min_size=1, max_size=8), st.data())
def test_rows_with_fields_survive_packing(rows: list[Row], data: st.DataObject) -> None:
    numbered = [row._replace(index=7 + place) for place, row in enumerate(rows)]
    names = [row.name for row in rows]
    answers = Answers.unpacked(answers_of(rows).packed())
    assert answers.rows(7, names) == numbered
    places = data.draw(st.lists(st.integers(0, len(rows) - 1), unique=True))
    assert answers.rows(7, names, places) == [numbered[place] for place in places]
    assert [line[2] for line in answers.lines(7, names)] == [row.status.value for row in rows]


@given(st.lists(a_value(), max_size=300))
def test_texts_of_any_length_survive_packing(values: list[Value]) -> None:
    rows = [
        Row(place, "", each.status, each.text, each.confidence, each.alternatives, reason=each.reason, parts=each.parts)
        for place, each in enumerate(values)
    ]
    assert Answers.unpacked(answers_of(rows).packed()).rows(0, [""] * len(rows)) == rows


@pytest.mark.parametrize("images", [255, 256, 600, 40_000])
def test_more_texts_than_a_byte_or_two_count_survive_packing(images: int) -> None:
    rows = [Row(n, "", RowStatus.RECOGNIZED, f"{n:05}", 0.5, (Guess(f"a{n:05}", 0.25),)) for n in range(images)]
    assert Answers.unpacked(answers_of(rows).packed()).rows(0, [""] * len(rows)) == rows


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
        Doubt(Address(row.index), row.prediction or "", row.confidence or 0.0)
        for row in answers.rows(7, [row.name for row in rows])
        if row.status is RowStatus.REVIEW
    ]
    assert answers.doubts(7, lambda value: value.text or "") == doubts


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
    old = Answers.unpacked(_of_version_1(rows))
    assert old.rows(0, names) == [row._replace(index=place, reason=None) for place, row in enumerate(rows)]
    assert [line[-1] for line in old.lines(0, names)] == [None] * len(rows)


def test_the_bytes_of_version_1_are_what_they_were() -> None:
    stored = "01780163626062646067646200027b0686063b06060720cd60575d0b0013b302c2"
    rows = [
        Row(0, "a", RowStatus.REVIEW, "7", 0.5, (Guess("1", 0.25),)),
        Row(1, "b", RowStatus.RECOGNIZED, "2", 0.75, (Guess("0", 0.125),)),
    ]
    assert Answers.unpacked(bytes.fromhex(stored)).rows(0, ["a", "b"]) == rows


def test_the_bytes_of_version_2_are_what_they_were() -> None:
    stored = (
        "0278016361606264606266fcffff3f3b23130390facfc0c060cfc0d060c7c0e000a41980342aa8563256b28a56cacb2f894fcc8bcfcc4d4c"
        "4f55d2017295626b0199cc119e"
    )
    rows = [
        Row(0, "a", RowStatus.REVIEW, "7", 0.5, (Guess("1", 0.25),), reason=Reason.CUT_OFF),
        Row(1, "b", RowStatus.RECOGNIZED, "2", 0.75, (Guess("0", 0.125),)),
        Row(2, "c", RowStatus.BLANK),
        Row(3, "d", RowStatus.FAILED, failure=Failure(FailureCode.NOT_AN_IMAGE, "no")),
    ]
    assert Answers.unpacked(bytes.fromhex(stored)).rows(0, list("abcd")) == rows


def test_codes_of_statuses_and_reasons_stay_what_stored_rows_mean_by_them() -> None:
    assert [status.value for status in STATUS_CODES] == ["recognized", "review", "blank", "failed"]
    assert [reason.value for reason in REASON_CODES][:4] == ["unsure", "cut_off", "cross", "dash"]
    assert [reason.value for reason in REASON_CODES][4:9] == ["struck_out", "several", "circled", "other", "blank"]
    assert [reason.value for reason in REASON_CODES][9:14] == ["length", "gap", "displaced", "unread", "check"]
    assert [reason.value for reason in REASON_CODES][14:] == ["critical"]


def _of_version_1(rows: list[Row]) -> bytes:
    """As this version packed them."""
    guesses = max((1 + len(row.alternatives) for row in rows), default=1)
    said = [[Guess(row.prediction, row.confidence or 0.0), *row.alternatives] if row.prediction else [] for row in rows]
    digits = [[int(guess.prediction) for guess in row] + [255] * (guesses - len(row)) for row in said]
    worth = [[guess.confidence for guess in row] + [0.0] * (guesses - len(row)) for row in said]
    failures = {place: [row.failure.code, row.failure.detail] for place, row in enumerate(rows) if row.failure}
    body = struct.pack("<HB", len(rows), guesses) + bytes(STATUS_CODES[row.status] for row in rows)
    body += np.array(digits, np.uint8).tobytes() + np.array(worth, "<f4").tobytes() + json.dumps(failures).encode()
    return b"\x01" + zlib.compress(body, 1)


def test_rows_of_another_version_or_length_are_refused() -> None:
    answers = answers_of([Row(0, "a", RowStatus.BLANK)])
    with pytest.raises(ValueError, match="version 9"):
        Answers.unpacked(b"\x09" + answers.packed()[1:])
    with pytest.raises(ValueError, match="1 rows for 2 names"):
        answers.rows(0, ["a", "b"])


def test_counts_of_a_chunk_add_up() -> None:
    rows = [Row(0, "a", RowStatus.BLANK), Row(1, "b", RowStatus.REVIEW, "1", 0.5), Row(2, "c", RowStatus.BLANK)]
    assert answers_of(rows).counts == Counts(total=3, statuses=Counter(blank=2, review=1))


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
