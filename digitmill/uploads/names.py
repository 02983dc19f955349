"""What the name of a file or a zip member says about it. Names are labels: nothing is ever stored under them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum

from digitmill.imaging.files.formats import FORMATS

LONGEST_NAME = 1024

FOLDERS = (
    "__macosx", "@eadir", "@recycle", "@recently-snapshot", "#recycle", r"\$recycle\.bin", "recycler",
    "system volume information", r"lost\+found", "network trash folder", "temporary items",
)  # fmt: skip
"""Of operating systems, of Synology and of QNAP; in lower case, as all here."""
FILES = (
    r"thumbs\.db", r"ehthumbs(_vista)?\.db", r"desktop\.ini", r"picasa\.ini", r"icon\r", "bridgesort",
    r"zbthumbnail\.info",
)  # fmt: skip
BEGINNING = r"~\$"
"""Of the file by which an office program says that a document is open."""
ENDINGS = (r"@syno(eastream|resource)", r":zone\.identifier", r"\.crdownload", r"\.opdownload", r"\.part", r"\.partial")
"""Of what a NAS or Windows keeps about a file, and of downloads that did not come to their end."""
NAMELESS = "png|jpe?g|tiff?|bmp|gif|webp|heic|pdf|zip"
"""``.png`` is an ending without a name, not a hidden file."""

LITTER = (
    rf"(^|/)(\.(?!\.?(/|$)|({NAMELESS})$)|({'|'.join(FOLDERS)})(/|$)|({'|'.join(FILES)})(:[^/]*)?$"
    rf"|{BEGINNING}|[^/]*({'|'.join(ENDINGS)})$)"
)
"""What no person means to send, by its path with ``/`` between folders: hidden files and folders, thumbnails, rubbish
bins. For ``re`` and for the RegExp of a browser, either without regard to case."""
_LITTER = re.compile(LITTER, re.IGNORECASE | re.ASCII)
MARKS = ("\n.", "/.", "\\.", "~$", *(folder.replace("\\", "") for folder in FOLDERS))
"""In lower case: the names of images have one of these where they are litter, each with a line break before it."""


class Kind(Enum):
    SKIPPED = "a folder, or litter: nothing that a person means to send"
    ARCHIVE = "an archive"
    IMAGE = "a file of one image"
    OTHER = "maybe a file of several pages: its first bytes will tell"


KINDS = {
    **{suffix: Kind.IMAGE for known in FORMATS if not known.paged for suffix in known.suffixes},
    **dict.fromkeys((".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz"), Kind.ARCHIVE),
}
IMAGE_ENDINGS = {ending for ending, kind in KINDS.items() if kind is Kind.IMAGE and len(ending) == 4}


def kind_of(name: str) -> Kind:
    """What a file of this name, with ``/`` or ``\\`` between folders, is."""
    path = name.replace("\\", "/")
    if path.endswith("/") or is_litter(path):
        return Kind.SKIPPED
    base = path[path.rfind("/") + 1 :].lower()
    return KINDS.get(base[base.rfind(".") :], Kind.OTHER)


def is_litter(path: str) -> bool:
    """Whether the path, with ``/`` between folders, is of a file that no person means to send."""
    return _LITTER.search(path) is not None


def plainly_images(names: Sequence[str]) -> bool:
    """Whether each is of Kind.IMAGE, as far as a short look tells: False may be wrong.

    Takes a seventh of the time that asking ``kind_of`` each does, and a zip may list a million names.
    """
    if not {name[-4:] for name in names} <= IMAGE_ENDINGS:
        return False
    together = "\n" + "\n".join(names).lower()
    return not any(mark in together for mark in MARKS)


def label(name: str) -> str:
    """The name as rows show it: composed (NFC), for names from a Mac to equal those that others type, cut to 1,024
    characters, and fit to be written as UTF-8."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode("utf-8")
    return name[:LONGEST_NAME]
