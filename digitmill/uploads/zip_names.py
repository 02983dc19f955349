"""In which code page a zip's file names are, where the zip does not say: told by evidence, over all its names.

Each code page is taken for the writer's, and what the names would cost to write down in each language that goes with
it is added up, in bits (name_costs.py). The cheapest explanation of the same bytes is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from digitmill.uploads import name_costs as costs

UTF8 = "utf-8"
OLDEST = "cp437"
"""What a zip without any other word means (APPNOTE, appendix D). It reads every byte."""

LOOKED_AT = 16 << 10
"""So many bytes of names are enough to tell by."""
SURELY = 3
"""So many characters beyond ASCII in one name are not UTF-8 by chance."""
ADDED_BITS = 4.0
"""For a name in UTF-8 among those of a code page."""
HARDLY_BITS, SELDOM_BITS, UNUSUAL_BITS = 2.0, 7.5, 10.0
"""Against writers whose names look much like those of others: the more so, the more they look like these."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who may have written names: in a code page, as Python names it, and a language.

    ``cost`` are the bits of a name, ``apart`` those for a letter that stands beside a Latin one, and ``unusual`` those
    against the writer as such, however many names there are.
    """

    page: str
    cost: costs.Cost
    apart: float = 0.0
    unusual: float = 0.0

    def bits(self, raw: bytes) -> float:
        """Of the name if this writer wrote it."""
        try:
            text = raw.decode(self.page)
        except UnicodeDecodeError:
            # a tool may have put in or cut off a byte: bad, and no proof
            return 4 * costs.RARE_BITS + 2 * costs.ASCII_BITS * len(raw)
        return self.cost(text) + costs.beside(text, self.apart)


WRITERS = (
    *(
        Writer(page, cost)
        for page in (OLDEST, "cp850", "cp1252")
        for cost in (costs.western, *map(costs.of_the_west, costs.WEST))
    ),
    *(Writer(page, costs.cyrillic, costs.MIXED_BITS) for page in ("cp866", "cp1251")),
    Writer("cp932", costs.japanese, costs.TOUCHING_BITS),
    Writer("gbk", costs.chinese, costs.TOUCHING_BITS),
    Writer("cp949", costs.korean, costs.TOUCHING_BITS),
    Writer("cp950", costs.traditional, costs.TOUCHING_BITS, HARDLY_BITS),
    *(
        Writer(page, costs.alphabet(letters), costs.MIXED_BITS, HARDLY_BITS)
        for letters, pages in (
            (costs.GREEK, ("cp737", "cp1253")),
            (costs.HEBREW, ("cp862", "cp1255")),
            (costs.ARABIC, ("cp720", "cp1256")),
            (costs.THAI, ("cp874",)),
        )
        for page in pages
    ),
    *(
        Writer(page, costs.latin(letters), 0.0, unusual)
        for languages, pages, unusual in (
            (costs.CENTRAL, ("cp852", "cp1250"), SELDOM_BITS),
            ((costs.TURKISH,), ("cp857", "cp1254"), SELDOM_BITS),
            ((costs.ICELANDIC,), ("cp850", "cp1252"), SELDOM_BITS),
            (costs.BALTIC, ("cp775", "cp1257"), UNUSUAL_BITS),
        )
        for page in pages
        for letters in languages
    ),
)
PAGES = tuple(dict.fromkeys(writer.page for writer in WRITERS))
"""The code pages that are told apart; of two that explain the names alike the first is taken."""


def code_page(names: Iterable[bytes]) -> str:
    """The code page of PAGES, or UTF8, that explains best all these names, of which the zip does not say it.

    UTF8 where there is none but what reads as that; of very many others the first LOOKED_AT bytes are weighed.
    """
    others: dict[bytes, None] = {}
    left = LOOKED_AT
    for name in names:
        if name not in others and not name.isascii() and not _is_utf8(name):
            others[name] = None
            left -= len(name)
            if left <= 0:
                break
    if not others:
        return UTF8
    return min(WRITERS, key=lambda writer: writer.unusual + sum(map(writer.bits, others))).page


def decode_name(raw: bytes, page: str) -> str:
    """The name; in a zip of another ``page`` UTF-8 all the same where it surely is. What does not fit the page is read
    as the oldest, which reads every byte."""
    if raw.isascii() or _is_utf8(raw, at_least=1 if page == UTF8 else SURELY) or _rather_utf8(raw, page):
        return raw.decode(UTF8)
    try:
        return raw.decode(OLDEST if page == UTF8 else page)
    except UnicodeDecodeError:
        return raw.decode(OLDEST)


def _is_utf8(raw: bytes, at_least: int = 1) -> bool:
    try:
        text = raw.decode(UTF8)
    except UnicodeDecodeError:
        return False
    return sum(letter > "\x7f" for letter in text) >= at_least


def _rather_utf8(raw: bytes, page: str) -> bool:
    """Whether a name of few characters is a likely one in UTF-8, and an unlikely one in the code page."""
    if not _is_utf8(raw):
        return False
    others = [writer.bits(raw) for writer in WRITERS if writer.page == page]
    return bool(others) and costs.any_language(raw.decode(UTF8)) + ADDED_BITS < min(others)
