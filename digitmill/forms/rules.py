"""The language of a template's checks: comparisons over the fields of a page, as Python writes them.

``male + female == total`` · ``0 <= age <= 120`` · ``luhn(station)`` · ``station in stations``

A rule comes from a stranger. Python's own parser makes a tree of it, of which the parts that are named here are
translated, and Python runs none of it: there are no attributes, loops, powers or names but fields and lists. The kind
of each part is known before any page is read, so that a rule that could not be worked out is refused, with its place.
Numbers are exact, and of any length; patterns take linear time.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from digitmill.forms.rule_parts import (
    ARITHMETIC,
    Kind,
    Part,
    Run,
    Values,
    contained,
    ends,
    known,
    ordered,
    refused,
    turned,
    words,
)
from digitmill.forms.written import Number, day_of, day_reader

DEEPEST = 30
"""Parts of a rule within one another."""
MOST_EXPONENT = 40
"""Digits before or behind the point of a number in a rule."""
CHECK_DIGITS = ("luhn", "verhoeff", "damm", "mod_11_2", "mod_11_10", "mod_37_2", "mod_37_36", "mod_97_10")
"""Functions that are short for ``stdnum`` with these names."""
SIGNS = {
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "=>": ">=",
    "=<": "<=",
    "<>": "!=",
    "\N{MULTIPLICATION SIGN}": "*",
    "÷": "/",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "&&": "and",
    "||": "or",
}
"""What people write for a sign of the language, and that sign."""
ASSIGNED, QUOTED = re.compile(r"(?<![=<>!])=(?!=)"), re.compile(r"\"[^\"]*\"|'[^']*'")
NATIONAL = re.compile(r"([a-z]{2})\.([a-z0-9_]+)")


@dataclass(frozen=True)
class Rule:
    """``text`` as it was written, and the names of the fields in it."""

    text: str
    names: tuple[str, ...]
    run: Run

    def holds(self, values: Values) -> bool | None:
        """Whether it holds on these texts of fields; None where one that it needs has none."""
        found: bool | None = self.run(values)
        return found


def compiled(text: str, fields: Mapping[str, Kind | None], lists: Mapping[str, Sequence[str]]) -> Rule:
    """A rule over fields, each of a kind, WRITTEN or TEXT, or None where it has no value to speak of.

    Raises:
        ValueError: it is no rule; the message is a sentence that names the place.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        place = f"At character {error.offset}: " if error.offset else ""
        raise ValueError(f"{place}this cannot be understood ({error.msg}){_hint(text, error.msg)}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ValueError("This cannot be understood. Write a shorter rule") from None
    compiler = _Compiler(fields, lists)
    rule = compiler.truth(tree)
    if not compiler.names:
        raise ValueError("This says nothing about any field. Name one")
    return Rule(text, tuple(compiler.names), rule)


def _hint(text: str, complaint: str) -> str:
    """What to write instead, where it is known, behind what Python says of a rule."""
    if "leading zeros" in complaint:
        return ". A text stands in quotes"
    bare = QUOTED.sub("", text)
    for sign, ours in SIGNS.items():
        if sign in bare:
            return f". Write {ours} for {sign}"
    return ". Write == for equal" if ASSIGNED.search(bare) else ""


class _Compiler:
    """Translates the tree of one rule. ``names`` are the fields that it met, as keys in their order."""

    def __init__(self, fields: Mapping[str, Kind | None], lists: Mapping[str, Sequence[str]]) -> None:
        self.names: dict[str, None] = {}
        self._fields = fields
        self._lists = lists
        self._depth = 0

    def part(self, node: ast.expr) -> Part:
        self._depth += 1
        if self._depth > DEEPEST:
            raise refused(node, "these are too many parentheses or signs within one another")
        try:
            translate = self._KINDS.get(type(node))
            if translate is None:
                raise refused(node, f"`{words(node)}` is not part of the language of checks")
            found: Part = translate(self, node)
            return found
        finally:
            self._depth -= 1

    def truth(self, node: ast.expr) -> Run:
        return self._as(Kind.TRUTH, node)

    def number(self, node: ast.expr) -> Run:
        return self._as(Kind.NUMBER, node)

    def text(self, node: ast.expr) -> Run:
        return self._as(Kind.TEXT, node)

    def _as(self, kind: Kind, node: ast.expr) -> Run:
        return turned(self.part(node), kind, node)

    def _name(self, node: ast.Name) -> Part:
        if node.id in self._fields:
            name, kind = node.id, self._fields[node.id]
            if kind is None:
                raise refused(node, f"the field {name} is a picture, and has no value")
            self.names[name] = None
            return Part(kind, lambda values: values.get(name))
        if node.id in self._lists:
            entries = frozenset(self._lists[node.id])
            return Part(Kind.LIST, lambda _: entries)
        raise refused(node, f"there is no field and no list {node.id}")

    def _constant(self, node: ast.Constant) -> Part:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise refused(node, f"`{words(node)}` is neither a number nor a text in quotes")
        if isinstance(value, str):
            return Part(Kind.TEXT, lambda _: value)
        if not abs(value) < 10**MOST_EXPONENT or (value and abs(value) < 10**-MOST_EXPONENT):
            raise refused(node, f"a number has at most {MOST_EXPONENT} digits")
        number = value if isinstance(value, int) else Fraction(str(value))
        return Part(Kind.NUMBER, lambda _: number)

    def _list(self, node: ast.List | ast.Tuple) -> Part:
        parts = [self.part(each) for each in node.elts]
        kinds = {part.kind for part in parts}
        if kinds not in ({Kind.TEXT}, {Kind.NUMBER}) or not all(isinstance(each, ast.Constant) for each in node.elts):
            raise refused(node, "a list holds numbers, or texts in quotes; the decimal sign is a point")
        entries = frozenset(part.run({}) for part in parts)
        return Part(Kind.LIST, lambda _: entries)

    def _joined(self, node: ast.BoolOp) -> Part:
        runs = [self.truth(each) for each in node.values]
        decides = isinstance(node.op, ast.Or)

        def run(values: Values) -> bool | None:
            found = [one(values) for one in runs]
            if decides in found:
                return decides
            return None if None in found else not decides

        return Part(Kind.TRUTH, run)

    def _signed(self, node: ast.UnaryOp) -> Part:
        if isinstance(node.op, ast.Not):
            return Part(Kind.TRUTH, known(operator.not_, self.truth(node.operand)))
        if isinstance(node.op, ast.USub):
            return Part(Kind.NUMBER, known(operator.neg, self.number(node.operand)))
        raise refused(node, f"`{words(node)}` is not part of the language of checks")

    def _sum(self, node: ast.BinOp) -> Part:
        work = ARITHMETIC.get(type(node.op))
        if work is None:
            raise refused(node, f"of `{words(node)}`, only + - * / // and % can be worked out")
        return Part(Kind.NUMBER, known(work, self.number(node.left), self.number(node.right)))

    def _compared(self, node: ast.Compare) -> Part:
        sides = [node.left, *node.comparators]
        parts = [self.part(side) for side in sides]
        runs = []
        for number, sign in enumerate(node.ops):
            pair = [(parts[at], sides[at]) for at in (number, number + 1)]
            runs.append(contained(sign, *pair) if isinstance(sign, ast.In | ast.NotIn) else ordered(sign, *pair))

        def run(values: Values) -> bool | None:
            found = [one(values) for one in runs]
            if False in found:
                return False
            return None if None in found else True

        return Part(Kind.TRUTH, run)

    def _slice(self, node: ast.Subscript) -> Part:
        part = self.part(node.value)
        if part.kind not in (Kind.WRITTEN, Kind.TEXT):
            raise refused(node, f"`{words(node.value)}` is {part.kind.value}, of which no characters can be taken")
        places = ends(node.slice)
        if places is None:
            raise refused(node, "characters are taken as station[0], station[-1] or station[2:4]")
        taken = slice(*places)
        return Part(part.kind, known(lambda text: text[taken] or None, part.run))

    def _call(self, node: ast.Call) -> Part:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name in CHECK_DIGITS:
            (field,) = self._arguments(node, 1, 1)
            return Part(Kind.TRUTH, known(_stdnum(node, name), self.text(field)))
        call = self._FUNCTIONS.get(name or "")
        if call is None:
            names = ", ".join(sorted({*self._FUNCTIONS, *CHECK_DIGITS}))
            raise refused(node, f"there is no function `{words(node.func)}`. There are {names}")
        found: Part = call(self, node)
        return found

    def _arguments(self, node: ast.Call, least: int, most: int) -> list[ast.expr]:
        if node.keywords or not least <= len(node.args) <= most:
            many = f"{least}" if least == most else f"{least} to {most}"
            raise refused(node, f"{words(node.func)} takes {many} arguments in its parentheses")
        return node.args

    def _written_text(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        raise refused(node, "write a text in quotes here")

    def _matches(self, node: ast.Call) -> Part:
        field, pattern = self._arguments(node, 2, 2)
        written = self._written_text(pattern)
        try:
            fits = TypeAdapter(Annotated[str, StringConstraints(pattern=rf"\A(?:{written})\z")])
        except SchemaError:
            what = "this is no regular expression, or it needs look-around, or is too large"
            raise refused(pattern, what) from None

        def run(text: str) -> bool:
            try:
                fits.validate_python(text)
            except ValidationError:
                return False
            return True

        return Part(Kind.TRUTH, known(run, self.text(field)))

    def _number_of_its_standard(self, node: ast.Call) -> Part:
        field, module = self._arguments(node, 2, 2)
        return Part(Kind.TRUTH, known(_stdnum(module, self._written_text(module)), self.text(field)))

    def _date(self, node: ast.Call) -> Part:
        arguments = self._arguments(node, 2, 3)
        if len(arguments) == 3:
            return Part(Kind.DAY, known(day_of, *map(self.number, arguments)))
        read = day_reader(self._written_text(arguments[1]))
        if read is None:
            raise refused(arguments[1], 'a date is written of DD, MM and YYYY or YY, such as "DDMMYYYY"')
        return Part(Kind.DAY, known(read, self.text(arguments[0])))

    def _is_date(self, node: ast.Call) -> Part:
        return Part(Kind.TRUTH, known(lambda day: day is not False, self._date(node).run))

    def _length(self, node: ast.Call) -> Part:
        (field,) = self._arguments(node, 1, 1)
        return Part(Kind.NUMBER, known(len, self.text(field)))

    def _filled(self, node: ast.Call) -> Part:
        (field,) = self._arguments(node, 1, 1)
        inner = self.text(field)
        return Part(Kind.TRUTH, lambda values: inner(values) is not None)

    def _or_zero(self, node: ast.Call) -> Part:
        (field,) = self._arguments(node, 1, 1)
        text, number = self.text(field), self.number(field)
        return Part(Kind.NUMBER, lambda values: 0 if text(values) is None else number(values))

    def _of_numbers(self, node: ast.Call) -> Part:
        work = _OF_NUMBERS[words(node.func)]
        runs = [self.number(each) for each in self._arguments(node, 1, 100)]
        return Part(Kind.NUMBER, known(lambda *numbers: work(numbers), *runs))

    _KINDS: Mapping[type[ast.expr], Callable[..., Part]] = {
        ast.Name: _name,
        ast.Constant: _constant,
        ast.List: _list,
        ast.Tuple: _list,
        ast.BoolOp: _joined,
        ast.UnaryOp: _signed,
        ast.BinOp: _sum,
        ast.Compare: _compared,
        ast.Subscript: _slice,
        ast.Call: _call,
    }
    _FUNCTIONS: Mapping[str, Callable[..., Part]] = {
        "matches": _matches,
        "stdnum": _number_of_its_standard,
        "date": _date,
        "is_date": _is_date,
        "length": _length,
        "filled": _filled,
        "or_zero": _or_zero,
        "sum": _of_numbers,
        "min": _of_numbers,
        "max": _of_numbers,
    }


_OF_NUMBERS: Mapping[str, Callable[[Sequence[Number]], Any]] = {"sum": sum, "min": min, "max": max}


def _stdnum(node: ast.expr, name: str) -> Callable[[str], bool]:
    # what few templates need
    import stdnum  # noqa: PLC0415
    from stdnum import damm, ean, iban, imei, isbn, isin, ismn, issn, lei, luhn, verhoeff  # noqa: PLC0415
    from stdnum.iso7064 import mod_11_2, mod_11_10, mod_37_2, mod_37_36, mod_97_10  # noqa: PLC0415

    general = (damm, ean, iban, imei, isbn, isin, ismn, issn, lei, luhn, verhoeff)
    modules = {
        one.__name__.rpartition(".")[2]: one for one in (*general, mod_11_2, mod_11_10, mod_37_2, mod_37_36, mod_97_10)
    }
    national = NATIONAL.fullmatch(name)
    found: Any = stdnum.get_cc_module(*national.groups()) if national else modules.get(name)
    if not hasattr(found, "is_valid"):
        names = ", ".join(sorted(modules))
        raise refused(node, f"there is no number {name}. There are {names}, and those of countries, such as nl.bsn")
    return lambda text: bool(found.is_valid(text))
