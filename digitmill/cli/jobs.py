"""``digitmill jobs``, ``cancel``, ``resume`` and ``delete``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Annotated

import typer

from digitmill.cli.connection import Key, Url, connect, naming
from digitmill.cli.exits import Exit
from digitmill.cli.submit import pairs_of
from digitmill.cli.terminal import say
from digitmill.client import Client, Job
from digitmill.domain.jobs import JobState
from digitmill.errors import BadOptions

CALLED = {"created_after": "--since", "created_before": "--until"}
FINAL = [state for state in JobState if state.final]


def register(app: typer.Typer) -> None:
    for command in (jobs, cancel, resume, delete):
        app.command()(command)


def jobs(
    state: Annotated[JobState | None, typer.Option(help="Jobs in this state alone.")] = None,
    since: Annotated[str | None, typer.Option(help="Made then or later: a day (UTC), or a time with its zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Made earlier than that.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="Kept with KEY=VALUE, as submit takes it; may be given again.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most to list.")] = 20,
    url: Url = None,
    key: Key = None,
) -> None:
    """List your jobs, newest first."""
    with connect(url, key) as client, naming(**CALLED):
        sought = client.jobs(state, created_after=since, created_before=until, metadata=pairs_of(metadata))
        for job in islice(sought, limit):
            counts = job.counts
            created = job.created_at.isoformat(" ", "seconds")
            typer.echo(f"{job.id}  {job.state:<9}  {counts.done:>9,} of {counts.total:>9,}  {created}")


def cancel(job_id: str, url: Url = None, key: Key = None) -> None:
    """Stop a job; the rows that it has stay."""
    with connect(url, key) as client:
        typer.echo(f"Job {job_id} is {client.cancel(job_id).state}.")


def resume(job_id: str, url: Url = None, key: Key = None) -> None:
    """Let a cancelled job go on with what is unread."""
    with connect(url, key) as client:
        typer.echo(f"Job {job_id} is {client.resume(job_id).state}.")


def delete(
    job_id: Annotated[str | None, typer.Argument(help="A single job. Unset: all that the options find.")] = None,
    state: Annotated[
        list[JobState] | None, typer.Option(help="Jobs in this state; may be given again. Unset: those that are final.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Made then or later: a day (UTC), or a time with its zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Made earlier than that.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="Kept with KEY=VALUE, as submit takes it; may be given again.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, once it is known how many jobs fit.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Remove a job, or all that the options find, with their rows and uploads.

    It says how many fit, and asks, before it removes them. Open jobs are left unless --state names theirs; they are
    cancelled first.
    """
    sought = state or since or until or metadata
    if bool(sought) == bool(job_id):
        raise BadOptions("Name a single job, or say which jobs by --state, --since, --until or --metadata.")
    with connect(url, key) as client, naming(**CALLED):
        if job_id:
            client.delete(job_id)
            typer.echo(f"Job {job_id} is deleted.")
            return
        _delete_found(client, state or FINAL, since, until, pairs_of(metadata), sure=yes)


def _delete_found(
    client: Client,
    states: Sequence[JobState],
    since: str | None,
    until: str | None,
    metadata: dict[str, str] | None,
    *,
    sure: bool,
) -> None:
    state = ",".join(states)
    found = list(client.jobs(state, created_after=since, created_before=until, metadata=metadata))
    if not found:
        typer.echo("No job of yours fits; nothing is deleted.")
        return
    _make_sure(found, sure=sure)
    # those that came while somebody thought about it are not meant; a time as text is cut to milliseconds
    until = until or (found[0].created_at + timedelta(milliseconds=2)).isoformat()
    deleted = client.delete_jobs(state, created_after=since, created_before=until, metadata=metadata)
    typer.echo(f"{_jobs(len(deleted))} deleted.")


def _make_sure(found: Sequence[Job], *, sure: bool) -> None:
    """Say how many jobs fit, and ask whether they are meant. Raises BadOptions where nobody can answer, and Exit where
    they are not."""
    newest, oldest = (job.created_at.isoformat(" ", "seconds") for job in (found[0], found[-1]))
    still = sum(not job.final for job in found)
    cancelled = f", {still:,} of them open: these are cancelled" if still else ""
    say(f"{_jobs(len(found))} found, made from {oldest} to {newest}{cancelled}.")
    if sure:
        return
    if not sys.stdin.isatty():
        raise BadOptions("Nothing is deleted: say --yes where nobody is there to be asked.")
    if not typer.confirm("Delete them, with their rows and uploads?", err=True):
        say("Nothing is deleted.")
        raise typer.Exit(Exit.PROBLEM)


def _jobs(number: int) -> str:
    return "1 job is" if number == 1 else f"{number:,} jobs are"
