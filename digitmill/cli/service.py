"""``digitmill up`` and ``digitmill demo``: the whole service on this machine."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from digitmill import programs
from digitmill.cli.exits import Exit
from digitmill.cli.gathering import Gathering
from digitmill.cli.rows import print_pages, print_table
from digitmill.cli.submit import follow, send
from digitmill.cli.terminal import say, summary
from digitmill.client import Client, Job, Row
from digitmill.settings import Settings

SAMPLES = programs.folder() / "samples"
LABEL = re.compile(r"(?:.*/)?(\d+|blank|broken)_[^/]*")
"""A sample's name begins with what its row should say."""

LEAST_AGREEMENT = 0.9


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(demo)


def up(
    redis: Annotated[
        Path | None,
        typer.Option(
            help="The program redis-server or valkey-server to run. Unset: the first of this machine that reads the "
            "folder's data; `digitmill doctor` tells which do."
        ),
    ] = None,
) -> None:
    """Run the whole service on this machine.

    That is a private Redis, a worker and the web server. Prints the address when it is ready, and runs
    until it is interrupted.
    """
    # Redis' client and locks of Unix are needed here alone
    with programs.loading():
        from digitmill.embedded.stack import running_stack  # noqa: PLC0415

    try:
        with running_stack(Settings.load(), say, redis_program=redis) as stack:
            typer.echo(f"Digitmill {'refuses all calls' if stack.refuses else 'is ready'} at {stack.url}")
            stack.supervise()
    except KeyboardInterrupt:
        say("Digitmill has stopped.")


def demo() -> None:
    """Start a service, read the samples, stop: digits, numbers, and pages of a form.

    Everything happens in a temporary folder, which is gone afterwards.

    Exit status 0: every sample has its row, and the rows say what the samples' names say.
    """
    with programs.loading():
        from digitmill.embedded.stack import running_stack  # noqa: PLC0415

    with _settings_of_its_own() as settings, running_stack(settings, say) as stack:
        key = settings.admin_key.get_secret_value() if settings.admin_key is not None else None
        with Client(stack.url, key) as client:
            good = [
                _read_well(client, [*sorted(SAMPLES.glob("[0-9]_*")), SAMPLES / "digits.zip"], "digit"),
                _read_well(client, [SAMPLES / "numbers.zip"], "number"),
                _read_pages_well(client),
            ]
        typer.echo(f"Read at {stack.url}. Start a service of your own with `digitmill up`.")
    raise typer.Exit(Exit.DONE if all(good) else Exit.PROBLEM)


def _read_well(client: Client, samples: Iterable[Path], read: str) -> bool:
    files = list(Gathering([str(path) for path in samples]).files())
    job = follow(client, send(client, files, {"read": read}).id)
    rows = list(client.results(job.id))
    print_table(rows)
    say(summary(job))
    verdict, good = judge(job, rows)
    typer.echo(verdict)
    return good


def _read_pages_well(client: Client) -> bool:
    label = client.publish_template(SAMPLES / "tally.json", SAMPLES / "tally.png").label
    files = list(Gathering([str(SAMPLES / "tally-pages.zip")]).files())
    job = follow(client, send(client, files, {"read": "form", "template": [label]}).id)
    rows = list(client.results(job.id))
    with (SAMPLES / "tally-values.csv").open(newline="", encoding="utf-8") as file:
        written = {line.pop("name"): line for line in csv.DictReader(file)}
    print_pages(rows)
    say(summary(job))
    verdict, good = judge_pages(job, rows, written)
    typer.echo(verdict)
    return good


@contextmanager
def _settings_of_its_own() -> Iterator[Settings]:
    """The user's settings, but with Redis, blobs, models and port of the demo's own."""
    with tempfile.TemporaryDirectory(prefix="digitmill-demo-") as folder:
        var = Path(folder)
        own = {
            "var": var,
            "host": "127.0.0.1",
            "port": 0,
            "redis_url": None,
            "blobs_url": (var / "blobs").as_uri(),
            "models_url": (var / "models").as_uri(),
        }
        yield Settings.load().model_copy(update=own)


def judge(job: Job, rows: list[Row]) -> tuple[str, bool]:
    """What the demo has to say of its rows, and whether all is well."""
    if job.state != "completed" or len(rows) != job.counts.total:
        return f"{len(rows)} rows came for {job.counts.total} samples, and the job is {job.state}.", False
    agreeing = sum(map(_agrees, rows))
    verdict = f"{agreeing} of {len(rows)} rows say what their sample's name says."
    return verdict, agreeing >= LEAST_AGREEMENT * len(rows)


def judge_pages(job: Job, rows: list[Row], written: Mapping[str, Mapping[str, str]]) -> tuple[str, bool]:
    """The same of form pages: ``written`` is what stands in each field, by the name of the page."""
    if job.state != "completed" or len(rows) != len(written):
        return f"{len(rows)} rows came for {len(written)} pages, and the job is {job.state}.", False
    fields = [
        row.fields is not None and name in row.fields and row.fields[name].value == value
        for row in rows
        for name, value in written[row.name].items()
    ]
    most = sum(map(len, written.values()))
    verdict = f"{sum(fields)} of {most} fields say what is written on their page; one page's own sum is wrong."
    return verdict, sum(fields) >= LEAST_AGREEMENT * most


def _agrees(row: Row) -> bool:
    label = LABEL.fullmatch(row.name)
    answer = {"blank": "blank", "failed": "broken"}.get(row.status, row.prediction)
    return label is not None and label[1] == answer
