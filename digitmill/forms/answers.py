"""What a person may say that a field of a page holds."""

from __future__ import annotations

import re

from digitmill.forms import marks
from digitmill.forms.template import DigitsField, MarkField, NumberField, TemplateField


def accepts(field: TemplateField, text: str) -> bool:
    """Whether the field can hold this text. What a paper says may well break the template's ``length``."""
    if isinstance(field, DigitsField):
        return re.fullmatch("[0-9]+", text) is not None and len(text) <= len(field.quads)
    if isinstance(field, NumberField):
        return (
            re.fullmatch(f"[0-9{re.escape(field.separators)}]*[0-9][0-9{re.escape(field.separators)}]*", text)
            is not None
        )
    if isinstance(field, MarkField):
        return marks.accepts(field, text)
    return True


def holds(field: TemplateField) -> str:
    """The same for people."""
    if isinstance(field, DigitsField):
        return f"1 to {len(field.quads)} digits"
    if isinstance(field, NumberField):
        return f"digits and {field.separators}" if field.separators else "digits"
    if isinstance(field, MarkField):
        names = ", ".join(field.options)
        return f"one of {names}" if field.choose == "one" else f"some of {names}, with commas between"
    return "any text"
