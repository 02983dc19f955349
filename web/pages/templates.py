"""The templates of form pages: which there are, and the page on which one is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from flask import Response

from digitmill.store.templates import TemplateRecord
from web.context import service
from web.pages import template_texts
from web.pages.layout import page, page_blueprint
from web.pages.texts import common, texts

templates_pages = page_blueprint("templates")


@templates_pages.get("/templates")
def show_templates() -> Response:
    """Of each name the newest version first."""
    found = service().templates.list()
    names = [(name, list(each)[::-1]) for name, each in groupby(found, key=lambda record: record.name)]
    return page("templates.html", names=names, moment=_moment, texts=texts(common))


@templates_pages.get("/templates/new")
def make_template() -> Response:
    return page("template.html", origin=None, next_version="1", texts=_texts())


@templates_pages.get("/templates/<name>/<version>/next")
def make_next_version(name: str, version: str) -> Response:
    origin = service().templates.get(f"{name}@{version}")
    versions = [record for record in service().templates.list() if record.name == name]
    return page("template.html", origin=origin, next_version=next_version(origin, versions), texts=_texts())


def next_version(origin: TemplateRecord, there: Sequence[TemplateRecord]) -> str:
    """One that nobody has published: the number at the end of the present one goes up."""
    taken = {record.version for record in there}
    stem, digits = re.fullmatch(r"(.*?)(\d*)", origin.version).groups()  # type: ignore[union-attr]  # fits any text
    number = int(digits or 1)
    free = origin.version
    while free in taken:
        number += 1
        free = f"{stem or ''}{number}" if digits else f"{origin.version}.{number}"
    return free


def _moment(record: TemplateRecord) -> datetime:
    return datetime.fromtimestamp(record.published_at, UTC)


def _texts() -> dict[str, object]:
    return dict(texts(common, template_texts.template))
