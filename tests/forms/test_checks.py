"""Checks as evidence: what holds raises confidences as far as chance allows, what fails goes to a person."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.domain.rows import Guess, RowStatus, Value
from digitmill.forms.checks import SUREST, Checks, Judgement
from digitmill.forms.template import Template
from tests.forms.pages import TALLY

NAMES = ("male", "female", "total")


def checks(*rules: str) -> Checks:
    box = TALLY["fields"][1]
    fields = [{**box, "name": name} for name in NAMES]
    document = {**TALLY, "fields": fields, "checks": [{"rule": rule} for rule in rules]}
    return Checks(Template.model_validate(document, strict=False))


def read(text: str | None, confidence: float | None = None, **others: float) -> Value:
    """A value with alternatives, each as ``_12=0.1``."""
    guesses = tuple(Guess(name.removeprefix("_"), one) for name, one in others.items())
    return Value(text, RowStatus.REVIEW if text else RowStatus.BLANK, confidence, guesses)


def judged(rule: str, male: Value, female: Value, total: Value) -> Judgement:
    return checks(rule).judge({"male": male, "female": female, "total": total})


SUM = "male + female == total"


def test_a_sum_that_holds_makes_its_doubtful_fields_nearly_sure() -> None:
    found = judged(SUM, read("17", 0.9, _11=0.08), read("3", 0.98, _8=0.01), read("20", 0.97, _26=0.02))
    assert found.holds == (True,)
    assert all(0.998 < found.confidences[name] <= SUREST for name in NAMES)
    assert not found.suggestions


def test_a_range_that_nearly_every_number_fulfils_raises_hardly_anything() -> None:
    found = judged("0 <= male <= 999", read("17", 0.9, _11=0.08), read("3", 0.9), read("20", 0.9))
    assert found.confidences["male"] == pytest.approx(0.9, abs=0.005)
    assert set(found.confidences) == {"male"}


def test_two_alternatives_that_make_up_for_each_other_keep_both_fields_doubtful() -> None:
    alone = judged(SUM, read("17", 0.6, _11=0.39), read("3", 0.99), read("20", 0.6, _26=0.39))
    together = judged(SUM, read("17", 0.6, _11=0.39), read("3", 0.99), read("20", 0.6, _14=0.39))
    assert alone.confidences["male"] > 0.95
    assert 0.6 <= together.confidences["male"] < 0.75


def test_a_sum_that_fails_suggests_the_cheapest_change_and_changes_nothing() -> None:
    values = {
        "male": read("11", 0.6, _17=0.39),
        "female": read("3", 0.98, _9=0.01),
        "total": read("20", 0.97, _14=0.02),
    }
    given_before = dict(values)
    found = checks(SUM).judge(values)
    assert found.holds == (False,)
    assert found.suggestions == {"male": "17", "female": None, "total": None}
    assert values == given_before
    assert not found.confidences


def test_a_paper_whose_own_sum_is_wrong_stays_as_it_is_written() -> None:
    found = judged(SUM, read("17", 0.999), read("3", 0.999), read("21", 0.999, _27=0.0005))
    assert found.holds == (False,)
    assert found.suggestions == dict.fromkeys(NAMES)


def test_no_change_is_suggested_that_breaks_another_check() -> None:
    found = checks(SUM, "male <= 15").judge(
        {"male": read("11", 0.6, _17=0.39), "female": read("3", 0.98), "total": read("20", 0.97, _14=0.02)}
    )
    assert found.holds == (False, True)
    assert found.suggestions == {"male": None, "female": None, "total": "14"}


def test_a_field_of_a_failing_check_is_raised_by_no_other() -> None:
    found = checks(SUM, "male * 2 == female").judge(
        {"male": read("2", 0.9), "female": read("4", 0.9), "total": read("7", 0.9)}
    )
    assert found.holds == (False, True)
    assert not found.confidences


def test_a_check_on_a_blank_field_says_nothing() -> None:
    found = judged(SUM, read(None), read("3", 0.9), read("3", 0.9))
    assert found == Judgement((None,), {}, {})


@st.composite
def values(draw: st.DrawFn) -> Value:
    text = draw(st.one_of(st.none(), st.integers(0, 30).map(str)))
    shares = draw(st.lists(st.floats(0, 1), min_size=6, max_size=6))
    others = draw(st.lists(st.integers(0, 30).map(str), max_size=5))
    whole = sum(shares) or 1.0
    guesses = tuple(Guess(other, share / whole) for other, share in zip(others, shares, strict=False))
    return Value(text, RowStatus.REVIEW, None if text is None else shares[5] / whole, guesses)


RULES = (SUM, "male <= 15", "luhn(total)", "female in [1, 2, 3]", "or_zero(male) <= total")


@given(st.lists(st.sampled_from(RULES), min_size=1, max_size=4), values(), values(), values())
def test_confidences_only_rise_and_stay_probabilities_and_failing_checks_leave_no_field_out(
    rules: list[str], male: Value, female: Value, total: Value
) -> None:
    asked = checks(*rules)
    given_values = {"male": male, "female": female, "total": total}
    found = asked.judge(given_values)
    for name, confidence in found.confidences.items():
        before = given_values[name].confidence or 0.0
        assert before <= confidence <= max(before, SUREST)
    for rule, held in zip(rules, found.holds, strict=True):
        named = set(re.findall(r"\bmale|female|total", rule))
        assert held is not False or named <= set(found.suggestions)
    assert not set(found.confidences) & set(found.suggestions)
    for name, text in found.suggestions.items():
        assert text is None or text in {guess.prediction for guess in given_values[name].alternatives}
