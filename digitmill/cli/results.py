"""``digitmill results``: the rows of a job, again."""

from __future__ import annotations

from typing import Annotated

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.cli.exits import EXITS, exit_for
from digitmill.cli.rows import Format, choose_format, write_rows
from digitmill.cli.submit import FormatOption, Out
from digitmill.client.client import Filters
from digitmill.domain.rows import RowStatus
from digitmill.errors import BadOptions


def register(app: typer.Typer) -> None:
    app.command(epilog=EXITS)(results)


def results(
    job_id: str,
    out: Out = None,
    format_: FormatOption = None,
    status: Annotated[RowStatus | None, typer.Option(help="Rows of this status alone.")] = None,
    corrected: Annotated[
        bool | None, typer.Option(help="Rows that a person has corrected or confirmed, or the others alone.")
    ] = None,
    final: Annotated[bool, typer.Option(help="In CSV: a person's answer in the place of the model's.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Write the rows of a job.

    Of a job that still runs they come as they are read, until it is done.
    """
    chosen = choose_format(format_, out)
    if final and chosen is not Format.CSV:
        raise BadOptions("--final belongs to CSV: the other formats have a person's answer beside the model's.")
    filters = Filters()
    if status is not None:
        filters["status"] = status
    if corrected is not None:
        filters["corrected"] = corrected
    with connect(url, key) as client:
        write_rows(client, job_id, chosen, out, filters, final=final)
        job = client.job(job_id)
    raise typer.Exit(exit_for(job))
