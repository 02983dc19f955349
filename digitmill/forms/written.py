"""Numbers and dates as people write them, out of the texts of fields."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from fractions import Fraction

Number = int | Fraction
MARKS = ".,'\u2019 -"
"""What may stand behind a number."""
WRITTEN = re.compile("""([0-9]{1,3}([.,'\u2019 ])[0-9]{3}(?:\\2[0-9]{3})*|[0-9]+)(?:([.,])([0-9]+))?""")
"""The whole part, the mark between its thousands, the mark before its decimals, and these."""
PARTS = {"DD": "day", "MM": "month", "YYYY": "year", "YY": "year"}
FIRST_YEAR_OF_TWO_DIGITS = 69
"""As POSIX has it: 69 is 1969, and 68 is 2068."""


def number_of(text: str | None) -> Number | None:
    """The number that is written, with or without thousands and decimals; None where it is none, or could be two."""
    if text is None:
        return None
    if text.isascii() and text.isdecimal():
        return int(text)
    bare = text.lstrip("- ").rstrip(MARKS)
    sign = -1 if text.startswith("-") else 1
    found = WRITTEN.fullmatch(bare)
    if found is None:
        return None
    whole, thousands, point, decimals = found.groups()
    if thousands in (".", ",") and (thousands == point or (point is None and bare.count(thousands) == 1)):
        return None
    return sign * Fraction(f"{re.sub('[^0-9]', '', whole)}.{decimals or 0}")


def day_of(day: Number, month: Number, year: Number) -> datetime.date | bool:
    """The date; False where the calendar has no such day."""
    try:
        return datetime.date(int(year), int(month), int(day))
    except (ValueError, OverflowError):
        return False


def day_reader(written: str) -> Callable[[str], datetime.date | bool] | None:
    """What reads dates that are written as ``DDMMYYYY``, ``MM/DD/YY`` and the like says; None where that is no date."""
    groups: list[str] = []

    def group(part: re.Match[str]) -> str:
        groups.append(part[0])
        return f"([0-9]{{{len(part[0])}}})"

    reader = re.compile(re.sub("DD|MM|YYYY|YY", group, re.escape(written)))
    if sorted(PARTS[part] for part in groups) != ["day", "month", "year"]:
        return None

    def read(text: str) -> datetime.date | bool:
        found = reader.fullmatch(text)
        if found is None:
            return False
        parts = {PARTS[part]: int(digits) for part, digits in zip(groups, found.groups(), strict=True)}
        if "YY" in groups:
            parts["year"] += 1900 if parts["year"] >= FIRST_YEAR_OF_TWO_DIGITS else 2000
        return day_of(**parts)

    return read
