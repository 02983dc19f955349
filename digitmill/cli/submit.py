"""``digitmill submit``, ``retry`` and ``watch``: send images, follow the job, write its rows."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.cli.drop_folder import watch_drops
from digitmill.cli.exits import EXITS, Exit, exit_for
from digitmill.cli.gathering import Files, Gathering, Passed, batches, bundled, listed
from digitmill.cli.page_sets import tell_pages
from digitmill.cli.rows import Format, choose_format, write_rows
from digitmill.cli.sent import Batch, Sent, opened
from digitmill.cli.terminal import ProgressBar, say, summary
from digitmill.client import Client, Expired, Job, NotFound
from digitmill.domain.jobs import Polarity
from digitmill.domain.precedence import Priority
from digitmill.errors import BadOptions

Wait = Annotated[bool, typer.Option(help="Wait for the rows, or print the job's id and leave.")]
Out = Annotated[Path | None, typer.Option(help="File for the rows. Unset: standard output.")]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="Unset: by the ending of --out; a table on a terminal, CSV in a pipe."),
]

Paths = Annotated[list[str] | None, typer.Argument(help="Images, zips, folders and patterns such as 'scans/*.png'.")]
FromFile = Annotated[
    str | None, typer.Option(help="A list of paths, one a line, or - for standard input; beside PATHS.")
]
Split = Annotated[int | None, typer.Option(min=1, help="At most so many files in a job, and as many jobs as it takes.")]
Watched = Annotated[
    Path | None,
    typer.Option("--watch", help="A folder into which scans are dropped: each is sent once, until interrupted."),
]
Names = Annotated[str | None, typer.Option(help="Code page of names in zips, such as cp932. Unset: told by the names.")]
Metadata = Annotated[list[str] | None, typer.Option(help="KEY=VALUE to keep with the job; may be given again.")]
CalibrationName = Annotated[
    str | None, typer.Option(help="A calibration of the model, for scans of one kind. Unset: the model's own.")
]
WebhookUrl = Annotated[str | None, typer.Option(help="Where the service tells of the job's end, by a signed webhook.")]
WebhookDrift = Annotated[
    bool, typer.Option("--webhook-drift", help="Also tell --webhook-url when the job is unlike your earlier ones.")
]
Templates = Annotated[
    list[str] | None,
    typer.Option("--template", help="Read form pages by NAME@VERSION; given again, each page by one of them."),
]
StateFile = Annotated[
    Path | None,
    typer.Option(
        "--state", help="What was sent and done by runs before, as this file remembers, is not sent again: for cron."
    ),
]
PriorityOption = Annotated[Priority | None, typer.Option(help="Before your other jobs, or after them. Unset: normal.")]
Threshold = Annotated[
    float | None, typer.Option(help="Confidence below which a row is to review. Unset: the model's own.")
]


def register(app: typer.Typer) -> None:
    for command in (submit, retry, watch):
        app.command(epilog=EXITS)(command)


def submit(
    paths: Paths = None,
    wait: Wait = True,
    out: Out = None,
    format_: FormatOption = None,
    read: Annotated[str | None, typer.Option(help="What an image shows: digit or number. Unset: digit.")] = None,
    model: Annotated[str | None, typer.Option(help="NAME or NAME@VERSION. Unset: the service's default.")] = None,
    polarity: Annotated[Polarity | None, typer.Option(help="How ink and paper differ. Unset: auto.")] = None,
    review_below: Threshold = None,
    alternatives: Annotated[int | None, typer.Option(help="Further guesses per row, 0 to 9. Unset: 2.")] = None,
    expires_in: Annotated[int | None, typer.Option(help="Seconds that the finished job is kept.")] = None,
    webhook_url: WebhookUrl = None,
    webhook_drift: WebhookDrift = False,
    names: Names = None,
    metadata: Metadata = None,
    calibration: CalibrationName = None,
    template: Templates = None,
    priority: PriorityOption = None,
    from_file: FromFile = None,
    split: Split = None,
    watch_folder: Watched = None,
    state: StateFile = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Have images read, and write their rows."""
    chosen = choose_format(format_, out)
    if watch_folder is not None and (paths or from_file or split or out or state):
        raise BadOptions("--watch sends what comes into its folder, and writes rows into done/ there: give it alone.")
    if wait and out is None:
        _require_one_job(state, split)
    options = {
        "read": "form" if template else read,
        "model": model,
        "polarity": polarity,
        "review_below": review_below,
        "alternatives": alternatives,
        "expires_in": expires_in,
        "webhook_url": webhook_url,
        "webhook_drift": webhook_drift or None,
        "names": names,
        "metadata": pairs_of(metadata),
        "calibration": calibration,
        "template": template or None,
        "priority": priority,
    }
    with connect(url, key) as client:
        if watch_folder is not None:
            watch_drops(client, watch_folder, options)
            return
        if state is not None:
            rows = (chosen, out) if wait and out is not None else None
            jobs, gathering = _send_new(client, paths or [], from_file, split, options, state, rows)
        else:
            sent, gathering = _send_all(client, paths or [], from_file, split, options)
            jobs = _followed(client, sent, chosen, out, split) if wait else _told(sent)
    for job in jobs:
        say(summary(job))
    worst = max(map(exit_for, jobs), default=Exit.DONE)
    raise typer.Exit(worst or (Exit.LEFT_OUT if gathering.any_left_out else Exit.DONE))


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


def _require_one_job(state: Path | None, split: int | None) -> None:
    """Raises BadOptions where there may be several."""
    if state is not None:
        raise BadOptions("--state may find several jobs, each with rows of its own: name a file with --out.")
    if split is not None:
        raise BadOptions("--split makes several jobs, each with rows of its own: name a file with --out, or --no-wait.")


