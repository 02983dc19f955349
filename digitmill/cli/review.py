"""``digitmill correct``, ``history`` and ``labelled``: what people say of rows."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.client import Said
from digitmill.domain import DIGITS
from digitmill.errors import BadOptions


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
    answer: Annotated[str, typer.Argument(help="A digit, `blank`, `not_a_digit`, or `undo`.")],
    revision: Annotated[int, typer.Option(min=0, help="The row's revision as you saw it.")] = 0,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say what an image shows.

    What the model said, said again, confirms it. A row that was changed since you saw it is not overwritten.
    """
    if answer not in set(Answer) and answer not in tuple(DIGITS):
        raise BadOptions(f"{answer!r} is no answer: give a digit, {', '.join(Answer)}.")
    with connect(url, key) as client:
        if answer == Answer.UNDO:
            row = client.take_back(job_id, index, revision=revision)
        elif answer in set(Answer):
            row = client.correct(job_id, index, status=answer, revision=revision)
        else:
            row = client.correct(job_id, index, prediction=answer, revision=revision)
    said = row.correction
    shown = _shown(Said(said.prediction, said.status)) if said is not None else _shown(None)
    typer.echo(f"Row {row.index}: {shown}; revision {row.revision}.")


def history(
    job_id: str, index: Annotated[int, typer.Argument(min=0, help="The row.")], url: Url = None, key: Key = None
) -> None:
    """Show who said what of a row, oldest first."""
    with connect(url, key) as client:
        for entry in client.history(job_id, index):
            at = entry.at.isoformat(" ", "seconds")
            typer.echo(f"{entry.revision:>4}  {at}  {entry.by:<12}  {_shown(entry.before)} -> {_shown(entry.after)}")


def labelled(
    job_id: str,
    out: Annotated[Path, typer.Option(help="The zip to write.")] = Path("labelled.zip"),
    url: Url = None,
    key: Key = None,
) -> None:
    """Get the answered images and their labels as a zip, to train with."""
    with connect(url, key) as client:
        client.labelled(job_id, out)


def _shown(said: Said | None) -> str:
    return "the model's answer" if said is None else said.prediction or said.status
