"""What the name of a file or a zip member says about it. Names are labels: nothing is ever stored under them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from digitmill.imaging.formats import FORMATS

LONGEST_NAME = 1024

LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
MAC_FOLDER = "__MACOSX"
MAC_PREFIX = "._"


class Kind(Enum):
    SKIPPED = "a directory, or litter of an operating system"
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
    base = path[path.rfind("/") + 1 :].lower()
    if base in LITTER or base.startswith(MAC_PREFIX) or path.endswith("/") or _in_mac_folder(path):
        return Kind.SKIPPED
    return KINDS.get(base[base.rfind(".") :], Kind.OTHER)


def plainly_images(names: Sequence[str]) -> bool:
    """Whether each is of Kind.IMAGE, as far as a short look tells: False may be wrong.

    Takes a seventh of the time that asking ``kind_of`` each does, and a zip may list a million names.
    """
    together = "\n".join(names)
    return {name[-4:] for name in names} <= IMAGE_ENDINGS and not (MAC_PREFIX in together or MAC_FOLDER in together)


def _in_mac_folder(path: str) -> bool:
    return MAC_FOLDER in path and f"/{MAC_FOLDER}/" in "/" + path


def label(name: str) -> str:
    """The name as rows show it: as given, cut to 1,024 characters, and fit to be written as UTF-8."""
    if not name.isascii():
        name = name.encode("utf-8", "replace").decode("utf-8")
    return name[:LONGEST_NAME]
