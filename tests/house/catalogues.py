"""The catalogues of the pages' texts: ``make translations`` brings them up to date with the code, and compiles them."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.house.sources import ROOT
from web.pages.layout import ENGLISH, LANGUAGES

FOLDER = ROOT / "web" / "translations"
TRANSLATED = [language for language in LANGUAGES if language != ENGLISH]
METHODS = [("pages/**.py", "python"), ("templates/**.html", "jinja2")]
# a date of today would change the files each time
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "plural": (1, 2)}


def extracted() -> Catalog:
    """Every text of the pages, with the files in which it stands."""
    found = Catalog(charset="utf-8", creation_date=WRITTEN)
    for name, _, message, comments, context in extract_from_dir(ROOT / "web", METHODS, keywords=KEYWORDS):
        # a line would change with every edit
        place: Any = (f"web/{name}", None)
        found.add(message, locations=[place], auto_comments=comments, context=context)
    return found


def path_of(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def catalogue(language: str) -> Catalog:
    """The catalogue of a language as it is, or an empty one."""
    if not path_of(language).exists():
        head = "# The texts of the pages. `make translations` adds what is new and drops what is no more."
        return Catalog(
            language, header_comment=head, project="Digitmill", version="1", charset="utf-8", fuzzy=False,
            creation_date=WRITTEN, revision_date=WRITTEN, last_translator="", language_team="", msgid_bugs_address="",
        )  # fmt: skip
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def compiled(found: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, found)
    return out.getvalue()


def main() -> None:
    texts = extracted()
    for language in TRANSLATED:
        found = catalogue(language)
        found.update(texts, no_fuzzy_matching=True)
        found.obsolete.clear()
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        with path_of(language).open("wb") as file:
            write_po(file, found, width=120, omit_header=False, sort_output=True)
        path_of(language).with_suffix(".mo").write_bytes(compiled(found))


if __name__ == "__main__":
    main()
