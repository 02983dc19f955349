"""What the name of a file or a zip member says about it. Names are labels: nothing is ever stored under them."""

from __future__ import annotations

from enum import Enum

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
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".webp"), Kind.IMAGE),
    **dict.fromkeys((".pbm", ".pgm", ".ppm", ".pnm"), Kind.IMAGE),
    **dict.fromkeys((".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz"), Kind.ARCHIVE),
}


def kind_of(name: str) -> Kind:
    """What a file of this name, with ``/`` or ``\\`` between folders, is."""
    # most names are such, and a million of them are looked at
    if KINDS.get(name[-4:].lower()) is Kind.IMAGE and MAC_PREFIX not in name and MAC_FOLDER not in name:
        return Kind.IMAGE
    path = name.replace("\\", "/")
    base = path[path.rfind("/") + 1 :].lower()
    if base in LITTER or base.startswith(MAC_PREFIX) or path.endswith("/") or _in_mac_folder(path):
        return Kind.SKIPPED
    return KINDS.get(base[base.rfind(".") :], Kind.OTHER)


def _in_mac_folder(path: str) -> bool:
    return MAC_FOLDER in path and f"/{MAC_FOLDER}/" in "/" + path


def label(name: str) -> str:
    """The name as rows show it: as given, cut to 1,024 characters, and fit to be written as UTF-8."""
    if not name.isascii():
        name = name.encode("utf-8", "replace").decode("utf-8")
    return name[:LONGEST_NAME]
