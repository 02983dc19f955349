"""Which options of a page are marked, by how dark their boxes are beside the page's empty ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from digitmill.domain.rows import Guess, Reason, RowStatus, Value
from digitmill.forms.template import MarkField

EMPTY, MARKED = 0.03, 0.07
"""Ink of a box by its area, beyond that of the page's empty ones: up to the first nobody made a mark, from the second
on somebody did. Between them a person looks. On drawn pages 1 of 352 marks had less than 0.07, and 3 of 1,118 empty
boxes more than 0.03, all of them with AT_ITS_PLACE not reached."""
BLACKENED = 0.6
"""From here on it is no tick and no cross, but blackened."""
SURE = 0.997
"""Of what is not between EMPTY and MARKED: of 363 fields of drawn pages none was read wrong."""
AT_ITS_PLACE = 0.6
"""Likeness of a field's print from which on its print is surely no mark. Below it were 2 % of the fields, and among
them the only three that were read wrong, all on crumpled paper."""
EMPTY_SHARE = 0.25
"""Of a page's boxes so many are empty at least: how dark these are is what print and dust leave."""
MOST_REST = 0.1
"""What print and dust leave at most."""
SEPARATOR = ","


def rest_of(darknesses: Sequence[float]) -> float:
    """What print and dust leave in the empty boxes of a page, by all of its boxes."""
    if not darknesses:
        return 0.0
    ordered = sorted(darknesses)
    return min(ordered[int(EMPTY_SHARE * (len(ordered) - 1))], MOST_REST)


def value_of(field: MarkField, darknesses: Mapping[str, float], rest: float) -> Value:
    """Args: darknesses: of each option's box, by its name; rest: see ``rest_of``."""
    ink = {name: darkness - rest for name, darkness in darknesses.items()}
    if field.blackened == "taken_back":
        ink = {name: share if share < BLACKENED else 0.0 for name, share in ink.items()}
    chosen = [name for name, share in ink.items() if share >= MARKED]
    unclear = [name for name, share in ink.items() if EMPTY < share < MARKED]
    text = SEPARATOR.join(chosen) or None
    if field.choose == "one" and len(chosen) > 1:
        others = tuple(Guess(name, 1 / len(chosen)) for name in chosen)
        return Value(others[0].prediction, RowStatus.REVIEW, others[0].confidence, others[1:], Reason.SEVERAL)
    if unclear:
        if field.choose == "one":
            guess = text or max(unclear, key=lambda name: ink[name])
        else:
            guess = SEPARATOR.join(name for name in ink if name in chosen or name in unclear)
        return Value(guess, RowStatus.REVIEW, 0.5, (), Reason.UNSURE)
    if text is None:
        return Value(None, RowStatus.BLANK)
    return Value(text, RowStatus.RECOGNIZED, SURE)


def marked(darknesses: Mapping[str, float], rest: float) -> list[str]:
    """The options with ink in their boxes, chosen or taken back. Args: as of ``value_of``."""
    return [name for name, darkness in darknesses.items() if darkness - rest > EMPTY]


def with_mark_beside(field: MarkField, value: Value) -> Value:
    """The same where a mark stands beside the boxes too, so that a person has to say which is meant."""
    chosen = Reason.SEVERAL if field.choose == "one" else Reason.UNSURE
    return value._replace(status=RowStatus.REVIEW, reason=Reason.BLANK if value.text is None else chosen)


def accepts(field: MarkField, text: str) -> bool:
    """Whether a person may say that these options are marked: ``A``, or ``A,C`` where several may be."""
    names = text.split(SEPARATOR)
    known = set(names) <= set(field.options) and len(set(names)) == len(names)
    return text in field.options or (known and field.choose == "any")
