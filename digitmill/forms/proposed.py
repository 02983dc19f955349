"""A template that somebody wants to publish, which is held to more than those that were published before."""

from __future__ import annotations

from collections.abc import Iterator

from digitmill.errors import FieldError
from digitmill.forms.template import MarkField, Template, refused


def proposed(text: str | bytes) -> Template:
    """A template from its JSON, whose options a person can answer with, too.

    Raises:
        BadTemplate: as ``Template.parsed``, or an answer could not be told from another.
    """
    template = Template.parsed(text)
    if errors := list(_unanswerable(template)):
        raise refused(errors)
    return template


def answerable(name: str) -> str:
    """The name of an option as a person can give it: in one line, without commas and without blanks around it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name.replace(",", " ")).split())


def _unanswerable(template: Template) -> Iterator[FieldError]:
    for number, field in enumerate(template.fields):
        if not isinstance(field, MarkField):
            continue
        for name in field.options:
            place = f"fields[{number}].options.{name}"
            if not name.isprintable() or name != name.strip():
                yield FieldError(place, "must be one line of text, without blanks around it")
            elif field.choose == "any" and "," in name:
                message = "must have no comma: where any number may be ticked, commas stand between the names"
                yield FieldError(place, message)
