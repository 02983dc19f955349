"""What a template's checks say about a page that was read: evidence, never a correction.

A check that holds speaks for its fields as far as chance allows. By Bayes: how likely are the texts as they were read,
against every other that the reader thought of and that the check allows too? What nobody thought of counts with the
share of near texts that the check lets pass: a sum lets hardly any pass, and a range nearly all, so a range raises
nothing. Papers whose own sum is wrong are reckoned with. A check that fails sends its fields to a person, with the
cheapest change that would make it hold as a suggestion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from digitmill.domain.rows import Guess, Value
from digitmill.forms.rules import Rule
from digitmill.forms.template import Template

PAPERS_IN_ORDER = 0.95
"""Share of papers on which what was written fulfils a check."""
SUREST = 0.9995
"""No check makes a confidence higher: readings of one page may fail together, which is not reckoned with here."""
MOST_ALTERNATIVES = 4
"""Of a field."""
MOST_PAIRS = 1_000
"""Pairs of alternatives of two fields that are tried for one check."""
NEAR_TEXTS = 24
"""Texts beside the one that was read on which the chance of a check is measured."""
LEAST_CHANCE = 1e-6
DIGITS = "0123456789"

Texts = Mapping[str, str | None]


@dataclass(frozen=True)
class Judgement:
    """What the checks of a template say about one page.

    Attributes:
        holds: for each check in its order; None where a field that it needs has no value.
        confidences: of the fields that a check speaks for, as it raises them, 0 to 1.
        suggestions: a text for each field that a failing check has, or None where no single change would make it hold.
            Such a field is to be looked at by a person, and keeps its own text until then.
    """

    holds: tuple[bool | None, ...]
    confidences: Mapping[str, float]
    suggestions: Mapping[str, str | None]


class Checks:
    """The checks of a template. It keeps no state between pages."""

    def __init__(self, template: Template) -> None:
        """Raises ValueError where the template did not come from ``Template.parsed`` and has a rule that is none."""
        self._rules = template.rules

    def judge(self, values: Mapping[str, Value]) -> Judgement:
        """Args: values: of the page's fields, as they were read or a person said. A field without a text is blank."""
        texts: dict[str, str | None] = {name: value.text for name, value in values.items()}
        holds = tuple(rule.holds(texts) for rule in self._rules)
        confidences: dict[str, float] = {}
        suggestions: dict[str, str | None] = {}
        for rule, held in zip(self._rules, holds, strict=True):
            read = {name: values[name] for name in rule.names if texts.get(name) is not None}
            if held:
                for name, confidence in _raised(rule, texts, read):
                    confidences[name] = max(confidence, confidences.get(name, 0.0))
            elif held is False:
                repair = self._cheapest_repair(rule, texts, read, holds)
                for name in rule.names:
                    wanted = repair[1] if repair and repair[0] == name else None
                    suggestions[name] = suggestions.get(name) or wanted
        return Judgement(
            holds, {name: one for name, one in confidences.items() if name not in suggestions}, suggestions
        )

    def _cheapest_repair(
        self, rule: Rule, texts: Texts, read: Mapping[str, Value], holds: tuple[bool | None, ...]
    ) -> tuple[str, str] | None:
        """The field and the alternative of it that costs least, makes the rule hold, and none fail that holds now."""
        kept = [other for other, held in zip(self._rules, holds, strict=True) if held]
        best, least = None, math.inf
        for name, value in read.items():
            for guess in _alternatives(value):
                cost = math.log(max(value.confidence or 0.0, LEAST_CHANCE) / max(guess.confidence, LEAST_CHANCE))
                changed = {**texts, name: guess.prediction}
                if cost < least and rule.holds(changed) and all(other.holds(changed) for other in kept):
                    best, least = (name, guess.prediction), cost
        return best


def _alternatives(value: Value) -> list[Guess]:
    found = {guess.prediction: guess for guess in value.alternatives if guess.prediction != value.text}
    return sorted(found.values(), key=lambda guess: -guess.confidence)[:MOST_ALTERNATIVES]


def _raised(rule: Rule, texts: Texts, read: Mapping[str, Value]) -> Iterator[tuple[str, float]]:
    """The confidence of each field of a rule that holds, no lower than it was."""
    if all((value.confidence or 0.0) >= SUREST for value in read.values()):
        return
    sure = {name: min(max(value.confidence or 0.0, 0.0), 1.0) for name, value in read.items()}
    chances = {name: _chance(rule, texts, name) for name in read}
    chance = sum(chances.values()) / max(len(chances), 1)
    # a text that breaks the check was written on a paper that breaks it, or is read wrong
    broken = min(1.0, (1 - PAPERS_IN_ORDER) / PAPERS_IN_ORDER * chance / (1 - chance)) if chance < 1 else 1.0
    right = math.prod(sure.values())
    tried, allowed = _wrong(rule, texts, read, sure, broken)
    for name, confidence in sure.items():
        others = chances[name] + (1 - chances[name]) * broken
        wrong = allowed[name] + max(1 - confidence - tried[name], 0.0) * others
        posterior = right / (right + wrong) if right else 0.0
        yield name, max(confidence, min(posterior, SUREST))


def _wrong(
    rule: Rule, texts: Texts, read: Mapping[str, Value], sure: Mapping[str, float], broken: float
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Of each field, how likely the alternatives are that were tried, and how likely those that the rule allows.

    Alternatives of one field are tried, and of two at once: two errors may make up for each other.
    """
    tried, allowed = dict.fromkeys(read, 0.0), dict.fromkeys(read, 0.0)
    guesses = {name: _alternatives(value) for name, value in read.items()}
    singles = [((name, guess),) for name in read for guess in guesses[name]]
    pairs = [pair for pair in combinations((one for (one,) in singles), 2) if pair[0][0] != pair[1][0]]
    for changes in [*singles, *pairs[:MOST_PAIRS]]:
        names = [name for name, _ in changes]
        likely = math.prod(one for name, one in sure.items() if name not in names)
        likely *= math.prod(guess.confidence for _, guess in changes)
        holds = rule.holds({**texts, **{name: guess.prediction for name, guess in changes}})
        for name in names:
            tried[name] += likely
            allowed[name] += likely if holds else likely * broken
    return tried, allowed


def _chance(rule: Rule, texts: Texts, name: str) -> float:
    """The share of texts near the field's own, one digit of which is another, on which the rule holds as well."""
    near = list(_near(texts[name] or ""))
    near = near[:: max(1, len(near) // NEAR_TEXTS)]
    if not near:
        return 1.0
    held = sum(rule.holds({**texts, name: text}) is True for text in near)
    return min((held + 0.5) / len(near), 1.0)


def _near(text: str) -> Iterator[str]:
    for place, written in enumerate(text):
        if written in DIGITS:
            for step in range(1, 10):
                yield text[:place] + DIGITS[(int(written) + step) % 10] + text[place + 1 :]
