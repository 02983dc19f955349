"""Every text of the pages is there in every language."""

from __future__ import annotations

import re

import pytest
from babel import Locale
from babel.messages import Catalog, Message

from tests.house.catalogues import TRANSLATED, catalogue, compiled, extracted, path_of

GAP = re.compile(r"\{\w+\}|%\(\w+\)s|%%|%")
ids = pytest.mark.parametrize("language", TRANSLATED)


def texts(found: Catalog) -> dict[str, Message]:
    """The messages by their text, in its singular."""
    return {first(message.id): message for message in found if message.id}


def first(text: str | list[str] | tuple[str, ...]) -> str:
    return text if isinstance(text, str) else text[0]


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def test_texts_are_found_in_modules_and_in_templates() -> None:
    places = {location for message in extracted() for location, _ in message.locations}
    assert {"web/pages/texts.py", "web/templates/base.html"} <= places


@ids
def test_a_catalogue_has_the_texts_of_the_pages_and_no_others(language: str) -> None:
    assert set(texts(catalogue(language))) == set(texts(extracted())), "run `make translations`"


@ids
def test_every_text_is_translated_in_all_its_numbers(language: str) -> None:
    found = catalogue(language)
    wanted = {name: found.num_plurals if message.pluralizable else 1 for name, message in texts(found).items()}
    assert {name: len([*filter(None, forms(message))]) for name, message in texts(found).items()} == wanted
    assert [name for name, message in texts(found).items() if message.fuzzy] == []
    assert found.num_plurals == len({Locale(language).plural_form(number) for number in range(200)})


@ids
def test_a_translation_has_the_gaps_of_its_text(language: str) -> None:
    for name, message in texts(catalogue(language)).items():
        for form in forms(message):
            assert sorted(GAP.findall(form)) == sorted(GAP.findall(name)), form


@ids
def test_the_compiled_catalogue_is_that_of_the_text(language: str) -> None:
    assert path_of(language).with_suffix(".mo").read_bytes() == compiled(catalogue(language)), "run `make translations`"
