"""``digitmill forms``: forms to print, with the templates that read them."""

from __future__ import annotations

import csv
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from digitmill.cli.terminal import say
from digitmill.errors import BadTemplate


class Paper(StrEnum):
    A4 = "a4"
    LETTER = "letter"


def register(app: typer.Typer) -> None:
    forms = typer.Typer(
        help="Make forms to print that are read without any work on templates.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    # with a single command typer would leave its name out
    forms.callback()(lambda: None)
    forms.command("new")(new)
    app.add_typer(forms, name="forms")


def new(
    fields: Annotated[Path, typer.Argument(help="CSV: name,label,kind,length,options; a row a field.", exists=True)],
    out: Annotated[
        Path | None,
        typer.Option(help="The form to print; templates are written beside it. Unset: NAME.pdf in this folder."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the template.")] = "form",
    version: Annotated[str, typer.Option(help="Its version: a new one whenever fields have changed.")] = "1",
    title: Annotated[str, typer.Option(help="What stands at the head of the form.")] = "",
    paper: Annotated[Paper, typer.Option(help="Size of the paper.")] = Paper.A4,
    check: Annotated[list[str] | None, typer.Option(help='Such as "male + female == total"; any number.')] = None,
    font: Annotated[
        Path | None,
        typer.Option(help="A TrueType font, for labels of more than ASCII letters.", exists=True),
    ] = None,
) -> None:
    """Print a form of your own as a PDF, and write the template and the picture that it is read by.

    Kinds are digits (a box a digit; the usual one), number (one strip), mark (a bubble an option) and picture (room for
    remarks). Print it at 100 %.
    """
    from digitmill.forms.printed import as_pdf, as_png, printed, wanted_of  # noqa: PLC0415 (OpenCV)

    try:
        with fields.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in file if line.strip()]
        # spreadsheets of many countries put semicolons
        mark = max(",;\t", key=(lines[0] if lines else "").count)
        rows = list(csv.DictReader(lines, delimiter=mark, skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error):
        raise BadTemplate(f"{fields} is no CSV in UTF-8. Save it again as CSV (UTF-8).") from None
    pages = printed(wanted_of(rows), name, version=version, title=title, paper=paper, checks=check or (), font=font)
    out = out or Path(f"{name}.pdf")
    out.write_bytes(as_pdf(pages))
    for page in pages:
        beside = out.with_name(f"{page.template.name}.json")
        beside.write_text(page.template.as_json() + "\n")
        beside.with_suffix(".png").write_bytes(as_png(page.picture))
        say(f"Template {page.template.label}: {beside} and {beside.with_suffix('.png')}.")
    say(f"{len(pages)} {'page' if len(pages) == 1 else 'pages'} to print at 100 %: {out}.")
