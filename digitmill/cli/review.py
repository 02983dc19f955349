"""``digitmill correct``, ``history`` and ``labelled``: what people say of rows."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.client import Said
from digitmill.domain.rows import DIGITS
from digitmill.errors import BadOptions

Field = Annotated[str | None, typer.Option(help="The field, of a form page.")]


class Answer(StrEnum):
    """Beside the digits."""

    BLANK = "blank"
    NOT_A_DIGIT = "not_a_digit"
    UNDO = "undo"


def register(app: typer.Typer) -> None:
    for command in (correct, history, labelled):
        app.command()(command)


def correct(
    job_id: str,
    index: Annotated[int, typer.Argument(min=0, help="The row.")],
    answer: Annotated[
        str,
        typer.Argument(help="A digit or a number, of a field any text that it holds; `blank`, `not_a_digit`, `undo`."),
    ],
    revision: Annotated[int, typer.Option(min=0, help="The revision of the row, or of the field, as you saw it.")] = 0,
    field: Field = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say what an image shows, or a field of a page.

    What the model said, said again, confirms it. A row that was changed since you saw it is not overwritten.
    """
    if field is None and answer not in set(Answer) and not (answer and set(answer) <= set(DIGITS)):
        raise BadOptions(f"{answer!r} is no answer: give a digit or a number, {', '.join(Answer)}.")
    with connect(url, key) as client:
        if answer == Answer.UNDO:
            row = client.take_back(job_id, index, revision=revision, field=field)
        elif answer in set(Answer):
            row = client.correct(job_id, index, status=answer, revision=revision, field=field)
        else:
            row = client.correct(job_id, index, prediction=answer, revision=revision, field=field)
    changed = row if field is None else (row.fields or {})[field]
    said = changed.correction
    shown = _shown(Said(said.prediction, said.status)) if said is not None else _shown(None)
    if field is not None and (row.fields or {})[field].entries:
        shown = "entered; it is settled when other people have entered it, too"
    place = f"Row {row.index}" if field is None else f"Row {row.index}, {field}"
    typer.echo(f"{place}: {shown}; revision {changed.revision}.")


def history(
    job_id: str,
    index: Annotated[int, typer.Argument(min=0, help="The row.")],
    field: Field = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show who said what of a row, or of a field of it, oldest first."""
    with connect(url, key) as client:
        for entry in client.history(job_id, index, field=field):
            at = entry.at.isoformat(" ", "seconds")
            after = "entered, and hidden until another person has" if entry.hidden else _shown(entry.after)
            typer.echo(f"{entry.revision:>4}  {at}  {entry.by_name or entry.by:<12}  {_shown(entry.before)} -> {after}")


def labelled(
    job_id: str,
    out: Annotated[Path, typer.Option(help="The zip to write.")] = Path("labelled.zip"),
    accepted: Annotated[
        bool,
        typer.Option("--accepted", help="Of form pages also the boxes that nobody has answered and that are accepted."),
    ] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Get the answered images and their labels as a zip, to train with; of form pages the boxes."""
    with connect(url, key) as client:
        client.labelled(job_id, out, accepted=accepted)


def _shown(said: Said | None) -> str:
    return "the model's answer" if said is None else said.prediction or said.status
