"""What pydantic finds wrong with what people send, set or type, without its words and regular expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "too_short": "must not be empty",
    "too_long": "has too many entries: at most {max_length}",
    "string_too_short": "must not be empty",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "path_type": "must be a path",
    "none_required": "must be left out",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "json_invalid": "is no JSON: {error}",
    "json_type": "must be JSON",
    "union_tag_invalid": "must have one of these as {discriminator}: {expected_tags}",
    "union_tag_not_found": "must have {discriminator}",
}
"""By pydantic's types of faults, with what these tell."""
_ADDRESS = "must be an https:// or http:// address without spaces"
_UNPADDED = "must be a text that is not empty, without blanks around it"
_TIME = "must be a day such as 2026-01-31, or a time with its zone such as 2026-01-31T09:00Z"
FIELDS = {
    "cursor": "must be the `next_cursor` of the page before",
    "created_after": _TIME,
    "created_before": _TIME,
    "webhook": "must be the id of a registered webhook, such as wh_0123456789abcdef",
    "url": _ADDRESS,
    "webhook_url": _ADDRESS,
    "results_url": "must be s3://bucket/ and a name that ends in .csv, .ndjson or .parquet",
    "prediction": _UNPADDED,
    "template": "must be name or name@version, or a list of such",
}
"""What is asked of a text that does not match the pattern of this field."""
PATTERNS = {
    "[a-z0-9][a-z0-9-]*": "must be of small letters (a to z), digits and -, and not begin with -",
    "[0-9A-Za-z][0-9A-Za-z.-]*": "must be of letters (A to Z), digits, . and -, and begin with a letter or a digit",
    "[a-z0-9][a-z0-9-]*@[0-9A-Za-z][0-9A-Za-z.-]*": "must be name@version",
    "[A-Za-z][A-Za-z0-9_]*": "must be of letters (A to Z), digits and _, and begin with a letter",
    "([A-Za-z][A-Za-z0-9_]{0,63})?": "must be the name of a field",
    "[^0-9A-Za-z]*": "must be of characters that are no letters and no digits",
    "[A-Za-z0-9_-]{1,64}": "must be of 1 to 64 letters (A to Z), digits, _ and -",
    "(debug|info|warning|error)": "must be debug, info, warning or error",
    "(text|json)": "must be text or json",
    "https?://": "must begin with http:// or https://",
    r"\S(.*\S)?": _UNPADDED,
    r"[\x21-\x7e]{1,255}": "must be of 1 to 255 characters of ASCII, without blanks",
    "[0-9a-z]{26}": "must be the id of a job",
    "[0-9a-f]{64}": "must be a SHA-256, in 64 hexadecimal digits",
    '"[0-9]{1,9}"': 'must be the revision that you saw, in quotes, such as "0"',
}
"""The same by the pattern, where it says so whatever the field is called. Without what stands for both of its ends."""
_PREFIXES = ("Value error, ", "Assertion failed, ")
_SUBJECTS = re.compile(r"\b(?:Input|String|Value|List|Dictionary|Tuple|Data|Datetime|Decimal|URL) should ")


def faults_of(error: ValidationError) -> list[dict[str, Any]]:
    """Pydantic's own, less those that only follow from others: a list of faulty entries is too short without them."""
    found: list[dict[str, Any]] = [dict(fault) for fault in error.errors(include_url=False, include_input=False)]
    places = [fault["loc"] for fault in found]
    return [
        fault
        for fault in found
        if fault["type"] != "too_short" or not any(_within(place, fault["loc"]) for place in places)
    ]


def in_words(fault: Mapping[str, Any], field: str | None = None) -> str:
    """What is wrong by one of these faults, as it stands behind the name of its ``field`` in a sentence.

    Args:
        field: what it is called where it is sent; None where the last part of the fault's place says so.
    """
    kind, told = fault["type"], fault.get("ctx", {})
    field = str(fault["loc"][-1]) if field is None and fault["loc"] else field
    if kind == "string_pattern_mismatch":
        plain = told["pattern"].removeprefix("^").removeprefix(r"\A").removesuffix("$").removesuffix(r"\z")
        return FIELDS.get(field or "") or PATTERNS.get(plain, "is not written as it should be")
    if kind == "too_short" and told["min_length"] > 1:
        return f"must have at least {told['min_length']} entries"
    if kind in WORDS:
        return WORDS[kind].format(**told)
    message = str(fault["msg"])
    for prefix in _PREFIXES:
        message = message.removeprefix(prefix)
    return _SUBJECTS.sub("must ", message)


def _within(place: tuple[int | str, ...], other: tuple[int | str, ...]) -> bool:
    return len(place) > len(other) and place[: len(other)] == other
