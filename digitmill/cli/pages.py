"""``digitmill pages``: the pages of a job of forms with what was read drawn over them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.cli.terminal import say
from digitmill.client import Client, Row
from digitmill.errors import BadOptions

MOST_PAGES = 500
"""What the service puts into one PDF."""
LONGEST_NAME = 60


def register(app: typer.Typer) -> None:
    app.command()(pages)


def pages(
    job_id: str,
    index: Annotated[int | None, typer.Option(min=0, help="The row of one page, instead of all.")] = None,
    out: Annotated[
        Path, typer.Option(help="A PDF to write, or a folder, which gets a PNG for each page; of one page a PNG.")
    ] = Path("pages.pdf"),
    url: Url = None,
    key: Key = None,
) -> None:
    """Get form pages with what was read drawn over them.

    Each field has an outline, a sign and its value. A PDF has 500 pages at most; further ones are written beside it.
    """
    with connect(url, key) as client:
        if index is not None:
            if out.suffix.lower() != ".png":
                raise BadOptions("Name a PNG to write: --out page.png.")
            out.write_bytes(client.image(job_id, index, "marked"))
        elif out.suffix.lower() == ".pdf":
            _write_pdfs(client, job_id, out)
        elif out.suffix:
            raise BadOptions("Name a PDF or a folder: --out pages.pdf, or --out pages.")
        else:
            _write_pictures(client, job_id, out)


def _write_pdfs(client: Client, job_id: str, out: Path) -> None:
    for first in range(0, client.job(job_id).counts.total, MOST_PAGES):
        part = out if first == 0 else out.with_stem(f"{out.stem}-{first}")
        client.marked_pdf(job_id, part, first=first, limit=MOST_PAGES)
        say(f"{part} is written.")


def _write_pictures(client: Client, job_id: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for row in client.results(job_id):
        (folder / _name_of(row)).write_bytes(client.image(job_id, row.index, "marked"))
        count += 1
    say(f"{folder} has {count} pages.")


def _name_of(row: Row) -> str:
    """A name that no other row has, and every file system takes."""
    base = PurePosixPath(row.name.replace("\\", "/")).name
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in base)
    return f"{row.index:06d}-{safe[:LONGEST_NAME].strip('.')}.png"
