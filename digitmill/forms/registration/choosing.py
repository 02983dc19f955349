"""Which of several templates a page is of: its code says so, or the print that it shares with each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from digitmill.errors import NoTemplate, PageNotRegistered, SeveralPages
from digitmill.forms.registration.features import KINDS
from digitmill.forms.registration.finding import SURE, Registration, Scan, registered
from digitmill.forms.registration.reference import Reference
from digitmill.forms.registration.several import another_on, has_strange_page

STRONGEST = 400
"""Features of each reference that are compared with the page's: ORB gives the strongest first."""
RATIO = 0.85
"""Distance to the best match by that to the second from which on a feature could be any (Lowe, 2004)."""
QUICKLY, THOROUGHLY = 3, 6
"""Templates that are tried by the cheapest features, and by all where none of those surely fits."""
APART = 0.02
"""Scores of two templates that are closer say nothing."""


def only_page_of(scan: Scan, references: Sequence[Reference], alive: Callable[[], None] = lambda: None) -> Registration:
    """As ``page_of``, of a scan that shows no other page, be it of these templates or not.

    Raises:
        SeveralPages: it does.
        PageNotRegistered, NoTemplate: as there.
    """
    found = page_of(scan, references, alive)
    other = another_on(scan, found, references, alive)
    if other is not None:
        labels = sorted(one.reference.template.label for one in (found, other))
        one_form = labels[0] == labels[1]
        forms = f"two pages of {labels[0]}" if one_form else f"a page of {labels[0]} and one of {labels[1]}"
    elif has_strange_page(scan, found):
        forms = f"a page of {found.reference.template.label} and one of no template of this job"
    else:
        return found
    raise SeveralPages(f"The scan shows {forms}. Cut it apart into a picture of each page, or scan them one by one.")


def page_of(scan: Scan, references: Sequence[Reference], alive: Callable[[], None] = lambda: None) -> Registration:
    """The registration of a page by the template that it is of. ``alive`` is called before each that is tried.

    Raises:
        PageNotRegistered: the only template, or that which a code on the page names, does not fit it.
        NoTemplate: none of several fits, or two fit equally well.
    """
    named = [one for one in references if _is_named(scan, one)] or list(references)
    if len(named) == 1:
        found = registered(scan, named[0])
        if found is None:
            raise PageNotRegistered(
                f"The page does not show the form {named[0].template.label}. Check that it is the right page, whole "
                "and in focus, or set its four corners by hand."
            )
        if (other := other_code(scan, found)) is not None:
            raise PageNotRegistered(
                f"Where {named[0].template.label} has its code the page has {other!r}: it is of another form, or "
                "of another version. Choose its own template."
            )
        return found
    likely = sorted(named, key=lambda one: -_shared(scan, one))
    found_ones = _fitting(scan, likely[:QUICKLY], 1, alive)
    if not found_ones or found_ones[0].score < SURE:
        found_ones = _fitting(scan, likely[:THOROUGHLY], len(KINDS), alive)
    if not found_ones:
        raise NoTemplate(f"The page shows none of the {len(references)} forms. Choose its template, or leave it out.")
    if len(found_ones) > 1 and found_ones[0].score - found_ones[1].score < APART:
        labels = " and ".join(one.reference.template.label for one in found_ones[:2])
        raise NoTemplate(f"The page fits {labels} equally well. Choose one of them for it.")
    return found_ones[0]


def _fitting(scan: Scan, references: Sequence[Reference], kinds: int, alive: Callable[[], None]) -> list[Registration]:
    """The templates that fit, the best first."""
    found = []
    for reference in references:
        alive()
        one = registered(scan, reference, kinds)
        if one is not None and other_code(scan, one) is None:
            found.append(one)
    return sorted(found, key=lambda one: -one.score)


def other_code(scan: Scan, found: Registration) -> str | None:
    """The text of a code that stands where the template has its own, and says that the page is of another: pages of one
    form and versions of one page have corner marks, and much of their print, at the same places."""
    code = found.reference.template.registration.code
    if code is None:
        return None
    place = found.seen(np.array(code.quad))
    near = np.linalg.norm(place[0] - place[2]) / 4
    here = [read.text for read in scan.codes if np.linalg.norm(read.corners.mean(axis=0) - place.mean(axis=0)) < near]
    return None if not here or any(code.fits(text) for text in here) else here[0]


def _is_named(scan: Scan, reference: Reference) -> bool:
    code = reference.template.registration.code
    return code is not None and any(code.fits(read.text) for read in scan.codes)


def _shared(scan: Scan, reference: Reference) -> int:
    """How many features of a reference the page has, too."""
    ours, theirs = reference.features[0].descriptors[:STRONGEST], scan.features(0).descriptors
    if len(ours) < 2 or len(theirs) < 2:
        return 0
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(ours, theirs, k=2)
    return sum(one.distance < RATIO * two.distance for one, two in pairs)
