"""What becomes of a model's probabilities: status, confidence, and the reason of a review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.domain.jobs import Options
from digitmill.domain.rows import DIGITS, KINDS, Reason, Row, RowStatus
from digitmill.readers.digit import DigitReader, OpenedDigit
from digitmill.store.rows import Answers
from digitmill.work.pipeline import OpenedChunk, answer_opened
from tests.core.conftest import DarkMeansSeven

EVERY = (*DIGITS, *KINDS)


class Says(DarkMeansSeven):
    """Says of each picture what it was told to."""

    def __init__(self, answers: Sequence[Mapping[str, float]], classes: Sequence[str], doubtful_cut: float) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.doubtful_cut = doubtful_cut
        self._answers = np.array([[answer.get(each, 0.0) for each in classes] for answer in answers], np.float32)

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._answers.reshape(len(batch), len(self.classes))


def rows_of(
    *answers: Mapping[str, float],
    classes: Sequence[str] = EVERY,
    review_below: float = 0.9,
    doubtful: bool = False,
    doubtful_cut: float = 1.0,
) -> list[Row]:
    """The rows of a chunk of a blank picture and of one for each of the answers."""
    images = [OpenedDigit((), doubtful=False)]
    images += [OpenedDigit([np.zeros((28, 28), np.uint8)], doubtful) for _ in answers]
    opened = OpenedChunk(len(images), Options(review_below=review_below), list(range(len(images))), list(images))
    (found,) = answer_opened([opened], Says(answers, classes, doubtful_cut))
    names = [str(place) for place in range(1 + len(answers))]
    rows = Answers.unpacked(found.packed()).rows(0, names)
    assert rows[0] == Row(0, "0", RowStatus.BLANK)
    return rows[1:]


def row_of(answer: Mapping[str, float], **more: object) -> Row:
    (row,) = rows_of(answer, **more)  # type: ignore[arg-type]
    return row


def test_a_digit_is_accepted_or_unsure_by_its_probability() -> None:
    sure, unsure = rows_of({"7": 0.9375, "1": 0.0625}, {"7": 0.5, "1": 0.25, "cross": 0.25})
    assert (sure.status, sure.prediction, sure.confidence, sure.reason) == (RowStatus.RECOGNIZED, "7", 0.9375, None)
    assert (unsure.status, unsure.prediction, unsure.confidence) == (RowStatus.REVIEW, "7", 0.5)
    assert unsure.reason is Reason.UNSURE


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_digit_is_a_review_that_says_so_with_the_likeliest_digit(kind: str) -> None:
    row = row_of({"4": 0.25, kind: 0.75})
    assert (row.status, row.reason) == (RowStatus.REVIEW, Reason(kind))
    assert (row.prediction, row.confidence) == ("4", 0.25)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "blank"])
def test_however_sure_the_model_is_of_a_kind_a_person_looks_at_it(kind: str) -> None:
    row = row_of({kind: 1.0})
    assert (row.status, row.reason, row.confidence) == (RowStatus.REVIEW, Reason(kind), 0.0)
    assert row.prediction is not None


def test_a_picture_that_is_surely_empty_is_blank() -> None:
    assert row_of({"1": 0.0625, "blank": 0.9375}) == Row(1, "1", RowStatus.BLANK)


def test_the_one_further_class_of_older_models_is_something_else() -> None:
    row = row_of({"4": 0.25, "none": 0.75}, classes=(*DIGITS, "none"))
    assert (row.status, row.reason, row.prediction) == (RowStatus.REVIEW, Reason.OTHER, "4")


def test_a_model_of_digits_alone_is_only_ever_unsure() -> None:
    assert row_of({"4": 0.75, "9": 0.25}, classes=DIGITS).reason is Reason.UNSURE


def test_the_order_of_the_kinds_is_the_models_own() -> None:
    assert row_of({"dash": 0.75}, classes=(*DIGITS, "other", "dash")).reason is Reason.DASH


def test_a_doubtful_cut_lowers_confidence_by_what_was_measured() -> None:
    answer = {"7": 0.9375, "1": 0.0625}
    assert row_of(answer, doubtful=False, doubtful_cut=0.5).status is RowStatus.RECOGNIZED
    assert row_of(answer, doubtful=True, doubtful_cut=1.0).status is RowStatus.RECOGNIZED
    row = row_of(answer, doubtful=True, doubtful_cut=0.5)
    assert (row.status, row.prediction, row.reason) == (RowStatus.REVIEW, "7", Reason.CUT_OFF)
    assert row.confidence == pytest.approx(0.46875)
    assert row.alternatives[0].confidence == pytest.approx(0.03125)


def test_a_doubtful_cut_of_a_cross_is_a_cross() -> None:
    row = row_of({"4": 0.25, "cross": 0.75}, doubtful=True, doubtful_cut=0.5)
    # the cross has what the digits leave
    assert (row.reason, row.confidence) == (Reason.CROSS, 0.25)


def test_a_doubtful_cut_is_not_called_blank_unless_that_is_sure_all_the_same() -> None:
    row = row_of({"1": 0.0625, "blank": 0.9375}, doubtful=True, doubtful_cut=0.5)
    assert (row.status, row.reason, row.prediction) == (RowStatus.REVIEW, Reason.BLANK, "1")


def test_a_doubtful_cut_that_was_measured_to_be_worth_nothing_keeps_its_suggestion() -> None:
    row = row_of({"7": 1.0}, doubtful=True, doubtful_cut=0.0)
    assert (row.status, row.prediction, row.confidence) == (RowStatus.REVIEW, "7", 0.0)


@st.composite
def some_answers(draw: st.DrawFn) -> list[dict[str, float]]:
    weights = draw(st.lists(st.lists(st.integers(0, 1000), min_size=17, max_size=17).filter(any), max_size=5))
    return [{name: each / sum(row) for name, each in zip(EVERY, row, strict=True)} for row in weights]


@given(some_answers(), st.floats(0, 1), st.booleans(), st.floats(0, 1))
def test_status_confidence_and_reason_agree(
    answers: list[dict[str, float]], review_below: float, doubtful: bool, doubtful_cut: float
) -> None:
    rows = rows_of(*answers, review_below=review_below, doubtful=doubtful, doubtful_cut=doubtful_cut)
    for row in rows:
        assert (row.reason is not None) is (row.status is RowStatus.REVIEW)
        assert (row.confidence is None) is (row.prediction is None) is (row.status is RowStatus.BLANK)
        if row.confidence is not None:
            # the six digits that are shown may hide on which side of the threshold a row lies
            above = row.confidence - review_below
            assert above > -1e-6 if row.status is RowStatus.RECOGNIZED else above < 1e-6
            assert all(guess.confidence <= row.confidence for guess in row.alternatives)


def test_a_zero_with_a_line_through_it_is_struck_out_however_sure_the_model_is() -> None:
    ring = np.zeros((28, 28), np.uint8)
    ring[4:24, 8:20] = 255
    ring[7:21, 11:17] = 0
    struck = ring.copy()
    struck[12:15, 2:26] = 255
    images = [OpenedDigit([picture], doubtful=False) for picture in (ring, struck, struck)]
    opened = OpenedChunk(len(images), Options(review_below=0.9), list(range(len(images))), list(images))
    (found,) = answer_opened([opened], Says([{"0": 0.96}, {"0": 0.96}, {"8": 0.96}], EVERY, 0.5))
    zero, doubted, eight = Answers.unpacked(found.packed()).rows(0, ["a", "b", "c"])
    assert (zero.status, zero.confidence) == (RowStatus.RECOGNIZED, 0.96)
    assert (doubted.status, doubted.confidence, doubted.reason) == (RowStatus.REVIEW, 0.48, Reason.STRUCK_OUT)
    assert eight.status is RowStatus.RECOGNIZED


def test_a_one_that_fills_its_crop_has_a_picture() -> None:
    crop = np.full((60, 12), 30, np.uint8)
    crop[:5, :4] = crop[-5:, -4:] = 235
    opened = DigitReader().open(crop, Options(), Says([], EVERY, 1.0))
    assert len(opened.pictures) == 1


def test_a_one_that_was_stretched_to_a_square_is_not_blank() -> None:
    crop = np.full((28, 28), 235, np.uint8)
    crop[1:27, 4:24] = 30
    opened = DigitReader().open(crop, Options(), Says([], EVERY, 1.0))
    assert len(opened.pictures) == 1
    assert opened.doubtful
