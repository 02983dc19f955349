"""Numbers in boxes: from what a model says of each box, and of their row as one strip, to a value."""

from __future__ import annotations

import numpy as np
import pytest

from digitmill.domain.rows import DIGITS, KINDS, Guess, Reason, RowStatus, Value
from digitmill.forms.boxes import Trace
from digitmill.forms.certainty import Again, Evidence, first_look, needs_second_look, second_look
from digitmill.forms.digits import Box, evidence, is_dashed, unsure_before, value_of
from digitmill.forms.template import DigitsField
from digitmill.readers.second_look import Doubt, both

CLASSES = (*DIGITS, *KINDS)
PLACE = (0, 0, 10, 10)
SURE = 0.992
PLAIN = Trace(tall=0.7)


def field(cells: int, align: str = "right") -> DigitsField:
    quad = ((0, 0), (20 * cells, 0), (20 * cells, 30), (0, 30))
    return DigitsField.model_validate(
        {"name": "a", "kind": "digits", "grid": {"quad": quad, "cells": cells}, "align": align}, strict=False
    )


def box(said: str, sure: float = 0.9999, trace: Trace = PLAIN) -> Box:
    """A box that the model takes for a digit, or for a kind; ``_`` has no ink."""
    if said == "_":
        return Box.empty(PLACE, trace._replace(tall=0.0))
    probabilities = np.full(len(CLASSES), (1 - sure) / (len(CLASSES) - 1), np.float32)
    probabilities[CLASSES.index(said)] = sure
    return Box.said(PLACE, probabilities, CLASSES, 1.0, doubtful=False, trace=trace)


def value(*said: str, align: str = "right") -> Value:
    return value_of(field(len(said), align), [box(each) for each in said], sure_from=SURE, alternatives=2)


def test_a_sure_number_behind_blanks_and_dashes_is_accepted() -> None:
    assert (
        value("_", "_", "4", "0", "7")[:2] == value("dash", "cross", "4", "0", "7")[:2] == ("407", RowStatus.RECOGNIZED)
    )


@pytest.mark.parametrize(
    ("said", "align", "dashes", "doubted"),
    [
        (("dash", "8", "7"), "right", False, True),
        (("dash", "8", "7"), "right", True, False),
        (("_", "dash", "8", "7"), "right", True, True),
        (("dash", "dash", "8", "7"), "right", False, False),
        (("cross", "dash", "8", "7"), "right", False, False),
        (("dash", "8", "7", "_"), "left", True, True),
        (("8", "7", "dash"), "left", False, False),
    ],
)
def test_one_dash_before_a_number_may_be_a_minus(
    said: tuple[str, ...], align: str, dashes: bool, doubted: bool
) -> None:
    boxes = [box(each) for each in said]
    found = value_of(field(len(said), align), boxes, sure_from=SURE, alternatives=2, dashes=dashes)
    assert (found.text, found.reason) == ("87", Reason.DASH if doubted else None)


@pytest.mark.parametrize(
    ("said", "dashed"),
    [(("dash", "8", "7"), False), (("dash", "dash", "7"), True), (("dash", "dash"), True), (("_", "dash"), False)],
)
def test_two_dashes_in_a_field_show_that_its_writer_dashes_what_is_empty(said: tuple[str, ...], dashed: bool) -> None:
    assert is_dashed(field(len(said)), [box(each) for each in said]) is dashed


@pytest.mark.parametrize("kind", ["other", "several", "circled"])
def test_between_digits_only_a_digit_can_stand_and_a_person_looks(kind: str) -> None:
    found = value("_", "4", kind, "7")
    assert found.text is not None
    assert (len(found.text), found.text[0], found.text[2]) == (3, "4", "7")
    assert (found.status, found.reason) == (RowStatus.REVIEW, Reason(kind))


def test_before_the_first_digit_what_is_none_stays_out() -> None:
    found = value("_", "other", "7")
    assert (found.text, found.reason) == ("7", Reason.OTHER)


