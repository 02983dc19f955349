"""The modules in the browser and the texts that are handed to them name the same texts."""

from __future__ import annotations

import json
import re

import pytest

from digitmill.domain.rows import Reason
from digitmill.errors import FailureCode
from tests.house.sources import ROOT
from tests.web.conftest import Client, submitted
from tests.web.fakes import one
from web.pages import drawing_texts, review_texts, texts

STATIC = ROOT / "web" / "static"
SUBJECTS = {
    "upload.js": (texts.upload,),
    "job.js": (texts.answers, texts.job),
    "form_job.js": (texts.form_job,),
    "jobs.js": (texts.jobs,),
    "review.js": (texts.answers, review_texts.review),
    "groups.js": (texts.answers, review_texts.review),
    "check.js": (texts.answers, review_texts.review),
    "draw.js": (drawing_texts.drawing,),
    "practice.js": (drawing_texts.drawing,),
    "work.js": (),
    "certificate.js": (),
    "docs.js": (),
}


def modules_of(name: str) -> set[str]:
    """The module and all that it imports."""
    found, waiting = set[str](), [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += re.findall(r'from "\./(\w+\.js)"', (STATIC / each).read_text())
    return found


def names_in(module: str) -> tuple[set[str], set[str]]:
    """The names of texts that a module asks for, and the beginnings of names that it completes."""
    source = (STATIC / module).read_text()
    # text("a"), and text(condition ? "a" : "b")
    calls = re.findall(r"\btext\(([^(){}]*?)[,)]", source)
    names = {name for call in calls for name in re.findall(r'(?<!=== )"(\w+)"', call)}
    return names, set(re.findall(r"\btext\(`(\w+_)\$\{", source))


@pytest.mark.parametrize("page", SUBJECTS)
def test_every_text_that_a_page_asks_for_is_there(client: Client, page: str) -> None:
    with client.application.test_request_context("/"):
        known = texts.texts(texts.common, *SUBJECTS[page])
    for module in modules_of(page):
        names, beginnings = names_in(module)
        assert names <= set(known), module
        assert all(any(name.startswith(beginning) for name in known) for beginning in beginnings), module


def test_every_text_is_asked_for(client: Client) -> None:
    with client.application.test_request_context("/"):
        known = texts.texts(texts.common, *(subject for subjects in SUBJECTS.values() for subject in subjects))
    asked = [names_in(path.name) for path in STATIC.glob("*.js")]
    names = set().union(*(names for names, _ in asked))
    beginnings = tuple(set().union(*(some for _, some in asked)))
    assert {name for name in known if name not in names and not name.startswith(beginnings)} == set()


def test_the_texts_come_with_the_page_with_the_plural_forms_of_its_language(client: Client) -> None:
    location = submitted(client, [("<script>.png", one())])
    page = client.get(location.removeprefix("/v1")).text
    found = re.search(r'<script type="application/json" id="texts">(.*?)</script>', page)
    assert found
    assert json.loads(found[1])["shown_all"] == {"one": "{count} row", "other": "{count} rows"}


def test_every_reason_for_a_failure_has_its_text(client: Client) -> None:
    with client.application.test_request_context("/"):
        assert {f"reason_{code}" for code in FailureCode} <= set(texts.job())


def test_every_reason_for_a_review_has_its_text_and_is_known_to_the_pages(client: Client) -> None:
    doubtful_as_such = {Reason.UNSURE}
    with client.application.test_request_context("/"):
        assert {f"looks_{reason}" for reason in set(Reason) - doubtful_as_such} == set(texts.reasons())
    source = (STATIC / "reasons.js").read_text()
    assert all(f'"{reason}"' in source for reason in Reason)
