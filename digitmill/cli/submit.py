"""``digitmill submit``, ``retry`` and ``watch``: send images, follow the job, write its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.cli.exits import EXITS, exit_for
from digitmill.cli.gathering import bundled, gather
from digitmill.cli.rows import Format, choose_format, write_rows
from digitmill.cli.terminal import ProgressBar, say, summary
from digitmill.client import Client, Job
from digitmill.domain import Polarity
from digitmill.errors import BadOptions

NAMES_SHOWN = 3

Wait = Annotated[bool, typer.Option(help="Wait for the rows, or print the job's id and leave.")]
Out = Annotated[Path | None, typer.Option(help="File for the rows. Unset: standard output.")]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="Unset: by the ending of --out; a table on a terminal, CSV in a pipe."),
]


def register(app: typer.Typer) -> None:
    for command in (submit, retry, watch):
        app.command(epilog=EXITS)(command)


def submit(
    paths: Annotated[list[str], typer.Argument(help="Images, zips, folders and patterns such as 'scans/*.png'.")],
    wait: Wait = True,
    out: Out = None,
    format_: FormatOption = None,
    model: Annotated[str | None, typer.Option(help="NAME or NAME@VERSION. Unset: the service's default.")] = None,
    polarity: Annotated[Polarity | None, typer.Option(help="How ink and paper differ. Unset: auto.")] = None,
    review_below: Annotated[
        float | None, typer.Option(help="Confidence below which a row is to review. Unset: the model's own.")
    ] = None,
    alternatives: Annotated[int | None, typer.Option(help="Further guesses per row, 0 to 9. Unset: 2.")] = None,
    expires_in: Annotated[int | None, typer.Option(help="Seconds that the finished job is kept.")] = None,
    webhook_url: Annotated[
        str | None, typer.Option(help="Where the service tells of the job's end, by a signed webhook.")
    ] = None,
    names: Annotated[
        str | None, typer.Option(help="Code page of names in zips, such as cp932. Unset: told by the names.")
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE to keep with the job; may be given again.")
    ] = None,
    calibration: Annotated[
        str | None, typer.Option(help="A calibration of the model, for scans of one kind. Unset: the model's own.")
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Have images read, and write their rows."""
    chosen = choose_format(format_, out)
    options = {
        "model": model,
        "polarity": polarity,
        "review_below": review_below,
        "alternatives": alternatives,
        "expires_in": expires_in,
        "webhook_url": webhook_url,
        "names": names,
        "metadata": _pairs(metadata),
        "calibration": calibration,
    }
    with connect(url, key) as client:
        job = send(client, paths, options)
        if not wait:
            typer.echo(job.id)
            return
        job = _rows_of(client, job, chosen, out)
    say(summary(job))
    raise typer.Exit(exit_for(job))


def retry(
    job_id: str,
    wait: Wait = True,
    out: Out = None,
    format_: FormatOption = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Try the failed images of a job again, and write their rows.

    They become a job of their own; you need not have them any more.
    """
    chosen = choose_format(format_, out)
    with connect(url, key) as client:
        job = client.retry(job_id)
        if not wait:
            typer.echo(job.id)
            return
        say(f"Job {job.id} has the {job.counts.total:,} failed images of {job_id}.")
        job = _rows_of(client, job, chosen, out)
    say(summary(job))
    raise typer.Exit(exit_for(job))


def watch(job_id: str, url: Url = None, key: Key = None) -> None:
    """Follow a job until it is done."""
    with connect(url, key) as client, job_goes_on(job_id):
        job = follow(client, job_id)
    say(summary(job))
    raise typer.Exit(exit_for(job))


def send(client: Client, paths: list[str], options: dict[str, Any]) -> Job:
    """Upload what the paths name as one job. Raises ClientError, BadOptions and OSError."""
    gathered = gather(paths)
    if gathered.left_out:
        say(f"Left out {_told(gathered.left_out, 'files that are no images by their ending')}")
    if gathered.litter:
        say(f"Skipped {_told(gathered.litter, 'hidden files, thumbnails and system files')}")
    with bundled(gathered.files) as files, ProgressBar() as bar:
        job = client.submit(files, **options, on_upload=bar.upload)
    say(f"Job {job.id} has {job.counts.total:,} images.")
    if job.code_pages:
        say(f"Names in zips were read as {', '.join(job.code_pages)}. If they are wrong, say --names.")
    return job


def _told(paths: Sequence[Path], what: str) -> str:
    """How many there are, and the names of the first."""
    names = ", ".join(path.name for path in paths[:NAMES_SHOWN])
    return f"{len(paths):,} {what}: {names}{'…' if len(paths) > NAMES_SHOWN else ''}"


def follow(client: Client, job_id: str) -> Job:
    """Wait until the job is final, with a bar. Raises ClientError."""
    with ProgressBar() as bar:
        return client.wait(job_id, on_progress=bar.job)


def _rows_of(client: Client, job: Job, chosen: Format, out: Path | None) -> Job:
    """Follow a new job to its end, and write its rows."""
    with job_goes_on(job.id):
        job = follow(client, job.id)
    if job.state != "failed":
        write_rows(client, job.id, chosen, out, {})
    return job


@contextmanager
def job_goes_on(job_id: str) -> Iterator[None]:
    """Tell who interrupts the waiting what becomes of the job."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"The job goes on. Follow it with `digitmill watch {job_id}`, end it with `digitmill cancel {job_id}`.")
        raise


def _pairs(metadata: list[str] | None) -> dict[str, str] | None:
    if not metadata:
        return None
    pairs = [text.partition("=") for text in metadata]
    for key, equals, _ in pairs:
        if not equals or not key:
            raise BadOptions(f"--metadata takes KEY=VALUE, not {key!r}.")
    return {key: value for key, _, value in pairs}