@pytest.mark.parametrize("others", [("_", "7", "1"), ("_", "_", "_"), ("7", "1", "5")])
def test_ink_that_may_be_a_digit_is_looked_at_however_sure_the_other_boxes_are(others: tuple[str, ...]) -> None:
    def said(digit: float) -> Value:
        probabilities = np.zeros(len(CLASSES), np.float32)
        probabilities[CLASSES.index("1")], probabilities[CLASSES.index("blank")] = digit, 1 - digit
        ink = Box.said(PLACE, probabilities, CLASSES, 1.0, doubtful=False, trace=PLAIN)
        boxes = [ink, *(box(each, 0.99999) for each in others)]
        return value_of(field(len(boxes)), boxes, sure_from=SURE, alternatives=2)

    assert said(0.0001).reason is None
    assert (said(0.3).status, said(0.3).reason) == (RowStatus.REVIEW, Reason.BLANK)


def test_empty_boxes_have_no_value_and_need_nobody() -> None:
    assert value("_", "_", "_") == Value(None, RowStatus.BLANK)
    assert value("dash", "dash") == Value(None, RowStatus.BLANK)


@pytest.mark.parametrize(
    ("said", "align", "text"),
    [
        (("dash", "cross", "_"), "right", None),
        (("_", "dash", "dash"), "left", None),
        (("dash", "_", "3", "5"), "right", "35"),
        (("3", "5", "_", "dash"), "left", "35"),
    ],
)
def test_dashes_for_a_number_that_is_not_there_are_looked_at(
    said: tuple[str, ...], align: str, text: str | None
) -> None:
    found = value(*said, align=align)
    assert (found.text, found.status, found.reason) == (text, RowStatus.REVIEW, Reason.BLANK)


def test_the_less_sure_its_boxes_are_the_less_sure_a_number_is() -> None:
    chances = [first_look(Evidence([sure, 0.99], 1.0)) for sure in (0.3, 0.6, 0.9, 0.99, 0.9999)]
    assert chances == sorted(chances)
    assert chances[0] < 0.7
    assert chances[-1] > 0.95


@pytest.mark.parametrize(
    "boxes",
    [
        [box("_", trace=Trace(faint=0.01)), box("7")],
        [box("blank", 0.9), box("7")],
        [box("_"), box("7", trace=Trace(tall=0.25))],
        [box("2"), box("7", trace=PLAIN._replace(above=0.1))],
        [box("2"), box("7", trace=PLAIN._replace(along=4.0))],
    ],
    ids=["faint ink before it", "ink taken for none", "small", "ink above", "beside print"],
)
def test_what_the_model_does_not_know_makes_a_number_less_sure(boxes: list[Box]) -> None:
    plain = [each if each.kind is None else box("_") for each in boxes]
    plain = [each if each.kind is not None else box(each.guesses[0].prediction) for each in plain]
    doubtful, sure = (first_look(evidence(field(2), each)) for each in (boxes, plain))
    assert doubtful < sure


@pytest.mark.parametrize(("faint", "status"), [(0.0, RowStatus.BLANK), (0.005, RowStatus.REVIEW)])
def test_empty_boxes_with_a_little_ink_in_one_are_looked_at(faint: float, status: RowStatus) -> None:
    boxes = [box("_"), box("_", trace=Trace(faint=faint)), box("_")]
    assert value_of(field(3), boxes, sure_from=SURE, alternatives=2).status is status


def test_a_digit_that_the_model_of_numbers_does_not_see_makes_a_number_less_sure() -> None:
    seen = Evidence([0.98, 0.97], 1.0)
    sure, unsure = (second_look(seen, Again([0.99, each], 0.99, True)) for each in (0.99, 0.2))
    assert sure > unsure


def test_a_strip_that_says_the_same_makes_a_number_surer_and_another_less_sure() -> None:
    seen = Evidence([0.98, 0.97], 1.0)
    same, other = (second_look(seen, Again([0.98, 0.97], 0.99, each)) for each in (True, False))
    assert same > first_look(seen) > other


def doubt(*said: str) -> Doubt:
    boxes, one = [box(each, 0.97) for each in said], field(len(said))
    return Doubt(0, one, evidence(one, boxes), value_of(one, boxes, sure_from=SURE, alternatives=2), ())


def looked_at(doubtful: Doubt, strip: Value) -> Value:
    """The value where the model of numbers is sure of each box."""
    again = Again([0.9999] * len(doubtful.boxes.digits), strip.confidence or 0.0, strip.text == doubtful.value.text)
    return both(doubtful, strip, again, SURE, 2)


def test_two_readings_that_agree_are_accepted() -> None:
    doubtful = doubt("_", "1", "7")
    assert doubtful.value.status is RowStatus.REVIEW
    found = looked_at(doubtful, Value("17", RowStatus.RECOGNIZED, 0.9999))
    assert (found.text, found.status, found.reason) == ("17", RowStatus.RECOGNIZED, None)
    assert found.confidence is not None
    assert found.confidence >= SURE


