# ruff: noqa: RUF001 - letters that look like those of ASCII are what this is about
"""Texts in the letters of ASCII, for pictures whose font has no others.

Cyrillic is written as in machine-readable passports (ICAO Doc 9303), Greek letter by letter as in Greek ones (ELOT
743), kana and Hangul by the names of their syllables; accents are left out. Of Chinese characters the sound cannot be
told one by one, and they are not written.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

UNKNOWN = "…"
"""Stands for any run of letters that cannot be written."""
# fmt: off
_LETTERS = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "i",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "ie", "ы": "y", "ь": "", "э": "e", "ю": "iu",
    "я": "ia", "і": "i", "ї": "i", "є": "ie", "ґ": "g", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj",
    "ћ": "c", "џ": "dz", "ѓ": "g", "ќ": "k", "ѕ": "dz",
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h",
    "ŋ": "n",
}
# fmt: on
_SIGNS = {"ー": "-", "「": "'", "」": "'", "、": ",", "。": ".", "№": "No", "€": "EUR"}
_SYLLABLE = re.compile("(?:HIRAGANA LETTER|KATAKANA LETTER|HANGUL SYLLABLE) (?:SMALL )?([A-Z]+)")
_RUN = re.compile(f"{UNKNOWN}+")


def latin(text: str) -> str:
    """The text in letters, digits and signs of ASCII, and UNKNOWN where there are none for it."""
    written = "".join(map(_written, unicodedata.normalize("NFC", text)))
    return _RUN.sub(UNKNOWN, written)


@cache
def _written(letter: str) -> str:
    if " " <= letter <= "~":
        return letter
    if letter in _SIGNS:
        return _SIGNS[letter]
    if letter.lower() in _LETTERS:
        small = _LETTERS[letter.lower()]
        return small if letter.islower() else small.capitalize()
    if syllable := _SYLLABLE.fullmatch(unicodedata.name(letter, "")):
        return syllable[1].lower()
    if (digit := unicodedata.digit(letter, None)) is not None:
        return str(digit)
    parts = "".join(each for each in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(each))
    if parts and parts != letter:
        return "".join(map(_written, parts))
    return "" if unicodedata.combining(letter) else UNKNOWN
