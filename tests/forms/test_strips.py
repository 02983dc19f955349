"""Numbers in strips of form pages: two models that agree are surer, and what is no number stays to review."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.domain.jobs import Options
from digitmill.domain.rows import DIGITS, Reason, RowStatus, Value
from digitmill.forms.template import NumberField
from digitmill.readers.number_field import ReadStrip, agreement, value_of_strip

SURE = Options(review_below=0.99)
FIELD = NumberField(
    name="amount", kind="number", quad=((0.0, 0.0), (90.0, 0.0), (90.0, 20.0), (0.0, 20.0)), length=(1, 4)
)


def said(text: str, sure: float = 0.999, classes: int = 17) -> NDArray[np.float32]:
    """What a model says that takes each picture for its digit of ``text``, and is so sure."""
    rows = np.full((len(text), classes), (1 - sure) / (classes - 1), np.float32)
    rows[np.arange(len(text)), [DIGITS.index(each) for each in text]] = sure
    return rows


def strip(text: str, sure: float, mark: Reason | None = None) -> ReadStrip:
    pictures = tuple(np.zeros((28, 28), np.uint8) for _ in text)
    return ReadStrip(Value(text, RowStatus.RECOGNIZED, sure), pictures, mark)


def test_two_models_that_read_the_same_are_accepted_where_one_alone_was_in_doubt() -> None:
    value = value_of_strip(FIELD, strip("470", 0.99), said("470", 0.9999), SURE)
    assert (value.text, value.status, value.reason) == ("470", RowStatus.RECOGNIZED, None)
    doubted = value_of_strip(FIELD, strip("470", 0.99), said("470", 0.8), SURE)
    assert (doubted.text, doubted.status, doubted.reason) == ("470", RowStatus.REVIEW, Reason.UNSURE)


@given(st.text(DIGITS, min_size=1, max_size=4), st.floats(0.5, 0.9999), st.integers(0, 3), st.integers(1, 9))
def test_a_digit_that_the_other_model_reads_as_another_makes_a_number_less_sure(
    text: str, sure: float, place: int, step: int
) -> None:
    place %= len(text)
    other = text[:place] + DIGITS[(int(text[place]) + step) % 10] + text[place + 1 :]
    same, less = (value_of_strip(FIELD, strip(text, sure), said(each), SURE) for each in (text, other))
    assert same.text == less.text == text
    assert same.confidence is not None
    assert less.confidence is not None
    assert less.confidence < same.confidence
    assert less.status is RowStatus.REVIEW


@given(st.text(DIGITS, min_size=1, max_size=4), st.integers(0, 3), st.floats(0.05, 0.9))
def test_what_the_other_model_takes_for_no_digit_makes_a_number_less_sure(text: str, place: int, none: float) -> None:
    seen = said(text)
    seen[place % len(text), :10] *= 1 - none
    seen[place % len(text), 16] += none
    assert agreement(text, seen) == pytest.approx(agreement(text, said(text)) * (1 - none), abs=1e-4)


def test_a_strip_with_a_mark_or_of_a_wrong_length_stays_to_review_however_sure_both_are() -> None:
    marked = value_of_strip(FIELD, strip("47", 0.9999, Reason.STRUCK_OUT), said("47", 0.9999), SURE)
    assert (marked.status, marked.reason) == (RowStatus.REVIEW, Reason.STRUCK_OUT)
    long = value_of_strip(FIELD, strip("47000", 0.9999), said("47000", 0.9999), SURE)
    assert (long.status, long.reason) == (RowStatus.REVIEW, Reason.LENGTH)


def test_a_strip_without_a_number_keeps_what_it_means() -> None:
    blank = Value(None, RowStatus.BLANK)
    assert value_of_strip(FIELD, ReadStrip(blank), np.empty((0, 17), np.float32), SURE) is blank