@pytest.mark.parametrize(("sure", "first"), [(0.9999, "71"), (0.2, "17")])
def test_two_readings_that_differ_are_looked_at_and_the_likelier_comes_first(sure: float, first: str) -> None:
    strip = Value("71", RowStatus.RECOGNIZED, sure, (Guess("77", 0.0001),))
    found = looked_at(doubt("_", "1", "7"), strip)
    assert (found.text, found.status, found.reason) == (first, RowStatus.REVIEW, Reason.UNSURE)
    assert {first, *(guess.prediction for guess in found.alternatives)} >= {"17", "71"}


@pytest.mark.parametrize(("strip", "read"), [("071", "071"), ("171", "71"), ("71", "71")])
def test_a_first_digit_taken_for_none_is_read_where_the_strip_has_it_too(strip: str, read: str) -> None:
    # the digit that is likeliest in a box that the model takes for anything else is 0 here
    boxes, one = [box(each, 0.97) for each in ("dash", "other", "7", "1")], field(4)
    first = value_of(one, boxes, sure_from=SURE, alternatives=2)
    doubtful = Doubt(0, one, evidence(one, boxes), first, (), unsure_before(one, boxes))
    found = looked_at(doubtful, Value(strip, RowStatus.RECOGNIZED, 0.2))
    assert (found.text, found.status, found.reason) == (read, RowStatus.REVIEW, Reason.OTHER)


def test_a_digit_that_was_taken_for_an_empty_box_is_offered_where_the_strip_has_it_too() -> None:
    probabilities = np.zeros(len(CLASSES), np.float32)
    probabilities[CLASSES.index("1")], probabilities[CLASSES.index("blank")] = 0.4, 0.6
    ink = Box.said(PLACE, probabilities, CLASSES, 1.0, doubtful=False, trace=PLAIN)
    assert unsure_before(field(3), [ink, box("4"), box("8")]) == "1"
    assert unsure_before(field(3), [box("blank"), box("4"), box("8")]) == ""


def test_only_boxes_directly_before_the_number_may_begin_it() -> None:
    assert unsure_before(field(4), [box(each) for each in ("other", "_", "7", "1")]) == ""
    assert unsure_before(field(4), [box(each) for each in ("_", "_", "_", "other")]) == ""
    assert unsure_before(field(3, "left"), [box(each) for each in ("7", "1", "other")]) == ""


def test_a_strip_never_gives_more_digits_than_there_are_boxes() -> None:
    assert looked_at(doubt("1", "7"), Value("171", RowStatus.RECOGNIZED, 0.9999)).text == "17"


def test_a_number_that_is_just_sure_is_looked_at_again_and_then_kept_or_doubted() -> None:
    assert needs_second_look(SURE, SURE)
    assert not needs_second_look(0.9999, SURE)
    one = field(2)
    boxes = [box("1", 0.9985), box("7", 0.9985)]
    first = value_of(one, boxes, sure_from=0.9, alternatives=2)
    assert (first.status, first.reason) == (RowStatus.RECOGNIZED, None)
    found = [
        looked_at(Doubt(0, one, evidence(one, boxes), first, ()), Value(text, RowStatus.RECOGNIZED, 0.9999))
        for text in ("17", "11")
    ]
    assert [(each.status, each.reason) for each in found] == [
        (RowStatus.RECOGNIZED, None),
        (RowStatus.REVIEW, Reason.UNSURE),
    ]


def test_where_all_is_accepted_a_strip_that_differs_changes_nothing() -> None:
    first = value_of(field(2), [box("1", 0.4), box("7", 0.4)], sure_from=0.0, alternatives=2)
    doubtful = Doubt(0, field(2), Evidence([0.4, 0.4], 1.0), first, ())
    found = both(doubtful, Value("11", RowStatus.RECOGNIZED, 0.9999), Again([0.4, 0.4], 0.9999, False), 0.0, 2)
    assert (found.text, found.status, found.reason) == ("17", RowStatus.RECOGNIZED, None)


def test_an_objection_stays_whatever_the_strip_says() -> None:
    doubtful = doubt("4", "other", "7")
    assert looked_at(doubtful, Value(doubtful.value.text, RowStatus.RECOGNIZED, 0.9999)).reason is Reason.OTHER
