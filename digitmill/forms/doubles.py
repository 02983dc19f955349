"""Fields of one template that have the same name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic_core import from_json

from digitmill.errors import FieldError


def doubles(names: Sequence[object]) -> Iterator[FieldError]:
    """A fault for each field whose name one before it has; ``names`` are those of all fields, in their order."""
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if isinstance(name, str) and first.setdefault(name, number) != number:
            yield FieldError(f"fields[{number}].name", f"fields[{first[name]}] has this name too")


def names_in(text: str | bytes) -> list[object]:
    """What the fields are called in JSON that may be no template; empty where it has no list of fields."""
    try:
        document = from_json(text)
    except ValueError:
        return []
    fields = document.get("fields") if isinstance(document, dict) else None
    if not isinstance(fields, list):
        return []
    return [field.get("name") if isinstance(field, dict) else None for field in fields]
