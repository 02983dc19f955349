"""Parts of rules and how they are worked out: each knows its kind before any page is read."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

from digitmill.forms.written import Number, number_of

Values = Mapping[str, str | None]
Run = Callable[[Values], Any]
"""Works a part of a rule out; None where a field that it needs has no value."""


class Kind(Enum):
    """What a part of a rule is. ``WRITTEN`` is a field of digits: a number or a text, whichever is needed."""

    WRITTEN = "a field"
    NUMBER = "a number"
    TEXT = "a text"
    DAY = "a date"
    TRUTH = "true or false"
    LIST = "a list"


@dataclass(frozen=True)
class Part:
    kind: Kind
    run: Run


def _divided(work: Callable[[Number, Number], Any]) -> Callable[[Number, Number], Any]:
    return lambda one, other: work(Fraction(one), other) if other else None


ARITHMETIC: Mapping[type[ast.operator], Callable[[Number, Number], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divided(operator.truediv),
    ast.FloorDiv: _divided(operator.floordiv),
    ast.Mod: _divided(operator.mod),
}
SIGNS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
Side = tuple[Part, ast.expr]


def ordered(sign: ast.cmpop, left: Side, right: Side) -> Run:
    work = SIGNS.get(type(sign))
    if work is None:
        raise refused(right[1], "compare by == != < <= > >= or in")
    kinds = {left[0].kind, right[0].kind}
    if Kind.TEXT in kinds and type(sign) not in (ast.Eq, ast.NotEq):
        raise refused(right[1], "texts can be compared by == and != only")
    kind = next((kind for kind in (Kind.TEXT, Kind.DAY) if kind in kinds), Kind.NUMBER)

    def run(one: Any, other: Any) -> bool:
        # a date that is no day is neither before nor after any other
        return one is not False and other is not False and work(one, other)

    return known(run, *(turned(part, kind, node) for part, node in (left, right)))


def contained(sign: ast.cmpop, left: Side, right: Side) -> Run:
    if right[0].kind is not Kind.LIST:
        raise refused(right[1], "behind `in` stands a list")
    entries: frozenset[Any] = right[0].run({})
    kind = Kind.NUMBER if any(isinstance(each, Number) for each in entries) else Kind.TEXT
    wanted = isinstance(sign, ast.In)
    return known(lambda value: (value in entries) is wanted, turned(left[0], kind, left[1]))


def turned(part: Part, kind: Kind, node: ast.expr) -> Run:
    if part.kind is kind or (part.kind is Kind.WRITTEN and kind is Kind.TEXT):
        return part.run
    if part.kind is Kind.WRITTEN and kind is Kind.NUMBER:
        return known(number_of, part.run)
    raise refused(node, f"`{words(node)}` is {part.kind.value}, where {kind.value} is needed")


def ends(place: ast.expr) -> tuple[int | None, int | None] | None:
    """First and past the last of the characters that are taken; None where these are no plain numbers."""
    if isinstance(place, ast.Slice):
        ends = [_whole(end) if end is not None else None for end in (place.lower, place.upper)]
        named = [end is not None for end in (place.lower, place.upper)]
        fine = place.step is None and all((end is not None) is has for end, has in zip(ends, named, strict=True))
        return (ends[0], ends[1]) if fine else None
    one = _whole(place)
    return None if one is None else (one, one + 1 if one != -1 else None)


def _whole(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if type(value) is int else None


def known(work: Callable[..., Any], *runs: Run) -> Run:
    """``work`` on what these give; None where one of them is not known."""

    def run(values: Values) -> Any:
        found = [one(values) for one in runs]
        return None if any(each is None for each in found) else work(*found)

    return run


def words(node: ast.expr) -> str:
    return ast.unparse(node)


def refused(node: ast.expr, what: str) -> ValueError:
    return ValueError(f"At character {node.col_offset + 1}: {what}")
