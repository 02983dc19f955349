"""``digitmill jobs``, ``cancel``, ``delete`` and ``models``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.domain import JobState


def register(app: typer.Typer) -> None:
    for command in (jobs, cancel, delete, models):
        app.command()(command)


def jobs(
    state: Annotated[JobState | None, typer.Option(help="Jobs in this state alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most to list.")] = 20,
    url: Url = None,
    key: Key = None,
) -> None:
    """List your jobs, newest first."""
    with connect(url, key) as client:
        for job in islice(client.jobs(state), limit):
            counts = job.counts
            created = job.created_at.isoformat(" ", "seconds")
            typer.echo(f"{job.id}  {job.state:<9}  {counts.done:>9,} of {counts.total:>9,}  {created}")


def cancel(job_id: str, url: Url = None, key: Key = None) -> None:
    """Stop a job; the rows that it has stay."""
    with connect(url, key) as client:
        typer.echo(f"Job {job_id} is {client.cancel(job_id).state}.")


def delete(job_id: str, url: Url = None, key: Key = None) -> None:
    """Remove a job, its rows and its upload."""
    with connect(url, key) as client:
        client.delete(job_id)
    typer.echo(f"Job {job_id} is deleted.")


def models(url: Url = None, key: Key = None) -> None:
    """List the models.

    A star marks the one that jobs get unless they name another.
    """
    with connect(url, key) as client:
        for model in client.models():
            typer.echo(f"{'*' if model.default else ' '} {model.name}@{model.version}")
