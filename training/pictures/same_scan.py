"""Which pictures are of one scan, told by their names: so that no scan is learnt from and measured with at once.

The rule is that of the review page, which shows crops of one form beside each other (``web/static/neighbours.js``): a
folder, or a beginning with a number in it, that a picture shares with the one before or behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MOST = 24
"""Fields of a form; more pictures under one name are a pile."""
_SEPARATORS = re.compile(r"[/\\_\-. ]")
_PAGE = re.compile(r"#\d+$")
_DIGIT = re.compile(r"\d")


def scans_of(names: Sequence[str]) -> NDArray[np.intp]:
    """A number for each picture [n], the same for those of one scan: pages of one file, and crops of one form.

    Args:
        names: as the pictures were uploaded, in any order.
    """
    scans = list(names)
    order = sorted(range(len(names)), key=names.__getitem__)
    for place, row in enumerate(order):
        page = _PAGE.search(names[row])
        scans[row] = names[row][: page.start()] if page else _form(names, order, place)
    return np.unique(scans, return_inverse=True)[1] if scans else np.empty(0, np.intp)


def _form(names: Sequence[str], order: Sequence[int], place: int) -> str:
    """What the pictures of a form have in common, the shortest first; the picture's own name where it is of none."""
    name = names[order[place]]
    before = [names[row] for row in reversed(order[max(0, place - MOST) : place])]
    behind = [names[row] for row in order[place + 1 : place + 1 + MOST]]
    for form in forms_of(name):
        together = 1 + _run(before, form) + _run(behind, form)
        if 1 < together <= MOST:
            return form
    return name


def _run(names: Sequence[str], form: str) -> int:
    """How many of the first names begin with ``form``."""
    return next((place for place, name in enumerate(names) if not name.startswith(form)), len(names))


def forms_of(name: str) -> Iterator[str]:
    """What may be the form in a name, the shortest first: a folder, or what has a number in it."""
    ending = name.rfind(".")
    for separator in _SEPARATORS.finditer(name):
        form = name[: separator.end()]
        if separator.start() == ending:
            continue
        if form[-1] in "/\\":
            yield form
        elif len(form) > 2 and _DIGIT.search(re.split(r"[/\\]", form)[-1]):
            # a word without a number, as in box-1 and box-2, names no form
            yield form
