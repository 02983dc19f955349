"""The code page of a zip's names, told by the names: those of countries and languages, in many languages."""

from __future__ import annotations

from functools import cache

import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st

from digitmill.uploads.zip_names import PAGES, UTF8, code_page, decode_name

WRITERS = (
    ("ja", "cp932"), ("zh", "gbk"), ("ko", "cp949"), ("ru", "cp866"), ("ru", "cp1251"), ("uk", "cp1251"),
    ("de", "cp437"), ("de", "cp850"), ("de", "cp1252"), ("fr", "cp850"), ("fr", "cp1252"), ("es", "cp850"),
    ("pt", "cp850"), ("sv", "cp437"),
)  # fmt: skip
"""Languages, and the code pages in which Windows writes them into zips."""


@cache
def words_of(language: str, page: str) -> tuple[str, ...]:
    """Names in the language that are not plain ASCII and can be written in the code page."""
    locale = Locale(language)
    words = {*locale.territories.values(), *locale.languages.values()}
    return tuple(sorted(word for word in words if not word.isascii() and word == _there_and_back(word, page)))


def _there_and_back(word: str, page: str) -> str:
    return word.encode(page, "replace").decode(page)


def listings(language: str, page: str, fewest: int) -> st.SearchStrategy[list[str]]:
    words = st.sampled_from(words_of(language, page))
    folders = st.sampled_from(("", "scans/", "2026-01\\"))
    endings = st.sampled_from((".png", "_01.tif", " (2).jpg", ""))
    name = st.builds(lambda *parts: "".join(map(str, parts)), folders, st.integers(0, 99), st.just("_"), words, endings)
    return st.lists(name, min_size=fewest, max_size=40, unique_by=lambda name: name.split("_")[1])


@pytest.mark.parametrize(("language", "page"), WRITERS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_names_in_the_code_page_of_their_writer_are_read(language: str, page: str, data: st.DataObject) -> None:
    names = data.draw(listings(language, page, fewest=8))
    raw = [name.encode(page) for name in names]
    found = code_page(raw)
    assert [decode_name(each, found) for each in raw] == names


@pytest.mark.parametrize(("language", "page"), WRITERS)
def test_a_single_name_is_read_nearly_always(language: str, page: str) -> None:
    words = words_of(language, page)
    right = 0
    for word in words:
        raw = f"4_{word}.png".encode(page)
        right += decode_name(raw, code_page([raw])) == f"4_{word}.png"
    assert right >= 0.9 * len(words)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_utf8_is_known_without_its_flag(data: st.DataObject) -> None:
    language, page = data.draw(st.sampled_from(WRITERS))
    names = data.draw(listings(language, page, fewest=1))
    raw = [name.encode() for name in names]
    assert code_page(raw) == UTF8
    assert [decode_name(each, UTF8) for each in raw] == names


def test_names_added_by_another_tool_in_utf8_are_read_among_those_of_a_code_page() -> None:
    raw = ["1_用紙.png".encode("cp932"), "2_アンケート.png".encode("cp932"), "3_解答用紙.png".encode()]
    assert code_page(raw) == "cp932"
    assert [decode_name(each, "cp932") for each in raw] == ["1_用紙.png", "2_アンケート.png", "3_解答用紙.png"]


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_any_bytes_are_names(raw: list[bytes]) -> None:
    page = code_page(raw)
    assert page in (UTF8, *PAGES)
    assert all(isinstance(decode_name(each, page), str) for each in raw)


def test_what_does_not_fit_the_code_page_is_read_byte_by_byte() -> None:
    assert decode_name(b"\x81", "cp932") == "ü"
    assert decode_name(b"\xff\xfe", UTF8) == "\xa0■"