def _send_all(
    client: Client, paths: list[str], from_file: str | None, split: int | None, options: dict[str, Any]
) -> tuple[list[Job], Gathering]:
    """Upload what the paths and the list name, as one job or several. Raises ClientError, BadOptions and OSError."""
    with _opened_list(from_file) as more:
        gathering = Gathering(itertools.chain(paths, more))
        sent = [send(client, batch, options) for batch in batches(gathering.files(), split)]
    if not sent:
        raise BadOptions("There is nothing to send: name images, zips or folders, or a list by --from-file.")
    _tell_what_was_not_sent(gathering)
    return sent, gathering


def _tell_what_was_not_sent(gathering: Gathering) -> None:
    left_out, unread, litter = gathering.left_out, gathering.unread, gathering.litter
    total = gathering.taken + left_out.count + unread.count + gathering.missing.count
    for passed, why in (
        (left_out, "which are no images"),
        (unread, "which are images or archives of kinds that are not read"),
        (gathering.missing, "links that lead nowhere"),
    ):
        if passed.count:
            say(f"Left out {passed.count:,} of {total:,} files, {why}: {_names(passed)}")
    if litter.count:
        say(f"Skipped {litter.count:,} hidden files, thumbnails and system files: {_names(litter)}")


def _send_new(
    client: Client,
    paths: list[str],
    from_file: str | None,
    split: int | None,
    options: dict[str, Any],
    state: Path,
    rows: tuple[Format, Path] | None,
) -> tuple[list[Job], Gathering]:
    """Upload what no run before has sent, and bring to their end what one has. With ``rows`` their rows are written, of
    each job to a file of its own; else ids are printed. The jobs that are final, and what was gathered."""
    with opened(state) as sent:
        jobs = [job for batch in sent.accepted() if (job := _over(client, sent, batch, rows)) is not None]
        with _opened_list(from_file) as more:
            gathering = Gathering(itertools.chain(paths, more))
            new = sent.new(options, gathering.files())
        begun = itertools.chain(sent.unsent(), (sent.begin(options, some) for some in batches(iter(new), split)))
        for batch in list(begun):
            job = send(client, batch.found, options, idempotency_key=batch.key)
            sent.note_job(batch, job.id)
            if rows is None:
                typer.echo(job.id)
            elif (job_over := _over(client, sent, batch, rows)) is not None:
                jobs.append(job_over)
    _tell_what_was_not_sent(gathering)
    if not new and not jobs:
        say("There is nothing new to send.")
    return jobs, gathering


def _over(client: Client, sent: Sent, batch: Batch, rows: tuple[Format, Path] | None) -> Job | None:
    """A job of an accepted batch, once it is final and its rows are written; None where it is not, or is gone."""
    assert batch.job is not None, "only accepted batches have jobs"
    try:
        job = client.job(batch.job)
    except (NotFound, Expired):
        sent.note_over(batch, done=False)
        return None
    if rows is not None:
        form, out = rows
        job = _rows_of(client, job, form, out.with_name(f"{out.stem}-{job.id}{out.suffix}"))
    if not job.final:
        return None
    sent.note_over(batch, done=job.state == "completed")
    return job


def _followed(client: Client, sent: list[Job], chosen: Format, out: Path | None, split: int | None) -> list[Job]:
    return [_rows_of(client, job, chosen, place) for job, place in zip(sent, _places(out, split), strict=False)]


def _told(sent: list[Job]) -> list[Job]:
    for job in sent:
        typer.echo(job.id)
    return []


@contextmanager
def _opened_list(path: str | None) -> Iterator[Iterator[str]]:
    if path is None:
        yield iter(())
    elif path == "-":
        yield listed(sys.stdin.buffer)
    else:
        with Path(path).open("rb") as file:
            yield listed(file)


def send(client: Client, files: Files, options: dict[str, Any], *, idempotency_key: str | None = None) -> Job:
    """Upload the files as one job. Raises ClientError and OSError."""
    with bundled(files) as sent, ProgressBar() as bar:
        job = client.submit(sent, **options, on_upload=bar.upload, idempotency_key=idempotency_key)
    say(f"Job {job.id} has {job.counts.total:,} images.")
    if job.code_pages:
        say(f"Names in zips were read as {', '.join(job.code_pages)}. If they are wrong, say --names.")
    return job


def _places(out: Path | None, split: int | None) -> Iterator[Path | None]:
    """Where the rows of each job go: of several to files with a number."""
    if out is None or split is None:
        return itertools.repeat(out)
    return (out.with_name(f"{out.stem}-{number}{out.suffix}") for number in itertools.count(1))


def _names(passed: Passed) -> str:
    return f"{', '.join(passed.names)}{'…' if passed.count > len(passed.names) else ''}"


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
    if job.options.get("read") == "form":
        tell_pages(client.job(job.id))
    return job


@contextmanager
def job_goes_on(job_id: str) -> Iterator[None]:
    """Tell who interrupts the waiting what becomes of the job."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"The job goes on. Follow it with `digitmill watch {job_id}`, end it with `digitmill cancel {job_id}`.")
        raise


def pairs_of(metadata: list[str] | None) -> dict[str, str] | None:
    if not metadata:
        return None
    pairs = [text.partition("=") for text in metadata]
    for key, equals, _ in pairs:
        if not equals or not key:
            raise BadOptions(f"--metadata takes KEY=VALUE, not {key!r}.")
    return {key: value for key, _, value in pairs}
