"""What a name says of a file; the short look at many names against the careful one at each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.uploads.names import Kind, kind_of, plainly_images

PIECES = (
    "a",
    "1.png",
    ".png",
    "._",
    ".",
    "/",
    "\\",
    "__MACOSX",
    ".zip",
    "scan.JPG",
    ".jpeg",
    "İ.png",
    ".DS_Store",
    "@eaDir",
    "$Recycle.Bin",
    "\u017fystem volume information",
    "~$",
    "\n",
)
names = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("box 1/a.png", Kind.IMAGE),
        ("A.JPEG", Kind.IMAGE),
        ("a.tif", Kind.OTHER),
        ("png", Kind.OTHER),
        ("a\\b.7z", Kind.ARCHIVE),
        ("scans/", Kind.SKIPPED),
        ("scans/._a.png", Kind.SKIPPED),
        ("scans\\Thumbs.db", Kind.SKIPPED),
        ("a/__MACOSX/b.png", Kind.SKIPPED),
        ("my__MACOSX/b.png", Kind.IMAGE),
    ],
)
def test_a_name_tells_what_a_file_is(name: str, kind: Kind) -> None:
    assert kind_of(name) is kind


@given(st.lists(names, max_size=4))
def test_what_plainly_are_images_are_images(many: list[str]) -> None:
    if plainly_images(many):
        assert {kind_of(name) for name in many} <= {Kind.IMAGE}


def test_the_names_of_an_ordinary_zip_are_plainly_images() -> None:
    assert plainly_images([f"sheet {number}/box.png" for number in range(1000)])
    assert not plainly_images(["a.png", "notes.txt", "b.png"])
