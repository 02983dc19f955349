"""Rules of checks: what they say of values, and that what cannot be worked out is refused with its place."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.errors import BadTemplate
from digitmill.forms.rule_parts import Kind
from digitmill.forms.rules import compiled
from digitmill.forms.template import Template
from digitmill.forms.written import number_of
from tests.forms.pages import tally

FIELDS = {"male": Kind.WRITTEN, "female": Kind.WRITTEN, "total": Kind.WRITTEN, "answer": Kind.TEXT, "remark": None}
LISTS = {"stations": ["0012", "0400"]}


def holds(rule: str, **values: str | None) -> bool | None:
    return compiled(rule, FIELDS, LISTS).holds(values)


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        ("male + female == total", {"male": "017", "female": "3", "total": "20"}, True),
        ("male + female == total", {"male": "017", "female": "3", "total": "21"}, False),
        ("male + female == total", {"male": None, "female": "3", "total": "3"}, None),
        ("or_zero(male) + female == total", {"male": None, "female": "3", "total": "3"}, True),
        ("sum(male, female, 1) >= max(male, total)", {"male": "1", "female": "2", "total": "4"}, True),
        ("0 <= male <= 120", {"male": "121"}, False),
        ("male * 3 == female", {"male": "1" * 32, "female": "3" * 32}, True),
        ("male / 3 == female", {"male": "1", "female": "0"}, False),
        ("male / female == 1", {"male": "1", "female": "0"}, None),
        ("male % 100 == 12 and male // 100 == 19", {"male": "1912"}, True),
        ("not filled(male) or male > 3", {"male": None}, True),
        ("male > 3 or not filled(male)", {"male": None}, True),
        ("male > 3 and female > 3", {"male": None, "female": "1"}, False),
        ("luhn(male)", {"male": "79927398713"}, True),
        ("luhn(male)", {"male": "79927398710"}, False),
        ("mod_97_10(male)", {"male": "9999123456789012141490"}, True),
        ('stdnum(male, "nl.bsn")', {"male": "111222333"}, True),
        ('stdnum(male, "ean")', {"male": "73513536"}, False),
        ("male in stations", {"male": "0012"}, True),
        ("male in stations", {"male": "12"}, False),
        ("male not in [1, 2]", {"male": "02"}, False),
        ('male[:2] in ["00", "04"] and male[-1] == "2"', {"male": "0012"}, True),
        ("length(male) == 4", {"male": "0012"}, True),
        ('male == "0012"', {"male": "12"}, False),
        ("male == 12", {"male": "0012"}, True),
        ('answer != "A"', {"answer": "B"}, True),
        ('matches(male, "0[0-9]{3}")', {"male": "0012"}, True),
        ('matches(male, "0|1")', {"male": "12"}, False),
        ('is_date(male, "DDMMYYYY")', {"male": "29022024"}, True),
        ('is_date(male, "DDMMYYYY")', {"male": "29022023"}, False),
        ('is_date(male, "DD.MM.YY")', {"male": "01.12.99"}, True),
        ('date(male, "DDMMYYYY") < date(female, "DDMMYYYY")', {"male": "31121999", "female": "01012000"}, True),
        ('date(male, "DDMMYYYY") < date(female, "DDMMYYYY")', {"male": "31021999", "female": "01012000"}, False),
        ("is_date(male, female, total)", {"male": "31", "female": "4", "total": "2024"}, False),
        ('date(male, 1, 2024) >= date("2024-01-02", "YYYY-MM-DD")', {"male": "2"}, True),
    ],
)
def test_a_rule_says_whether_it_holds(rule: str, values: dict[str, str | None], expected: bool | None) -> None:
    assert holds(rule, **values) is expected


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("male = total", "At character"),
        ("male + == total", "At character 8"),
        ("male + fmale == total", "At character 8: there is no field and no list fmale"),
        ("male + remark == total", "At character 8: the field remark is a picture"),
        ("male + answer == total", "At character 8: `answer` is a text, where a number is needed"),
        ("male == 0012", "in quotes"),
        ("male + total", "At character 1: `male + total` is a number, where true or false is needed"),
        ("male.__class__ == 1", "At character 1: `male.__class__`"),
        ("().__class__.__bases__[0]", "At character 1"),
        ("male ** 99999 == 1", "At character 1: of `male ** 99999`"),
        ("[x for x in [1]] == male", "At character 1"),
        ("(lambda: 1)() == male", "At character 1"),
        ("__import__('os').system('x') == male", "there is no function"),
        ("open(male)", "At character 1: there is no function `open`. There are damm, date"),
        ("f'{male}' == '1'", "At character 1"),
        ("male if total else female", "At character 1"),
        ("male == 1e999", "digits"),
        ("male == 1j", "neither a number nor a text"),
        ("1 == 1", "nothing about any field"),
        ("male in 12", "At character 9: behind `in` stands a list"),
        ("male in [1, 'a']", "At character 9: a list holds"),
        ("male[total] == 1", "At character 1: characters are taken as"),
        ("male['a'] == 1", "At character 1: characters are taken as"),
        ("answer < 'B'", "At character 10: texts can be compared by"),
        ("luhn(male) == luhn(total)", "is true or false, where a number is needed"),
        ("luhn(male, total)", "At character 1: luhn takes 1 arguments"),
        ("stdnum(male, 'util')", "At character 14: there is no number util"),
        ("stdnum(male, '..os')", "At character 14"),
        ("stdnum(male, 'nl.nosuch')", "At character 14: there is no number nl.nosuch"),
        ("stdnum(male, 'zz.bsn')", "At character 14"),
        ("matches(male, '(')", "At character 15: this is no regular expression"),
        ("matches(male, total)", "At character 15: write a text in quotes"),
        ("is_date(male, 'DD')", "At character 15: a date is written"),
        ("is_date(male, 'DDDDYYYY')", "At character 15: a date is written"),
        ("-" * 300 + "male == 1", "cannot be understood|too many"),
        ("(" * 240 + "male" + ")" * 240, "cannot be understood"),
        ("male == '\0'", "cannot be understood"),
        ("male = 5", "Write == for equal"),
        ("male ≥ 18", "Write >= for ≥"),
        ("male => 18", "Write >= for =>"),
        ("male <> 18", "Write != for <>"),
        ("male \N{MULTIPLICATION SIGN} 2 == total", "Write * for \N{MULTIPLICATION SIGN}"),
        ("male == 1 && total == 2", "Write and for &&"),
        ("answer == '=>' or male = 5", "Write == for equal"),
        ("male > 1,5", "the decimal sign is a point"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(rule: str, place: str) -> None:
    with pytest.raises(ValueError, match="|".join(map(re.escape, place.split("|")))):
        holds(rule)


@given(st.text(alphabet="male+-*/%()[]'\",.:= <>0123456789notandri", max_size=60))
def test_no_text_brings_the_compiler_or_a_rule_down(text: str) -> None:
    try:
        rule = compiled(text, FIELDS, LISTS)
    except ValueError:
        return
    assert rule.holds({"male": "0" * 32, "female": "", "total": "12"}) in (True, False, None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", 7),
        ("1,234.50", 1234.5),
        ("1.234,5", 1234.5),
        ("1 234 567", 1234567),
        ("12,5", 12.5),
        ("50.-", 50),
        ("-3", -3),
        ("1.234", None),
        ("1.23.4", None),
        (".50", None),
        ("12-03", None),
        ("", None),
        ("٣", None),
    ],
)
def test_a_number_is_read_with_its_separators_unless_it_could_be_two(text: str, value: float | None) -> None:
    assert number_of(text) == value


def test_a_template_with_a_faulty_rule_is_not_accepted_and_names_the_check() -> None:
    with pytest.raises(BadTemplate) as refused:
        Template.parsed(tally("checks", [{"rule": "male == amount"}, {"rule": "male == amont"}]))
    assert [error.field for error in refused.value.errors] == ["checks[1].rule"]
    assert "At character 9: there is no field and no list amont" in refused.value.detail


def test_a_template_brings_its_lists_and_keeps_them_in_its_json() -> None:
    document = tally("lists", {"stations": ["0000012"]}).replace("male == amount", "station in stations")
    template = Template.parsed(document)
    assert Template.parsed(template.as_json()) == template
    (rule,) = template.rules
    assert rule.holds({"station": "0000012"})
    assert not rule.holds({"station": "0000013"})
