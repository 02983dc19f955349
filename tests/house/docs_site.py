"""What the site of the documents is made of, collected in var/site/pages: the documents and what they link to, as they
lie in the checkout, and the page of the API. ``make docs`` has mkdocs make the site of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.house import api_page
from tests.house.sources import ROOT

PAGES = ROOT / "var" / "site" / "pages"
ROOTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
TARGET = re.compile(r"(?:\]\(|src=\")([^)\s\"#:]+)(?:#[^)\s\"]*)?[)\"]")


def documents() -> list[Path]:
    return [*(ROOT / name for name in ROOTS), *sorted((ROOT / "docs").rglob("*.md"))]


def linked(page: Path) -> Iterator[Path]:
    """The files of the checkout to which a page leads."""
    for link in TARGET.findall(page.read_text()):
        target = (page.parent / link).resolve()
        if target.is_file() and target.is_relative_to(ROOT):
            yield target


def collected() -> set[Path]:
    """The documents, and the files to which they lead by way of each other."""
    found, left = set[Path](), documents()
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += linked(path) if path.suffix == ".md" else []
    return found


def collect(pages: Path) -> None:
    """Write all pages into this folder, which is emptied before."""
    shutil.rmtree(pages, ignore_errors=True)
    for path in collected():
        target = pages / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (pages / "docs" / "api.md").write_text(api_page.page(api_page.description()))


if __name__ == "__main__":
    collect(PAGES)
