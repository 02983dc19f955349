"""The code page of a zip's names, told by the names: those of countries and languages, in many languages."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st

from digitmill.uploads.code_pages import NAMED, code_page_named
from digitmill.uploads.zip_names import PAGES, UTF8, code_page, decode_name

WRITERS = (
    ("ja", "cp932"), ("zh", "gbk"), ("ko", "cp949"), ("ru", "cp866"), ("ru", "cp1251"), ("uk", "cp1251"),
    ("de", "cp437"), ("de", "cp850"), ("de", "cp1252"), ("fr", "cp850"), ("fr", "cp1252"), ("es", "cp850"),
    ("pt", "cp850"), ("sv", "cp437"), ("es", "cp1252"), ("pt", "cp1252"), ("da", "cp1252"), ("nb", "cp850"),
    ("zh_Hant", "cp950"), ("el", "cp737"), ("el", "cp1253"), ("he", "cp862"), ("ar", "cp720"), ("ar", "cp1256"),
    ("th", "cp874"),
)  # fmt: skip
"""Languages, and the code pages in which Windows writes them into zips."""
TOGETHER = (
    ("he", "cp1255"), ("pl", "cp852"), ("pl", "cp1250"), ("cs", "cp852"), ("cs", "cp1250"), ("sk", "cp852"),
    ("sk", "cp1250"), ("hu", "cp852"), ("hu", "cp1250"), ("hr", "cp852"), ("hr", "cp1250"), ("tr", "cp857"),
    ("tr", "cp1254"), ("lt", "cp775"), ("lt", "cp1257"), ("lv", "cp775"), ("lv", "cp1257"), ("ro", "cp852"),
    ("ro", "cp1250"), ("is", "cp850"), ("et", "cp775"),
)  # fmt: skip
"""Those of which one name alone tells too little."""


LISTINGS = settings(max_examples=25, deadline=None, derandomize=True)
"""The same at each run: a guess is right for nearly all listings, and chance finds the others."""


@cache
def words_of(language: str, page: str) -> tuple[str, ...]:
    """Names in the language that are not plain ASCII and can be written in the code page."""
    locale = Locale.parse(language)
    words = {*locale.territories.values(), *locale.languages.values()}
    if language == "ro":
        # the old code pages have a cedilla in the place of the comma
        words = {word.translate(str.maketrans("șțȘȚ", "şţŞŢ")) for word in words}
    return tuple(sorted(word for word in words if not word.isascii() and word == _there_and_back(word, page)))


def _there_and_back(word: str, page: str) -> str:
    return word.encode(page, "replace").decode(page)


def listings(language: str, page: str, fewest: int) -> st.SearchStrategy[list[str]]:
    words = st.sampled_from(words_of(language, page))
    folders = st.sampled_from(("", "scans/", "2026-01\\"))
    endings = st.sampled_from((".png", "_01.tif", " (2).jpg", ""))
    parts = st.tuples(folders, st.integers(0, 99), st.just("_"), words, endings)
    listed = st.lists(parts, min_size=fewest, max_size=40, unique_by=lambda name: name[3])
    return listed.map(lambda names: ["".join(map(str, name)) for name in names])


@pytest.mark.parametrize(("language", "page"), WRITERS)
@LISTINGS
@given(data=st.data())
def test_names_in_the_code_page_of_their_writer_are_read(language: str, page: str, data: st.DataObject) -> None:
    names = data.draw(listings(language, page, fewest=8))
    raw = [name.encode(page) for name in names]
    found = code_page(raw)
    assert [decode_name(each, found) for each in raw] == names


@pytest.mark.parametrize(("language", "page"), TOGETHER)
@LISTINGS
@given(data=st.data())
def test_many_names_tell_the_code_page_of_central_europe_too(language: str, page: str, data: st.DataObject) -> None:
    names = data.draw(listings(language, page, fewest=30))
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


@pytest.mark.parametrize(
    ("language", "page", "names"),
    [
        ("ro", "cp852", 2), ("ro", "cp1250", 3), ("tr", "cp857", 3), ("tr", "cp1254", 3), ("pl", "cp852", 4),
        ("pl", "cp1250", 4), ("is", "cp850", 3), ("is", "cp1252", 12), ("et", "cp775", 5), ("nl", "cp850", 12),
    ],
)  # fmt: skip
def test_a_few_names_tell_their_code_page_nearly_always(language: str, page: str, names: int) -> None:
    random, words, right = Random(7), words_of(language, page), 0
    for _ in range(100):
        raw = [f"4_{word}.png".encode(page) for word in random.sample(words, names)]
        found = code_page(raw)
        right += all(decode_name(each, found) == each.decode(page) for each in raw)
    assert right >= 85


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


@pytest.mark.parametrize("added", ["数字.png", "grün.png", "é.png", "😀.png", "Łódź.png", "7.png"])
@pytest.mark.parametrize(
    ("name", "page"),
    [("Größe.png", "cp437"), ("用紙表.png", "cp932"), ("Бланк.png", "cp1251"), ("表格答案.png", "gbk")],
)
def test_a_name_that_is_surely_utf8_stays_so_whatever_the_others_are(added: str, name: str, page: str) -> None:
    raw = [name.encode(page), added.encode()]
    assert [decode_name(each, code_page(raw)) for each in raw] == [name, added]


def test_a_name_that_is_utf8_by_chance_alone_is_read_in_the_code_page_of_the_others() -> None:
    names = ["4_анкета.png", "2_Бланк/лист.png", "Ёлка.png"]
    raw = [name.encode("cp866") for name in names]
    assert [decode_name(each, code_page(raw)) for each in raw] == names


@pytest.mark.parametrize(
    ("said", "page"),
    [
        ("Shift_JIS", "cp932"), ("windows-1250", "cp1250"), ("IBM852", "cp852"), ("big5", "cp950"), ("GB2312", "gbk"),
        ("ISO-8859-2", "iso8859-2"), ("latin1", "iso8859-1"), ("UTF8", "utf-8"), ("euc-kr", "cp949"),
        ("Windows-31J", "cp932"),
        ("rot13", None), ("base64", None), ("idna", None), ("encodings.cp437", None), ("", None),
    ],
)  # fmt: skip
def test_a_code_page_may_be_said_by_any_of_its_names(said: str, page: str | None) -> None:
    assert code_page_named(said) == page


def test_every_code_page_is_known_by_its_own_name() -> None:
    assert [code_page_named(page) for page in NAMED] == list(NAMED)
    assert all("7.png".encode(page) == b"7.png" for page in NAMED)


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_any_bytes_are_names(raw: list[bytes]) -> None:
    page = code_page(raw)
    assert page in (UTF8, *PAGES)
    assert all(isinstance(decode_name(each, page), str) for each in raw)


def test_what_does_not_fit_the_code_page_is_read_byte_by_byte() -> None:
    assert decode_name(b"\x81", "cp932") == "ü"
    assert decode_name(b"\xff\xfe", UTF8) == "\xa0■"
