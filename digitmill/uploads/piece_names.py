"""The names under which the files of an upload came, in a code page that nobody says, or with a machine's folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from digitmill.uploads.spool import Piece
from digitmill.uploads.zip_names import code_page as code_page_told_by
from digitmill.uploads.zip_names import decode_name

_WINDOWS_PATH = re.compile(r"([A-Za-z]:)?\\")


def read_names(pieces: Sequence[Piece], code_page: str | None) -> tuple[list[Piece], str | None]:
    """The pieces under names to be read, and the code page of those that are not UTF-8, where there are any.

    ``code_page`` None is told by all these names together. Old browsers send the whole path on the client's machine: of
    ``C:\\fakepath\\x.png`` the name is ``x.png``.
    """
    raw = [_not_utf8(piece.name) for piece in pieces]
    foreign = [name for name in raw if name is not None]
    page = (code_page or code_page_told_by(foreign)) if foreign else None
    return [_named(piece, name, page) for piece, name in zip(pieces, raw, strict=True)], page


def _named(piece: Piece, raw: bytes | None, page: str | None) -> Piece:
    name = piece.name if raw is None or page is None else decode_name(raw, page)
    if _WINDOWS_PATH.match(name):
        name = name[name.rfind("\\") + 1 :] or name
    if name == piece.name:
        return piece
    return replace(piece, name=name, sent=piece.name.encode("utf-8", "replace") if raw is None else raw)


def _not_utf8(name: str) -> bytes | None:
    """The bytes of a name that has some as lone surrogates; None of others."""
    if name.isascii():
        return None
    try:
        name.encode()
    except UnicodeEncodeError:
        try:
            return name.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            pass
    return None
