"""The code pages that a caller may say names are in, by Python's names for them."""

from __future__ import annotations

from encodings.aliases import aliases

from digitmill.uploads.zip_names import PAGES, UTF8

NAMED = (
    UTF8, *PAGES,
    *("cp855", "cp858", "cp860", "cp861", "cp863", "cp864", "cp865", "cp869", "cp1258"),
    *(f"iso8859-{part}" for part in (*range(1, 11), *range(13, 17))),
    *("koi8-r", "koi8-u", "big5hkscs", "euc-jp", "gb18030"),
)  # fmt: skip
"""Those of PAGES are also told by the names themselves."""

WIDER = {
    "shift_jis": "cp932", "gb2312": "gbk", "euc_kr": "cp949", "big5": "cp950", "tis_620": "cp874",
    "iso8859_11": "cp874", "windows_31j": "cp932",
}  # fmt: skip
"""Windows writes these with more characters, and calls them the same."""

_BY_MODULE = {"latin_1": "iso8859-1", **{name.replace("-", "_"): name for name in NAMED}, **WIDER}


def code_page_named(name: str) -> str | None:
    """The one of NAMED that Python knows by this name, such as ``windows-1250`` or ``Shift_JIS``; None of others.

    Not by ``codecs.lookup``, which keeps every name that it was ever asked for.
    """
    known = name.strip().lower().replace("-", "_").replace(" ", "_")
    return _BY_MODULE.get(aliases.get(known, known))
