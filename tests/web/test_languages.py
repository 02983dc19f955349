"""Pages in the reader's language."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.built_in import PLACE
from tests.web.conftest import Client
from tests.web.test_errors import EXPECTED
from web.pages.layout import LANGUAGES

WORDS = {"en": "Jobs", "ja": "ジョブ", "ru": "Задания"}


def texts_of(page: str) -> dict[str, Any]:
    """What the page hands over to its modules."""
    found = re.search(r'<script type="application/json" id="texts">(.*?)</script>', page)
    assert found
    return dict(json.loads(found[1]))


@pytest.mark.parametrize(
    ("liked", "language"),
    [("ja", "ja"), ("ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("fr", "en"), ("fr,ja;q=0.5", "ja"), ("", "en"), ("=;q=x", "en")],
)
def test_a_page_speaks_the_language_that_the_browser_likes_best(client: Client, liked: str, language: str) -> None:
    page = client.get("/jobs", headers={"Accept-Language": liked}).text
    assert f'<html lang="{language}">' in page
    assert f'aria-current="page">{WORDS[language]}<' in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_that_was_chosen_stays(client: Client, language: str) -> None:
    answer = client.post("/language", data={"language": language, "next": "/draw"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/draw")
    page = client.get("/jobs", headers={"Accept-Language": "fr,en,ja,ru"}).text
    assert f'<html lang="{language}">' in page


def test_a_language_that_there_is_not_changes_nothing(client: Client) -> None:
    assert "Set-Cookie" not in client.post("/language", data={"language": "xx"}).headers
    client.post("/language", data={"language": "ja"})
    client.post("/language", data={"language": "<b>"})
    assert '<html lang="ja">' in client.get("/jobs").text


def test_choosing_a_language_leads_to_no_other_site(client: Client) -> None:
    answer = client.post("/language", data={"language": "ja", "next": "//elsewhere.example/"})
    assert answer.headers["Location"] == "/"


def test_another_site_cannot_choose_the_language(client: Client) -> None:
    answer = client.post("/language", data={"language": "ja"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("language", "forms"), [("en", {"one", "other"}), ("ja", {"other"}), ("ru", {"one", "few", "many"})]
)
def test_a_text_with_a_number_has_every_form_of_its_language(client: Client, language: str, forms: set[str]) -> None:
    texts = texts_of(client.get("/", headers={"Accept-Language": language}).text)
    assert set(texts["files"]) == forms
    assert len(set(texts["files"].values())) == len(forms)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/", "/jobs", "/models", f"/models/{PLACE}", "/draw", "/practice", "/webhooks"])
def test_every_page_is_shown_in_every_language(client: Client, language: str, path: str) -> None:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    # gettext doubles these; they must not be seen so
    assert "%%" not in answer.text
    assert "%(" not in answer.text


NOT_OF_PAGES = {
    "unauthorized", "source_failed", "source_unavailable", "page_not_registered", "several_pages", "no_template",
    "item_failure", "unavailable",
}  # fmt: skip
"""Codes of what no page asks for, or tells by itself."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_that_a_page_may_meet_has_words_in_the_readers_language(client: Client, language: str) -> None:
    told = texts_of(client.get("/webhooks", headers={"Accept-Language": language}).text)
    codes = {name.removeprefix("refused_") for name in told if name.startswith("refused_")}
    assert codes == (set() if language == "en" else {*EXPECTED, "internal_error"} - NOT_OF_PAGES)


def test_a_page_that_is_refused_says_so_in_the_readers_language(client: Client) -> None:
    english, russian = (client.get("/jobs/none", headers={"Accept-Language": each}).text for each in ("en", "ru"))
    assert "There is no such job." in english
    assert "Этого нет или уже нет. (There is no such job.)" in russian
